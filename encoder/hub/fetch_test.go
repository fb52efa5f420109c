package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"sightline"
)

var clipFiles = []string{"config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors"}

func fetchOK(t *testing.T, model Model, options Options) Snapshot {
	t.Helper()
	snapshot, err := Fetch(context.Background(), model, options)
	if err != nil {
		t.Fatalf("%v (try: %s)", err, sightline.TryOf(err))
	}
	return snapshot
}

// fetchFails returns the error of a fetch whose message and advice must contain what and try.
func fetchFails(t *testing.T, model Model, what, try string) error {
	t.Helper()
	_, err := Fetch(context.Background(), model, Options{})
	if err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(sightline.TryOf(err), try) {
		t.Fatalf("error is %v (try: %s), want %q (try: %q)", err, sightline.TryOf(err), what, try)
	}
	return err
}

func TestFetch(t *testing.T) {
	h := newHub(t)
	var seen []Progress
	snapshot := fetchOK(t, h.model(), Options{Progress: func(p Progress) { seen = append(seen, p) }})
	if want := cachePath(t, "snapshots", commit); snapshot.Dir != want || snapshot.Commit != commit {
		t.Errorf("snapshot is %+v, want folder %s", snapshot, want)
	}
	h.wantSnapshot(t, snapshot.Dir, clipFiles...)
	if want := []string{"preprocessor_config.json", "tokenizer.json"}; !equalSets(snapshot.Unpinned, want) {
		t.Errorf("trusted on first use: %v, want %v", snapshot.Unpinned, want)
	}
	var total int64
	for _, name := range clipFiles {
		total += int64(len(h.files[name]))
	}
	if snapshot.Bytes != total {
		t.Errorf("%d bytes received, want %d", snapshot.Bytes, total)
	}
	last := seen[len(seen)-1]
	if last.Done != total || last.Total != total || !slices.IsSortedFunc(seen, func(a, b Progress) int { return int(a.Done - b.Done) }) {
		t.Errorf("progress ends with %+v of %d bytes: %v", last, total, seen)
	}
	entries, err := os.ReadDir(snapshot.Dir)
	if err != nil || len(entries) != len(clipFiles) {
		t.Errorf("the snapshot holds %v (%v), want only %v", entries, err, clipFiles)
	}

	h.log()
	again := fetchOK(t, h.model(), Options{})
	if again.Dir != snapshot.Dir || again.Bytes != 0 || len(h.log()) > 0 {
		t.Errorf("a complete snapshot of a fixed commit was asked for again: %+v, %v", again, h.log())
	}
	h.hub.Close()
	dir, commit, err := find(h.model())
	if err != nil || dir != snapshot.Dir || commit != snapshot.Commit {
		t.Errorf("find returns %s, %s, %v", dir, commit, err)
	}
}

func equalSets(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func TestMovingRevision(t *testing.T) {
	h := newHub(t)
	model, err := Lookup(repo + "@refs/pr/66")
	if err != nil {
		t.Fatal(err)
	}
	snapshot := fetchOK(t, model, Options{})
	if !slices.Contains(h.log(), "GET hub /api/models/"+repo+"/revision/refs%2Fpr%2F66") {
		t.Error("the revision was not asked for by its escaped name")
	}
	text, err := os.ReadFile(cachePath(t, "refs", "refs", "pr", "66"))
	if err != nil || string(text) != commit {
		t.Errorf("the reference holds %q (%v), want the bare commit", text, err)
	}
	if dir, err := Find(repo + "@refs/pr/66"); err != nil || dir != snapshot.Dir {
		t.Errorf("Find returns %s, %v", dir, err)
	}

	h.commit, h.files["config.json"] = strings.Repeat("c", 40), []byte(`{"model_type": "clip", "new": 1}`)
	moved := fetchOK(t, model, Options{})
	if moved.Commit != h.commit || moved.Bytes != int64(len(h.files["config.json"])) {
		t.Errorf("after the revision moved: %+v, want only the new config.json", moved)
	}
	h.wantSnapshot(t, moved.Dir, clipFiles...)
}

func TestTokenStaysWithTheHub(t *testing.T) {
	for name, set := range map[string]func(t *testing.T){
		"HF_TOKEN": func(t *testing.T) { t.Setenv("HF_TOKEN", "hf_secret") },
		"token file": func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(os.Getenv("HF_HOME"), "token"), []byte("hf_secret\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			set(t)
			fetchOK(t, h.model(), Options{})
			if !h.tokens["hub Bearer hf_secret"] || len(h.tokens) != 1 {
				t.Errorf("tokens were seen by %v, want by the Hub alone", h.tokens)
			}
		})
	}
}

