package library

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sightline"
	"sightline/feature"
)

func TestCreateAndOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "my archive? 100% #1")
	if _, err := Open(dir); sightline.KindOf(err) != sightline.NotReady || !errors.Is(err, fs.ErrNotExist) || sightline.TryOf(err) == "" {
		t.Errorf("open before create: %v", err)
	}
	settings := Settings{Rate: 2, WindowRows: 8, Overlap: 2}
	a, err := Create(dir, settings)
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	for name, open := range map[string]func() (*Archive, error){
		"open":   func() (*Archive, error) { return Open(dir) },
		"create": func() (*Archive, error) { return Create(dir, Settings{}) },
		"same":   func() (*Archive, error) { return Create(dir, settings) },
	} {
		a, err := open()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if a.Settings() != settings {
			t.Errorf("%s: settings %+v", name, a.Settings())
		}
		a.Close()
	}
	if _, err := Create(dir, DefaultSettings()); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("other settings: %v", err)
	}
	if _, err := Create(filepath.Join(t.TempDir(), "b"), Settings{Rate: 1, WindowRows: 4, Overlap: 4}); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("bad settings: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "catalogue.db")); err != nil {
		t.Errorf("the catalogue lies elsewhere: %v", err)
	}
}

func TestCatalogueOfANewerProgram(t *testing.T) {
	a := newArchive(t)
	if _, err := a.db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	_, err := Open(a.Dir())
	if sightline.KindOf(err) != sightline.NotReady || !strings.Contains(err.Error(), "newer") || !strings.Contains(sightline.TryOf(err), "update") {
		t.Errorf("error %v, try %q", err, sightline.TryOf(err))
	}
}

func TestCatalogueThatIsNone(t *testing.T) {
	dir := t.TempDir()
	content := bytes.Repeat([]byte("a diary, not a database. "), 100)
	path := filepath.Join(dir, "catalogue.db")
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "not a catalogue") {
		t.Errorf("error %v", err)
	}
	if now, _ := os.ReadFile(path); !bytes.Equal(now, content) {
		t.Error("the file was changed")
	}
}

