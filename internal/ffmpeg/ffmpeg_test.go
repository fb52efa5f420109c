package ffmpeg

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"sightline"
)

func need(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"ffmpeg", "ffprobe"} {
		if _, err := Find(tool); err != nil {
			t.Skipf("skipped: %v (%s)", err, sightline.TryOf(err))
		}
	}
}

// clip writes one second of test picture to path.
func clip(t *testing.T, path string) {
	t.Helper()
	cmd, err := Command(t.Context(), Guards{}, "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1",
		"-pix_fmt", "yuv420p", "-f", "mp4", Literal(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
}

func TestMissingProgramSaysHowToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("SIGHTLINE_FFMPEG", "")
	_, err := Command(t.Context(), Guards{}, "-version")
	if sightline.KindOf(err) != sightline.NotReady || !strings.Contains(sightline.TryOf(err), "install ffmpeg") {
		t.Errorf("error %v, try %q; want a NotReady that says how to install ffmpeg", err, sightline.TryOf(err))
	}
	t.Setenv("SIGHTLINE_FFMPEG", "/no/such/ffmpeg")
	_, err = Find("ffmpeg")
	if err == nil || !strings.Contains(err.Error(), `SIGHTLINE_FFMPEG="/no/such/ffmpeg"`) {
		t.Errorf("error %v, want one that names the variable and its value", err)
	}
}

func TestParseVersion(t *testing.T) {
	for _, c := range []struct {
		out   string
		want  Version
		later bool // than 5.1
	}{
		{"ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026\nbuilt with", Version{"5.1.9-0+deb12u1", 5, 1}, true},
		{"ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright", Version{"4.4.2-0ubuntu0.22.04.1", 4, 4}, false},
		{"ffmpeg version n7.1 Copyright", Version{"n7.1", 7, 1}, true},
		{"ffmpeg version N-118000-g1234 Copyright", Version{"N-118000-g1234", 0, 0}, true},
	} {
		got, err := parseVersion(c.out)
		if err != nil || got != c.want || got.AtLeast(5, 1) != c.later {
			t.Errorf("%q: %+v, at least 5.1: %v, error %v", c.out, got, got.AtLeast(5, 1), err)
		}
	}
	if _, err := parseVersion("bash: no"); err == nil {
		t.Error("no error for what is no version")
	}
}

func TestLookUp(t *testing.T) {
	need(t)
	v, err := LookUp(t.Context())
	if err != nil || v.Text == "" {
		t.Fatalf("version %+v, error %v", v, err)
	}
}

// TestNamesAreLiteral opens files whose names are options, protocols and patterns to ffmpeg.
func TestNamesAreLiteral(t *testing.T) {
	need(t)
	source := filepath.Join(t.TempDir(), "clip.mp4")
	clip(t, source)
	data, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, name := range []string{"-i.mp4", "http:x.mp4", "a b.mp4", "%03d.mp4", "it's.mp4", `"q".mp4`, "a\nb.mp4",
		"concat:a|b.mp4", `back\slash.mp4`, "pipe:0", "subfile,,start,0,end,1,,:x", "[*?].mp4", "ünïcode.mp4"} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd, err := Probe(t.Context(), Guards{}, append(Input(name), "-show_entries", "stream=width", "-of", "csv=p=0")...)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := cmd.Output(); err != nil || strings.TrimSpace(string(out)) != "64" {
			t.Errorf("%q: output %q, error %v", name, out, err)
		}
	}
}

