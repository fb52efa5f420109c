package atomicfile

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMain lets the test binary play a writer that is killed in the middle of a file.
func TestMain(m *testing.M) {
	if path := os.Getenv("ATOMICFILE_HALF_WRITE"); path != "" {
		file, err := Create(path)
		if err != nil {
			panic(err)
		}
		file.WriteString("half")
		os.Stdout.WriteString("ready")
		select {}
	}
	os.Exit(m.Run())
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, entry := range entries {
		list = append(list, entry.Name())
	}
	return list
}

func TestWriteReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, text := range []string{"first", "second, longer"} {
		if err := Write(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Fatalf("read %q, %v; want %q", got, err, text)
		}
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("folder holds %q, want the file alone", got)
	}
}

func TestFailedWriteKeepsTheOldContent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := Write(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := WriteFunc(path, func(w io.Writer) error {
		io.WriteString(w, "new, but")
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want the writer's", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Errorf("content %q, want the old one", got)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("folder holds %q, want the file alone", got)
	}
}

func TestNothingIsVisibleBeforeCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	file, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Discard()
	file.WriteString("content")
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("file is there before Commit: %v", err)
	}
	if err := file.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := file.Commit(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second Commit: %v, want os.ErrClosed", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "content" {
		t.Errorf("content %q", got)
	}
}

func TestCreateInMissingFolder(t *testing.T) {
	if _, err := Create(filepath.Join(t.TempDir(), "absent", "a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want os.ErrNotExist", err)
	}
}

func TestCleanSparesTheLiving(t *testing.T) {
	dir := t.TempDir()
	writer := exec.Command(os.Args[0])
	writer.Env = append(os.Environ(), "ATOMICFILE_HALF_WRITE="+filepath.Join(dir, "a"))
	out, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready"))); err != nil {
		t.Fatal(err)
	}
	if n, err := Clean(dir); n != 0 || err != nil {
		t.Errorf("Clean beside a living writer removed %d, %v", n, err)
	}
	writer.Process.Kill()
	writer.Wait()
	if got := names(t, dir); len(got) != 1 || !IsTemporary(got[0]) {
		t.Fatalf("folder holds %q, want one unfinished file", got)
	}
	if n, err := Clean(dir); n != 1 || err != nil {
		t.Errorf("Clean after the kill removed %d, %v; want 1", n, err)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("folder holds %q after Clean", got)
	}
}

func TestCleanOfMissingFolder(t *testing.T) {
	if n, err := Clean(filepath.Join(t.TempDir(), "absent")); n != 0 || err != nil {
		t.Errorf("Clean = %d, %v; want nothing", n, err)
	}
}