// TestReadsOldCatalogues opens catalogues as every released version wrote them: they come to the schema of a new one, and
// what was in them is there.
func TestReadsOldCatalogues(t *testing.T) {
	samples, err := filepath.Glob("testdata/catalogue-v*.sql")
	if err != nil {
		t.Fatal(err)
	}
	steps, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	if len(samples) != len(steps) {
		t.Errorf("%d samples in testdata for %d versions: add one of the latest", len(samples), len(steps))
	}
	ctx := context.Background()
	for _, sample := range samples {
		dir := t.TempDir()
		text, err := os.ReadFile(sample)
		if err != nil {
			t.Fatal(err)
		}
		old, err := sql.Open("sqlite", filepath.Join(dir, "catalogue.db"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := old.Exec(string(text)); err != nil {
			t.Fatalf("%s: %v", sample, err)
		}
		old.Close()
		a, err := Open(dir)
		if err != nil {
			t.Fatalf("%s: %v", sample, err)
		}
		defer a.Close()
		if got, want := schema(t, a), schema(t, newArchive(t)); !slices.Equal(got, want) {
			t.Errorf("%s: schema\n%s\nwant\n%s", sample, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		videos, err := a.Videos(ctx)
		if err != nil || len(videos) != 1 || videos[0].Paths[0] != "/videos/a.mp4" || videos[0].Duration != 12.5 || videos[0].Windows != 2 {
			t.Errorf("%s: videos %+v, %v", sample, videos, err)
		}
		if cues, err := a.Cues(ctx, "0123456789abcdef"); err != nil || len(cues) != 1 || cues[0].Text != "hello" {
			t.Errorf("%s: cues %+v, %v", sample, cues, err)
		}
		if refused, err := a.Refused(ctx); err != nil || len(refused) != 1 || refused[0].Cause != "not a video" {
			t.Errorf("%s: refused %+v, %v", sample, refused, err)
		}
		if serving, err := a.Serving(ctx); err != nil || serving.Model != "head" || serving.Space.Video.Name != "enc" {
			t.Errorf("%s: serving %+v, %v", sample, serving, err)
		}
		if job, ok, err := a.jobs.Claim(ctx); err != nil || !ok || job.Path != "/videos/later.mp4" || job.Attempts != 2 {
			t.Errorf("%s: job %+v, %v", sample, job, err)
		}
	}
}

var sqlComment = regexp.MustCompile(`--[^\n]*|\s+`)

// schema returns the statements that make the tables of a catalogue, without comments and space.
func schema(t *testing.T, a *Archive) []string {
	t.Helper()
	rows, err := a.db.Query("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name")
	list, err := collect(rows, err, func(rows *sql.Rows) (text string, err error) {
		err = rows.Scan(&text)
		return sqlComment.ReplaceAllString(text, ""), err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestEmptyArchive(t *testing.T) {
	a := newArchive(t)
	ctx := context.Background()
	if _, _, err := a.OpenIndex(ctx); sightline.KindOf(err) != sightline.NotReady {
		t.Errorf("index: %v", err)
	}
	if videos, err := a.Videos(ctx); err != nil || len(videos) != 0 {
		t.Errorf("videos %v, %v", videos, err)
	}
	if _, err := a.Video(ctx, "absent"); !errors.Is(err, ErrNoVideo) {
		t.Errorf("video: %v", err)
	}
	if models, err := a.Models(ctx); err != nil || len(models) != 0 {
		t.Errorf("models %v, %v", models, err)
	}
	m, _ := fakeModel("head", "enc")
	if summary := mustAdd(t, a, m, t.TempDir()); len(summary.Added) != 0 {
		t.Errorf("summary %+v", summary)
	}
	if _, err := a.Add(ctx, m, AddOptions{}); err != nil {
		t.Errorf("add of nothing: %v", err)
	}
}

func TestRemove(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	ctx := context.Background()
	m, _ := fakeModel("head", "enc")
	var files []string
	for i := range 5 {
		path := filepath.Join(dir, fmt.Sprintf("sub%d", i/2), fmt.Sprintf("%d.mp4", i))
		writeFake(t, path, 5, i)
		files = append(files, path)
	}
	twin := filepath.Join(dir, "twin.mp4")
	writeFake(t, twin, 5, 0) // the content of files[0]
	bad := filepath.Join(dir, "sub0", "bad.mp4")
	os.WriteFile(bad, []byte("bad"), 0o666)
	ids := map[string]string{}
	summary := mustAdd(t, a, m, dir)
	for _, entry := range append(summary.Added, summary.Known...) {
		ids[entry.Path] = entry.ID
	}

	if _, err := a.Remove(ctx, files[4], "absent"); sightline.KindOf(err) != sightline.Usage || len(rowsOf(t, a)) != 5 {
		t.Errorf("a wrong name: %v, %d videos left", err, len(rowsOf(t, a)))
	}
	removed, err := a.Remove(ctx, filepath.Join(dir, "sub0")) // 0, whose content stays in twin, 1, and bad
	if err != nil || !slices.Equal(removed, []string{ids[files[1]]}) {
		t.Errorf("removed %v, %v; want %s", removed, err, ids[files[1]])
	}
	if quarantine, _ := a.Refused(ctx); len(quarantine) != 0 {
		t.Errorf("quarantine %+v", quarantine)
	}
	removed, err = a.Remove(ctx, ids[twin], files[2])
	if want := []string{ids[twin], ids[files[2]]}; err != nil || len(removed) != 2 || !slices.Contains(removed, want[0]) || !slices.Contains(removed, want[1]) {
		t.Errorf("removed %v, %v; want %v", removed, err, want)
	}
	if got := checkConsistent(t, a, m); !slices.Equal(got, files[3:]) {
		t.Errorf("left are %v, want %v", got, files[3:])
	}
	if stored, _ := a.Features().List(a.FeatureSpace(m.Encoder)); len(stored) != 2 || len(rowsOf(t, a)) != 2 {
		t.Errorf("%d feature files and rows of %d videos are left", len(stored), len(rowsOf(t, a)))
	}
	for _, path := range append(files, twin, bad) {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("an original is gone: %v", err)
		}
	}
	mustAdd(t, a, m, dir)
	if got := checkConsistent(t, a, m); len(got) != 6 {
		t.Errorf("after another add: %v", got)
	}
}

func TestAdoptAnotherHead(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	ctx := context.Background()
	for i := range 3 {
		writeFake(t, filepath.Join(dir, fmt.Sprintf("%d.mp4", i)), 20, i)
	}
	old, e := fakeModel("old", "enc")
	mustAdd(t, a, old, dir)
	better, _ := fakeModel("better", "enc")
	better.Encoder = e

	if _, err := a.Add(ctx, better, AddOptions{}, dir); sightline.KindOf(err) != sightline.Usage || !strings.Contains(sightline.TryOf(err), "better") {
		t.Errorf("add with a model that does not serve: %v, try %q", err, sightline.TryOf(err))
	}
	reader, _, err := a.OpenIndex(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := a.Adopt(ctx, better, nil); err != nil {
		t.Fatal(err)
	}
	if e.count() != 60 {
		t.Errorf("%d frames encoded, want the 60 of the first time", e.count())
	}
	if serving, err := a.Serving(ctx); err != nil || serving.Model != "better" || serving.Space != a.IndexSpace(better) {
		t.Errorf("serving %+v, %v", serving, err)
	}
	checkComplete(t, a, better, dir)
	if snapshot, err := reader.Snapshot(); err != nil || snapshot.Len() != 9 {
		t.Errorf("a search under way lost its index: %v", err)
	}

	writeFake(t, filepath.Join(dir, "new.mp4"), 20, 9)
	mustAdd(t, a, better, dir)
	if err := a.Adopt(ctx, old, nil); err != nil { // back, with one video more than the old index has
		t.Fatal(err)
	}
	checkComplete(t, a, old, dir)
	models, err := a.Models(ctx)
	if err != nil || len(models) != 2 || models[0].Model != "old" {
		t.Errorf("models %+v, %v", models, err)
	}
	removed, err := a.Remove(ctx, dir)
	if err != nil || len(removed) != 4 {
		t.Errorf("removed %v, %v", removed, err)
	}
	if err := a.Adopt(ctx, better, nil); err != nil {
		t.Fatal(err)
	}
	if rows := rowsOf(t, a); len(rows) != 0 {
		t.Errorf("the other index kept removed videos: %v", rows)
	}
}

func TestAdoptAnotherEncoder(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	ctx := context.Background()
	for i := range 3 {
		writeFake(t, filepath.Join(dir, fmt.Sprintf("%d.mp4", i)), 20, i)
	}
	old, _ := fakeModel("head", "enc")
	mustAdd(t, a, old, dir)
	lost := filepath.Join(dir, "1.mp4")
	if err := os.Rename(lost, lost+".away"); err != nil {
		t.Fatal(err)
	}
	newer, _ := fakeModel("head", "enc2")
	err := a.Adopt(ctx, newer, nil)
	if err == nil || !strings.Contains(err.Error(), lost) || sightline.TryOf(err) == "" {
		t.Errorf("with a file missing: %v, try %q", err, sightline.TryOf(err))
	}
	if serving, _ := a.Serving(ctx); serving.Space != a.IndexSpace(old) || len(rowsOf(t, a)) != 3 {
		t.Errorf("the archive does not serve as before: %+v", serving)
	}
	if err := os.Rename(lost+".away", lost); err != nil {
		t.Fatal(err)
	}
	if err := a.Adopt(ctx, newer, nil); err != nil {
		t.Fatal(err)
	}
	checkComplete(t, a, newer, dir)
	if spaces, err := a.Features().Spaces(); err != nil || len(spaces) != 2 {
		t.Errorf("feature spaces %v, %v", spaces, err)
	}
}

func TestDamagedFeaturesAreMadeAgain(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	ctx := context.Background()
	m, e := fakeModel("head", "enc")
	path := filepath.Join(dir, "a.mp4")
	writeFake(t, path, 5, 1)
	id := mustAdd(t, a, m, dir).Added[0].ID
	file, _ := a.Features().Path(feature.Header{VideoID: id, Stream: feature.Frame, Space: a.FeatureSpace(m.Encoder)})
	if err := os.WriteFile(file, []byte("damaged"), 0o666); err != nil {
		t.Fatal(err)
	}
	other, _ := fakeModel("other", "enc")
	other.Encoder = e
	if err := a.Adopt(ctx, other, nil); err != nil {
		t.Fatal(err)
	}
	if e.count() != 10 {
		t.Errorf("%d frames encoded, want the 5 of the video twice", e.count())
	}
	checkComplete(t, a, other, dir)
}
