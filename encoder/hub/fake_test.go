package hub

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	repo   = "openai/clip-vit-base-patch32"
	commit = "b33cedfd0df4e43b8238760678fcc89e1a0d38b3"
)

// fakeHub answers as huggingface.co does: the listing with git blob ids and LFS hashes, small files by a redirect within
// the Hub (307 to /api/resolve-cache), large ones by a 302 that carries X-Linked-Etag and leads to a signed address on
// another host, whose own ETag is something else, and errors with X-Error-Code.
type fakeHub struct {
	hub, cdn  *httptest.Server
	files     map[string][]byte // large when the name ends in .safetensors
	commit    string
	revisions []string // that resolve to commit, besides itself

	mu       sync.Mutex
	requests []string // METHOD host path [range], host being hub or cdn
	tokens   map[string]bool
	refuse   func(w http.ResponseWriter, r *http.Request) bool                 // answers instead of the Hub when true
	serve    func(w http.ResponseWriter, r *http.Request, content []byte) bool // answers instead of the content network
}

// newHub starts a Hub on loopback and points the environment at it and at an empty cache.
func newHub(t *testing.T) *fakeHub {
	t.Helper()
	h := &fakeHub{commit: commit, revisions: []string{"main", "refs/pr/66"}, tokens: map[string]bool{}}
	weights := bytes.Repeat([]byte("weights of a model "), 100_000)
	h.files = map[string][]byte{
		"config.json":              []byte(`{"model_type": "clip"}`),
		"preprocessor_config.json": []byte(`{"size": 224}`),
		"tokenizer.json":           []byte(`{"model": {}}`),
		"model.safetensors":        weights,
		"README.md":                []byte("# CLIP"),
		"pytorch_model.bin":        []byte("pickle"),
	}
	h.cdn = httptest.NewServer(http.HandlerFunc(h.content))
	t.Cleanup(h.cdn.Close)
	h.hub = httptest.NewServer(http.HandlerFunc(h.answer))
	t.Cleanup(h.hub.Close)
	for _, name := range []string{"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"} {
		t.Setenv(name, "")
	}
	t.Setenv("HF_ENDPOINT", h.hub.URL)
	t.Setenv("HF_HOME", t.TempDir())
	old := pause
	pause = func(int) time.Duration { return time.Millisecond }
	t.Cleanup(func() { pause = old })
	return h
}

// model is the fake repository as a tested model whose weights are pinned.
func (h *fakeHub) model() Model {
	return Model{Name: "clip", Repository: repo, Revision: commit, Pins: []Pin{
		{"model.safetensors", int64(len(h.files["model.safetensors"])), sha256Of(h.files["model.safetensors"])},
		{"config.json", int64(len(h.files["config.json"])), sha256Of(h.files["config.json"])},
	}}
}

func sha256Of(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func gitBlobOf(content []byte) string {
	sum := sha1.Sum(append([]byte(fmt.Sprintf("blob %d\x00", len(content))), content...))
	return hex.EncodeToString(sum[:])
}

func large(name string) bool { return strings.HasSuffix(name, ".safetensors") }

// hashOf returns what the Hub lists as the hash of a file.
func (h *fakeHub) hashOf(name string) string {
	if large(name) {
		return sha256Of(h.files[name])
	}
	return gitBlobOf(h.files[name])
}

func (h *fakeHub) note(host string, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	line := r.Method + " " + host + " " + r.URL.EscapedPath()
	if ranged := r.Header.Get("Range"); ranged != "" {
		line += " " + ranged
	}
	h.requests = append(h.requests, line)
	if token := r.Header.Get("Authorization"); token != "" {
		h.tokens[host+" "+token] = true
	}
}

// log returns the requests so far and forgets them.
func (h *fakeHub) log() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	lines := h.requests
	h.requests = nil
	return lines
}

func (h *fakeHub) fail(w http.ResponseWriter, code int, kind, message string) {
	if kind != "" {
		w.Header().Set("X-Error-Code", kind)
	}
	w.Header().Set("X-Error-Message", message)
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(map[string]string{"error": message})
}

