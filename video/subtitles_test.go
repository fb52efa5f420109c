package video

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"sightline"
)

const srt = `1
00:00:01,000 --> 00:00:02,500
Hello <i>there</i>,
old friend.

2
00:00:00,250 --> 00:00:00,750  X1:1 X2:2
{\an8}First, though second here.

3
00:00:04,000 --> 00:00:03,000
<b></b>

4
01:00:05.000 --> 01:00:04.000
ends before it starts
`

func wantCues(t testing.TB, what string, got []sightline.Cue, err error, want ...sightline.Cue) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d cues %v, want %d", what, len(got), got, len(want))
		return
	}
	for k := range want {
		if got[k].Text != want[k].Text || !near(got[k].Start, want[k].Start) || !near(got[k].End, want[k].End) {
			t.Errorf("%s: cue %d is %v %q, want %v %q", what, k, got[k].Span, got[k].Text, want[k].Span, want[k].Text)
		}
	}
}

func near(a, b float64) bool { return a-b < 0.002 && b-a < 0.002 }

func cue(start, end float64, text string) sightline.Cue {
	return sightline.Cue{Span: sightline.Span{Start: start, End: end}, Text: text}
}

func TestParseCues(t *testing.T) {
	cues, err := parseCues([]byte(srt), false)
	wantCues(t, "srt", cues, err, cue(0.25, 0.75, "First, though second here."), cue(1, 2.5, "Hello there, old friend."),
		cue(3605, 3605, "ends before it starts"))

	for name, text := range map[string]string{
		"CR LF":        "\uFEFF1\r\n00:00:01,000 --> 00:00:02,000\r\ncafé & co\r\n\r\n",
		"CR":           "1\r00:00:01,000 --> 00:00:02,000\rcafé & co\r",
		"no number":    "00:00:01,000 --> 00:00:02,000\ncafé & co\n",
		"Windows-1252": "1\n00:00:01,000 --> 00:00:02,000\ncaf\xe9 & co\n",
		"UTF-16LE":     utf16("1\n00:00:01,000 --> 00:00:02,000\ncafé & co\n"),
	} {
		cues, err := parseCues([]byte(text), false)
		wantCues(t, name, cues, err, cue(1, 2, "café & co"))
	}

	cues, err = parseCues([]byte("1\n00:00:01,000 --> 00:00:02,000\nfrom here --> there\n"), false)
	wantCues(t, "an arrow", cues, err, cue(1, 2, "from here → there"))

	vtt := "WEBVTT - a talk\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE not said\n\nintro\n" +
		"00:01.000 --> 00:02.000 align:start position:0% region:nowhere bad\n<v Ann>Hi <c.loud>you</c>\n\n" +
		"1:00:00.000 --> 1:00:01.000\nlate\n"
	cues, err = parseCues([]byte(vtt), true)
	wantCues(t, "vtt", cues, err, cue(1, 2, "Hi you"), cue(3600, 3601, "late"))

	for name, text := range map[string]string{"nothing": "", "blank": " \n\n", "header": "WEBVTT\n\nNOTE empty\n"} {
		cues, err := parseCues([]byte(text), true)
		wantCues(t, name, cues, err)
	}
}

func utf16(s string) string {
	out := []byte{0xFF, 0xFE}
	for _, r := range s {
		out = append(out, byte(r), byte(r>>8))
	}
	return string(out)
}

func TestSubtitlesThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		vtt   bool
		facts string
	}{
		"prose":         {"Once upon a time.\n", false, "no line of it has times"},
		"binary":        {"\x00\x01\x02\xff\xfe --> ", false, "not text"},
		"half an arrow": {"1\n00:00:01,000 -->\nhi\n", false, "line 2"},
		"letters":       {"1\n0b:cd --> 0f:gh\nhi\n", false, "line 2"},
		"no header":     {"00:01.000 --> 00:02.000\nhi\n", true, "WEBVTT"},
		"endless line":  {"1\n00:00:01,000 --> 00:00:02,000\n" + strings.Repeat("x", maxLine+1), false, "line 3"},
		"out of range":  {"1\n99999999999:00:00,000 --> 99999999999:00:01,000\nhi\n", false, ""},
	} {
		_, err := parseCues([]byte(c.text), c.vtt)
		if !errors.Is(err, ErrSubtitles) || !strings.Contains(err.Error(), c.facts) {
			t.Errorf("%s: error %v, want ErrSubtitles that says %q", name, err, c.facts)
		}
	}
}

