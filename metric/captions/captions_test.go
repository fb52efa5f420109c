package captions

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sightline"
	"sightline/metric"
)

func score(t testing.TB, items []Item, tokenizer Tokenizer) Result {
	t.Helper()
	r, err := Score(items, tokenizer, &Meteor{})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range append(slices.Clone(r.Items), r.Corpus) {
		for _, x := range append(v.BLEU[:], v.METEOR, v.ROUGEL, v.CIDEr/10) {
			if !(x >= 0 && x <= 1+1e-9) {
				t.Fatalf("item %d has %v", i, v)
			}
		}
	}
	return r
}

// Whatever a system writes, the scores are numbers and come in time.
func TestScoreOddCaptions(t *testing.T) {
	references := []string{"a man is slicing a tomato", "the man cuts the tomato"}
	long := strings.Repeat("the man and the dog ran over the hill ", 1111)
	varied := make([]string, 10000)
	for i := range varied {
		varied[i] = fmt.Sprintf("word%d the", i%2500)
	}
	for name, caption := range map[string]string{
		"empty": "", "blank": " \n\t ", "function words only": "the of and to in", "one word": "tomato", "emoji": "😀 😀 👩‍👩‍👧 man",
		"emoji only": "😀", "Chinese": "一个男人在切番茄", "punctuation": "... !? -- '", "apostrophes": "'''' ’’’ n't 's", "not UTF-8": "a \xff man",
		"10,000 words": long, "20,000 words": strings.Join(varied, " "), "one word 10,000 times": strings.Repeat("the ", 10000),
	} {
		for _, tokenizer := range []Tokenizer{PennTreebank, Whitespace} {
			start := time.Now()
			r := score(t, []Item{{"odd", caption, references}, {"sane", "a man cuts a tomato", references}, {"other", "a dog", []string{"a dog runs"}}}, tokenizer)
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("%s took %v", name, took)
			}
			t.Logf("%s, %v: %.4f %.4f in %v", name, tokenizer, r.Items[0].BLEU[0], r.Items[0].METEOR, time.Since(start))
			if v := r.Items[0]; strings.TrimSpace(caption) == "" && (v.METEOR != 0 || v.ROUGEL != 0 || v.CIDEr != 0 || v.BLEU[0] > 1e-9) {
				t.Errorf("an empty caption scores %v", v)
			}
		}
	}
}

func TestScoreLongReferences(t *testing.T) {
	for name, caption := range map[string]string{
		"alternating": strings.Repeat("the man and the dog ran over the hill ", 222), "one word": strings.Repeat("the ", 2000),
	} {
		start := time.Now()
		score(t, []Item{{"long", caption, []string{caption + "end"}}, {"same", caption, []string{caption}}}, PennTreebank)
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s took %v", name, took)
		}
		t.Logf("%s: %v", name, time.Since(start))
	}
}

func TestIdenticalCaptionsScoreFull(t *testing.T) {
	r := score(t, []Item{{"a", "A man, slicing a tomato.", []string{"a dog", "a man slicing a tomato"}}, {"b", "two birds sing", []string{"two birds sing"}}}, PennTreebank)
	for i, v := range r.Items {
		if v.BLEU[2] < 1-1e-8 || v.METEOR != 1 || v.ROUGEL != 1 {
			t.Errorf("item %d has %v", i, v)
		}
	}
	if r.Meteor != "METEOR-1.5[exact,stem]" || r.Names()[4] != r.Meteor {
		t.Errorf("METEOR is called %q", r.Meteor)
	}
}

func TestScoreRefuses(t *testing.T) {
	if r := score(t, []Item{{"a", "😀 !", []string{"a man"}}, {"b", "a", []string{"a man"}}}, PennTreebank); r.Empty != 1 {
		t.Errorf("%d captions without a word, want 1", r.Empty)
	}
	if _, err := Score(nil, PennTreebank, &Meteor{}); err == nil {
		t.Error("nothing was scored")
	}
	if _, err := Score([]Item{{ID: "a", Caption: "a man"}}, PennTreebank, &Meteor{}); err == nil {
		t.Error("scored without references")
	}
	if _, err := ParseTokenizer("moses"); err == nil {
		t.Error("moses is a tokenizer")
	}
}

