package world

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"sightline"
	"sightline/internal/atomicfile"
	"sightline/internal/subtitle"
)

// Names of the files that mark a folder as a world: the first while it is being written, the second once it is complete.
const (
	unfinished = "world.unfinished.json"
	finished   = "world.json"
)

// Meta is what a world's folder says of itself in world.json. With it New makes the same corpora again.
type Meta struct {
	Rendered bool    `json:"rendered"` // always true: these are drawings, not recordings
	Version  int     `json:"version"`
	Seed     uint64  `json:"seed"`
	Size     string  `json:"size"`
	Rho      float64 `json:"rho"`
	Clips    bool    `json:"clips"` // whether the retrieval clips are files; films always are
}

// Options returns what New needs to make the corpora of the folder. It fails when another version of this package wrote it
// and when size or rho make no sense.
func (m Meta) Options() (Options, error) {
	if m.Version != Version {
		return Options{}, fmt.Errorf("the world is of version %d, this program draws version %d", m.Version, Version)
	}
	if !(m.Rho > 0 && m.Rho <= 1) {
		return Options{}, &sightline.Error{
			Kind: sightline.Usage, What: "choose the share of facts that captions state",
			Err: fmt.Errorf("rho is %v", m.Rho), Try: "a number above 0, at most 1, such as 0.55, 0.75 or 1",
		}
	}
	extent, err := ExtentOf(m.Size)
	return Options{Seed: m.Seed, Extent: extent, Rho: m.Rho}, err
}

// Open reads what a folder that Write has completed says of itself.
func Open(dir string) (Meta, error) {
	text, err := os.ReadFile(filepath.Join(dir, finished))
	if err == nil {
		var m Meta
		if err = json.Unmarshal(text, &m); err == nil {
			return m, nil
		}
	}
	return Meta{}, &sightline.Error{
		Kind: sightline.NotReady, What: "open the world in " + dir, Err: err,
		Try: fmt.Sprintf("sightline world %q", dir),
	}
}

// Write renders both domains into dir:
//
//	world.json                         seed, size, version
//	A/train.jsonl, val.jsonl, test.jsonl   retrieval pairs, as dataset.Read takes them
//	A/facts.jsonl                      everything that is true of every clip
//	A/dropped.json                     how many candidates repeated others
//	A/videos/*.mp4                     H.264, 64×64 pixels, 8 frames a second
//	A/moments/…, A/tasks/…             the same for films, with .srt beside the .mp4
//	B/…
//
// Films are always written, clips only if m.Clips is set. A finished world of the same parameters is left as it is, an
// interrupted one is completed; a folder that holds anything else is an error and stays untouched. progress, when not nil,
// is told from one goroutine at a time how many videos of how many stand.
func Write(ctx context.Context, dir string, m Meta, progress func(done, total int)) error {
	m.Rendered, m.Version = true, Version
	options, err := m.Options()
	if err != nil {
		return err
	}
	return write(ctx, dir, m, options, progress)
}

func write(ctx context.Context, dir string, m Meta, options Options, progress func(done, total int)) error {
	if complete, err := claim(dir, m); err != nil || complete {
		return err
	}
	w := writer{dir: dir, clips: m.Clips, progress: progress}
	corpora := [2]Corpus{New(A, options), New(B, options)}
	for _, c := range corpora {
		w.total += w.count(c)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, runtime.GOMAXPROCS(0)))
	for _, c := range corpora {
		group.Go(func() error { return w.corpus(ctx, c) })
	}
	if err := group.Wait(); err != nil {
		return &sightline.Error{
			Kind: sightline.KindOf(err), What: "write the world into " + dir, Err: err,
			Try: or(sightline.TryOf(err), "run the same command again: it goes on where it stopped"),
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, staging)); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(dir, unfinished), filepath.Join(dir, finished)); err != nil {
		return err
	}
	return atomicfile.SyncDir(dir)
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// claim makes dir the unfinished world of m, or reports that it is a complete one.
func claim(dir string, m Meta) (complete bool, err error) {
	refuse := func(facts error, try string) error {
		return &sightline.Error{Kind: sightline.Usage, What: "write the world into " + dir, Err: facts, Try: try}
	}
	for _, name := range []string{finished, unfinished} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		var there Meta
		if err := json.Unmarshal(text, &there); err != nil {
			return false, refuse(fmt.Errorf("%s in it is damaged: %w", name, err), "choose another folder")
		}
		if there != m {
			return false, refuse(fmt.Errorf("it holds another world: %+v, not %+v", there, m), "choose another folder, or delete this one")
		}
		return name == finished, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if len(entries) > 0 {
		return false, refuse(fmt.Errorf("it holds other files, %s among them", entries[0].Name()), "choose an empty folder")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return false, err
	}
	return false, atomicfile.Write(filepath.Join(dir, unfinished), append(text, '\n'))
}

// staging is the folder for files that are not complete yet.
const staging = ".unfinished"

type writer struct {
	dir      string
	clips    bool
	progress func(done, total int)
	total    int

	mutex sync.Mutex
	done  int
}

