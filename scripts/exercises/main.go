// Command exercises turns the photo pairs of free-exercise-db (Unlicense), as captions.jsonl and images/ of a folder, into
// two-shot videos with pair files that `sightline train` and `sightline eval` read:
//
//	go run ./scripts/exercises SOURCE TARGET
//
// Each exercise becomes a video of two seconds, its start and its end position, with two captions: its name, and a
// sentence of its kind, muscles and equipment. The split is the source's own.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/draw"
	_ "image/jpeg"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	scaling "golang.org/x/image/draw"

	"sightline/internal/ffmpeg"
)

// side is the width and height of the videos in pixels.
const side = 224

type exercise struct {
	ID        string   `json:"id"`
	Split     string   `json:"split"`
	Images    []string `json:"images"`
	Name      string   `json:"name"`
	Equipment string   `json:"equipment"`
	Muscles   []string `json:"muscles"`
	Category  string   `json:"category"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go run ./scripts/exercises SOURCE TARGET")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "exercises:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, source, target string) error {
	exercises, err := read(filepath.Join(source, "captions.jsonl"))
	if err != nil {
		return err
	}
	videos := filepath.Join(target, "videos")
	if err := os.MkdirAll(videos, 0o777); err != nil {
		return err
	}
	if err := film(ctx, source, videos, exercises); err != nil {
		return err
	}
	lists := map[string][]string{}
	for i, e := range exercises {
		line, err := json.Marshal(map[string]any{
			"id": e.ID, "video": fmt.Sprintf("videos/%06d.mp4", i),
			"captions": []string{e.Name, e.sentence()},
		})
		if err != nil {
			return err
		}
		lists[e.Split] = append(lists[e.Split], string(line))
	}
	for split, lines := range lists {
		path := filepath.Join(target, split+".jsonl")
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o666); err != nil {
			return err
		}
		fmt.Printf("%s: %d videos\n", path, len(lines))
	}
	return nil
}

func (e exercise) sentence() string {
	sentence := fmt.Sprintf("a %s exercise for the %s", e.Category, strings.Join(e.Muscles, " and "))
	if e.Equipment != "" {
		sentence += " with " + e.Equipment
	}
	return sentence
}

func read(path string) ([]exercise, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var all []exercise
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e exercise
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, len(all)+1, err)
		}
		all = append(all, e)
	}
	return all, lines.Err()
}

// film writes one MP4 an exercise through a single ffmpeg process, a picture a second.
func film(ctx context.Context, source, target string, exercises []exercise) error {
	shots := len(exercises[0].Images)
	command, err := ffmpeg.Command(ctx, ffmpeg.Guards{},
		"-f", "rawvideo", "-pix_fmt", "rgb24", "-s", fmt.Sprintf("%dx%d", side, side), "-r", "1", "-i", "pipe:0",
		"-c:v", "libx264", "-bf", "0", "-pix_fmt", "yuv420p", "-force_key_frames", fmt.Sprintf("expr:gte(t,n_forced*%d)", shots),
		"-f", "segment", "-segment_time", strconv.Itoa(shots), "-reset_timestamps", "1", ffmpeg.Literal(target)+"/%06d.mp4")
	if err != nil {
		return err
	}
	pictures, err := command.StdinPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	fed := feed(pictures, source, exercises)
	if err := command.Wait(); err != nil {
		return err
	}
	return fed
}

func feed(w io.WriteCloser, source string, exercises []exercise) error {
	defer w.Close()
	for _, e := range exercises {
		for _, name := range e.Images {
			rgb, err := square(filepath.Join(source, name))
			if err != nil {
				return err
			}
			if _, err := w.Write(rgb); err != nil {
				return err
			}
		}
	}
	return nil
}

// square reads a photo and returns its middle as side × side packed RGB.
func square(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	photo, _, err := image.Decode(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	short := min(photo.Bounds().Dx(), photo.Bounds().Dy())
	corner := photo.Bounds().Min.Add(image.Pt((photo.Bounds().Dx()-short)/2, (photo.Bounds().Dy()-short)/2))
	scaled := image.NewRGBA(image.Rect(0, 0, side, side))
	scaling.CatmullRom.Scale(scaled, scaled.Bounds(), photo, image.Rectangle{Min: corner, Max: corner.Add(image.Pt(short, short))}, draw.Src, nil)
	rgb := make([]byte, 0, 3*side*side)
	for i := 0; i < len(scaled.Pix); i += 4 {
		rgb = append(rgb, scaled.Pix[i:i+3]...)
	}
	return rgb, nil
}
