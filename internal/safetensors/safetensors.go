// Package safetensors reads and writes the safetensors format: named arrays behind a JSON header, with no code inside.
// Weights of every model enter and leave the program through it. Start at Open, which takes a file, a sharded model's
// index or a model's folder, and at Write.
//
// It will not read Python pickles (.bin, .pt, .pth, .ckpt): reading one can run whatever code its author put there.
package safetensors

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/x448/float16"
	"golang.org/x/sync/errgroup"

	"sightline"
	"sightline/internal/bounded"
)

// MaxHeader bounds the header in bytes, as the reference implementation does.
const MaxHeader = 100 << 20

// Info says how a tensor is stored.
type Info struct {
	DType string // as in the file: "F32", "F16", "BF16", "F64", "I64", …
	Shape []int  // empty for a scalar
}

// Len returns the number of elements; a scalar has one.
func (i Info) Len() int {
	n := 1
	for _, d := range i.Shape {
		n *= d
	}
	return n
}

// sizes holds the bytes an element of each type takes.
var sizes = map[string]int{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1,
	"U16": 2, "I16": 2, "F16": 2, "BF16": 2,
	"U32": 4, "I32": 4, "F32": 4,
	"U64": 8, "I64": 8, "F64": 8,
}

// tensor is where one tensor lies.
type tensor struct {
	Info
	from  io.ReaderAt
	start int64 // offset in from
}

// File is an open safetensors file, or all shards of one model. Tensors are read when asked for. It is safe for
// concurrent use until Close.
type File struct {
	names    []string
	tensors  map[string]tensor
	metadata map[string]string
	files    []*os.File
}

// Open opens a .safetensors file, an index of shards (model.safetensors.index.json), or a folder that holds
// model.safetensors or such an index. Only headers are read. A pickle is refused with the reason.
func Open(path string) (*File, error) {
	path, err := locate(path)
	if err != nil {
		return nil, err
	}
	file := &File{tensors: map[string]tensor{}, metadata: map[string]string{}}
	if strings.HasSuffix(path, ".json") {
		err = file.addIndex(path)
	} else {
		err = file.addShard(path, nil)
	}
	if err != nil {
		file.Close()
		return nil, refusal(path, err)
	}
	return file, nil
}

// New reads the header of a safetensors file of the given size that r holds, for files that are embedded in a program.
func New(r io.ReaderAt, size int64) (*File, error) {
	file := &File{tensors: map[string]tensor{}, metadata: map[string]string{}}
	if err := file.add(r, size, nil); err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return file, nil
}

