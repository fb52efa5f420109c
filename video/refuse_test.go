package video

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"sightline"
)

// drain samples the whole file and returns the error it ends with and how many frames came before.
func drain(t testing.TB, path string, plan Plan) (frames int, err error) {
	t.Helper()
	for f, e := range Sample(t.Context(), path, plan, 0) {
		if e != nil {
			err = e
			continue
		}
		frames++
		number(t, f)
	}
	return frames, err
}

// wantRefusal checks that err refuses the file at path for the cause, and says so to a person.
func wantRefusal(t testing.TB, err error, path string, cause error, facts string) {
	t.Helper()
	var refusal *Refusal
	var advice *sightline.Error
	switch {
	case !errors.As(err, &refusal) || !errors.As(err, &advice):
		t.Errorf("error %v (%T), want a Refusal in a sightline.Error", err, err)
	case refusal.Path != path:
		t.Errorf("refused %q, want %q", refusal.Path, path)
	case !errors.Is(err, cause):
		t.Errorf("error %q, want it for the cause %q", err, cause)
	case !strings.Contains(err.Error(), facts):
		t.Errorf("error %q does not say %q", err, facts)
	case strings.Contains(err.Error(), "\n"):
		t.Errorf("error %q has more than one line", err)
	}
}

// TestRefusals gives Probe and Sample what is no video, or none that can be decoded.
func TestRefusals(t *testing.T) {
	need(t)
	dir := t.TempDir()
	good := barVideo(t, "a.mp4", 5, 10)
	secret := filepath.Join(dir, "secret.mp4")
	if data, err := os.ReadFile(good); err != nil || os.WriteFile(secret, data, 0o600) != nil {
		t.Fatal("copy")
	}
	sound := filepath.Join(dir, "sound.mp4")
	run(t, nil, "-f", "lavfi", "-i", "sine=duration=1", sound)
	cover := filepath.Join(dir, "cover.m4a")
	run(t, nil, "-i", sound, "-f", "lavfi", "-i", "color=size=64x64:duration=1", "-frames:v", "1", "-c:a", "copy",
		"-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-disposition:v:0", "attached_pic", "-f", "mp4", cover)
	stream := filepath.Join(dir, "stream.mp4")
	run(t, nil, "-i", good, "-c", "copy", "-f", "mpegts", stream)
	gif, err := os.ReadFile(barVideo(t, "a.gif", 3, 10))
	if err != nil {
		t.Fatal(err)
	}
	huge := bytes.Clone(gif)
	binary.LittleEndian.PutUint16(huge[6:], 65535)
	binary.LittleEndian.PutUint16(huge[8:], 65535)

	for _, c := range []struct {
		name    string
		content []byte
		cause   error
		facts   string
	}{
		{"empty.mp4", nil, ErrNotVideo, "empty"},
		{"text.mp4", []byte("Dear diary,\nno video today.\n"), ErrNotVideo, "it is text"},
		{"playlist.mp4", []byte("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n"), ErrNotVideo, "playlist"},
		{"script.mp4", []byte("ffconcat version 1.0\nfile secret.mp4\n"), ErrNotVideo, "list of files"},
		{"zeros.mkv", make([]byte, 1<<20), ErrNotVideo, "zeros"},
		{"noise.webm", []byte(strings.Repeat("\x9c\x01\xfe\x07 ", 9999)), ErrNotVideo, "nothing known"},
		{"head.mp4", []byte("\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41"), ErrBroken, "moov"},
		{"head.mkv", []byte("\x1A\x45\xDF\xA3\x8B\x42\x82\x88matroska"), ErrBroken, ""},
		{"head.gif", []byte("GIF89a\x40\x00\x30\x00"), ErrBroken, "ends within a picture"},
		{"huge.gif", huge, ErrTooLarge, "65535×65535"},
		{"new\nline 'and \"quotes\" %d.mp4", []byte("nothing"), ErrNotVideo, "it is text"},
		{"-y.mp4", []byte("nothing"), ErrNotVideo, "it is text"},
	} {
		path := filepath.Join(dir, c.name)
		if err := os.WriteFile(path, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		frames, err := drain(t, path, Rate(1))
		wantRefusal(t, err, path, c.cause, c.facts)
		if frames > 0 {
			t.Errorf("%s: %d frames of nothing", c.name, frames)
		}
	}
	for path, cause := range map[string]error{sound: ErrNoVideo, cover: ErrNoVideo, stream: ErrNotVideo, dir: ErrNotVideo} {
		_, err := Probe(t.Context(), path)
		wantRefusal(t, err, path, cause, "")
	}
	missing := filepath.Join(dir, "missing.mp4")
	_, err = Probe(t.Context(), missing)
	var refusal *Refusal
	if !errors.Is(err, fs.ErrNotExist) || errors.As(err, &refusal) || !strings.Contains(err.Error(), "missing.mp4") {
		t.Errorf("a missing file: %v, want fs.ErrNotExist and no refusal", err)
	}
}

// TestNames samples a good video under names that mean something to ffmpeg or a shell.
func TestNames(t *testing.T) {
	need(t)
	data, err := os.ReadFile(barVideo(t, "a.mp4", 5, 10))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, name := range []string{"two words.mp4", "it's \"it\".mp4", "a\nb.mp4", "-i.mp4", "--.mp4", "%d.mp4", "http:x.mp4", "$(x);&.mp4"} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, numbers := sample(t, name, Uniform(1)); numbers[0] != 2 {
			t.Errorf("%q: picture %d, want 2", name, numbers[0])
		}
	}
}