func TestInterruptedTransferResumes(t *testing.T) {
	h := newHub(t)
	part := len(h.files["model.safetensors"])/3 + 1
	h.serve = func(w http.ResponseWriter, r *http.Request, content []byte) bool {
		cutAfter(part, w, r, content)
		return true
	}
	snapshot := fetchOK(t, h.model(), Options{})
	h.wantSnapshot(t, snapshot.Dir, clipFiles...)
	want := []string{"GET cdn /model.safetensors", fmt.Sprintf("GET cdn /model.safetensors bytes=%d-", part), fmt.Sprintf("GET cdn /model.safetensors bytes=%d-", 2*part)}
	got := slices.DeleteFunc(h.log(), func(line string) bool { return !strings.Contains(line, " cdn ") })
	if !slices.Equal(got, want) {
		t.Errorf("the content network was asked %v, want %v", got, want)
	}
	if snapshot.Bytes > int64(len(h.files["model.safetensors"])+1000) {
		t.Errorf("%d bytes received: the transfer started over", snapshot.Bytes)
	}
}

func TestBrokenTransferIsKeptForTheNextFetch(t *testing.T) {
	h := newHub(t)
	broken := false
	h.serve = func(w http.ResponseWriter, r *http.Request, content []byte) bool {
		if broken {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return true
		}
		broken = true
		cutAfter(1000, w, r, content)
		return true
	}
	fetchFails(t, h.model(), "stopped after 1000 of", "what has arrived is kept")
	if _, err := Find(repo + "@" + commit); sightline.KindOf(err) != sightline.NotReady {
		t.Errorf("half a model was found: %v", err)
	}
	h.serve = nil
	h.log()
	snapshot := fetchOK(t, h.model(), Options{})
	h.wantSnapshot(t, snapshot.Dir, clipFiles...)
	if !slices.Contains(h.log(), "GET cdn /model.safetensors bytes=1000-") {
		t.Error("the next fetch did not resume")
	}
}

func TestServerWithoutRanges(t *testing.T) {
	h := newHub(t)
	first := true
	h.serve = func(w http.ResponseWriter, r *http.Request, content []byte) bool {
		if first {
			first = false
			cutAfter(5000, w, r, content)
		}
		w.Write(content) // 200, whatever was asked for
		return true
	}
	snapshot := fetchOK(t, h.model(), Options{})
	h.wantSnapshot(t, snapshot.Dir, clipFiles...)
}

func TestServerWithoutRangesThatAlwaysBreaks(t *testing.T) {
	h := newHub(t)
	h.serve = func(w http.ResponseWriter, r *http.Request, content []byte) bool {
		r.Header.Del("Range")
		cutAfter(5000, w, r, content)
		return true
	}
	fetchFails(t, h.model(), "does not continue", "")
}

func TestPartialFileLongerThanTheFile(t *testing.T) {
	h := newHub(t)
	partial := cachePath(t, "blobs", h.hashOf("model.safetensors")+".incomplete")
	if err := os.MkdirAll(filepath.Dir(partial), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(partial, make([]byte, len(h.files["model.safetensors"])+7), 0o666); err != nil {
		t.Fatal(err)
	}
	h.wantSnapshot(t, fetchOK(t, h.model(), Options{}).Dir, clipFiles...)
}

func TestServerThatNeverContinues(t *testing.T) {
	h := newHub(t)
	h.serve = func(w http.ResponseWriter, r *http.Request, content []byte) bool {
		w.Header().Set("Content-Range", "bytes 7-9/10")
		w.WriteHeader(http.StatusPartialContent)
		w.Write([]byte("abc"))
		return true
	}
	fetchFails(t, h.model(), "does not continue", "")
}

func TestWrongContent(t *testing.T) {
	for _, name := range []string{"model.safetensors", "tokenizer.json"} {
		h := newHub(t)
		wrong := bytes.ToUpper(h.files[name])
		h.serve = func(w http.ResponseWriter, r *http.Request, content []byte) bool {
			w.Write(wrong)
			return true
		}
		h.refuse = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/resolve-cache/models/"+repo+"/"+commit+"/"+name) {
				return false
			}
			w.Write(wrong)
			return true
		}
		fetchFails(t, h.model(), name+" has hash", "run it again")
		for _, path := range []string{cachePath(t, "blobs", h.hashOf(name)), cachePath(t, "blobs", h.hashOf(name)+".incomplete"), cachePath(t, "snapshots", commit, name)} {
			if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s should not exist (%v)", path, err)
			}
		}
	}
}

