package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"sightline"
	"sightline/align/emcl"
	"sightline/feature/npy"
	"sightline/internal/atomicfile"
	"sightline/metric"
)

// boostJSON is the contract of boost --json.
type boostJSON struct {
	Texts       int           `json:"texts"`
	Videos      int           `json:"videos"`
	Dim         int           `json:"dim"`
	Confidence  float64       `json:"confidence,omitempty"`
	EMCL        boostEMCL     `json:"emcl"`
	Results     []evalResult  `json:"results"` // one for each protocol, text to video first
	Comparisons []comparison  `json:"comparisons"`
	Geometry    boostGeometry `json:"geometry"`
	Out         string        `json:"out,omitempty"` // folder of the boosted features
}

// boostEMCL tells what was fitted.
type boostEMCL struct {
	emcl.EM
	Reference string    `json:"reference"`       // "training features" or "gallery": what the frozen bases were fitted on
	Rows      int       `json:"rows"`            // of the reference
	Singular  []float64 `json:"singular_values"` // of the bases, the largest first: how many different ones there are
	Share     float64   `json:"relative_change"` // mean length of what is added to a unit vector
}

// boostGeometry is the space of the features before and after frozen EMCL.
type boostGeometry struct {
	Before metric.Geometry `json:"before"`
	After  metric.Geometry `json:"after"`
}

// boosting is what boost was asked for.
type boosting struct {
	text, video, trainText, trainVideo string
	owners, out                        string
	captions                           int
	seed                               uint64
	raw                                bool
	em                                 emcl.EM
}

