package video

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/asticode/go-astisub"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"sightline"
	"sightline/internal/ffmpeg"
)

// ErrSubtitles is the cause of refusing a subtitle file.
var ErrSubtitles = errors.New("not readable as subtitles")

// Limits on subtitles, far beyond those of any film, so that a file of another kind under a subtitle's name does not
// fill the memory. maxLine is what go-astisub reads of a line before it silently stops.
const (
	maxSubtitles = 16 << 20 // bytes
	maxLine      = 60 << 10 // bytes
	subtitleTime = 10 * time.Minute
)

// Subtitles returns what is said in the video at path, in the order of time: the cues of the first of these that
// exists and has any:
//
//  1. name.srt or name.vtt beside the file, name being that of the video without its extension;
//  2. name.LANG.srt or name.LANG.vtt, English first, then by name, files marked "forced" last;
//  3. the embedded text streams, the default one first.
//
// Text is without markup and line breaks. Files are read as UTF-8, UTF-16 with a mark, or else Windows-1252. No
// subtitles is no error. A file or stream that cannot be read is a *Refusal that names it.
func Subtitles(ctx context.Context, path string) ([]sightline.Cue, error) {
	if _, err := regular(path); err != nil {
		return nil, err
	}
	files, err := sidecars(path)
	if err != nil {
		return nil, fmt.Errorf("look for subtitles beside %q: %w", path, err)
	}
	for _, file := range files {
		cues, err := readSidecar(file)
		if err != nil || len(cues) > 0 {
			return cues, err
		}
	}
	info, err := Probe(ctx, path)
	if err != nil {
		return nil, err
	}
	return info.embedded(ctx)
}

// sidecarName splits what follows the video's name into language, mark and format.
var sidecarName = regexp.MustCompile(`(?i)^(\.[a-z]{2,3}(?:[-_][a-z0-9]+)*)?(\.(?:forced|sdh|cc|hi|default))?\.(srt|vtt)$`)

// sidecars returns the subtitle files that belong to the video at path, the preferred first.
func sidecars(path string) ([]string, error) {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	base := filepath.Base(path)
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	type candidate struct {
		rank int
		name string
	}
	var found []candidate
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), stem)
		m := sidecarName.FindStringSubmatch(rest)
		if !ok || m == nil || e.IsDir() {
			continue
		}
		language, mark := strings.ToLower(m[1]), strings.ToLower(m[2])
		rank := 2
		switch {
		case mark == ".forced":
			rank = 3
		case language == "":
			rank = 0
		case strings.HasPrefix(language, ".en"):
			rank = 1
		}
		found = append(found, candidate{rank, e.Name()})
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(a.name, b.name))
	})
	paths := make([]string, len(found))
	for k, c := range found {
		paths[k] = filepath.Join(dir, c.name)
	}
	return paths, nil
}

func readSidecar(path string) ([]sightline.Cue, error) {
	size, err := regular(path)
	if errors.Is(err, ErrNotVideo) && size == 0 {
		return nil, nil // an empty file says nothing
	}
	if err != nil {
		return nil, err
	}
	if size > maxSubtitles {
		return nil, refuse(path, fmt.Errorf("%w: it has %d bytes, more than %d", ErrSubtitles, size, maxSubtitles))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		var cause *fs.PathError
		errors.As(err, &cause)
		return nil, &sightline.Error{Kind: sightline.Failed, What: fmt.Sprintf("read subtitles %q", path), Err: cause.Err}
	}
	cues, err := parseCues(data, strings.EqualFold(filepath.Ext(path), ".vtt"))
	if err != nil {
		return nil, refuse(path, err)
	}
	return cues, nil
}

// pictured are the subtitle codecs that draw text instead of spelling it.
var pictured = []string{"dvd_subtitle", "hdmv_pgs_subtitle", "dvb_subtitle", "xsub", "dvb_teletext"}

// embedded returns the cues of the first embedded text stream that has any.
func (i *Info) embedded(ctx context.Context) ([]sightline.Cue, error) {
	streams := slices.Clone(i.Streams)
	slices.SortStableFunc(streams, func(a, b Stream) int {
		if a.Default == b.Default {
			return 0
		} else if a.Default {
			return -1
		}
		return 1
	})
	for _, s := range streams {
		if s.Kind != "subtitle" || slices.Contains(pictured, s.Codec) {
			continue
		}
		cues, err := i.extract(ctx, s.Index)
		if err != nil || len(cues) > 0 {
			return cues, err
		}
	}
	return nil, nil
}

