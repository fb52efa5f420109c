//go:build unix

package ffmpeg

import (
	"os/exec"
	"syscall"
)

// isolate puts the program into a process group of its own, which the end of its context kills. A Ctrl-C at the
// terminal reaches us alone, so that we stop at a safe point.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}