func (a *app) boostCommand() *cobra.Command {
	var how judging
	var post posting
	b := boosting{em: emcl.TrainingFree()}
	cmd := &cobra.Command{
		Use:   "boost --text T.npy --video V.npy",
		Short: "Improve anybody's features without training, and measure whether it did",
		Long: `Boost takes features of texts and videos in one space, made by any model, and puts EMCL's
decomposition and the usual post-processing on them, without training. It prints the table before
and after, with intervals and paired tests: some features gain, some lose.

Rows are .npy arrays [texts, width] and [videos, width], float16 to float64, and are normalised.
EMCL's bases are fitted once and frozen, on features of training data where --train-text and
--train-video name them, else on the videos of the gallery: a row that an index could serve. What
looks at all test queries at once (EMCL as published, dual and inverted softmax) stands in rows
marked transductive; so does QB-Norm, whose bank of queries is --train-text.`,
		Example: `  sightline boost --text t.npy --video v.npy
  sightline boost --text t.npy --video v.npy --captions-per-video 20 --json
  sightline boost --text t.npy --video v.npy --train-text tt.npy --train-video tv.npy --out boosted/`,
		Args: operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			options, err := how.options()
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("post") {
				post.names = []string{"dsl", "inverted"}
				if b.trainText != "" {
					post.names = append(post.names, "qbnorm")
				}
			}
			if err := post.check(b.trainText); err != nil {
				return err
			}
			result, err := b.run(post, options)
			if err != nil {
				return err
			}
			return a.print(result, func() error { return a.printBoost(result) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&b.text, "text", "", "features of the texts, .npy (needed)")
	flags.StringVar(&b.video, "video", "", "features of the videos, .npy (needed)")
	flags.StringVar(&b.trainText, "train-text", "", "features of training texts: to fit bases on, and QB-Norm's bank")
	flags.StringVar(&b.trainVideo, "train-video", "", "features of training videos, to fit bases on")
	flags.StringVar(&b.owners, "owners", "", "file with the number of the video of each text")
	flags.IntVar(&b.captions, "captions-per-video", 0, "texts are grouped by video, so many each")
	flags.StringVar(&b.out, "out", "", "write the features with frozen EMCL into this folder, as text.npy and video.npy")
	flags.IntVar(&b.em.Bases, "bases", b.em.Bases, "EMCL's K")
	flags.IntVar(&b.em.Iterations, "iterations", b.em.Iterations, "EMCL's rounds R")
	flags.Float64Var(&b.em.Lambda, "lambda", b.em.Lambda, "EMCL's λ")
	flags.Float64Var(&b.em.Beta, "beta", b.em.Beta, "EMCL's β")
	flags.BoolVar(&b.em.Multiply, "multiply", false, "multiply by λ, as in EMCL's module for MMT, where the paper divides")
	flags.StringVar(&b.em.Init, "init", b.em.Init, "how EM starts: official or random")
	flags.Uint64Var(&b.seed, "em-seed", 0, "of how EM starts")
	flags.BoolVar(&b.raw, "raw", false, "compare by dot product after EMCL, as its official module does, not by cosine")
	how.flags(cmd)
	post.flags(cmd)
	cmd.MarkFlagsMutuallyExclusive("owners", "captions-per-video")
	cmd.MarkFlagsRequiredTogether("train-text", "train-video")
	for _, name := range []string{"text", "video"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return cmd
}

// features are unit rows of both modalities.
type features struct{ texts, videos sightline.Matrix }

// run fits, applies and measures.
func (b boosting) run(post posting, options metric.Options) (boostJSON, error) {
	fail := func(err error) (boostJSON, error) { return boostJSON{}, err }
	if err := b.em.Valid(); err != nil {
		return fail(usage("boost", "sightline boost --help lists the defaults", "%w", err))
	}
	plain, err := b.read(b.text, b.video)
	if err != nil {
		return fail(err)
	}
	owner, err := ownersOf(judged{
		command: fmt.Sprintf("boost --text %s --video %s", b.text, b.video), texts: plain.texts.Rows, videos: plain.videos.Rows,
		turned: "exchange --text and --video, if they are the other way round",
	}, b.owners, b.captions)
	if err != nil {
		return fail(err)
	}
	var bank features
	reference, from := plain.videos, "gallery"
	if b.trainText != "" {
		if bank, err = b.read(b.trainText, b.trainVideo); err != nil {
			return fail(err)
		}
		if bank.texts.Cols != plain.texts.Cols {
			return fail(usage("boost", "give training features of the same model", "training features are %d wide, the others %d", bank.texts.Cols, plain.texts.Cols))
		}
		reference, from = joined(bank.videos, bank.texts), "training features"
	}

	start := b.em.Start(plain.texts.Cols, rand.New(rand.NewPCG(b.seed, 0)))
	frozen, err := b.em.Fit(reference, start, reference.Rows)
	if err != nil {
		return fail(err)
	}
	all, err := b.em.Fit(joined(plain.videos, plain.texts), start, plain.videos.Rows+plain.texts.Rows)
	if err != nil {
		return fail(err)
	}
	boosted, err := b.apply(frozen, plain)
	if err != nil {
		return fail(err)
	}
	together, err := b.apply(all, plain)
	if err != nil {
		return fail(err)
	}
	boostedBank := features{}
	if b.trainText != "" {
		if boostedBank, err = b.apply(frozen, bank); err != nil {
			return fail(err)
		}
	}

	table := boostTable{owner: owner, options: options, post: post}
	for _, row := range []struct {
		name, kind string
		of         features
		bank       sightline.Matrix
	}{
		{"as given", "model", plain, bank.texts},
		{"EMCL frozen", "model", boosted, boostedBank.texts},
		{metric.Transductive{Name: "EMCL over all that is tested"}.Title("as given"), "transductive", together, sightline.Matrix{}},
	} {
		if err := table.add(row.name, row.kind, row.of, row.bank); err != nil {
			return fail(err)
		}
	}
	result := boostJSON{
		Texts: plain.texts.Rows, Videos: plain.videos.Rows, Dim: plain.texts.Cols,
		EMCL: boostEMCL{EM: b.em, Reference: from, Rows: reference.Rows, Singular: frozen.Singular, Share: change(frozen, plain)},
	}
	if options.Resamples >= 0 {
		result.Confidence = options.Confidence
	}
	if result.Results, result.Comparisons, err = table.results(); err != nil {
		return fail(err)
	}
	if result.Geometry.Before, err = metric.Measure(plain.videos, plain.texts, owner); err != nil {
		return fail(err)
	}
	if result.Geometry.After, err = metric.Measure(boosted.videos, boosted.texts, owner); err != nil {
		return fail(err)
	}
	if b.out != "" {
		result.Out = b.out
		return result, writeFeatures(b.out, boosted)
	}
	return result, nil
}

// read returns normalised features from two files.
func (b boosting) read(text, video string) (features, error) {
	texts, err := readUnit(text)
	if err != nil {
		return features{}, err
	}
	videos, err := readUnit(video)
	if err != nil {
		return features{}, err
	}
	if texts.Cols != videos.Cols {
		return features{}, usage("boost", "give features of one space, [texts, width] and [videos, width]", "texts in %s are %d wide, videos in %s %d", text, texts.Cols, video, videos.Cols)
	}
	return features{texts, videos}, nil
}

// readUnit reads an array [rows, width] and gives every row length 1. Rows without a direction are errors.
func readUnit(path string) (sightline.Matrix, error) {
	x, err := readMatrix("read features", path, "[rows, width]")
	if err != nil {
		return sightline.Matrix{}, err
	}
	bad := func(err error) (sightline.Matrix, error) {
		return sightline.Matrix{}, &sightline.Error{Kind: sightline.Failed, What: "read features " + path, Err: err, Try: "find what was encoded to it, and leave it out or encode it again"}
	}
	if err := x.Finite(); err != nil {
		return bad(err)
	}
	unit := sightline.NewMatrix(x.Rows, x.Cols)
	for r := range x.Rows {
		length := norm(x.Row(r))
		if length == 0 {
			return bad(fmt.Errorf("row %d (counting from 0) is zero: it has no direction", r))
		}
		for d, v := range x.Row(r) {
			unit.Row(r)[d] = float32(float64(v) / length)
		}
	}
	return unit, nil
}

func norm(row []float32) float64 {
	var square float64
	for _, v := range row {
		square += float64(v) * float64(v)
	}
	return math.Sqrt(square)
}

// joined returns the rows of both.
func joined(a, b sightline.Matrix) sightline.Matrix {
	return sightline.Matrix{Rows: a.Rows + b.Rows, Cols: a.Cols, Data: slices.Concat(a.Data, b.Data)}
}

// apply passes features through a decomposition, and normalises them again unless raw ones were asked for.
func (b boosting) apply(m emcl.Map, f features) (features, error) {
	var out features
	for _, side := range []struct {
		from sightline.Matrix
		to   *sightline.Matrix
	}{{f.texts, &out.texts}, {f.videos, &out.videos}} {
		x, err := m.Apply(side.from)
		if err != nil {
			return features{}, err
		}
		for r := range x.Rows {
			if row := x.Row(r); !b.raw {
				length := max(norm(row), 1e-12)
				for d, v := range row {
					row[d] = float32(float64(v) / length)
				}
			}
		}
		*side.to = x
	}
	return out, nil
}

// change returns the mean length of what a decomposition adds to unit rows.
func change(m emcl.Map, f features) float64 {
	var sum float64
	for _, x := range []sightline.Matrix{f.texts, f.videos} {
		for r := range x.Rows {
			sum += norm(m.Added(x.Row(r)))
		}
	}
	return sum / float64(f.texts.Rows+f.videos.Rows)
}

// writeFeatures writes text.npy and video.npy into a folder.
func writeFeatures(dir string, f features) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for name, x := range map[string]sightline.Matrix{"text.npy": f.texts, "video.npy": f.videos} {
		err := atomicfile.WriteFunc(filepath.Join(dir, name), func(w io.Writer) error { return npy.Write(w, []int{x.Rows, x.Cols}, x.Data) })
		if err != nil {
			return err
		}
	}
	return nil
}

// products returns a·bᵀ [a.Rows, b.Rows].
func products(a, b sightline.Matrix) sightline.Matrix {
	out := sightline.NewMatrix(a.Rows, b.Rows)
	general := func(m sightline.Matrix) blas32.General {
		return blas32.General{Rows: m.Rows, Cols: m.Cols, Stride: m.Cols, Data: m.Data}
	}
	blas32.Gemm(blas.NoTrans, blas.Trans, 1, general(a), general(b), 0, general(out))
	return out
}
