package calm

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/feature/npy"
)

// Two clusters and an outlier: three anchors by coverage are one of each.
func TestCoveringTakesEveryDirection(t *testing.T) {
	rows := sightline.NewMatrix(7, 3)
	for i := range 4 {
		copy(rows.Row(i), []float32{10, float32(i) / 10, 0})
	}
	copy(rows.Row(4), []float32{0, 3, 0})
	copy(rows.Row(5), []float32{0, 3, 0.1})
	copy(rows.Row(6), []float32{0, 0, 0.5})
	got := covering(rows, 3)
	kinds := []bool{false, false, false}
	for _, i := range got {
		kinds[max(0, min(2, (i-2)/2))] = true
	}
	if slices.Contains(kinds, false) {
		t.Errorf("took %v", got)
	}
	all := covering(rows, 7)
	if slices.Sort(all); !slices.Equal(all, []int{0, 1, 2, 3, 4, 5, 6}) {
		t.Errorf("all seven are %v", all)
	}
}

// Whitened anchors have one cosine among all pairs, −1/(K − 1), and the length they had on average.
func TestWhitenedAnchorsAreOrthogonal(t *testing.T) {
	const k, dim = 6, 20
	random := rand.New(rand.NewPCG(2, 2))
	rows := sightline.Matrix{Rows: k, Cols: dim, Data: engine.Normal(random, k*dim, 1)}
	for i := range rows.Data {
		rows.Data[i] += 3 * rows.Data[i%dim] // much in common
	}
	white := normalized(whiten(rows))
	for i := range k {
		for j := range i {
			if cosine := float64(dot(white.Row(i), white.Row(j))); math.Abs(cosine+1.0/(k-1)) > 1e-5 {
				t.Errorf("anchors %d and %d have cosine %v", i, j, cosine)
			}
		}
	}
	centred := centre(rows)
	for d := range dim {
		var sum float32
		for i := range k {
			sum += centred.Row(i)[d]
		}
		if math.Abs(float64(sum)) > 1e-4 {
			t.Errorf("component %d of centred anchors sums to %v", d, sum)
		}
	}
}

