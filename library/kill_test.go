package library

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary play a sightline that is killed: with SIGHTLINE_KILL_ARCHIVE set it changes that archive
// and ends.
func TestMain(m *testing.M) {
	if dir := os.Getenv("SIGHTLINE_KILL_ARCHIVE"); dir != "" {
		if err := victim(dir, os.Getenv("SIGHTLINE_KILL_VIDEOS"), os.Getenv("SIGHTLINE_KILL_VERB")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// victim does one command on the archive.
func victim(dir, videos, verb string) error {
	ctx := context.Background()
	a, err := Create(dir, Settings{})
	if err != nil {
		return err
	}
	defer a.Close()
	a.media = fakeMedia{delay: time.Millisecond}
	m, _ := fakeModel("head", "enc")
	switch verb {
	case "remove":
		_, err = a.Remove(ctx, videos)
		if strings.Contains(fmt.Sprint(err), ErrNoVideo.Error()) {
			err = nil
		}
	case "clips":
		raw, _ := rawMoments("enc", func() error {
			time.Sleep(20 * time.Millisecond)
			return nil
		})
		_, err = a.CatchUp(ctx, raw, nil)
	case "adopt":
		other, _ := fakeModel("other", "enc")
		if err = a.Adopt(ctx, other, nil); err == nil {
			err = a.Adopt(ctx, m, nil)
		}
	default:
		if err = a.Adopt(ctx, m, nil); err == nil {
			_, err = a.Add(ctx, m, AddOptions{}, videos)
		}
	}
	return err
}

// killCount is how many processes a test kills: 3, or SIGHTLINE_KILLS.
func killCount(t *testing.T) int {
	text := os.Getenv("SIGHTLINE_KILLS")
	if text == "" {
		return 3
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("SIGHTLINE_KILLS: %v", err)
	}
	return n
}

// TestKilledAtAnyMoment kills processes that add, change, remove and adopt with SIGKILL at random moments. What
// shows in between is whole, and in the end every video is in exactly once.
func TestKilledAtAnyMoment(t *testing.T) {
	kills := killCount(t)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)

	dir, videos := filepath.Join(t.TempDir(), "archive"), t.TempDir()
	m, _ := fakeModel("head", "enc")
	a, err := Create(dir, Settings{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	video := func(i int) string { return filepath.Join(videos, fmt.Sprintf("%03d.mp4", i)) }
	count := 0
	grow := func(n int) {
		for range n {
			writeFake(t, video(count), 10+random.IntN(40), count)
			count++
		}
	}
	grow(6)

	start := func(verb string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "SIGHTLINE_KILL_ARCHIVE="+dir, "SIGHTLINE_KILL_VIDEOS="+videos, "SIGHTLINE_KILL_VERB="+verb)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	whole := time.Now() // how long an undisturbed run takes, so that kills fall into it
	if err := start("add").Wait(); err != nil {
		t.Fatal(err)
	}
	length := time.Since(whole)

	hits := map[string]int{}
	for killed := 0; killed < kills; {
		grow(1 + random.IntN(4))
		if random.IntN(2) == 0 {
			writeFake(t, video(random.IntN(count)), 10+random.IntN(40), 10_000+killed)
		}
		verb := []string{"add", "add", "add", "remove", "adopt"}[random.IntN(5)]
		within := length
		if verb == "remove" {
			within /= 4 // it does no more than that
		}
		cmd := start(verb)
		time.Sleep(time.Duration(random.Int64N(int64(within))))
		cmd.Process.Kill()
		err := cmd.Wait()
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			killed++
			hits[verb]++
		} else if err != nil {
			t.Fatalf("%s failed by itself: %v", verb, err)
		}
		if serving, err := a.Serving(context.Background()); err == nil && serving.Model == "head" {
			checkConsistent(t, a, m)
		}
		if t.Failed() {
			t.Fatalf("after %d kills, the last in %s", killed, verb)
		}
	}
	t.Logf("kills in %v, within %v each", hits, length.Round(time.Millisecond))
	if err := start("add").Wait(); err != nil {
		t.Fatal(err)
	}
	checkComplete(t, a, m, videos)
}
