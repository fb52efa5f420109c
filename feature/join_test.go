package feature_test

import (
	"slices"
	"strings"
	"testing"

	"sightline"
	"sightline/feature"
)

// stream returns a stream of rows of the given seconds each, row t holding t and 1.
func stream(name string, rows int, seconds, from float64) feature.Features {
	f := feature.Features{Header: feature.Header{VideoID: "v", Stream: feature.Clip, Space: sightline.Space{Video: sightline.ModelID{Name: name, Hash: name}}}}
	f.Rows = sightline.NewMatrix(rows, 2)
	for t := range rows {
		f.Rows.Row(t)[0], f.Rows.Row(t)[1] = float32(t), 1
		f.Spans = append(f.Spans, sightline.Span{Start: from + float64(t)*seconds, End: from + float64(t+1)*seconds})
	}
	return f
}

func TestJoinByTime(t *testing.T) {
	frames := stream("r152", 4, 1, 0)   // 0–4 s
	clips := stream("i3d", 3, 1.5, 0)   // 0–4.5 s
	later := stream("s3d", 1, 0.5, 3.5) // 3.5–4 s: only the last frame overlaps
	joined, err := feature.Join([]feature.Features{frames, clips, later}, false)
	if err != nil {
		t.Fatal(err)
	}
	if joined.Space.Video.Name != "r152+i3d+s3d" || joined.Rows.Cols != 6 || len(joined.Spans) != 4 {
		t.Fatalf("joined is %v, %d wide, %d rows", joined.Space.Video, joined.Rows.Cols, len(joined.Spans))
	}
	for row, want := range [][]float32{{0, 1, 0, 1, 0, 1}, {1, 1, 0.5, 1, 0, 1}, {2, 1, 1, 1, 0, 1}, {3, 1, 2, 1, 0, 1}} {
		if got := joined.Rows.Row(row); !slices.Equal(got, want) {
			t.Errorf("row %d is %v, want %v", row, got, want)
		}
	}
	unit, err := feature.Join([]feature.Features{frames, clips}, true)
	if err != nil {
		t.Fatal(err)
	}
	for row := range 4 {
		for _, part := range [][]float32{unit.Rows.Row(row)[:2], unit.Rows.Row(row)[2:]} {
			if length := part[0]*part[0] + part[1]*part[1]; length < 0.9999 || length > 1.0001 {
				t.Errorf("row %d: a part has length² %v", row, length)
			}
		}
	}
}

func TestJoinRefuses(t *testing.T) {
	other := stream("a", 1, 1, 0)
	other.VideoID = "w"
	for want, streams := range map[string][]feature.Features{
		"there is none": nil,
		"are two":       {stream("a", 1, 1, 0), other},
		"no rows":       {stream("a", 1, 1, 0), stream("b", 0, 1, 0)},
	} {
		if _, err := feature.Join(streams, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
