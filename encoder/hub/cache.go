package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sightline"
	"sightline/internal/atomicfile"
)

// CacheDir returns the folder of the Hub cache: HF_HUB_CACHE, else hub below HF_HOME, else huggingface/hub below the XDG
// cache home, else below ~/.cache.
func CacheDir() (string, error) {
	if dir := environmentPath("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"); dir != "" {
		return dir, nil
	}
	home, err := homeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, "hub"), nil
}

// homeDir returns the folder that HF_HOME names or defaults to.
func homeDir() (string, error) {
	if dir := environmentPath("HF_HOME"); dir != "" {
		return dir, nil
	}
	if dir := environmentPath("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "huggingface"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", &sightline.Error{
			Kind: sightline.NotReady, What: "find the model cache", Err: err, Try: "set HF_HOME to a folder for downloaded models",
		}
	}
	return filepath.Join(home, ".cache", "huggingface"), nil
}

// environmentPath returns the path in the first of the variables that is set, with ~ and variables expanded.
func environmentPath(names ...string) string {
	for _, name := range names {
		path := os.Getenv(name)
		if path == "" {
			continue
		}
		path = os.ExpandEnv(path)
		if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || rest[0] == '/') {
			if home, err := os.UserHomeDir(); err == nil {
				path = filepath.Join(home, rest)
			}
		}
		return path
	}
	return ""
}

// repository is one repository's folder in the cache.
type repository struct {
	cache, name string
}

func openRepository(m Model) (repository, error) {
	cache, err := CacheDir()
	return repository{cache, "models--" + strings.ReplaceAll(m.Repository, "/", "--")}, err
}

func (r repository) blob(hash string) string {
	return filepath.Join(r.cache, r.name, "blobs", hash)
}

func (r repository) snapshot(commit string) string {
	return filepath.Join(r.cache, r.name, "snapshots", commit)
}

func (r repository) ref(revision string) string {
	return filepath.Join(r.cache, r.name, "refs", filepath.FromSlash(revision))
}

// lock waits until this process alone may write the blob, in the place where Python's huggingface_hub locks too.
func (r repository) lock(ctx context.Context, hash string) (unlock func(), err error) {
	path := filepath.Join(r.cache, ".locks", r.name, hash+".lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	for {
		held, err := tryLock(file)
		if held {
			return func() { file.Close() }, nil
		}
		if err != nil {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// linked returns the hash of the blob that a file of a snapshot points to; "" when the file is absent or not a link.
func (r repository) linked(commit, file string) string {
	target, err := os.Readlink(filepath.Join(r.snapshot(commit), file))
	if err != nil {
		return ""
	}
	return filepath.Base(target)
}

// link makes the blob appear as a file of the snapshot, by a relative link. Where the file system has no links the blob
// moves to its place, as in Python.
func (r repository) link(commit, file, hash string) error {
	path := filepath.Join(r.snapshot(commit), file)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(filepath.Join("..", "..", "blobs", hash), path); err != nil {
		return os.Rename(r.blob(hash), path)
	}
	return atomicfile.SyncDir(filepath.Dir(path))
}

// Find returns the folder of a model that is already in the cache, whoever put it there; name is as in Lookup. It looks
// at the model's own revision first, then at other snapshots of its repository if their weights are known to be the
// pinned ones. It never touches the network. When the model is absent the error is NotReady and says how to fetch it.
func Find(name string) (string, error) {
	model, err := Lookup(name)
	if err != nil {
		return "", err
	}
	dir, _, err := find(model)
	if err != nil {
		return "", err
	}
	if dir == "" {
		return "", &sightline.Error{
			Kind: sightline.NotReady,
			What: "model " + name,
			Err:  fmt.Errorf("%s is not in the cache", model.Repository),
			Try:  "sightline fetch " + name,
		}
	}
	return dir, nil
}

// find returns the folder and commit of a cached model, or "" and "".
func find(model Model) (dir, commit string, err error) {
	r, err := openRepository(model)
	if err != nil {
		return "", "", err
	}
	commit = model.Revision
	if !commitName.MatchString(commit) {
		text, err := os.ReadFile(r.ref(model.Revision))
		if err != nil {
			return "", "", nil
		}
		commit = strings.TrimSpace(string(text))
		if !commitName.MatchString(commit) {
			return "", "", nil
		}
	}
	if r.complete(model, commit) {
		return r.snapshot(commit), commit, nil
	}
	if model.pin(weightsFile) == nil {
		return "", "", nil
	}
	others, err := os.ReadDir(r.snapshot(""))
	if err != nil {
		return "", "", nil
	}
	for _, other := range others {
		if commitName.MatchString(other.Name()) && r.complete(model, other.Name()) {
			return r.snapshot(other.Name()), other.Name(), nil
		}
	}
	return "", "", nil
}

// complete reports whether a snapshot holds what an encoder needs, in sizes and, as far as links tell, in hashes that
// agree with the pins.
func (r repository) complete(model Model, commit string) bool {
	dir := r.snapshot(commit)
	size := func(name string) int64 {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || !info.Mode().IsRegular() {
			return -1
		}
		return info.Size()
	}
	for _, pin := range model.Pins {
		hash := r.linked(commit, pin.Name)
		if size(pin.Name) != pin.Size || len(hash) == len(pin.SHA256) && hash != pin.SHA256 {
			return false
		}
	}
	if size(configFile) < 0 {
		return false
	}
	if size(weightsFile) >= 0 {
		return true
	}
	text, err := os.ReadFile(filepath.Join(dir, indexFile))
	if err != nil {
		return false
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if json.Unmarshal(text, &index) != nil || len(index.WeightMap) == 0 {
		return false
	}
	for _, shard := range index.WeightMap {
		if !shardName.MatchString(shard) || size(shard) < 0 {
			return false
		}
	}
	return true
}

// Cached returns the models of the table that are in the cache.
func Cached() ([]Model, error) {
	var cached []Model
	for _, model := range Models {
		dir, _, err := find(model)
		if err != nil {
			return nil, err
		}
		if dir != "" {
			cached = append(cached, model)
		}
	}
	return cached, nil
}
