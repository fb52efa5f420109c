package hub

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sightline"
)

func TestFindAbsent(t *testing.T) {
	newHub(t)
	_, err := Find("clip")
	if sightline.KindOf(err) != sightline.NotReady || sightline.TryOf(err) != "sightline fetch clip" {
		t.Errorf("error is %v (try: %s), want NotReady with the fetch line", err, sightline.TryOf(err))
	}
	if cached, err := Cached(); err != nil || len(cached) > 0 {
		t.Errorf("cached: %v, %v", cached, err)
	}
}

// TestPythonCacheIsReused lays a cache out as huggingface_hub does after downloading the weights by another revision.
func TestPythonCacheIsReused(t *testing.T) {
	h := newHub(t)
	const other = "c237dc49a33fc61debc9276459120b7eac67e7ef"
	put := func(names ...string) {
		for _, name := range names {
			blob, link := cachePath(t, "blobs", h.hashOf(name)), cachePath(t, "snapshots", other, name)
			for _, dir := range []string{filepath.Dir(blob), filepath.Dir(link)} {
				if err := os.MkdirAll(dir, 0o777); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(blob, h.files[name], 0o666); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join("..", "..", "blobs", h.hashOf(name)), link); err != nil {
				t.Fatal(err)
			}
		}
	}
	put("model.safetensors")
	if dir, _, err := find(h.model()); err != nil || dir != "" {
		t.Errorf("weights without a configuration pass for a model: %s, %v", dir, err)
	}
	snapshot := fetchOK(t, h.model(), Options{})
	h.wantSnapshot(t, snapshot.Dir, clipFiles...)
	if lines := h.log(); slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, " cdn ") }) {
		t.Errorf("weights that were there were downloaded again: %v", lines)
	}

	if err := os.RemoveAll(snapshot.Dir); err != nil {
		t.Fatal(err)
	}
	put("config.json", "tokenizer.json", "preprocessor_config.json")
	if dir, found, err := find(h.model()); err != nil || found != other || dir != cachePath(t, "snapshots", other) {
		t.Errorf("the same weights under another commit: %s, %s, %v", dir, found, err)
	}
}

func TestCacheDir(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	for _, step := range []struct{ name, value, want string }{
		{"HOME", home, filepath.Join(home, ".cache", "huggingface", "hub")},
		{"XDG_CACHE_HOME", filepath.Join(home, "xdg"), filepath.Join(home, "xdg", "huggingface", "hub")},
		{"HF_HOME", "~/hf", filepath.Join(home, "hf", "hub")},
		{"HF_HUB_CACHE", "$HOME/cache", filepath.Join(home, "cache")},
	} {
		t.Setenv(step.name, step.value)
		if got, err := CacheDir(); err != nil || got != step.want {
			t.Errorf("with %s=%s the cache is %s (%v), want %s", step.name, step.value, got, err, step.want)
		}
	}
}

func TestModels(t *testing.T) {
	if Models[0].Name != "clip" {
		t.Errorf("the default model is %s", Models[0].Name)
	}
	names := map[string]bool{}
	for _, m := range Models {
		if names[m.Name] || !repositoryName.MatchString(m.Repository) || !commitName.MatchString(m.Revision) || m.About == "" || m.License == "" {
			t.Errorf("bad entry %+v", m)
		}
		names[m.Name] = true
		for _, pin := range m.Pins {
			if len(pin.SHA256) != 64 || !hashName.MatchString(pin.SHA256) || pin.Size <= 0 {
				t.Errorf("%s: bad pin %+v", m.Name, pin)
			}
		}
		if found, err := Lookup(m.Name); err != nil || found.Repository != m.Repository {
			t.Errorf("Lookup(%s) returns %+v, %v", m.Name, found, err)
		}
	}
}

func TestLookup(t *testing.T) {
	m, err := Lookup("openai/clip-vit-base-patch16@refs/pr/3")
	if err != nil || m.Repository != "openai/clip-vit-base-patch16" || m.Revision != "refs/pr/3" {
		t.Errorf("%+v, %v", m, err)
	}
	for _, name := range []string{"", "klip", "../etc/passwd", "a/b/c", "a/..", "a/b@", "a/b@../../x", "a/b@x/../y", "a--b/c", "a/b@/x", "a/b?x=1"} {
		if m, err := Lookup(name); sightline.KindOf(err) != sightline.Usage || err == nil {
			t.Errorf("Lookup(%q) returns %+v, %v", name, m, err)
		}
	}
}

// TestRecordedListing reads a reply recorded from huggingface.co.
func TestRecordedListing(t *testing.T) {
	text, err := os.ReadFile("testdata/revision.json")
	if err != nil {
		t.Fatal(err)
	}
	list, err := parseListing(text)
	if err != nil {
		t.Fatal(err)
	}
	want := []remoteFile{
		{"config.json", 726, "f5c3703b78ae2a478ae15b247e9f855e0ce2107b"},
		{"merges.txt", 1671853, "31349551d90c7606f325fe0f11bbb8bd5fa0d7c7"},
		{"tokenizer.json", 11422654, "aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4"},
		{"tokenizer_config.json", 9732, "417d038a63fa3de29cfde265caedae14d1a58d92"},
		{"vocab.json", 2776833, "4783fe10ac3adce15ac8f358ef5462739852c569"},
		{"model.safetensors", 1503300328, "f47f71177f32bcd101b7573ec9171e6a57f4f4d31148d38e382306f42996874b"},
	}
	if list.commit != "c1899de289a04d12100db370d81485cdf75e47ca" || !slices.Equal(list.files, want) {
		t.Errorf("got %+v", list)
	}
}

func TestHostileListing(t *testing.T) {
	for name, text := range map[string]string{
		"not JSON":        "<html>",
		"bad commit":      `{"sha": "../../x"}`,
		"hash as a path":  `{"sha": "` + commit + `", "siblings": [{"rfilename": "config.json", "blobId": "../../../x"}, {"rfilename": "model.safetensors", "lfs": {"sha256": "../x"}}]}`,
		"negative size":   `{"sha": "` + commit + `", "siblings": [{"rfilename": "config.json", "size": -1, "blobId": "` + commit + `"}, {"rfilename": "model.safetensors", "blobId": "` + commit + `"}]}`,
		"no weights":      `{"sha": "` + commit + `", "siblings": []}`,
		"no config":       `{"sha": "` + commit + `", "siblings": [{"rfilename": "model.safetensors", "blobId": "` + commit + `"}]}`,
		"shards, no list": `{"sha": "` + commit + `", "siblings": [{"rfilename": "model-00001-of-00002.safetensors", "blobId": "` + commit + `"}]}`,
	} {
		if list, err := parseListing([]byte(text)); err == nil {
			t.Errorf("%s: accepted as %+v", name, list)
		}
	}
}

func FuzzListing(f *testing.F) {
	text, err := os.ReadFile("testdata/revision.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"sha": "` + commit + `", "siblings": [{"rfilename": "../config.json", "lfs": null}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseListing(text)
		if err != nil {
			return
		}
		if !json.Valid(text) || !commitName.MatchString(list.commit) {
			t.Fatalf("accepted %q as commit %q", text, list.commit)
		}
		for _, file := range list.files {
			if filepath.Base(file.name) != file.name || !hashName.MatchString(file.hash) || file.size < 0 {
				t.Fatalf("accepted %+v", file)
			}
		}
	})
}