// TestCutFiles cuts videos short at many places. Each is refused, with the second it breaks at when anything of it can
// be decoded, and never taken for a shorter video.
func TestCutFiles(t *testing.T) {
	need(t)
	for _, c := range []struct {
		name    string
		options []string
	}{
		{"index-first.mp4", []string{"-movflags", "+faststart"}},
		{"index-last.mp4", nil},
		{"fragments.mp4", []string{"-movflags", "+frag_keyframe+empty_moov", "-g", "10"}},
		{"a.mov", []string{"-movflags", "+faststart"}},
		{"a.mkv", nil},
		{"a.webm", nil},
		{"a.avi", []string{"-c:v", "mpeg4"}},
		{"a.gif", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := barVideo(t, c.name, 60, 10, append(c.options, "-threads", "1")...)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, share := range []float64{0.1, 0.6, 0.97} {
				if err := os.WriteFile(path, data[:int(share*float64(len(data)))], 0o600); err != nil {
					t.Fatal(err)
				}
				var plan Plan = Rate(1)
				if share == 0.6 {
					plan = Uniform(4)
				}
				frames, err := drain(t, path, plan)
				wantRefusal(t, err, path, ErrBroken, "")
				if frames > 0 && !strings.Contains(err.Error(), "break off at ") {
					t.Errorf("%v of the file: %v, want the second it breaks at", share, err)
				}
			}
		})
	}
}

// TestDamage writes noise over the middle of videos whose format shows it.
func TestDamage(t *testing.T) {
	need(t)
	for _, c := range []struct {
		name    string
		options []string
	}{
		{"a.mp4", nil},
		{"a.mkv", nil},
		{"a.mov", nil},
		{"h264.avi", nil},
		{"a.gif", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := barVideo(t, c.name, 60, 10, c.options...)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			middle := data[len(data)/3 : len(data)*2/3]
			for k := range middle {
				middle[k] = byte(k*k>>3) ^ 0x5A
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = drain(t, path, Rate(1))
			wantRefusal(t, err, path, ErrBroken, "")
		})
	}
}