func TestWarn(t *testing.T) {
	series := func(from, to float64) []float64 {
		values := make([]float64, 100)
		for i := range values {
			values[i] = from + (to-from)*float64(i)/99
		}
		return values
	}
	healthy := func() map[string][]float64 {
		return map[string][]float64{watchRec: series(5, 3), watchEntropy: series(3, 2.5), watchCosine: series(0.8, 0.8), watchKL: series(0.3, 2), watchActive: series(0, 9)}
	}
	for name, c := range map[string]struct {
		change func(w map[string][]float64)
		want   []string
	}{
		"healthy":               {func(map[string][]float64) {}, nil},
		"entropy falls":         {func(w map[string][]float64) { w[watchEntropy] = series(3, 0.1) }, []string{entropyCollapse}},
		"and the loss does not": {func(w map[string][]float64) { w[watchEntropy], w[watchRec] = series(3, 0.1), series(5, 6) }, nil},
		"no KL":                 {func(w map[string][]float64) { w[watchKL] = series(0.3, 0) }, []string{posteriorCollapse}},
		"anchors alike":         {func(w map[string][]float64) { w[watchCosine] = series(0.9, 0.999) }, []string{anchorCollapse}},
		"too early":             {func(w map[string][]float64) { w[watchRec], w[watchKL] = w[watchRec][:10], make([]float64, 10) }, nil},
	} {
		watched := healthy()
		c.change(watched)
		if name == "no KL" {
			watched[watchKL] = append(watched[watchKL][:50:50], make([]float64, 50)...)
		}
		var got []string
		for _, w := range Default().Warn(nil, watched) {
			got = append(got, w.Kind)
			if !strings.Contains(w.Text, "try ") {
				t.Errorf("%s: %q says nothing to try", name, w.Text)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	rising := Default()
	rising.Beyond.Anneal = 1000
	quiet := healthy()
	quiet[watchKL] = make([]float64, 100)
	if got := rising.Warn(nil, quiet); got != nil {
		t.Errorf("while alpha rises: %v", got)
	}
}

// A sentence on an anchor counts in full, one between all anchors hardly at all.
func TestConfidence(t *testing.T) {
	const k = 4
	p := Default()
	p.Beyond.Confidence = 2
	weights, eye := engine.NewWeights(), make([]float32, k*k)
	for i := range k {
		eye[i*k+i] = 1
	}
	weights.Set(anchors, eye, k, k)
	program, err := enginetest.Open(t).Compile(weights, func(vars engine.Vars, in []*Node) []*Node {
		return []*Node{p.Weights(vars, align.Seen{Sentence: in[0]})}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(engine.Floats([]float32{0, 3, 0, 0 /**/, 1, 1, 1, 1 /**/, 1, 1, 0, 0}, 3, k))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1, 1e-6, 0.25} { // between two of four: (1 − ln 2/ln 4)²
		if got := float64(engine.Values(out[0])[i]); math.Abs(got-want) > 1e-4 {
			t.Errorf("sentence %d counts %v, want %v", i, got, want)
		}
	}
}

// Real CLIP vectors of class names: over COCO's and LVIS' classes as anchors, a name's distribution peaks at itself at τ = 100,
// and τ moves it from nearly uniform to sharp.
func TestRealClassNamesPeakAtThemselves(t *testing.T) {
	const folder = "../../../shared/data/clip_text_embeddings"
	if _, err := os.Stat(folder); err != nil {
		t.Skip("the CLIP vectors of class names are not here: ", err)
	}
	vectors := func(name string) sightline.Matrix {
		t.Helper()
		array, err := npy.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return sightline.Matrix{Rows: array.Shape[0], Cols: array.Shape[1], Data: array.Float32s()}
	}
	coco, lvis := vectors("coco_clip_a+cname.npy"), vectors("lvis_v1_clip_a+cname.npy")
	over := func(tau float64, x, at sightline.Matrix) (peaks []int, entropy float64) {
		t.Helper()
		p := Default()
		p.Tau = tau
		program, err := enginetest.Open(t).Compile(engine.NewWeights(), func(_ engine.Vars, in []*Node) []*Node { return []*Node{p.over(in[1], in[0])} })
		if err != nil {
			t.Fatal(err)
		}
		out, err := program.Run(engine.Floats(x.Data, x.Rows, x.Cols), engine.Floats(at.Data, at.Rows, at.Cols))
		if err != nil {
			t.Fatal(err)
		}
		logs := sightline.Matrix{Rows: x.Rows, Cols: at.Rows, Data: engine.Values(out[0])}
		for i := range logs.Rows {
			best := 0
			for k, log := range logs.Row(i) {
				entropy -= math.Exp(float64(log)) * float64(log) / float64(logs.Rows)
				if log > logs.Row(i)[best] {
					best = k
				}
			}
			peaks = append(peaks, best)
		}
		return peaks, entropy
	}
	for name, set := range map[string]sightline.Matrix{"COCO": coco, "LVIS": lvis} {
		last := math.Inf(1)
		for _, tau := range []float64{1, 14.3, 50, 100} {
			peaks, entropy := over(tau, set, set)
			t.Logf("%s, %d anchors, τ %5.1f: entropy %.3f nats of at most %.3f", name, set.Rows, tau, entropy, math.Log(float64(set.Rows)))
			if entropy >= last {
				t.Errorf("%s: entropy %v at τ %v, more than %v below", name, entropy, tau, last)
			}
			last = entropy
			for i, peak := range peaks {
				if tau == 100 && peak != i && dot(set.Row(peak), set.Row(i)) < 0.9999*dot(set.Row(i), set.Row(i)) {
					t.Errorf("%s: class %d peaks at %d", name, i, peak)
				}
			}
		}
	}

	// COCO's names among LVIS' 1,203: those that both lists have peak at their own.
	text, err := os.ReadFile(filepath.Join(folder, "lvis_v1_train_cat_info.json"))
	if err != nil {
		t.Fatal(err)
	}
	var classes []struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}
	if err := json.Unmarshal(text, &classes); err != nil {
		t.Fatal(err)
	}
	place := map[string]int{}
	for _, class := range classes {
		place[strings.ReplaceAll(class.Name, "_", " ")] = class.ID - 1
	}
	names, err := ReadLabels("coco80")
	if err != nil {
		t.Fatal(err)
	}
	peaks, entropy := over(100, coco, lvis)
	shared := 0
	for i, name := range names {
		if at, ok := place[name]; ok {
			shared++
			if peaks[i] != at {
				t.Errorf("COCO's %s peaks at LVIS' number %d, its own is %d", name, peaks[i], at)
			}
		}
	}
	t.Logf("%d of COCO's names are LVIS' too; entropy %.3f nats at τ 100", shared, entropy)
	if shared < 40 {
		t.Errorf("only %d names are in both lists", shared)
	}
}