func (w *writer) count(c Corpus) int {
	n := 0
	for s := range c.Clips {
		n += len(c.Moments[s]) + len(c.Tasks[s])
		if w.clips {
			n += len(c.Clips[s])
		}
	}
	return n
}

func (w *writer) step() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.done++
	if w.progress != nil {
		w.progress(w.done, w.total)
	}
}

// corpus writes one domain: videos first, then the lists that speak of them.
func (w *writer) corpus(ctx context.Context, c Corpus) error {
	dir := filepath.Join(w.dir, c.Domain.String())
	if err := w.retrieval(ctx, dir, c); err != nil {
		return err
	}
	if err := w.films(ctx, filepath.Join(dir, "moments"), c.Moments); err != nil {
		return err
	}
	if err := w.films(ctx, filepath.Join(dir, "tasks"), c.Tasks); err != nil {
		return err
	}
	return writeLines(filepath.Join(dir, "dropped.json"), []any{map[string]int{
		"same_facts": c.SameFacts, "same_but_motion": c.SameButMotion,
	}})
}

// pairLine is a line of train.jsonl and its like: what dataset.Read reads.
type pairLine struct {
	Video    string   `json:"video,omitempty"`
	ID       string   `json:"id"`
	Caption  string   `json:"caption,omitempty"`
	Captions []string `json:"captions,omitempty"`
	Start    *float64 `json:"start,omitempty"`
	End      *float64 `json:"end,omitempty"`
	Duration float64  `json:"duration"`
	Kind     string   `json:"kind,omitempty"`
}

func (w *writer) retrieval(ctx context.Context, dir string, c Corpus) error {
	if err := w.folders(dir); err != nil {
		return err
	}
	var movies []movie
	var facts []any
	var pairs [3][]any
	for split, clips := range c.Clips {
		for _, clip := range clips {
			line := pairLine{ID: clip.ID, Duration: clip.Duration}
			if w.clips {
				line.Video = "videos/" + clip.ID + ".mp4"
				movies = append(movies, movie{filepath.Join(dir, filepath.FromSlash(line.Video)), clip.Length(), clip.all()})
			}
			for _, caption := range clip.Captions {
				line.Captions = append(line.Captions, caption.Text)
			}
			pairs[split] = append(pairs[split], line)
			facts = append(facts, struct {
				Split string `json:"split"`
				Clip
			}{Split(split).String(), clip})
		}
	}
	if err := writeMovies(ctx, filepath.Join(w.dir, staging), movies, w.step); err != nil {
		return err
	}
	return writeLists(dir, facts, pairs)
}

func (w *writer) films(ctx context.Context, dir string, films [3][]Film) error {
	if err := w.folders(dir); err != nil {
		return err
	}
	var movies []movie
	var facts []any
	var pairs [3][]any
	for split := range films {
		for _, f := range films[split] {
			video := "videos/" + f.ID + ".mp4"
			path := filepath.Join(dir, filepath.FromSlash(video))
			movies = append(movies, movie{path, f.Length(), f.Frames()})
			if len(f.Cues) > 0 {
				if err := atomicfile.Write(strings.TrimSuffix(path, ".mp4")+".srt", []byte(subtitle.SubRip(f.Cues))); err != nil {
					return err
				}
			}
			for _, q := range f.Queries {
				pairs[split] = append(pairs[split], pairLine{Video: video, ID: f.ID, Caption: q.Text,
					Start: &q.Start, End: &q.End, Duration: f.Duration, Kind: q.Kind})
			}
			facts = append(facts, struct {
				Split string `json:"split"`
				Film
			}{Split(split).String(), f})
		}
	}
	if err := writeMovies(ctx, filepath.Join(w.dir, staging), movies, w.step); err != nil {
		return err
	}
	return writeLists(dir, facts, pairs)
}

func (w *writer) folders(dir string) error {
	if err := os.MkdirAll(filepath.Join(w.dir, staging), 0o755); err != nil {
		return err
	}
	return os.MkdirAll(filepath.Join(dir, "videos"), 0o755)
}

func writeLists(dir string, facts []any, pairs [3][]any) error {
	if err := writeLines(filepath.Join(dir, "facts.jsonl"), facts); err != nil {
		return err
	}
	for split, lines := range pairs {
		if err := writeLines(filepath.Join(dir, Split(split).String()+".jsonl"), lines); err != nil {
			return err
		}
	}
	return nil
}

func writeLines(path string, lines []any) error {
	return atomicfile.WriteFunc(path, func(out io.Writer) error {
		buffer := bufio.NewWriter(out)
		encoder := json.NewEncoder(buffer)
		encoder.SetEscapeHTML(false)
		for _, line := range lines {
			if err := encoder.Encode(line); err != nil {
				return err
			}
		}
		return buffer.Flush()
	})
}

// all draws every frame of the clip's file.
func (c Clip) all() iter.Seq[sightline.Frame] {
	return func(yield func(sightline.Frame) bool) {
		s := c.Scene()
		for i := range c.Length() {
			if !yield(c.frame(s, i)) {
				return
			}
		}
	}
}
