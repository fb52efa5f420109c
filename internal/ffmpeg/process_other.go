//go:build !unix

package ffmpeg

import "os/exec"

// isolate leaves the program to exec, which kills it alone at the end of its context.
func isolate(*exec.Cmd) {}