// The names under which a model's folder keeps its weights, and those of the pickles that it may hold instead.
var (
	modelNames  = []string{"model.safetensors", "model.safetensors.index.json"}
	pickleNames = []string{"pytorch_model.bin", "pytorch_model.bin.index.json"}
	pickleExts  = []string{".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}
)

var (
	errPickle = errors.New("it is a Python pickle, and reading one can run any code its author put there")
	tryPickle = "use the model.safetensors of the same model; the Hugging Face hub keeps one for most models, " +
		"for some under a refs/pr/N revision"
)

// locate finds the file to read for a path that may be a folder.
func locate(path string) (string, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return "", refusal(path, err)
	}
	if !stat.IsDir() {
		if slices.Contains(pickleExts, strings.ToLower(filepath.Ext(path))) {
			return "", refusal(path, errPickle)
		}
		return path, nil
	}
	for _, name := range modelNames {
		if file := filepath.Join(path, name); exists(file) {
			return file, nil
		}
	}
	for _, name := range pickleNames {
		if file := filepath.Join(path, name); exists(file) {
			return "", refusal(file, errPickle)
		}
	}
	return "", &sightline.Error{
		Kind: sightline.NotReady,
		What: "read weights from " + path,
		Err:  errors.New("the folder holds neither model.safetensors nor model.safetensors.index.json"),
		Try:  "download the model again, or name the .safetensors file itself",
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// refusal is the error for a path whose weights cannot be read.
func refusal(path string, err error) error {
	try := "download the model again, all of its files"
	if errors.Is(err, errPickle) {
		try = tryPickle
	}
	return &sightline.Error{Kind: sightline.Failed, What: "read weights from " + path, Err: err, Try: try}
}

// addShard adds the wanted tensors of the file at path, or all of them when wanted is nil.
func (f *File) addShard(path string, wanted map[string]bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	f.files = append(f.files, file)
	stat, err := file.Stat()
	if err != nil {
		return err
	}
	return f.add(file, stat.Size(), wanted)
}

// addIndex adds the shards that the index at path names.
func (f *File) addIndex(path string) error {
	text, err := bounded.ReadFile(path, MaxHeader)
	if err != nil {
		return err
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return fmt.Errorf("the index is not JSON: %w", err)
	}
	if len(index.WeightMap) == 0 {
		return errors.New("the index has no weight_map")
	}
	shards := map[string]map[string]bool{}
	for name, shard := range index.WeightMap {
		if shard != filepath.Base(shard) || !strings.HasSuffix(shard, ".safetensors") {
			return fmt.Errorf("the index keeps tensor %q in %q, which is not a .safetensors file beside it", name, shard)
		}
		if shards[shard] == nil {
			shards[shard] = map[string]bool{}
		}
		shards[shard][name] = true
	}
	for shard, wanted := range shards {
		if err := f.addShard(filepath.Join(filepath.Dir(path), shard), wanted); err != nil {
			return fmt.Errorf("shard %s: %w", shard, err)
		}
		for name := range wanted {
			if _, ok := f.tensors[name]; !ok {
				return fmt.Errorf("shard %s lacks tensor %q, which the index promises", shard, name)
			}
		}
	}
	slices.Sort(f.names)
	return nil
}

// add reads and checks the header of one file and adds its tensors.
func (f *File) add(r io.ReaderAt, size int64, wanted map[string]bool) error {
	var start [8]byte
	if n, err := r.ReadAt(start[:], 0); n < len(start) {
		if err != nil && err != io.EOF {
			return err
		}
		return fmt.Errorf("%d bytes are too few for a safetensors file", size)
	}
	if bytes.HasPrefix(start[:], []byte("PK\x03\x04")) || start[0] == 0x80 && start[1] <= 5 && start[2] == 'c' {
		return errPickle
	}
	length := binary.LittleEndian.Uint64(start[:])
	if length > MaxHeader || int64(length) > size-8 {
		return fmt.Errorf("not a safetensors file, or cut off: header of %d bytes in a file of %d", length, size)
	}
	text := make([]byte, length)
	if _, err := r.ReadAt(text, 8); err != nil && err != io.EOF {
		return fmt.Errorf("read the header: %w", err)
	}
	entries, err := parseHeader(text, f.metadata)
	if err != nil {
		return err
	}
	data := 8 + int64(length)
	if err := checkLayout(entries, size-data); err != nil {
		return err
	}
	for _, e := range entries {
		if wanted != nil && !wanted[e.name] {
			continue
		}
		f.names = append(f.names, e.name)
		f.tensors[e.name] = tensor{Info{e.DType, e.Shape}, r, data + e.Offsets[0]}
	}
	return nil
}

// entry is one tensor as the header gives it.
type entry struct {
	name    string
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// parseHeader reads the header's entries in the order of the text and adds its metadata.
func parseHeader(text []byte, metadata map[string]string) ([]entry, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("not a safetensors file: the header is no JSON object")
	}
	var entries []entry
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
		name := token.(string) // the decoder lets nothing else be a key
		if seen[name] {
			return nil, fmt.Errorf("header: tensor %q appears twice", name)
		}
		seen[name] = true
		if name == "__metadata__" {
			if err := decoder.Decode(&metadata); err != nil {
				return nil, fmt.Errorf("header: metadata: %w", err)
			}
			continue
		}
		e := entry{name: name, Offsets: [2]int64{-1, -1}}
		if err := decoder.Decode(&e); err != nil {
			return nil, fmt.Errorf("header: tensor %q: %w", name, err)
		}
		entries = append(entries, e)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	return entries, nil
}

// checkLayout returns an error unless the entries cover the size bytes of data without a hole or an overlap.
func checkLayout(entries []entry, size int64) error {
	byOffset := slices.Clone(entries)
	slices.SortStableFunc(byOffset, func(a, b entry) int {
		return slices.Compare(a.Offsets[:], b.Offsets[:])
	})
	var end int64
	for _, e := range byOffset {
		want, err := e.bytes()
		if err != nil {
			return fmt.Errorf("tensor %q: %w", e.name, err)
		}
		if e.Offsets[0] != end || e.Offsets[1]-e.Offsets[0] != want {
			return fmt.Errorf("tensor %q of %s%v needs %d bytes from offset %d, the header says %v",
				e.name, e.DType, e.Shape, want, end, e.Offsets)
		}
		end = e.Offsets[1]
	}
	if end != size {
		return fmt.Errorf("the header describes %d bytes of data, the file has %d: it is cut off or damaged", end, size)
	}
	return nil
}

// bytes returns how many bytes the tensor takes.
func (e entry) bytes() (int64, error) {
	size, ok := sizes[e.DType]
	if !ok {
		return 0, fmt.Errorf("unknown type %q", e.DType)
	}
	n := int64(size)
	for _, d := range e.Shape {
		if d < 0 || d > 0 && n > math.MaxInt64/int64(d) {
			return 0, fmt.Errorf("shape %v is not plausible", e.Shape)
		}
		n *= int64(d)
	}
	return n, nil
}

// Names returns the names of the tensors: in the order of the header, sorted when there are several shards.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Metadata returns the free text that the file carries beside its tensors.
func (f *File) Metadata() map[string]string { return f.metadata }

// Info returns how the named tensor is stored, and whether there is one.
func (f *File) Info(name string) (Info, bool) {
	t, ok := f.tensors[name]
	return t.Info, ok
}

// Float32s reads the named tensor, row-major. F16 and BF16 are widened, F64 is rounded; other types are an error.
func (f *File) Float32s(name string) ([]float32, error) {
	t, ok := f.tensors[name]
	if !ok {
		return nil, fmt.Errorf("safetensors: there is no tensor %q", name)
	}
	widen, ok := widening[t.DType]
	if !ok {
		return nil, fmt.Errorf("safetensors: tensor %q holds %s, not floating-point numbers", name, t.DType)
	}
	const step = 1 << 18 // elements
	size := sizes[t.DType]
	values := make([]float32, t.Len())
	buffer := make([]byte, min(step, len(values))*size)
	for done := 0; done < len(values); {
		n := min(step, len(values)-done)
		b := buffer[:n*size]
		if got, err := t.from.ReadAt(b, t.start+int64(done)*int64(size)); got < len(b) {
			return nil, fmt.Errorf("safetensors: tensor %q: %w", name, err)
		}
		widen(values[done:done+n], b)
		done += n
	}
	return values, nil
}

// widening decodes len(to) little-endian elements of each type.
var widening = map[string]func(to []float32, from []byte){
	"F32": func(to []float32, from []byte) {
		for i := range to {
			to[i] = math.Float32frombits(binary.LittleEndian.Uint32(from[4*i:]))
		}
	},
	"F16": func(to []float32, from []byte) {
		for i := range to {
			to[i] = float16.Frombits(binary.LittleEndian.Uint16(from[2*i:])).Float32()
		}
	},
	"BF16": func(to []float32, from []byte) {
		for i := range to {
			to[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(from[2*i:])) << 16)
		}
	},
	"F64": func(to []float32, from []byte) {
		for i := range to {
			to[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(from[8*i:])))
		}
	},
}

// Sum returns a hash that says which weights these are, however they are divided into shards: the SHA-256 over a line for
// each tensor, in the order of names, of its name, type, shape and the SHA-256 of its bytes.
func (f *File) Sum() ([sha256.Size]byte, error) {
	names := f.Names()
	slices.Sort(names)
	lines := make([]string, len(names))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		group.Go(func() error {
			t, sum := f.tensors[name], sha256.New()
			size := int64(t.Len() * sizes[t.DType])
			if _, err := io.Copy(sum, io.NewSectionReader(t.from, t.start, size)); err != nil {
				return fmt.Errorf("safetensors: tensor %q: %w", name, err)
			}
			lines[i] = fmt.Sprintf("%q %s %v %x\n", name, t.DType, t.Shape, sum.Sum(nil))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return [sha256.Size]byte{}, err
	}
	return sha256.Sum256([]byte(strings.Join(lines, ""))), nil
}

// Close closes the files behind f.
func (f *File) Close() error {
	var errs []error
	for _, file := range f.files {
		errs = append(errs, file.Close())
	}
	f.files = nil
	return errors.Join(errs...)
}