// extract returns the cues of one embedded stream, which ffmpeg turns into SubRip on its own timestamps.
func (i *Info) extract(ctx context.Context, stream int) ([]sightline.Cue, error) {
	args := append([]string{"-copyts"}, ffmpeg.Input(i.Path)...)
	args = append(args, "-map", "0:"+strconv.Itoa(stream), "-c:s", "subrip", "-f", "srt", "pipe:1")
	cmd, err := ffmpeg.Command(ctx, ffmpeg.Guards{Timeout: subtitleTime}, args...)
	if err != nil {
		return nil, err
	}
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("read the subtitles of %q: %w", i.Path, context.Cause(ctx))
	}
	if err != nil {
		return nil, refuse(i.Path, fmt.Errorf("%w: stream %d: %w", ErrSubtitles, stream, err))
	}
	cues, err := parseCues(out, false)
	if err != nil {
		return nil, refuse(i.Path, fmt.Errorf("stream %d: %w", stream, err))
	}
	start := i.origin * i.base.Float()
	for k := range cues {
		cues[k].Start = max(0, cues[k].Start-start)
		cues[k].End = max(0, cues[k].End-start)
	}
	return cues, nil
}

// parseCues reads SubRip or WebVTT. The error wraps ErrSubtitles and names the line where it can.
func parseCues(data []byte, vtt bool) ([]sightline.Cue, error) {
	text, err := decodeText(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSubtitles, err)
	}
	plain, timed, err := tidy(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSubtitles, err)
	}
	if timed == 0 {
		if strings.TrimSpace(text) == "" || vtt && strings.HasPrefix(text, "WEBVTT") {
			return nil, nil
		}
		return nil, fmt.Errorf("%w: no line of it has times (00:00:01,000 --> 00:00:02,000)", ErrSubtitles)
	}
	parse := astisub.ReadFromSRT
	if vtt {
		parse = astisub.ReadFromWebVTT
	}
	subtitles, err := parse(plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSubtitles, err)
	}
	if len(subtitles.Items) == 0 {
		return nil, fmt.Errorf("%w: it does not begin with WEBVTT", ErrSubtitles)
	}
	return cuesOf(subtitles)
}

var (
	overrides = regexp.MustCompile(`\{\\[^}]*\}`) // positions and effects that SubRip borrowed from ASS
	spaces    = regexp.MustCompile(`\s+`)
)

func cuesOf(subtitles *astisub.Subtitles) ([]sightline.Cue, error) {
	var cues []sightline.Cue
	for n, item := range subtitles.Items {
		if item.StartAt < 0 || item.EndAt < 0 {
			return nil, fmt.Errorf("%w: the times of cue %d are out of range", ErrSubtitles, n+1)
		}
		lines := make([]string, len(item.Lines))
		for k, l := range item.Lines {
			lines[k] = l.String()
		}
		text := overrides.ReplaceAllString(strings.Join(lines, " "), " ")
		text = strings.TrimSpace(spaces.ReplaceAllString(text, " "))
		if text == "" {
			continue
		}
		start := item.StartAt.Seconds()
		cues = append(cues, sightline.Cue{
			Span: sightline.Span{Start: start, End: max(start, item.EndAt.Seconds())},
			Text: text,
		})
	}
	slices.SortStableFunc(cues, func(a, b sightline.Cue) int { return cmp.Compare(a.Start, b.Start) })
	return cues, nil
}

// decodeText returns data as UTF-8 without a byte order mark.
func decodeText(data []byte) (string, error) {
	switch {
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}), bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		out, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(data)
		return string(out), err
	case utf8.Valid(data):
		return strings.TrimPrefix(string(data), "\uFEFF"), nil
	case bytes.IndexByte(data, 0) >= 0:
		return "", errors.New("it is not text")
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(data)
	return string(out), err
}

const arrow = "-->"

var (
	clockTime = regexp.MustCompile(`^(?:\d{1,5}:)?\d{1,3}:\d{1,3}(?:[.,]\d{1,9})?$`)
	voices    = regexp.MustCompile(`</?v\b[^>]*>`) // who speaks; go-astisub logs when two do
)

// tidy returns text as go-astisub can read it without a panic, a message or a silent stop: no line too long, and lines
// with times cut to the times, as the placing of text behind them is of no use here. timed counts those lines.
func tidy(text string) (plain io.Reader, timed int, err error) {
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
	for n, line := range lines {
		if len(line) > maxLine {
			return nil, 0, fmt.Errorf("line %d has %d bytes, more than %d", n+1, len(line), maxLine)
		}
		from, rest, ok := strings.Cut(line, arrow)
		from = strings.TrimSpace(from)
		switch to := strings.Fields(rest); {
		case !ok:
			lines[n] = voices.ReplaceAllString(line, "")
		case len(to) > 0 && clockTime.MatchString(from) && clockTime.MatchString(to[0]):
			lines[n] = from + " " + arrow + " " + to[0]
			timed++
		case from != "" && from[0] >= '0' && from[0] <= '9':
			return nil, 0, fmt.Errorf("line %d: %q are no times", n+1, line)
		default: // an arrow in what is said
			lines[n] = strings.ReplaceAll(line, arrow, "→")
		}
	}
	return strings.NewReader(strings.Join(lines, "\n")), timed, nil
}
