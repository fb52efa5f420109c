package sightline_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers says which packages of this module a package may import, beside itself and what lies below it. A folder's entry
// holds for all packages below it that have no entry of their own; internal/… may be imported by all but the root. The
// table is the pipeline: an arrow that is not here is an arrow that the picture in docs/architecture.md does not have.
var layers = map[string][]string{
	".":        {},
	"internal": {"."},
	// What golden vectors are stored in.
	"internal/golden": {".", "feature/npy"},

	"metric":      {"."},
	"feature/npy": {"."},
	"engine":      {"."},
	"video":       {"."},
	// The engine that tests run on.
	"engine/enginetest": {".", "engine"},

	"encoder":        {"."},
	"encoder/pixels": {"."},
	"encoder/clip":   {".", "encoder", "engine"},
	"encoder/tiny":   {".", "encoder", "engine"},
	"encoder/bert":   {".", "encoder", "engine"},
	// Graph code that encoders and aligned models share.
	"encoder/transformer": {".", "engine"},

	"feature": {"."},
	"dataset": {"."},
	// The world's oracle speaks in the terms of metric.
	"dataset/world": {".", "dataset", "metric"},
	"index":         {"."},
	"align":         {".", "encoder", "engine"},
	// What makes every head known.
	"align/heads": {".", "align"},
	// EMCL-Net is EMCL's layer behind seqTransf.
	"align/emclnet": {".", "align/emcl", "align/seqtransf", "encoder", "engine"},
	// Its videos are pooled by X-Pool.
	"align/tmass": {".", "align", "encoder", "engine"},
	// Its frames pass CLIP4Clip's transformer, its pairs EMCL's decomposition.
	// Published checkpoints become heads.
	"align/checkpoint": {".", "align", "engine"},
	// Methods of finding moments stand on their shared encoders, and ReLoCLNet on XML.
	"align/xml":       {".", "align/locate", "encoder", "engine"},
	"align/reloclnet": {".", "align/locate", "align/xml", "encoder", "engine"},
	"align/qacln":     {".", "align/locate", "encoder", "engine"},
	"caption":         {".", "align", "encoder", "engine"},
	"corpus":          {".", "dataset", "video", "encoder", "feature", "metric"},
	"moment":          {".", "index", "align/locate"},
	"train":           {".", "align", "moment", "caption", "corpus", "dataset", "metric", "feature", "encoder", "engine"},
	"search":          {".", "index", "moment", "align", "encoder", "feature"},
	"library":         {".", "index", "encoder", "feature", "video"},
	"serve":           {".", "library", "search", "feature", "video"},
	"benchmark":       {".", "train", "align", "caption", "corpus", "dataset", "metric", "feature", "encoder", "engine"},
}

// above are the folders whose programs may import everything and which nothing imports.
var above = []string{"cmd", "bench", "scripts"}

// tensors are the packages that may name the tensor library: models are written there and nowhere else.
var tensors = []string{"engine", "encoder", "align", "caption", "train"}

const module, tensorLibrary = "sightline", "github.com/gomlx/"

func TestImports(t *testing.T) {
	imports := readImports(t)
	for _, from := range slices.Sorted(maps.Keys(imports)) {
		if within(from, above...) {
			continue
		}
		allowed, known := layerOf(from)
		if !known {
			t.Errorf("%s has no place in the pipeline: give it one in layers, and in docs/architecture.md", from)
			continue
		}
		for _, to := range imports[from] {
			if strings.HasPrefix(to, tensorLibrary) && !within(from, tensors...) {
				t.Errorf("%s imports %s: the tensor library is named in %s only", from, to, strings.Join(tensors, ", "))
			}
			ours, found := local(to)
			switch {
			case !found:
			case within(ours, "internal") && from != ".": // theirs to use
			case within(ours, from) && from != ".", within(from, ours) && ours != ".": // up and down inside one folder
			case slices.Contains(allowed, ours):
			case slices.ContainsFunc(allowed, func(a string) bool { return a != "." && within(ours, a) }):
			default:
				t.Errorf("%s imports %s, which the direction of imports does not allow (it may import %s)", from, ours, strings.Join(allowed, ", "))
			}
		}
	}
}

// The rules that matter most, spelt out, so that a slip in the table above does not undo them.
func TestImportsNever(t *testing.T) {
	imports := readImports(t)
	for _, rule := range []struct{ from, to string }{
		{"index", "align"}, {"index", "engine"}, {"index", "moment"}, {"moment", "engine"}, {"moment", "metric"}, {"serve", "train"}, {"search", "train"}, {"engine", "encoder"},
		{"align", "train"}, {"dataset", "train"}, {"metric", "align"}, {"metric", "train"}, {"encoder", "align"}, {"feature", "encoder"},
		// Library and search stand side by side, and neither these nor corpus know an encoder but by its interface.
		{"library", "search"}, {"search", "library"}, {"library", "align"}, {"library", "engine"},
		{"library", "encoder/clip"}, {"library", "encoder/tiny"}, {"search", "encoder/clip"}, {"search", "encoder/tiny"},
		{"corpus", "encoder/clip"}, {"corpus", "encoder/tiny"}, {"corpus", "engine"},
	} {
		for from, list := range imports {
			for _, to := range list {
				if ours, found := local(to); found && within(from, rule.from) && within(ours, rule.to) {
					t.Errorf("%s imports %s", from, ours)
				}
			}
		}
	}
	for from, list := range imports {
		for _, to := range list {
			if ours, found := local(to); found && within(ours, above...) {
				t.Errorf("%s imports %s, which is a program", from, ours)
			}
		}
	}
}

// layerOf returns what a package may import: its own entry, else that of the nearest folder above it.
func layerOf(pkg string) (allowed []string, known bool) {
	for dir := pkg; ; dir = path.Dir(dir) {
		if allowed, known = layers[dir]; known || dir == "." {
			return allowed, known && (dir != "." || pkg == ".")
		}
	}
}

// within reports whether a package is one of the folders or lies below one.
func within(pkg string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") })
}

// local returns the folder of an imported package of this module, "." for the root.
func local(imported string) (string, bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// readImports returns what every package of the module imports, by folder. It reads all files but tests, whatever their
// build tags: the rules hold for every backend and system.
func readImports(t *testing.T) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			base := entry.Name()
			if name != "." && (base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder := path.Dir(name)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports[folder] = append(imports[folder], imported)
		}
		if imports[folder] == nil {
			imports[folder] = []string{}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports
}
