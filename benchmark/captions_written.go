package benchmark

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"

	"sightline/dataset"
	"sightline/internal/atomicfile"
	"sightline/metric/captions"
	"sightline/train"
)

// references returns the file of what people say of a domain's test clips.
func (p CaptionPlan) references(domain string) string {
	return filepath.Join(p.Dir, "references-"+domain+".jsonl")
}

// saidFile returns the file, below a run's folder, of what is said of them.
func saidFile(dir, domain string) string { return filepath.Join(dir, "captions-"+domain+".jsonl") }

// referenceLines is a line a video, with its captions.
func referenceLines(pairs train.Pairs) []byte {
	said := make([][]string, len(pairs.Videos))
	for _, c := range pairs.Set.Captions {
		said[c.Video] = append(said[c.Video], c.Text)
	}
	return lines(len(said), func(i int) any {
		return struct {
			ID       string   `json:"id"`
			Captions []string `json:"captions"`
		}{pairs.Videos[i].ID, said[i]}
	})
}

// lines writes n values as JSONL.
func lines(n int, value func(i int) any) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	for i := range n {
		if err := encoder.Encode(value(i)); err != nil {
			panic(err) // plain values always marshal
		}
	}
	return text.Bytes()
}

// judge keeps what is said of a domain's test clips and scores it, as it is read back.
func (b *captionBench) judge(t *told, domain int, dir string, said []string) error {
	text := lines(len(said), func(i int) any {
		return struct {
			ID      string `json:"id"`
			Caption string `json:"caption"`
		}{b.test[domain].Videos[i].ID, said[i]}
	})
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if err := atomicfile.Write(saidFile(dir, domains[domain].domain), text); err != nil {
		return err
	}
	return t.read(b, domain, dir)
}

// read scores what was said of a domain's test clips and kept.
func (t *told) read(b *captionBench, domain int, dir string) error {
	name := domains[domain].domain
	described, err := dataset.Describe(b.references(name), saidFile(dir, name))
	if err != nil {
		return err
	}
	items := make([]captions.Item, len(described.Items))
	for i, d := range described.Items {
		items[i] = captions.Item(d)
	}
	result, err := captions.Score(items, captions.PennTreebank, &b.meteor)
	if err != nil {
		return err
	}
	t.results, t.items = append(t.results, result), append(t.items, items)
	return nil
}
