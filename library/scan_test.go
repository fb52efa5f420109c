package library

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestScanPassesOverWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	a, err := Create(filepath.Join(dir, "archive"), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	a.media = fakeMedia{}
	m, _ := fakeModel("head", "enc")
	writeFake(t, filepath.Join(dir, "a.mp4"), 3, 1)
	writeFake(t, filepath.Join(dir, "archive", "models", "inside.mp4"), 3, 2)
	os.Mkdir(filepath.Join(dir, "folder.mp4"), 0o777)
	pipe := filepath.Join(dir, "pipe.mp4")
	if err := unix.Mkfifo(pipe, 0o666); err != nil {
		t.Fatal(err)
	}
	if summary := mustAdd(t, a, m, dir); len(summary.Added) != 1 || len(summary.Refused) != 0 {
		t.Errorf("summary %+v", summary)
	}
	if summary := mustAdd(t, a, m, pipe); len(summary.Refused) != 1 {
		t.Errorf("a pipe that was named: %+v", summary)
	}
}

func TestScanFollowsLinksOnce(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	writeFake(t, filepath.Join(outside, "x.mp4"), 3, 1)
	os.Symlink(outside, filepath.Join(dir, "first"))
	os.Symlink(outside, filepath.Join(dir, "second"))
	os.Symlink(filepath.Join(outside, "x.mp4"), filepath.Join(dir, "file.mp4"))
	var found []string
	s := scan{
		found: func(c candidate) error { found = append(found, c.path); return nil },
		fail:  func(path string, err error) { t.Errorf("%s: %v", path, err) },
	}
	if err := s.roots(context.Background(), []string{dir}); err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 { // file.mp4 and first/x.mp4
		t.Errorf("found %q", found)
	}
}

func TestNamesThatAreNoText(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	m, _ := fakeModel("head", "enc")
	path := filepath.Join(dir, "caf\xe9.mp4")
	if err := os.WriteFile(path, []byte("fake 3 1"), 0o666); err != nil {
		t.Skipf("the file system takes no such name: %v", err)
	}
	mustAdd(t, a, m, dir)
	if again := mustAdd(t, a, m, dir); again.Unchanged != 1 {
		t.Errorf("second add: %+v", again)
	}
	videos, err := a.Videos(context.Background())
	if err != nil || len(videos) != 1 || videos[0].Path != path {
		t.Errorf("videos %+v, %v", videos, err)
	}
	if removed, err := a.Remove(context.Background(), path); err != nil || len(removed) != 1 {
		t.Errorf("removed %v, %v", removed, err)
	}
}
