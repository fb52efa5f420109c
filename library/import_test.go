package library

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"sightline"
	"sightline/feature"
)

func made(id string, rows, cols int) feature.Features {
	f := feature.Features{Header: feature.Header{VideoID: id, Stream: feature.Frame}, Rows: sightline.NewMatrix(rows, cols)}
	f.Spans, _ = feature.Grid(rows, 1)
	for i := range f.Rows.Data {
		f.Rows.Data[i] = float32(i + 1)
	}
	return f
}

func TestImport(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	ctx := context.Background()
	m, _ := fakeModel("head", "enc")
	writeFake(t, filepath.Join(dir, "a.mp4"), 5, 1)
	own := mustAdd(t, a, m, dir).Added[0].ID

	clip := made("clip", 3, 3)
	clip.Stream = feature.Clip
	summary, err := a.Import(ctx, m, made("v_1/x", 20, 3), made("v_2", 4, 3), made("wide", 4, 5), clip, made(own, 4, 3), made("none", 0, 3))
	if err != nil || len(summary.Added) != 2 || len(summary.Refused) != 4 {
		t.Fatalf("summary %+v, %v", summary, err)
	}
	if rows := rowsOf(t, a); len(rows) != 3 || rows["v_1/x"] != 3 || rows["v_2"] != 1 {
		t.Errorf("rows %v", rows)
	}
	checkConsistent(t, a, m)
	v, err := a.Video(ctx, "v_1/x")
	if err != nil || v.Path != "" || v.Duration != 20 {
		t.Errorf("video %+v, %v", v, err)
	}

	if _, err := a.Import(ctx, m, made("v_1/x", 30, 3)); err != nil {
		t.Fatal(err)
	}
	if rows := rowsOf(t, a); rows["v_1/x"] != 4 {
		t.Errorf("rows %v after importing a longer one", rows)
	}
	other, _ := fakeModel("other", "enc")
	if err := a.Adopt(ctx, other, nil); err != nil {
		t.Fatal(err)
	}
	checkConsistent(t, a, other)
	removed, err := a.Remove(ctx, "v_1/x")
	if err != nil || !slices.Equal(removed, []string{"v_1/x"}) {
		t.Errorf("removed %v, %v", removed, err)
	}
	if rows := rowsOf(t, a); len(rows) != 2 {
		t.Errorf("rows %v", rows)
	}
	checkConsistent(t, a, other)
}
