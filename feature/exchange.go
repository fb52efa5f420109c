package feature

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/x448/float16"

	"sightline"
	"sightline/feature/npy"
	"sightline/internal/atomicfile"
)

// The arrays of a feature archive, as Lighthouse names them: features, [T, D], and optionally timestamps, [T, 2] with
// start and end or [T] with the start of each row, in seconds.
const (
	FeaturesKey   = "features"
	TimestampsKey = "timestamps"
)

// Import says how arrays made elsewhere are to be understood.
type Import struct {
	Stream     Stream          // "" means Clip
	Space      sightline.Space // what made them, as the user tells it
	RowSeconds float64         // seconds a row, when the file has no timestamps; row i covers [i·RowSeconds, (i+1)·RowSeconds)
	Key        string          // the array to take from an .npz file; "" means FeaturesKey
}

// ReadArray reads features made elsewhere from an .npy or .npz file. Axes of length one are dropped until two are left.
// The values are as the file has them; storing the features rounds them to float16.
func (im Import) ReadArray(path, videoID string) (Features, error) {
	f, err := im.readArray(path, videoID)
	if err != nil {
		return Features{}, &sightline.Error{
			Kind: sightline.Failed,
			What: fmt.Sprintf("import features %s", path),
			Err:  err,
			Try:  "store one [rows, width] array of finite numbers a video, as .npy or as .npz with the key " + FeaturesKey,
		}
	}
	return f, nil
}

func (im Import) readArray(path, videoID string) (Features, error) {
	var rows, times npy.Array
	hasTimes := false
	if filepath.Ext(path) == ".npz" {
		archive, err := npy.Open(path)
		if err != nil {
			return Features{}, err
		}
		key := im.Key
		if key == "" {
			key = FeaturesKey
		}
		var ok bool
		if rows, ok = archive[key]; !ok {
			return Features{}, fmt.Errorf("there is no array %q among %q", key, archive.Names())
		}
		times, hasTimes = archive[TimestampsKey]
	} else {
		var err error
		if rows, err = npy.ReadFile(path); err != nil {
			return Features{}, err
		}
	}
	shape := squeeze(rows.Shape)
	if len(shape) != 2 {
		return Features{}, fmt.Errorf("the array has shape %v, not [rows, width]", rows.Shape)
	}
	stream := im.Stream
	if stream == "" {
		stream = Clip
	}
	f := Features{
		Header: Header{VideoID: videoID, Stream: stream, Space: im.Space},
		Rows:   sightline.Matrix{Rows: shape[0], Cols: shape[1], Data: rows.Float32s()},
	}
	var err error
	if hasTimes {
		f.Spans, err = spansOf(times, shape[0], im.RowSeconds)
	} else {
		f.Spans, err = Grid(shape[0], im.RowSeconds)
	}
	if err != nil {
		return Features{}, err
	}
	return f, f.Check()
}

// squeeze drops axes of length one while there are more than two.
func squeeze(shape []int) []int {
	for len(shape) > 2 {
		i := slices.Index(shape, 1)
		if i < 0 {
			break
		}
		shape = slices.Delete(slices.Clone(shape), i, i+1)
	}
	return shape
}

// Grid returns the spans of n rows of equal length that start at 0.
func Grid(n int, seconds float64) ([]sightline.Span, error) {
	if !(seconds > 0) || math.IsInf(seconds, 0) {
		return nil, fmt.Errorf("rows without timestamps need their length in seconds, not %v", seconds)
	}
	spans := make([]sightline.Span, n)
	for i := range spans {
		spans[i] = sightline.Span{Start: float64(i) * seconds, End: float64(i+1) * seconds}
	}
	return spans, nil
}

// spansOf reads timestamps of shape [n, 2] or [n]; in the second case a row lasts until the next one starts, and the last
// one for seconds, or, when that is not given, as long as the one before it.
func spansOf(times npy.Array, n int, seconds float64) ([]sightline.Span, error) {
	t := times.Float64s()
	spans := make([]sightline.Span, n)
	switch {
	case slices.Equal(times.Shape, []int{n, 2}):
		for i := range spans {
			spans[i] = sightline.Span{Start: t[2*i], End: t[2*i+1]}
		}
	case slices.Equal(times.Shape, []int{n}) && (n > 1 || seconds > 0):
		for i := range spans {
			spans[i].Start = t[i]
			switch {
			case i+1 < n:
				spans[i].End = t[i+1]
			case seconds > 0:
				spans[i].End = t[i] + seconds
			default:
				spans[i].End = 2*t[i] - t[i-1]
			}
		}
	default:
		return nil, fmt.Errorf("array %q has shape %v, which does not time %d rows", TimestampsKey, times.Shape, n)
	}
	return spans, nil
}