// TestSidecars picks among files beside the video.
func TestSidecars(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "my [talk].mp4")
	if err := os.WriteFile(path, []byte("not looked at"), 0o600); err != nil {
		t.Fatal(err)
	}
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("1\n00:00:01,000 --> 00:00:02,000\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(text string) {
		t.Helper()
		cues, err := Subtitles(t.Context(), path)
		wantCues(t, "beside", cues, err, cue(1, 2, text))
	}
	put("my [talk] two.srt", "another video's")
	put("my [talk].part2.srt", "another video's")
	put("my [talk].en.forced.srt", "forced")
	want("forced")
	put("my [talk].de.SRT", "deutsch")
	want("deutsch")
	put("my [talk].en-US.srt", "english")
	want("english")
	put("my [talk].srt", "plain")
	want("plain")
	if err := os.WriteFile(filepath.Join(dir, "my [talk].srt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want("english") // an empty file has no cues

	broken := filepath.Join(dir, "my [talk].srt")
	if err := os.WriteFile(broken, []byte("what is this"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Subtitles(t.Context(), path)
	wantRefusal(t, err, broken, ErrSubtitles, "")
}

// TestEmbeddedSubtitles reads text streams of each container that has them.
func TestEmbeddedSubtitles(t *testing.T) {
	need(t)
	dir := t.TempDir()
	text := filepath.Join(dir, "cues.srt")
	lines := "1\n00:00:00,250 --> 00:00:00,750\nFirst.\n\n2\n00:00:01,000 --> 00:00:02,500\nHello <i>there</i>,\nold friend.\n"
	if err := os.WriteFile(text, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	source := barVideo(t, "a.mp4", 50, 10)
	for name, codec := range map[string]string{"a.mp4": "mov_text", "srt.mkv": "subrip", "ass.mkv": "ass"} {
		path := filepath.Join(dir, name)
		run(t, nil, "-i", source, "-f", "srt", "-i", text, "-map", "0:v", "-map", "1:s", "-c:v", "copy", "-c:s", codec,
			"-metadata:s:s:0", "language=eng", path)
		info, err := Probe(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if s := info.Streams[1]; s.Kind != "subtitle" || s.Codec != codec || s.Language != "eng" {
			t.Errorf("%s: subtitle stream %+v", name, s)
		}
		cues, err := Subtitles(t.Context(), path)
		wantCues(t, name, cues, err, cue(0.25, 0.75, "First."), cue(1, 2.5, "Hello there, old friend."))
	}
	cues, err := Subtitles(t.Context(), source)
	wantCues(t, "none", cues, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Subtitles(ctx, source); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want canceled", err)
	}
}

// FuzzSubtitles reads whatever comes under a subtitle's name.
func FuzzSubtitles(f *testing.F) {
	f.Add([]byte(srt), false)
	f.Add([]byte("WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>Hi\n"), true)
	f.Add([]byte("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\n\nRegion: id=a lines=3\n"), true)
	f.Add([]byte("STYLE\n-->\nNOTE "), true)
	f.Add([]byte("\xff\xfe1\x00"), false)
	f.Fuzz(func(t *testing.T, data []byte, vtt bool) {
		cues, err := parseCues(data, vtt)
		if err != nil {
			if !errors.Is(err, ErrSubtitles) || cues != nil {
				t.Errorf("error %v with %d cues", err, len(cues))
			}
			return
		}
		before := 0.0
		for _, c := range cues {
			if !(c.Start >= before) || !(c.End >= c.Start) || c.Text == "" || !utf8.ValidString(c.Text) {
				t.Fatalf("cue %v %q", c.Span, c.Text)
			}
			before = c.Start
		}
	})
}
