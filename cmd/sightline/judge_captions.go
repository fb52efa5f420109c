package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sightline/dataset"
	"sightline/internal/terminal"
	"sightline/metric"
	"sightline/metric/captions"
)

// captionsJSON is the contract of judge captions --json. Metrics are a hundred times the fractions, as papers print them.
type captionsJSON struct {
	Items      int                  `json:"items"`
	Empty      int                  `json:"empty"`    // captions without a word
	Repeated   int                  `json:"repeated"` // references that their item has twice
	Tokenizer  captions.Tokenizer   `json:"tokenizer"`
	Meteor     string               `json:"meteor"` // with the modules that were active
	Confidence float64              `json:"confidence,omitempty"`
	Metrics    []captionMetric      `json:"metrics"`
	PerItem    []captionItem        `json:"per_item,omitempty"`
	Comparison *captionsAgainstJSON `json:"comparison,omitempty"`
}

type captionMetric struct {
	Name string `json:"name"`
	metric.Estimate
}

type captionItem struct {
	ID     string     `json:"id"`
	BLEU   [4]float64 `json:"bleu"`
	METEOR float64    `json:"meteor"`
	ROUGEL float64    `json:"rouge_l"`
	CIDEr  float64    `json:"cider"`
}

type captionsAgainstJSON struct {
	A           string              `json:"a"`
	B           string              `json:"b"`
	Differences []metric.Difference `json:"differences"`
}

// captioning is how captions are measured.
type captioning struct {
	tokenizer, functionWords, synonyms, paraphrases string
}

func (c *captioning) meteor() (*captions.Meteor, error) {
	var m captions.Meteor
	var err error
	if c.functionWords != "" {
		if m.FunctionWords, err = captions.ReadFunctionWords(c.functionWords); err != nil {
			return nil, err
		}
	}
	if c.synonyms != "" {
		if m.Synonyms, err = captions.ReadSynonyms(c.synonyms); err != nil {
			return nil, err
		}
	}
	if c.paraphrases != "" {
		if m.Paraphrases, err = captions.ReadParaphrases(c.paraphrases); err != nil {
			return nil, err
		}
	}
	return &m, nil
}

// score reads and scores one file of captions.
func (c *captioning) score(gold, predicted string, meteor *captions.Meteor) (captions.Result, dataset.Descriptions, error) {
	tokenizer, err := captions.ParseTokenizer(c.tokenizer)
	if err != nil {
		return captions.Result{}, dataset.Descriptions{}, err
	}
	described, err := dataset.Describe(gold, predicted)
	if err != nil {
		return captions.Result{}, described, err
	}
	items := make([]captions.Item, len(described.Items))
	for i, d := range described.Items {
		items[i] = captions.Item(d)
	}
	result, err := captions.Score(items, tokenizer, meteor)
	return result, described, err
}

