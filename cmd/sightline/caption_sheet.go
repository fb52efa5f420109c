package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot/vg"

	"sightline"
	"sightline/caption"
	"sightline/corpus"
	"sightline/dataset"
	"sightline/encoder/tiny"
	"sightline/internal/plotting"
	"sightline/internal/terminal"
	"sightline/library"
	"sightline/train"
	"sightline/video"
)

const (
	captionPictures = 4   // of each stretch on a sheet
	captionPixels   = 160 // of their short side at most
	sheetStretches  = 100 // on a sheet at most

	ofTheWorld = "trained on a rendered world"
)

// captionSheet is a page of captions with frames of what they are about.
type captionSheet struct {
	captioner
	rows []plotting.SheetRow
	left int // stretches that it has no place for
}

// add takes the stretches of a video, as far as there is place.
func (s *captionSheet) add(c captioned) error {
	for _, said := range c.Captions {
		if len(s.rows) == sheetStretches {
			s.left++
			continue
		}
		pictures, err := c.pictures(said.Span)
		if err != nil {
			return fmt.Errorf("pictures for the sheet: %w", err)
		}
		row := plotting.SheetRow{Heading: fmt.Sprintf("%s  %v", title(c.Video), said.Span), Pictures: pictures, Said: []string{"“" + said.Text + "”"}}
		if said.Text == "" {
			row.Said[0] = "(no word)"
		}
		for _, other := range said.Others {
			row.Said = append(row.Said, "or “"+other.Text+"”")
		}
		if taught := s.learnedFrom(); taught != "" {
			row.Grey = []string{taught}
		}
		s.rows = append(s.rows, row)
	}
	return nil
}

// learnedFrom says what the model has seen in training, as far as that is known: the built-in encoder knows nothing but
// rendered pictures, and a run's record names its data.
func (s *captionSheet) learnedFrom() string {
	if s.bundle.Space.Video.Name == tiny.Name || strings.HasPrefix(s.trainedOn, corpus.Scheme) {
		return ofTheWorld
	}
	if s.trainedOn != "" {
		return "trained on " + s.trainedOn
	}
	return ""
}

// save draws the sheet.
func (s *captionSheet) save(a *app, path string) error {
	if len(s.rows) == 0 {
		return &sightline.Error{Kind: sightline.Failed, What: "draw " + path, Err: errors.New("there is no caption to draw")}
	}
	rule := fmt.Sprintf("Four frames of each stretch at equal distances, and the caption that beam search finds likeliest, none left out. The model reads features of %v.", s.bundle.Space.Video)
	if s.learnedFrom() == ofTheWorld {
		rule += " It was trained on drawings of a rendered world, has never seen a photograph, and can only say what it knows: what it says of real clips is true by chance at most."
	}
	sheet := plotting.Sheet{Title: "Captions by " + s.bundle.Name, Rule: rule, Picture: [2]vg.Length{96, 72}, Rows: s.rows}
	if err := sheet.Save(path); err != nil {
		return err
	}
	a.say("the sheet is %s", terminal.Clean(path))
	if s.left > 0 {
		a.say("it has place for %d stretches; %s not on it", sheetStretches, terminal.Count(s.left, "is", "are"))
	}
	return nil
}

// trainedOn returns the name of what the model of a run was trained on; "" where no record lies beside it.
func trainedOn(bundle string) string {
	var record train.Record
	text, err := os.ReadFile(filepath.Join(filepath.Dir(bundle), runRecord))
	if err != nil || json.Unmarshal(text, &record) != nil {
		return ""
	}
	return record.Config.Data.Train
}

// picturesOf returns frames of a stretch of a file.
func picturesOf(ctx context.Context, v sightline.Video, span sightline.Span) ([]sightline.Frame, error) {
	if v.Path == "" {
		return nil, &sightline.Error{Kind: sightline.NotReady, What: "draw " + title(v), Err: errors.New("there is no file to take pictures from")}
	}
	var at video.At
	for k := range captionPictures {
		at = append(at, span.Start+span.Length()*(float64(k)+0.5)/captionPictures)
	}
	data := corpus.Corpus{Name: title(v), Set: dataset.Set{Videos: []sightline.Video{v}}}
	return data.Frames(ctx, 0, at, captionPixels)
}

// useCaptions copies a model that writes captions into the archive, where sightline caption finds it by name.
func (a *app) useCaptions(o *opener, dir, name string) error {
	archive, err := library.Open(o.Archive.Value)
	if err != nil {
		return err
	}
	defer archive.Close()
	bundle, err := caption.ReadBundle(dir)
	if err != nil {
		return err
	}
	if name, err = bringModel(archive.ModelsDir(), dir, bundle.Name, bundle.Space, name); err != nil {
		return err
	}
	return a.print(usedJSON{archive.Dir(), name, bundle.Space}, func() error {
		a.out.Printf("%s is among the models of %s: sightline caption --model %[1]s\n", terminal.Clean(name), terminal.Clean(archive.Dir()))
		return nil
	})
}

// aboutCaptions describes a caption model on one line.
func aboutCaptions(b caption.Bundle) string {
	return fmt.Sprintf("writes captions on %v, up to %d pieces of words", b.Space.Video, b.Config.Words-1)
}
