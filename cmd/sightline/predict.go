package main

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sightline/encoder"
	"sightline/encoder/clip"
	"sightline/encoder/hub"
	"sightline/engine"
	"sightline/internal/terminal"
	"sightline/library"
	"sightline/video"
)

// prediction says what adding a folder would take on this machine. It is an estimate: lengths come from some of the
// files, speeds from a short look at a few.
type prediction struct {
	Folder       string  `json:"folder"`
	Files        int     `json:"files"`
	Bytes        int64   `json:"bytes"`         // of the files
	VideoSeconds float64 `json:"video_seconds"` // estimated
	WorkSeconds  float64 `json:"work_seconds"`  // decoding and encoding, estimated
	NeedsBytes   int64   `json:"needs_bytes"`   // features and index, estimated
	FreeBytes    int64   `json:"free_bytes"`    // on the archive's disk; 0 when unknown
	Encoder      string  `json:"encoder"`
}

// How much doctor looks at.
const (
	probedFiles  = 48
	decodedFiles = 3
	decodedTime  = 2 * time.Second // of each
)

// extensions are what videos in a folder end in.
var extensions = []string{".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif"}

// predict estimates the work that add would have in a folder.
func (d *doctor) predict(ctx context.Context, folder string) (prediction, error) {
	p := prediction{Folder: folder, Encoder: d.encoder.ID().Name}
	var files []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be read would not be added
		}
		if !slices.Contains(extensions, strings.ToLower(filepath.Ext(path))) || !entry.Type().IsRegular() {
			return ctx.Err()
		}
		if info, err := entry.Info(); err == nil {
			p.Bytes += info.Size()
			files = append(files, path)
		}
		return ctx.Err()
	})
	if err != nil {
		return p, err
	}
	p.Files = len(files)
	p.FreeBytes, _ = freeBytes(existing(d.settings.Archive.Value)) // 0 stands for unknown

	// Lengths and speeds of some files, evenly spread over the folder.
	var seen int64
	var seconds, decoded, spent float64
	bar := d.app.bar("Looking at " + folder)
	defer bar.Close()
	looks := min(len(files), probedFiles)
	for i := range looks {
		path := files[i*len(files)/looks]
		bar.Set(float64(i), float64(looks), filepath.Base(path))
		info, err := video.Probe(ctx, path)
		if err != nil {
			if ctx.Err() != nil {
				return p, ctx.Err()
			}
			continue // it would be refused, at no cost
		}
		if stat, err := os.Stat(path); err == nil {
			seen += stat.Size()
		}
		seconds += info.Duration
		if i%max(1, looks/decodedFiles) != 0 {
			continue
		}
		started := time.Now()
		at := 0.0
		for frame, err := range info.Sample(ctx, video.Rate(1), d.encoder.FrameSize()) {
			if at = frame.Time; err != nil || time.Since(started) > decodedTime {
				break
			}
		}
		decoded, spent = decoded+max(at, min(1, info.Duration)), spent+time.Since(started).Seconds()
	}
	if seen > 0 {
		p.VideoSeconds = seconds * float64(p.Bytes) / float64(seen)
	}
	speed := d.decoding
	if spent > 0 {
		speed = decoded / spent
	}
	settings := library.DefaultSettings()
	rows := p.VideoSeconds * settings.Rate
	p.WorkSeconds = p.VideoSeconds/speed + rows/d.encoding
	dim := float64(d.encoder.FrameDim())
	windows := rows / float64(settings.WindowRows-settings.Overlap)
	p.NeedsBytes = int64(2*dim*rows + 5*dim*windows) // float16 features; an int8 and a float32 copy of each window's vector
	return p, nil
}

// existing returns the nearest folder above path that is there.
func existing(path string) string {
	for !isDir(path) && filepath.Dir(path) != path {
		path = filepath.Dir(path)
	}
	return path
}

// standIn returns an encoder that costs what the named one does while that was not fetched: the same shapes, random
// weights. It is nil for encoders of unknown shape.
func standIn(e *engine.Engine, name string) encoder.FrameEncoder {
	if name != hub.Models[0].Name {
		return nil
	}
	config := clip.ViTB32()
	return clip.New(e, config, config.Init(rand.New(rand.NewPCG(0, 0))))
}

func (a *app) printPrediction(p prediction) {
	a.out.Printf("\n%s: %s, %s, about %s of video\n", terminal.Clean(p.Folder), terminal.Count(p.Files, "video file", "video files"),
		terminal.Bytes(p.Bytes), seconds(p.VideoSeconds))
	if p.Files == 0 {
		return
	}
	a.out.Printf("adding it with %s takes about %s on this machine and %s on the disk\n", p.Encoder, seconds(p.WorkSeconds), terminal.Bytes(p.NeedsBytes))
	if p.FreeBytes > 0 && p.NeedsBytes > p.FreeBytes {
		a.out.Printf("%s only %s are free\n", a.out.Paint(terminal.Red, "that is too much:"), terminal.Bytes(p.FreeBytes))
	}
}

func seconds(s float64) string { return terminal.Duration(time.Duration(s * float64(time.Second))) }
