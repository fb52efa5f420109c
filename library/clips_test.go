package library

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// realArchive returns an archive that decodes real videos.
func realArchive(t *testing.T) (*Archive, Model) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	a := newArchive(t)
	a.media = files{}
	m, _ := fakeModel("head", "enc")
	return a, m
}

func TestRealVideos(t *testing.T) {
	a, m := realArchive(t)
	dir := t.TempDir()
	for name, args := range map[string]string{
		"a.mp4":  "-f lavfi -i testsrc2=size=64x48:rate=10:duration=3.4 -c:v libx264 -pix_fmt yuv420p",
		"b.webm": "-f lavfi -i testsrc2=size=48x64:rate=25:duration=1 -c:v libvpx",
		"c.gif":  "-f lavfi -i testsrc=size=32x32:rate=5:duration=2",
	} {
		command := append([]string{"-v", "error"}, strings.Fields(args)...)
		if out, err := exec.Command("ffmpeg", append(command, filepath.Join(dir, name))...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	os.WriteFile(filepath.Join(dir, "a.srt"), []byte("1\n00:00:00,500 --> 00:00:02,000\nhello\n"), 0o666)
	whole, err := os.ReadFile(filepath.Join(dir, "a.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, "cut.mp4"), whole[:len(whole)/2], 0o666)
	os.WriteFile(filepath.Join(dir, "text.mp4"), []byte("hello"), 0o666)
	os.WriteFile(filepath.Join(dir, "empty.mkv"), nil, 0o666)

	summary := mustAdd(t, a, m, dir)
	if len(summary.Added) != 3 || len(summary.Refused) != 3 || len(summary.Warnings) != 0 {
		t.Fatalf("summary %+v", summary)
	}
	for _, r := range summary.Refused {
		if r.Cause == "" || strings.Contains(r.Cause, r.Path) || r.Try == "" {
			t.Errorf("refusal %+v", r)
		}
	}
	videos, err := a.Videos(context.Background())
	if err != nil || len(videos) != 3 {
		t.Fatalf("videos %+v, %v", videos, err)
	}
	v := videos[0]
	if v.Path != filepath.Join(dir, "a.mp4") || v.Duration < 3.3 || v.Duration > 3.5 || v.FPS != "10/1" || v.Width != 64 ||
		v.Height != 48 || v.Container != "mp4" || v.Size != int64(len(whole)) || v.Windows != 1 {
		t.Errorf("video %+v", v)
	}
	if cues, err := a.Cues(context.Background(), v.ID); err != nil || len(cues) != 1 || cues[0].Text != "hello" {
		t.Errorf("cues %+v, %v", cues, err)
	}
}

// TestRealClips adds the 184 clips of the shared data, and copies of some that were cut short. It takes a minute, so it
// runs when SIGHTLINE_CLIPS is set.
func TestRealClips(t *testing.T) {
	if os.Getenv("SIGHTLINE_CLIPS") == "" {
		t.Skip("SIGHTLINE_CLIPS is not set")
	}
	a, m := realArchive(t)
	clips := sharedClips(t)
	damaged := t.TempDir()
	count, cut := 0, 0
	err := filepath.WalkDir(clips, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(".mp4.mkv.gif", filepath.Ext(path)) || filepath.Ext(path) == "" {
			return err
		}
		if count++; count%20 != 0 {
			return nil
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		cut++
		return os.WriteFile(filepath.Join(damaged, filepath.Base(path)), whole[:len(whole)*2/3], 0o666)
	})
	if err != nil {
		t.Fatal(err)
	}
	summary := mustAdd(t, a, m, clips, damaged)
	videos, err := a.Videos(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	paths := 0
	for _, v := range videos {
		paths += len(v.Paths)
	}
	if paths != count || len(summary.Added)+len(summary.Known) != count || len(summary.Refused) != cut {
		t.Errorf("%d clips: %d added, %d copies, %d listed; %d cut copies: %d refused",
			count, len(summary.Added), len(summary.Known), paths, cut, len(summary.Refused))
	}
	for _, r := range summary.Refused {
		t.Log(r.Cause)
	}
	if counts := rowsOf(t, a); len(counts) != len(videos) {
		t.Errorf("%d videos in the index, %d in the catalogue", len(counts), len(videos))
	}
}

// sharedClips finds the folder of real clips, or skips the test.
func sharedClips(t *testing.T) string {
	t.Helper()
	if root := os.Getenv("SIGHTLINE_SHARED_DATA"); root != "" {
		return filepath.Join(root, "clips")
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		clips := filepath.Join(dir, "shared", "data", "clips")
		if _, err := os.Stat(clips); err == nil {
			return clips
		}
	}
	t.Skip("the shared clips are not here")
	return ""
}