func (h *fakeHub) answer(w http.ResponseWriter, r *http.Request) {
	h.note("hub", r)
	if h.refuse != nil && h.refuse(w, r) {
		return
	}
	path := r.URL.Path
	if revision, ok := strings.CutPrefix(path, "/api/models/"+repo+"/revision/"); ok {
		if revision != h.commit && !slices.Contains(h.revisions, revision) {
			h.fail(w, http.StatusNotFound, "RevisionNotFound", "Invalid rev id: "+revision)
			return
		}
		h.list(w)
		return
	}
	if name, ok := strings.CutPrefix(path, "/"+repo+"/resolve/"+h.commit+"/"); ok {
		content, ok := h.files[name]
		if !ok {
			h.fail(w, http.StatusNotFound, "EntryNotFound", "Entry not found")
			return
		}
		w.Header().Set("X-Repo-Commit", h.commit)
		if large(name) {
			w.Header().Set("X-Linked-Etag", `"`+sha256Of(content)+`"`)
			w.Header().Set("X-Linked-Size", fmt.Sprint(len(content)))
			w.Header().Set("Location", h.cdn.URL+"/"+name+"?Signature=abc&Expires=1")
			w.WriteHeader(http.StatusFound)
			return
		}
		w.Header().Set("Location", "/api/resolve-cache/models/"+repo+"/"+h.commit+"/"+name)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	if name, ok := strings.CutPrefix(path, "/api/resolve-cache/models/"+repo+"/"+h.commit+"/"); ok {
		w.Header().Set("ETag", `"`+gitBlobOf(h.files[name])+`"`)
		w.Header().Set("X-Repo-Commit", h.commit)
		w.Write(h.files[name])
		return
	}
	// The Hub does not tell strangers whether a repository exists.
	h.fail(w, http.StatusUnauthorized, "", "Invalid username or password.")
}

func (h *fakeHub) list(w http.ResponseWriter) {
	type lfs struct {
		SHA256      string `json:"sha256"`
		Size        int    `json:"size"`
		PointerSize int    `json:"pointerSize"`
	}
	type sibling struct {
		Name   string `json:"rfilename"`
		BlobID string `json:"blobId"`
		Size   int    `json:"size"`
		LFS    *lfs   `json:"lfs,omitempty"`
	}
	var siblings []sibling
	for name, content := range h.files {
		s := sibling{Name: name, BlobID: gitBlobOf(content), Size: len(content)}
		if large(name) {
			s.BlobID, s.LFS = gitBlobOf([]byte("pointer of "+name)), &lfs{sha256Of(content), len(content), 135}
		}
		siblings = append(siblings, s)
	}
	json.NewEncoder(w).Encode(map[string]any{"id": repo, "sha": h.commit, "siblings": siblings, "gated": false})
}

func (h *fakeHub) content(w http.ResponseWriter, r *http.Request) {
	h.note("cdn", r)
	content := h.files[strings.TrimPrefix(r.URL.Path, "/")]
	if r.URL.RawQuery != "Signature=abc&Expires=1" {
		http.Error(w, "unsigned", http.StatusForbidden)
		return
	}
	w.Header().Set("ETag", `"not-the-hash-of-the-file"`)
	if h.serve != nil && h.serve(w, r, content) {
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// cutAfter serves the requested range of content but breaks the connection after n bytes.
func cutAfter(n int, w http.ResponseWriter, r *http.Request, content []byte) {
	start := 0
	code := http.StatusOK
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &start); err == nil {
		code = http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, len(content)-1, len(content)))
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(content)-start))
	w.WriteHeader(code)
	w.Write(content[start:min(start+n, len(content))])
	w.(http.Flusher).Flush()
	if start+n < len(content) {
		panic(http.ErrAbortHandler)
	}
}

// cachePath returns a path in the repository's folder of the cache.
func cachePath(t *testing.T, parts ...string) string {
	t.Helper()
	dir, err := CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{dir, "models--openai--clip-vit-base-patch32"}, parts...)...)
}

// wantSnapshot fails the test unless dir holds the files as relative links to blobs named by their hashes.
func (h *fakeHub) wantSnapshot(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		target, err := os.Readlink(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if want := filepath.Join("..", "..", "blobs", h.hashOf(name)); target != want {
			t.Errorf("%s links to %s, want %s", name, target, want)
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(content, h.files[name]) {
			t.Errorf("%s has wrong content (%v)", name, err)
		}
	}
	leftovers, err := filepath.Glob(cachePath(t, "blobs", "*.incomplete"))
	if err != nil || len(leftovers) > 0 {
		t.Errorf("left behind: %v (%v)", leftovers, err)
	}
}
