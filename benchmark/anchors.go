package benchmark

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"sightline"
	"sightline/align"
	"sightline/align/calm"
	"sightline/corpus"
	"sightline/encoder"
	"sightline/internal/atomicfile"
	"sightline/internal/terminal"
	"sightline/train"
)

// AnchorSheet shows pairs with the anchors that a model sees in both sides, as the paper's figure 3 does.
type AnchorSheet struct {
	Model string           `json:"model"`
	Data  train.DataRecord `json:"data"`
	Pairs int              `json:"pairs"` // that rows were chosen from
	Rows  []AnchorRow      `json:"rows"`
}

// AnchorRow is a sentence beside its own video.
type AnchorRow struct {
	Video      string         `json:"video"`
	Sentence   string         `json:"sentence"`
	Imbalanced bool           `json:"imbalanced"`           // the row whose sentence states a quarter of the facts or fewer
	Order      int            `json:"order,omitempty"`      // among all pairs, 1 is the likeliest; missing where imbalanced
	Likelihood *float64       `json:"likelihood,omitempty"` // missing without a VAE; overlap is ordered by then
	Overlap    float64        `json:"overlap"`
	Rank       float64        `json:"rank"`     // of the video among all videos' scores, from 1, ties at their average
	Facts      int            `json:"facts"`    // of the scene
	LeftOut    []string       `json:"left_out"` // those that the sentence does not state
	Anchors    []calm.Concept `json:"anchors"`  // of the highest probability on both sides together
	frames     []sightline.Frame
}

const (
	sheetAnchors = 4
	sheetFrames  = 4
	// imbalance is the share of facts that captions state where the imbalanced pair is sought.
	imbalance = 0.25
)

// choiceRule says how the rows were chosen.
const choiceRule = "Pairs of sentence and own video at equal distances of their order by likelihood, the likeliest first and the unlikeliest last, whether or not the model finds them. " +
	"The row marked imbalanced is the clip whose first caption leaves out most facts when captions state a quarter of them, the first of equals in the split. " +
	"Anchors are the four of the highest probability in sentence and video together."

// Anchors draws count pairs of a rendered split, the last of them an information-imbalanced one, and writes anchors.png and
// anchors.md into dir. Texts is the model's encoder of sentences.
func Anchors(ctx context.Context, subject Explained, split *corpus.Corpus, texts encoder.TextEncoder, count int, dir string, report func(Stage)) (AnchorSheet, error) {
	sheet := AnchorSheet{Model: subject.Name, Data: subject.Data, Pairs: len(subject.Pairs.Texts)}
	fail := func(err error, try string) (AnchorSheet, error) {
		return sheet, &sightline.Error{Kind: sightline.Usage, What: "draw anchors on " + split.Name, Err: err, Try: try}
	}
	clips, ok := split.Clips()
	if !ok {
		return fail(errors.New("nobody knows the facts of its videos"), "a rendered split of clips, such as world:A/base/test")
	}
	if count < 2 || count > sheet.Pairs {
		return fail(fmt.Errorf("%d rows of %d pairs", count, sheet.Pairs), "a count from 2 to the number of pairs")
	}
	w := worker{Explained: subject, split: split, sheet: &sheet}
	pairs, err := w.ordered(ctx, report)
	if err != nil {
		return sheet, err
	}
	if w.videos, _, err = train.Encode(ctx, subject.Model, subject.Pairs); err != nil {
		return sheet, err
	}
	owner := subject.Pairs.Set.Owner()
	for r := range count - 1 {
		place := 0
		if count > 2 {
			place = r * (len(pairs) - 1) / (count - 2)
		}
		i := pairs[place].caption
		video := owner[i]
		nth := i - slices.Index(owner, video) // among the clip's captions
		row := AnchorRow{Order: place + 1, LeftOut: clips[video].Captions[nth].LeftOut(clips[video].Facts), Facts: clips[video].Facts.Count()}
		if err := w.add(ctx, row, subject.Pairs.Texts[i], video); err != nil {
			return sheet, err
		}
	}
	row, sentence, video := AnchorRow{Imbalanced: true}, align.Sentence{}, 0
	for n, clip := range clips {
		caption := clip.Restate(imbalance)[0]
		if left := caption.LeftOut(clip.Facts); len(left) > len(row.LeftOut) {
			row.LeftOut, row.Facts, sentence.Text, video = left, clip.Facts.Count(), caption.Text, n
		}
	}
	vectors, err := texts.EncodeTexts(ctx, []string{sentence.Text})
	if err != nil {
		return sheet, err
	}
	sentence.Vector = vectors.Row(0)
	if err := w.add(ctx, row, sentence, video); err != nil {
		return sheet, err
	}
	var text bytes.Buffer
	if err := sheet.Markdown(&text); err != nil {
		return sheet, err
	}
	if err := atomicfile.Write(filepath.Join(dir, "anchors.md"), text.Bytes()); err != nil {
		return sheet, err
	}
	return sheet, sheet.draw(filepath.Join(dir, "anchors.png"))
}