// Refused is a file that could not be imported.
type Refused struct {
	Path string
	Err  error
}

// Report says what an import did.
type Report struct {
	Imported []string // video ids
	Refused  []Refused
	Rounding float64 // largest distance between a value and its float16
}

// ImportFolder stores every .npy and .npz file of a folder (not of its subfolders) in the store; the video id is the file
// name without extension. A bad file is refused and the rest goes in; so is a file whose rows have another width than
// those before it, as one space has one width. It stops at the first file after ctx is done.
func (im Import) ImportFolder(ctx context.Context, dir string, store Store) (Report, error) {
	var report Report
	entries, err := os.ReadDir(dir)
	if err != nil {
		return report, &sightline.Error{Kind: sightline.Usage, What: "import features", Err: err, Try: "name a folder of .npy or .npz files"}
	}
	width := 0
	for _, entry := range entries {
		ext := filepath.Ext(entry.Name())
		if entry.IsDir() || ext != ".npy" && ext != ".npz" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return report, err
		}
		path, id := filepath.Join(dir, entry.Name()), strings.TrimSuffix(entry.Name(), ext)
		f, err := im.ReadArray(path, id)
		if err == nil && slices.Contains(report.Imported, id) {
			err = fmt.Errorf("import features %s: another file of the folder has the same video id %q", path, id)
		}
		if err == nil && width != 0 && f.Rows.Cols != width {
			err = fmt.Errorf("import features %s: its rows have width %d, those of the files before it %d", path, f.Rows.Cols, width)
		}
		if err == nil {
			err = store.Write(f)
		}
		var system *os.PathError
		if errors.As(err, &system) && strings.HasPrefix(system.Path, store.Dir) {
			return report, err // the store cannot be written: no other file would fare better
		}
		if err != nil {
			report.Refused = append(report.Refused, Refused{path, err})
			continue
		}
		width = f.Rows.Cols
		report.Imported = append(report.Imported, id)
		report.Rounding = max(report.Rounding, rounding(f.Rows))
	}
	if len(report.Imported)+len(report.Refused) == 0 {
		return report, &sightline.Error{
			Kind: sightline.Usage,
			What: fmt.Sprintf("import features from %s", dir),
			Err:  errors.New("there is no .npy or .npz file in the folder"),
			Try:  "name a folder with one file a video",
		}
	}
	return report, nil
}

// rounding returns the largest distance between a value and its float16.
func rounding(m sightline.Matrix) float64 {
	worst := 0.0
	for _, v := range m.Data {
		worst = max(worst, math.Abs(float64(v)-float64(float16.Fromfloat32(v).Float32())))
	}
	return worst
}

// Export writes f as float32 to an .npz file, with its timestamps, or to an .npy file, which has no place for them.
func Export(path string, f Features) error {
	if err := f.Check(); err != nil {
		return writeError(path, err)
	}
	rows := npy.Array{Shape: []int{f.Rows.Rows, f.Rows.Cols}, Data: f.Rows.Data}
	var write func(io.Writer) error
	switch filepath.Ext(path) {
	case ".npy":
		write = func(w io.Writer) error { return npy.Write(w, rows.Shape, f.Rows.Data) }
	case ".npz":
		times := make([]float64, 0, 2*len(f.Spans))
		for _, span := range f.Spans {
			times = append(times, span.Start, span.End)
		}
		write = func(w io.Writer) error {
			return npy.WriteArchive(w, []string{FeaturesKey, TimestampsKey}, map[string]npy.Array{
				FeaturesKey:   rows,
				TimestampsKey: {Shape: []int{len(f.Spans), 2}, Data: times},
			})
		}
	default:
		return &sightline.Error{
			Kind: sightline.Usage,
			What: fmt.Sprintf("export features to %s", path),
			Err:  fmt.Errorf("extension %q is neither .npy nor .npz", filepath.Ext(path)),
			Try:  "name a file that ends in .npz",
		}
	}
	if err := atomicfile.WriteFunc(path, write); err != nil {
		return writeError(path, err)
	}
	return nil
}