func TestSummarizeAndCompare(t *testing.T) {
	var items, worse []Item
	for i := range 40 {
		reference := fmt.Sprintf("a man holds thing%d near a red%d car", i, i%5)
		items = append(items, Item{fmt.Sprint(i), fmt.Sprintf("a man holds thing%d near a car", i), []string{reference}})
		worse = append(worse, Item{fmt.Sprint(i), fmt.Sprintf("a man near thing%d", i), []string{reference}})
	}
	a, b := score(t, items, PennTreebank), score(t, worse, PennTreebank)
	estimates, err := a.Summarize(metric.Options{Resamples: 200})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range estimates {
		if e.Interval == nil || e.Interval.Low > e.Value+1e-9 || e.Interval.High < e.Value-1e-9 || math.IsNaN(e.Value) {
			t.Errorf("%s is %v in %v", a.Names()[i], e.Value, e.Interval)
		}
	}
	if got := estimates[3].Value; math.Abs(got-100*a.Corpus.BLEU[3]) > 1e-9 {
		t.Errorf("BLEU-4 is %v, want %v", got, 100*a.Corpus.BLEU[3])
	}
	differences, err := Compare(a, b, metric.Options{Resamples: 200})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range differences {
		if d.Difference >= 0 || d.P > 0.01 {
			t.Errorf("the worse system: %v", d)
		}
	}
	if _, err := Compare(a, score(t, worse[1:], PennTreebank), metric.Options{}); err == nil {
		t.Error("compared on other items")
	}
}

func TestCutOff(t *testing.T) {
	// The second full stop of an acronym depends on the next caption's first word.
	for _, c := range []struct {
		captions []string
		want     string
	}{
		{[]string{"he lives in the U.S.", "The man eats"}, "he lives in the u.s. .|the man eats"},
		{[]string{"he lives in the U.S.", "a man eats"}, "he lives in the u.s.|a man eats"},
		{[]string{"Acme Inc.", "Next"}, "acme inc. .|next"},
		{[]string{"Acme Inc. sells"}, "acme inc. sells"},
		{[]string{"so am I. The end"}, "so am i . the end"},
		{[]string{"cannot 'tis C'MON o'clock O'Brien"}, "can not 't is c'mon o'clock o'brien"},
		{[]string{"AT&T r&b US$5 -5 12/31/2014 555-123-4567"}, "at&t r & b us$ 5 -5 12/31/2014 555-123-4567"},
		{[]string{"a/b/c/d . . . wait ---- ok …"}, "a/b/c / d ... wait -- ok ..."},
		{[]string{"see fig. 3 and fig. a, approx."}, "see fig. 3 and fig . a , approx ."},
		{[]string{"approx., she isn’t “here”"}, "approx. , she is n't `` here ''"},
		{[]string{"http://a.b/c?d=e. and b.com/x, ok"}, "http://a.b/c?d=e . and b.com/x , ok"},
		{[]string{"\r\nfirst\nsecond", "", "third"}, "first second||third"},
	} {
		var got []string
		for _, tokens := range PTB(c.captions) {
			got = append(got, strings.Join(tokens, " "))
		}
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("PTB(%q)\n is %q\nwant %q", c.captions, s, c.want)
		}
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// Runs pooled with themselves are the run, item by item and in all, but for BLEU's smoothing, which is added once; runs of other items are not pooled.
func TestPool(t *testing.T) {
	items := []Item{
		{"a", "a man cuts onions", []string{"a man is slicing onions", "someone cuts an onion"}},
		{"b", "a dog", []string{"a dog runs in the park"}},
		{"c", "", []string{"two birds sing on a tree"}},
	}
	one, err := Score(items, PennTreebank, nil)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := Pool(one, one, one)
	if err != nil {
		t.Fatal(err)
	}
	if pool.Empty != 3 || len(pool.Items) != 3 {
		t.Errorf("%d empty of %d items", pool.Empty, len(pool.Items))
	}
	near := func(what string, a, b Values) {
		t.Helper()
		for _, d := range []float64{a.BLEU[0] - b.BLEU[0], a.BLEU[3] - b.BLEU[3], a.METEOR - b.METEOR, a.ROUGEL - b.ROUGEL, a.CIDEr - b.CIDEr} {
			if math.Abs(d) > 1e-5 {
				t.Errorf("%s: %+v, pooled %+v", what, a, b)
			}
		}
	}
	near("all", one.Corpus, pool.Corpus)
	for i := range one.Items {
		near(one.IDs[i], one.Items[i], pool.Items[i])
	}
	items[0].Caption = "someone cuts an onion"
	better, err := Score(items, PennTreebank, nil)
	if err != nil {
		t.Fatal(err)
	}
	if pool, err = Pool(one, better); err != nil || pool.Corpus.CIDEr <= one.Corpus.CIDEr || pool.Corpus.CIDEr >= better.Corpus.CIDEr {
		t.Errorf("CIDEr is %v, pooled from %v and %v; %v", pool.Corpus.CIDEr, one.Corpus.CIDEr, better.Corpus.CIDEr, err)
	}
	other, err := Score(items[:2], PennTreebank, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Pool(one, other); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("other items: %v", err)
	}
	if _, err := Pool(); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("no run: %v", err)
	}
}