// worker fills in a sheet.
type worker struct {
	Explained
	split  *corpus.Corpus
	sheet  *AnchorSheet
	videos align.Encoded
}

// likely is a caption with how likely its own video makes it.
type likely struct {
	caption int
	value   float64
}

// ordered returns all captions, the likeliest given their own videos first.
func (w worker) ordered(ctx context.Context, report func(Stage)) ([]likely, error) {
	var pairs []likely
	var look calm.Look
	seen := -1
	for i, video := range w.Pairs.Set.Owner() {
		report(Stage{What: "Explaining pairs", Done: i, Of: len(w.Pairs.Texts)})
		if video != seen {
			var err error
			if look, err = w.Explainer.Video(ctx, w.Pairs.Videos[video]); err != nil {
				return nil, err
			}
			seen = video
		}
		e, err := w.Explainer.Explain(ctx, w.Pairs.Texts[i], look, 0)
		if err != nil {
			return nil, err
		}
		pair := likely{i, e.Overlap}
		if e.Likelihood != nil {
			pair.value = *e.Likelihood
		}
		pairs = append(pairs, pair)
	}
	slices.SortStableFunc(pairs, func(a, b likely) int { return cmp.Compare(b.value, a.value) })
	return pairs, nil
}

// add explains a sentence and a video and puts the row on the sheet.
func (w worker) add(ctx context.Context, row AnchorRow, sentence align.Sentence, video int) error {
	look, err := w.Explainer.Video(ctx, w.Pairs.Videos[video])
	if err != nil {
		return err
	}
	e, err := w.Explainer.Explain(ctx, sentence, look, len(look.Distribution))
	if err != nil {
		return err
	}
	slices.SortStableFunc(e.Concepts, func(a, b calm.Concept) int { return cmp.Compare(b.Text+b.Video, a.Text+a.Video) })
	row.Video, row.Sentence = w.Pairs.Videos[video].ID, sentence.Text
	row.Likelihood, row.Overlap, row.Anchors = e.Likelihood, e.Overlap, e.Concepts[:min(sheetAnchors, len(e.Concepts))]
	query, err := w.Model.EncodeTexts(ctx, []align.Sentence{sentence})
	if err != nil {
		return err
	}
	scores, err := w.Model.ScoreBlock(ctx, query, w.videos)
	if err != nil {
		return err
	}
	row.Rank = 0.5
	for _, score := range scores.Row(0) {
		switch own := scores.Row(0)[video]; {
		case score > own:
			row.Rank++
		case score == own: // itself among them
			row.Rank += 0.5
		}
	}
	if row.frames, err = w.split.Frames(ctx, video, corpus.Uniform(sheetFrames), 0); err != nil {
		return err
	}
	w.sheet.Rows = append(w.sheet.Rows, row)
	return nil
}

// heading says what is known of a row beside its pictures.
func (r AnchorRow) heading(pairs int) string {
	var parts []string
	if r.Imbalanced {
		parts = append(parts, "information-imbalanced pair")
	} else {
		parts = append(parts, fmt.Sprintf("pair %s of %s", terminal.Thousands(r.Order), terminal.Thousands(pairs)))
	}
	if r.Likelihood != nil {
		parts = append(parts, fmt.Sprintf("likelihood %.3f", *r.Likelihood))
	}
	return strings.Join(append(parts, fmt.Sprintf("overlap %.2f", r.Overlap), fmt.Sprintf("own video ranks %v", r.Rank),
		fmt.Sprintf("%d of %d facts stated", r.Facts-len(r.LeftOut), r.Facts)), ", ")
}

// unsaid lists what the sentence leaves out; "" when that is nothing.
func (r AnchorRow) unsaid() string {
	if len(r.LeftOut) == 0 {
		return ""
	}
	return "Left out: " + strings.Join(r.LeftOut, "; ")
}

// Markdown writes the sheet as text.
func (s AnchorSheet) Markdown(w io.Writer) error {
	var text bytes.Buffer
	fmt.Fprintf(&text, "# Anchors of %s on %s\n\n%s\n", s.Model, s.Data.Name, choiceRule)
	for i, row := range s.Rows {
		fmt.Fprintf(&text, "\n## %d. %s: %s\n\n> %s\n\n", i+1, row.Video, row.heading(s.Pairs), row.Sentence)
		if unsaid := row.unsaid(); unsaid != "" {
			fmt.Fprintf(&text, "%s.\n\n", unsaid)
		}
		fmt.Fprint(&text, "| anchor | sentence | video |\n|---|---:|---:|\n")
		for _, anchor := range row.Anchors {
			fmt.Fprintf(&text, "| %s | %.2f | %.2f |\n", anchor.Label, anchor.Text, anchor.Video)
		}
	}
	_, err := w.Write(text.Bytes())
	return err
}