// TestHostilePixels claims a picture in the container that is larger than any decoder may open.
func TestHostilePixels(t *testing.T) {
	need(t)
	path := barVideo(t, "a.avi", 5, 10, "-c:v", "mpeg4")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte("strf")) + 8
	binary.LittleEndian.PutUint32(data[at+4:], 1<<30)
	binary.LittleEndian.PutUint32(data[at+8:], 1<<30)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, err = drain(t, path, Rate(1)) // the stream's own size may win over the container's, or the file is refused
	var refusal *Refusal
	if err != nil && !errors.As(err, &refusal) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestLayout reads structures by hand.
func TestLayout(t *testing.T) {
	box := func(kind string, size uint32, content string) string {
		return string(binary.BigEndian.AppendUint32(nil, size)) + kind + content
	}
	ftyp := box("ftyp", 16, "isom\x00\x00\x00\x00")
	for _, c := range []struct {
		name, content, container string
		cut                      bool
	}{
		{"whole", ftyp + box("mdat", 12, "data"), "mp4", false},
		{"to the end of the file", ftyp + box("mdat", 0, "data and more"), "mp4", false},
		{"64-bit size", ftyp + box("mdat", 1, "\x00\x00\x00\x00\x00\x00\x00\x14data"), "mp4", false},
		{"64-bit size, cut", ftyp + box("mdat", 1, "\x00\x00\x00\x10\x00\x00\x00\x14data"), "mp4", true},
		{"cut", ftyp + box("mdat", 99, "data"), "mp4", true},
		{"junk behind", ftyp + box("mdat", 12, "data") + "\xff\xff\xff\xff\xff\xff\xff\xff", "mp4", false},
		{"QuickTime", box("ftyp", 16, "qt  \x00\x00\x00\x00") + box("mdat", 12, "data"), "mov", false},
		{"old QuickTime", box("moov", 12, "data"), "mov", false},
		{"WebM", "\x1A\x45\xDF\xA3\x87\x42\x82\x84webm\x18\x53\x80\x67\x84data", "webm", false},
		{"WebM, cut", "\x1A\x45\xDF\xA3\x87\x42\x82\x84webm\x18\x53\x80\x67\x40\xffdata", "webm", true},
		{"WebM, live", "\x1A\x45\xDF\xA3\x87\x42\x82\x84webm\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xffdata", "webm", false},
		{"AVI", "RIFF\x08\x00\x00\x00AVI data", "avi", false},
		{"AVI, cut", "RIFF\x09\x00\x00\x00AVI data", "avi", true},
		{"AVI of two parts", "RIFF\x08\x00\x00\x00AVI dataRIFF\x09\x00\x00\x00AVIXdata", "avi", true},
		{"GIF", "GIF89a\x01\x00\x01\x00\x00\x00\x00;", "gif", false},
		{"GIF without trailer", "GIF89a\x01\x00\x01\x00\x00\x00\x00!\xfe\x01x\x00", "gif", false},
		{"GIF, cut", "GIF89a\x01\x00\x01\x00\x00\x00\x00!\xfe\x01x", "gif", true},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := readLayout(path, int64(len(c.content)))
		if err != nil || l.container != c.container || (l.cut != "") != c.cut || l.hint != "" {
			t.Errorf("%s: %+v, error %v; want %s, cut %v", c.name, l, err, c.container, c.cut)
		}
	}
}

func TestNoFIFO(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("skipped: needs device files")
	}
	_, err := Probe(t.Context(), os.DevNull)
	wantRefusal(t, err, os.DevNull, ErrNotVideo, "no regular file")
}

// FuzzLayout reads structures that never end, overlap or lie.
func FuzzLayout(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x10ftypisom\x00\x00\x00\x00\x00\x00\x00\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add([]byte("\x1A\x45\xDF\xA3\x87\x42\x82\x84webm\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"))
	f.Add([]byte("RIFF\xff\xff\xff\xffAVI RIFF"))
	f.Add([]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00abcdef,abcdefghi\x08\x02ab\x00;"))
	path := filepath.Join(f.TempDir(), "file")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := readLayout(path, int64(len(data)))
		if err == nil && l.container == "" && l.cut != "" {
			t.Errorf("%+v: cut, but nothing known", l)
		}
	})
}