// TestPinnedHash: the Hub itself offers something else than what was tested.
func TestPinnedHash(t *testing.T) {
	h := newHub(t)
	model := h.model()
	h.files["model.safetensors"] = bytes.ToUpper(h.files["model.safetensors"])
	fetchFails(t, model, "tested was", "nothing was downloaded")
	if lines := h.log(); len(lines) != 1 {
		t.Errorf("requests after the refusal: %v", lines)
	}

	h = newHub(t)
	model = h.model()
	h.files["config.json"] = bytes.ToUpper(h.files["config.json"]) // listed by its git blob id, so only the content tells
	fetchFails(t, model, "config.json has SHA-256", "run it again")
}

// TestCommitPinsContent: what was trusted on first use may not change under the same commit.
func TestCommitPinsContent(t *testing.T) {
	h := newHub(t)
	model, err := Lookup(repo)
	if err != nil {
		t.Fatal(err)
	}
	if got := fetchOK(t, model, Options{}).Unpinned; !equalSets(got, clipFiles) {
		t.Errorf("trusted on first use: %v, want all of %v", got, clipFiles)
	}
	h.files["model.safetensors"] = bytes.ToUpper(h.files["model.safetensors"])
	fetchFails(t, model, "a commit never changes", "HF_ENDPOINT")
}

func TestRefusals(t *testing.T) {
	for name, check := range map[string]struct {
		code         int
		kind, header string
		token        string
		what, try    string
	}{
		"gated":              {401, "GatedRepo", "Access to model is restricted", "", "401 Unauthorized: Access to model is restricted", "accept the model's terms at"},
		"gated, with token":  {403, "GatedRepo", "Your request is pending", "hf_x", "403", "accept the model's terms at"},
		"stranger":           {401, "", "Invalid username or password.", "", "401", "if the repository is private or gated, set HF_TOKEN"},
		"bad token":          {401, "", "Invalid credentials", "hf_x", "401", "token in HF_TOKEN is valid"},
		"forbidden":          {403, "", "Forbidden", "hf_x", "403", "token in HF_TOKEN is valid"},
		"no such repository": {404, "RepoNotFound", "Repository not found", "", "404", "check the name"},
		"too many requests":  {429, "", "Too many requests", "", "429", "wait a few minutes"},
		"down":               {502, "", "", "", "502 Bad Gateway", "try again later"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			t.Setenv("HF_TOKEN", check.token)
			h.refuse = func(w http.ResponseWriter, r *http.Request) bool {
				h.fail(w, check.code, check.kind, check.header)
				return true
			}
			fetchFails(t, h.model(), check.what, check.try)
		})
	}
}

func TestMissingRevisionAndFile(t *testing.T) {
	h := newHub(t)
	model := h.model()
	model.Revision = "refs/pr/67"
	fetchFails(t, model, "Invalid rev id: refs/pr/67", "@refs/pr/1")

	h.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/tokenizer.json") {
			h.fail(w, http.StatusNotFound, "EntryNotFound", "Entry not found")
			return true
		}
		return false
	}
	fetchFails(t, h.model(), "404 Not Found: Entry not found", "which files the repository has")
}

func TestPicklesAreRefused(t *testing.T) {
	h := newHub(t)
	model, err := Lookup(repo)
	if err != nil {
		t.Fatal(err)
	}
	delete(h.files, "model.safetensors")
	fetchFails(t, model, "pytorch_model.bin, a pickle", "refs/pr/")
}

