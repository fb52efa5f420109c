package feature

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sightline"
)

func TestStore(t *testing.T) {
	store := Store{Dir: filepath.Join(t.TempDir(), "features")}
	f := sample()
	if list, err := store.List(f.Space); err != nil || len(list) != 0 {
		t.Errorf("empty store lists %v, %v", list, err)
	}
	if _, err := store.Open(f.Header); !errors.Is(err, fs.ErrNotExist) || store.Has(f.Header) {
		t.Errorf("empty store: Open says %v, Has %v", err, store.Has(f.Header))
	}
	second := f
	second.VideoID, second.Stream = "b", Subtitle
	third := f
	third.VideoID = "b"
	for _, f := range []Features{f, second, third} {
		if err := store.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	got, err := store.Read(f.Header)
	if err != nil {
		t.Fatal(err)
	}
	if !equal(got, f) {
		t.Errorf("read %+v", got)
	}
	list, err := store.List(f.Space)
	if err != nil {
		t.Fatal(err)
	}
	if want := []Header{third.Header, second.Header, f.Header}; !slices.Equal(list, want) {
		t.Errorf("list %v, want %v", list, want)
	}
	spaces, err := store.Spaces()
	if err != nil || !slices.Equal(spaces, []sightline.Space{f.Space}) {
		t.Errorf("spaces %v, %v", spaces, err)
	}
	for range 2 {
		if err := store.Remove(f.Header); err != nil {
			t.Fatal(err)
		}
	}
	if store.Has(f.Header) {
		t.Error("removed features are there")
	}
}

func TestStoreKeepsSpacesApart(t *testing.T) {
	store := Store{Dir: t.TempDir()}
	f, g := sample(), sample()
	g.Space.Head = sightline.ModelID{Name: "head", Hash: "f"}
	g.Rows.Data[0] = 9
	for _, f := range []Features{f, g} {
		if err := store.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	got, err := store.Read(f.Header)
	if err != nil || !equal(got, f) {
		t.Errorf("read %+v, %v", got, err)
	}
	from, _ := store.Path(g.Header)
	to, _ := store.Path(f.Header)
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(f.Header); err == nil || !strings.Contains(err.Error(), g.Space.Key()) {
		t.Errorf("features of another space under the name: %v", err)
	}
}

func TestSpacesRefusesForeignNote(t *testing.T) {
	store := Store{Dir: t.TempDir()}
	if err := store.Write(sample()); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(store.Dir, "0011223344556677")
	if err := os.Rename(store.SpaceDir(sample().Space), other); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Spaces(); err == nil || !strings.Contains(err.Error(), "0011223344556677") {
		t.Errorf("a note in the wrong folder: %v", err)
	}
}

func TestEscape(t *testing.T) {
	for id, want := range map[string]string{
		"b2f1c9":        "b2f1c9",
		"v_abc-1.0_2.5": "v_abc-1.0_2.5",
		"a/b\\c:d":      "a%2Fb%5Cc%3Ad",
		"..":            "%2E.",
		".hidden":       "%2Ehidden",
		"100%":          "100%25",
		"日本 ü":          "日本 ü",
		" lead":         "%20lead",
		"new\nline":     "new%0Aline",
		"\xff":          "%FF",
		"\ufffd":        "%EF%BF%BD",
	} {
		if got := escape(id); got != want {
			t.Errorf("escape(%q) = %q, want %q", id, got, want)
		}
	}
	if got := unescape("50%25 %41"); got != "50%25 %41" {
		t.Errorf("a name that escape never gives became %q", got)
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("a/b")
	f.Add("..")
	f.Add("%2E\xff")
	f.Fuzz(func(t *testing.T, id string) {
		name := escape(id)
		if back := unescape(name); back != id {
			t.Errorf("%q became %q, then %q", id, name, back)
		}
		if strings.ContainsAny(name, "/\\:*?\"<>|\x00\n") || strings.HasPrefix(name, ".") {
			t.Errorf("%q is no safe file name for %q", name, id)
		}
	})
}

func TestLongIDIsRefused(t *testing.T) {
	store := Store{Dir: t.TempDir()}
	f := sample()
	f.VideoID = strings.Repeat("x", 300)
	if err := store.Write(f); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("error %v", err)
	}
	if store.Has(f.Header) {
		t.Error("Has")
	}
}
