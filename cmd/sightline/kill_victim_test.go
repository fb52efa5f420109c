//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sightline/internal/atomicfile"
)

// A victim is a command line that SIGKILL ends at random moments, and that is typed again each time until it has done its
// work. Then it starts over in another folder, until it was killed SIGHTLINE_KILLS times (2 by default).
type victim struct {
	// args is the command line that does the work in the folder dir, which is there and empty at first.
	args func(dir string) []string
	// finished checks what a killed process left in dir, and names what of the work is done. No kill may undo any of it.
	finished func(t *testing.T, dir, undisturbed string) []string
	// whole checks that the work done in dir is all there, and no different from that in undisturbed, where nobody killed.
	whole func(t *testing.T, dir, undisturbed string)
}

// startUp is the time in which a process does little but start. One kill in four comes within it.
const startUp = 60 * time.Millisecond

// patience is when a process that nobody means to kill is killed all the same, because it does not get on.
const patience = 3 * time.Minute

func (v victim) kill(t *testing.T) {
	kills := 2
	if text := os.Getenv("SIGHTLINE_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatalf("SIGHTLINE_KILLS: %v", err)
		}
	}
	begun := time.Now()
	seed := uint64(begun.UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	undisturbed := t.TempDir()
	run(t, v.args(undisturbed)...)
	length := time.Since(begun)
	t.Logf("seed %d; undisturbed it takes %v", seed, length.Round(time.Millisecond))

	var moments []string
	var orphaned time.Duration
	folders := 0
	for len(moments) < kills {
		folders++
		dir := t.TempDir()
		var done []string
		for len(moments) < kills {
			within := length
			if len(moments)%4 == 1 {
				within = min(startUp, length)
			}
			moment := time.Duration(random.Int64N(int64(within)))
			p := start(t, moment, v.args(dir)...)
			if !p.killed {
				p.mustSucceed(t)
				break
			}
			orphaned = max(orphaned, p.orphaned)
			had := done
			done = v.finished(t, dir, undisturbed)
			moments = append(moments, fmt.Sprintf("%v (%d done)", moment.Round(time.Millisecond), len(done)))
			for _, item := range had {
				if !slices.Contains(done, item) {
					t.Errorf("%s was done, and is lost", item)
				}
			}
			if t.Failed() {
				t.Fatalf("after %d kills, the last %v after a start; in %s was done %q, before it %q", len(moments), moment, dir, done, had)
			}
		}
		run(t, v.args(dir)...)
		v.whole(t, dir, undisturbed)
		if t.Failed() {
			t.Fatalf("after kills at %s", strings.Join(moments, ", "))
		}
	}
	t.Logf("%d kills in %d folders, this long after a start: %s", len(moments), folders, strings.Join(moments, ", "))
	t.Logf("what it had started outlived it by %v at most; all in %v", orphaned.Round(time.Millisecond), time.Since(begun).Round(time.Second))
}

// process is a sightline that has ended, and everything that it had started too.
type process struct {
	args      []string
	killed    bool
	code      int
	out, talk bytes.Buffer
	orphaned  time.Duration // how much longer than itself the last process that it had started lived
}

// run runs sightline to its end, which must be a good one.
func run(t *testing.T, args ...string) *process {
	t.Helper()
	p := start(t, patience, args...)
	p.mustSucceed(t)
	return p
}

// start runs sightline as the leader of a process group, which it kills at the given moment if sightline is still there.
func start(t *testing.T, moment time.Duration, args ...string) *process {
	t.Helper()
	p := &process{args: args}
	home := filepath.Join(t.TempDir(), "home")
	mark := "SIGHTLINE_KILL_TEST=" + home // what sightline starts inherits it
	cmd := exec.Command("sightline", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "HOME=" + home, mark}
	cmd.Stdout, cmd.Stderr = &p.out, &p.talk
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killer := time.AfterFunc(moment, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	cmd.Wait() // how it ended is told by its state
	killer.Stop()
	ended := time.Now()
	p.killed = cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled()
	p.code = cmd.ProcessState.ExitCode()
	for left := inheritors(mark); len(left) > 0; left = inheritors(mark) {
		if p.orphaned = time.Since(ended); p.orphaned > 20*time.Second {
			t.Fatalf("sightline %s ended %v ago, and left %q", strings.Join(args, " "), p.orphaned, left)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return p
}

func (p *process) mustSucceed(t *testing.T) {
	t.Helper()
	if p.killed {
		t.Fatalf("sightline %s did not end within %v:\n%s%s", strings.Join(p.args, " "), patience, p.out.String(), p.talk.String())
	}
	if p.code != 0 {
		t.Fatalf("sightline %s ended with %d:\n%s%s", strings.Join(p.args, " "), p.code, p.out.String(), p.talk.String())
	}
}

// inheritors returns the command lines of the processes that have the variable in their environment, on systems that
// tell (Linux).
func inheritors(variable string) []string {
	var lines []string
	environments, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range environments {
		environment, err := os.ReadFile(path)
		if err != nil || !slices.Contains(strings.Split(string(environment), "\x00"), variable) {
			continue // it has ended, is somebody else's, or no child of the test
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		lines = append(lines, strings.ReplaceAll(string(line), "\x00", " "))
	}
	return lines
}

// contents returns the content of every file below dir by its path there; none if dir is absent.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		return found
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		found[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// sameFiles checks that two folders hold the same files: the same names, and the same content but in those that may differ.
func sameFiles(t *testing.T, dir, undisturbed string, mayDiffer ...string) {
	t.Helper()
	got, want := contents(t, dir), contents(t, undisturbed)
	names, expected := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))
	if len(want) == 0 || !slices.Equal(names, expected) {
		t.Errorf("there are the files %q, undisturbed %q", names, expected)
	}
	for name := range want {
		if got[name] != want[name] && !slices.Contains(mayDiffer, name) {
			t.Errorf("%s is not what it is undisturbed", name)
		}
	}
}

// wholeFiles names the files below dir that are no longer being written, and checks that each is what it is undisturbed.
func wholeFiles(t *testing.T, dir, undisturbed string) (names []string) {
	t.Helper()
	want := contents(t, undisturbed)
	for name, content := range contents(t, dir) {
		if atomicfile.IsTemporary(filepath.Base(name)) {
			continue
		}
		if content != want[name] {
			t.Errorf("%s is not what it is undisturbed", name)
		}
		names = append(names, name)
	}
	return names
}
