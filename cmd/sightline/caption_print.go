package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sightline"
	"sightline/caption"
	"sightline/internal/atomicfile"
	"sightline/internal/subtitle"
	"sightline/internal/terminal"
)

// printer prints captions as they come.
type printer struct {
	app   *app
	form  captionForm
	names map[string]bool // of the files written
}

func (p *printer) print(c captioned) error {
	text, err := captionFormats[p.form.format](c, p.form)
	if err != nil {
		return err
	}
	if p.form.out == "" {
		_, err := p.app.out.Write([]byte(text))
		return err
	}
	if err := os.MkdirAll(p.form.out, 0o777); err != nil {
		return err
	}
	if p.names == nil {
		p.names = map[string]bool{}
	}
	name := strings.TrimSuffix(title(c.Video), filepath.Ext(title(c.Video)))
	if p.names[name] {
		name += "-" + c.Video.ID
	}
	p.names[name] = true
	return atomicfile.Write(filepath.Join(p.form.out, name+"."+p.form.format), []byte(text))
}

// close tells where files were written.
func (p *printer) close() error {
	if p.form.out != "" {
		p.app.say("%s in %s", terminal.Count(len(p.names), "file", "files"), terminal.Clean(p.form.out))
	}
	return nil
}

// captionText is a line a caption, below the video's name where there are several; further captions follow theirs.
func captionText(c captioned, form captionForm) (string, error) {
	var b strings.Builder
	if form.many && !form.whole {
		fmt.Fprintln(&b, terminal.Clean(title(c.Video)))
	}
	for _, s := range c.Captions {
		head := s.Span.String()
		if form.whole {
			head = terminal.Clean(c.Video.ID)
		}
		for i, h := range append([]caption.Hypothesis{s.Hypothesis}, s.Others...) {
			if i > 0 {
				head = strings.Repeat(" ", terminal.Cells(head)-2) + "or"
			}
			fmt.Fprintf(&b, "%s  %s\n", head, terminal.Clean(h.Text))
		}
	}
	return b.String(), nil
}

// captionLine is a line of jsonl: a pair as data sets have them, with the score and the next best beside it.
type captionLine struct {
	ID      string               `json:"id"`
	Video   string               `json:"video,omitempty"`
	Start   *float64             `json:"start,omitempty"` // neither for a whole video
	End     *float64             `json:"end,omitempty"`
	Caption string               `json:"caption"`
	Score   float64              `json:"score"`
	Others  []caption.Hypothesis `json:"others,omitempty"`
}

func captionLines(c captioned, form captionForm) (string, error) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	for _, s := range c.Captions {
		line := captionLine{ID: c.Video.ID, Video: c.Video.Path, Caption: s.Text, Score: s.Score, Others: s.Others}
		if !form.whole {
			line.Start, line.End = &s.Span.Start, &s.Span.End
		}
		if err := encoder.Encode(line); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func captionSubRip(c captioned, _ captionForm) (string, error) { return subtitle.SubRip(c.cues()), nil }

func captionWebVTT(c captioned, _ captionForm) (string, error) { return subtitle.WebVTT(c.cues()), nil }

// cues returns the best captions that say something.
func (c captioned) cues() []sightline.Cue {
	var cues []sightline.Cue
	for _, s := range c.Captions {
		if s.Text != "" {
			cues = append(cues, sightline.Cue{Span: s.Span, Text: s.Text})
		}
	}
	return cues
}