func TestShards(t *testing.T) {
	h := newHub(t)
	weights := h.files["model.safetensors"]
	delete(h.files, "model.safetensors")
	h.files["model-00001-of-00002.safetensors"], h.files["model-00002-of-00002.safetensors"] = weights[:1000], weights[1000:]
	h.files["model.safetensors.index.json"] = []byte(`{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}`)
	name := repo + "@" + commit
	model, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	snapshot := fetchOK(t, model, Options{})
	h.wantSnapshot(t, snapshot.Dir, "config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
	if dir, err := Find(name); err != nil || dir != snapshot.Dir {
		t.Errorf("Find returns %s, %v", dir, err)
	}
	if err := os.Remove(filepath.Join(snapshot.Dir, "model-00002-of-00002.safetensors")); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(name); err == nil {
		t.Error("a model without one of its shards was found")
	}
}

func TestOffline(t *testing.T) {
	h := newHub(t)
	t.Setenv("HF_HUB_OFFLINE", "1")
	_, err := Fetch(context.Background(), h.model(), Options{})
	if sightline.KindOf(err) != sightline.NotReady || !strings.Contains(sightline.TryOf(err), "HF_HUB_OFFLINE") {
		t.Errorf("error is %v, want NotReady", err)
	}
	if lines := h.log(); len(lines) > 0 {
		t.Errorf("requests although offline: %v", lines)
	}
	t.Setenv("HF_HUB_OFFLINE", "0")
	model, err := Lookup(repo)
	if err != nil {
		t.Fatal(err)
	}
	snapshot := fetchOK(t, model, Options{})
	t.Setenv("HF_HUB_OFFLINE", "1")
	if cached := fetchOK(t, model, Options{}); cached.Dir != snapshot.Dir {
		t.Errorf("offline, the cached model is %s, want %s", cached.Dir, snapshot.Dir)
	}
}

func TestDamagedBlobIsReplaced(t *testing.T) {
	h := newHub(t)
	blob := cachePath(t, "blobs", h.hashOf("model.safetensors"))
	if err := os.MkdirAll(filepath.Dir(blob), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(blob, bytes.ToUpper(h.files["model.safetensors"]), 0o666); err != nil {
		t.Fatal(err)
	}
	h.wantSnapshot(t, fetchOK(t, h.model(), Options{}).Dir, clipFiles...)
}

func TestTwoFetchesDownloadOnce(t *testing.T) {
	h := newHub(t)
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			if _, err := Fetch(context.Background(), h.model(), Options{}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	downloads := 0
	for _, line := range h.log() {
		if line == "GET cdn /model.safetensors" {
			downloads++
		}
	}
	if downloads != 1 {
		t.Errorf("the weights were downloaded %d times", downloads)
	}
	h.wantSnapshot(t, cachePath(t, "snapshots", commit), clipFiles...)
}

func TestCancelled(t *testing.T) {
	h := newHub(t)
	ctx, cancel := context.WithCancel(context.Background())
	h.serve = func(w http.ResponseWriter, r *http.Request, content []byte) bool {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		w.Write(content[:300_000])
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
		return true
	}
	_, err := Fetch(ctx, h.model(), Options{})
	if !errors.Is(err, context.Canceled) || !strings.Contains(sightline.TryOf(err), "resumes") {
		t.Errorf("error is %v (try: %s)", err, sightline.TryOf(err))
	}
}

func TestDiskFull(t *testing.T) {
	h := newHub(t)
	_, err := Fetch(context.Background(), h.model(), Options{Client: &http.Client{Transport: fullDisk{h.cdn.Listener.Addr().String()}}})
	if err == nil || !strings.Contains(sightline.TryOf(err), "free some space") {
		t.Errorf("error is %v (try: %s)", err, sightline.TryOf(err))
	}
}

// fullDisk stands in for a disk that fills up: what the given host sends ends in the error that a write would return.
type fullDisk struct{ host string }

func (f fullDisk) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && r.URL.Host == f.host {
		response.Body.Close()
		response.Body = io.NopCloser(iotest.ErrReader(&os.PathError{Op: "write", Path: "model", Err: syscall.ENOSPC}))
	}
	return response, err
}

func TestUnreachable(t *testing.T) {
	h := newHub(t)
	h.hub.Close()
	fetchFails(t, h.model(), "connect", "check the network")
	t.Setenv("HF_ENDPOINT", "huggingface.co")
	fetchFails(t, h.model(), "not a web address", "unset HF_ENDPOINT")
}

func TestRedirectToPlainHTTPIsRefused(t *testing.T) {
	h := newHub(t)
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, h.hub.URL+r.URL.RequestURI(), http.StatusFound)
	}))
	defer secure.Close()
	t.Setenv("HF_ENDPOINT", secure.URL)
	_, err := Fetch(context.Background(), h.model(), Options{Client: secure.Client()})
	if err == nil || !strings.Contains(err.Error(), "from https to http") {
		t.Errorf("error is %v, want a refusal", err)
	}
}

func TestMirrorBelowAPath(t *testing.T) {
	h := newHub(t)
	mirror := httptest.NewServer(http.StripPrefix("/hf", http.HandlerFunc(h.answer)))
	defer mirror.Close()
	t.Setenv("HF_ENDPOINT", mirror.URL+"/hf/")
	c, err := newClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.list(context.Background(), h.model()); err != nil {
		t.Error(err)
	}
}