// TestScriptsOpenNothing gives ffmpeg scripts that name a further file under a video's name.
func TestScriptsOpenNothing(t *testing.T) {
	need(t)
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.mp4")
	clip(t, secret)
	for name, text := range map[string]string{
		"playlist.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n" + secret + "\n#EXT-X-ENDLIST\n",
		"concat.mp4":   "ffconcat version 1.0\nfile secret.mp4\n",
		"dash.mkv": `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet>` +
			`<Representation id="0"><BaseURL>` + secret + `</BaseURL></Representation></AdaptationSet></Period></MPD>`,
		"sdp.mp4": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd, err := Command(t.Context(), Guards{Timeout: 10 * time.Second}, append(Input(path), "-f", "null", "-")...)
		if err != nil {
			t.Fatal(err)
		}
		var failure *Failure
		if err := cmd.Run(); !errors.As(err, &failure) {
			t.Errorf("%s: error %v, want a Failure", name, err)
		} else if failure.Messages == "" {
			t.Errorf("%s: no message", name)
		}
	}
}

func TestLimits(t *testing.T) {
	need(t)
	endless := []string{"-f", "lavfi", "-i", "testsrc=size=320x240", "-f", "null", "-"}

	t.Run("time", func(t *testing.T) {
		cmd, err := Command(t.Context(), Guards{Timeout: 300 * time.Millisecond}, endless...)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		err = cmd.Run()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "300ms") {
			t.Errorf("error %v, want one that names the limit", err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("ended after %v", took)
		}
	})
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cmd, err := Command(ctx, Guards{}, endless...)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := cmd.Wait(); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want canceled", err)
		}
	})
	t.Run("pixels", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "clip.mp4")
		clip(t, path)
		cmd, err := Command(t.Context(), Guards{Pixels: 64*48 - 1}, append(Input(path), "-f", "null", "-")...)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Run(); err == nil {
			t.Error("a picture over the limit was decoded")
		}
	})
	t.Run("memory", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("skipped: only Linux lets one process limit another's memory")
		}
		cmd, err := Command(t.Context(), Guards{Memory: 64 << 20, Timeout: 3 * time.Second},
			"-f", "lavfi", "-i", "testsrc=size=2048x2048:rate=25:duration=100", "-vf", "reverse", "-f", "null", "-")
		if err != nil {
			t.Fatal(err)
		}
		// ffmpeg 5.1.8 gives up when memory is refused; 5.1.9 asks again without end, until the time limit ends it.
		if err := cmd.Run(); err == nil {
			t.Error("ten gigabytes of pictures were held in 64 MB")
		}
		if held := cmd.exec.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10; held > 256<<20 {
			t.Errorf("it held %d MB", held>>20)
		}
	})
	t.Run("output", func(t *testing.T) {
		cmd, err := Command(t.Context(), Guards{}, "-f", "lavfi", "-i", "color=size=1024x1024", "-f", "rawvideo", "pipe:1")
		if err != nil {
			t.Fatal(err)
		}
		if out, err := cmd.Output(); err == nil {
			t.Errorf("%d bytes were held", len(out))
		}
	})
}

// TestChildrenDie stands a shell in for ffmpeg that starts a process of its own.
func TestChildrenDie(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil || runtime.GOOS == "windows" {
		t.Skip("skipped: needs a shell and process groups")
	}
	dir := t.TempDir()
	script := filepath.Join(dir, "ffmpeg")
	if err := os.WriteFile(script, []byte("#!"+sh+"\nsleep 60 &\necho $!\nwait\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SIGHTLINE_FFMPEG", script)
	cmd, err := Command(t.Context(), Guards{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	cmd.Kill()
	io.Copy(io.Discard, out) // ends when the last holder of the pipe, the grandchild, is gone
	cmd.Wait()
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the process the program had started lived on for %v", took)
	}
}

func TestPipes(t *testing.T) {
	need(t)
	cmd, err := Command(t.Context(), Guards{}, "-f", "rawvideo", "-pix_fmt", "gray", "-s", "2x2", "-i", "pipe:0",
		"-f", "rawvideo", "pipe:1", "-f", "rawvideo", "pipe:3")
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	extra, err := cmd.ExtraPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(in, "abcdefgh")
	in.Close()
	for _, r := range []io.Reader{out, extra} {
		if got, err := io.ReadAll(r); err != nil || string(got) != "abcdefgh" {
			t.Errorf("got %q, error %v", got, err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