func (a *app) judgeCaptionsCommand() *cobra.Command {
	var how resampling
	var captioning captioning
	var gold, predicted, against string
	var perItem bool
	cmd := &cobra.Command{
		Use:   "captions",
		Short: "Score generated captions against references",
		Long: `Captions prints BLEU-1 to BLEU-4, METEOR, ROUGE-L and CIDEr as the evaluation server of
MS COCO computes them, times a hundred, with bootstrap intervals over the items.

References are COCO's annotations or JSONL with id and captions; captions are COCO's
results or JSONL with id and caption. Both must have the same ids. Captions without a
word score 0 and are counted.

METEOR matches words and stems. Its own function words, synonyms and paraphrases are
not shipped: name the files of a METEOR 1.5 release to use them. The name of the row
says which modules were active; numbers of different modules do not compare.`,
		Example: `  sightline judge captions --gold annotations.json --pred results.json
  sightline judge captions --gold refs.jsonl --pred ours.jsonl --against theirs.jsonl
  sightline judge captions --gold refs.jsonl --pred ours.jsonl --tokenizer none --json`,
		Args: operands(0, 0),
		RunE: func(_ *cobra.Command, _ []string) error {
			options, err := how.options()
			if err != nil {
				return err
			}
			meteor, err := captioning.meteor()
			if err != nil {
				return err
			}
			result, described, err := captioning.score(gold, predicted, meteor)
			if err != nil {
				return err
			}
			estimates, err := result.Summarize(options)
			if err != nil {
				return err
			}
			out := captionsJSON{
				Items: len(described.Items), Empty: result.Empty, Repeated: described.Repeated,
				Tokenizer: result.Tokenizer, Meteor: result.Meteor,
			}
			if options.Resamples > 0 {
				out.Confidence = options.Confidence
			}
			for i, name := range result.Names() {
				out.Metrics = append(out.Metrics, captionMetric{name, estimates[i]})
			}
			if perItem {
				out.PerItem = itemsOf(result)
			}
			if against != "" {
				other, _, err := captioning.score(gold, against, meteor)
				if err != nil {
					return err
				}
				differences, err := captions.Compare(result, other, options)
				if err != nil {
					return err
				}
				out.Comparison = &captionsAgainstJSON{predicted, against, differences}
			}
			return a.print(out, func() error {
				a.printCaptions(out)
				return nil
			})
		},
	}
	flags := cmd.Flags()
	how.flags(cmd)
	flags.StringVar(&gold, "gold", "", "references: COCO annotations (.json), JSONL or CSV")
	flags.StringVar(&predicted, "pred", "", "captions: COCO results (.json), JSONL or CSV")
	flags.StringVar(&against, "against", "", "captions of another system, for a paired test")
	flags.StringVar(&captioning.tokenizer, "tokenizer", captions.PennTreebank.String(), "ptb as COCO's server, or none for text that is tokenized already")
	flags.StringVar(&captioning.functionWords, "meteor-function-words", "", "METEOR's function/english.words")
	flags.StringVar(&captioning.synonyms, "meteor-synonyms", "", "METEOR's synonyms/english.synsets, with english.exceptions beside it")
	flags.StringVar(&captioning.paraphrases, "meteor-paraphrases", "", "METEOR's paraphrase-en.gz")
	flags.BoolVar(&perItem, "per-item", false, "with --json: the metrics of each item too")
	for _, needed := range []string{"gold", "pred"} {
		if err := cmd.MarkFlagRequired(needed); err != nil {
			panic(err) // the flag is defined above
		}
	}
	return cmd
}

// itemsOf returns each item's metrics.
func itemsOf(result captions.Result) []captionItem {
	items := make([]captionItem, len(result.Items))
	for i, v := range result.Items {
		items[i] = captionItem{result.IDs[i], v.BLEU, 100 * v.METEOR, 100 * v.ROUGEL, 100 * v.CIDEr}
		for n := range items[i].BLEU {
			items[i].BLEU[n] *= 100
		}
	}
	return items
}

func (a *app) printCaptions(out captionsJSON) {
	table := terminal.Table{Columns: []terminal.Column{{Title: "metric"}, {Title: "value", Right: true}, {Title: "interval"}}}
	for _, m := range out.Metrics {
		interval := ""
		if m.Interval != nil {
			interval = fmt.Sprintf("[%.2f, %.2f]", m.Interval.Low, m.Interval.High)
		}
		table.Row(m.Name, fmt.Sprintf("%.2f", m.Value), interval)
	}
	note := fmt.Sprintf("%s, tokenizer %v", terminal.Count(out.Items, "item", "items"), out.Tokenizer)
	if out.Confidence > 0 {
		note += fmt.Sprintf("; %g %% bootstrap intervals over items", 100*out.Confidence)
	}
	table.Note(note)
	table.Write(a.out)
	if out.Items == 1 {
		a.out.Printf("CIDEr of a single item is 0 by definition: no word is rarer than another\n")
	}
	for _, odd := range []struct {
		n         int
		one, many string
	}{
		{out.Empty, "caption has no word and scores 0", "captions have no word and score 0"},
		{out.Repeated, "reference is there twice", "references are there twice"},
	} {
		if odd.n > 0 {
			a.say("%s", terminal.Count(odd.n, odd.one, odd.many))
		}
	}
	if c := out.Comparison; c != nil {
		a.out.Printf("\n%s − %s:\n", terminal.Clean(c.B), terminal.Clean(c.A))
		widest := 0
		for _, d := range c.Differences {
			widest = max(widest, len(d.Metric))
		}
		for _, d := range c.Differences {
			d.Metric = fmt.Sprintf("%-*s", widest, d.Metric)
			a.out.Printf("\t%v\n", d)
		}
	}
}
