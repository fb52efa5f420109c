package calm

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/align/meanpool"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/internal/golden"
)

// goldenScale is the logit scale of the task loss on file (retrieval.md R11).
const goldenScale = 50

// Distributions, VAE and losses of the reference, beside meanP; gradients with and without one through the target. The
// vectors come from a reference of our own: there is no official code.
func TestGoldenCALM(t *testing.T) {
	vectors := golden.Open(t, "retrieval", "calm.npz")
	frames := vectors.Array("frames").Shape
	b, k, latent := frames[0], vectors.Array("anchors").Shape[0], vectors.Array("eps").Shape[1]
	part := Default()
	part.Tau, part.Alpha, part.Latent, part.Hidden = vectors.Scalar("tau"), vectors.Scalar("alpha"), latent, nil
	for i := range vectors.Array("hidden").Shape[0] {
		part.Hidden = append(part.Hidden, vectors.Array(fmt.Sprintf("w/enc.%d.weight", i)).Shape[0])
	}
	weights := engine.NewWeights()
	for from, to := range map[string]string{"frames": "frames", "text": "text", "anchors": "calm.anchors"} {
		weights.Set(to, vectors.Array(from).Float32s(), vectors.Array(from).Shape...)
	}
	var learned []string
	for name, array := range vectors.Archive {
		if rest, ok := strings.CutPrefix(name, "w/"); ok {
			weights.Set("calm."+rest, array.Float32s(), array.Shape...)
			learned = append(learned, rest)
		}
	}
	mask := engine.Floats(vectors.Array("mask").Float32s(), frames[:2]...)
	eps := engine.Floats(vectors.Array("eps").Float32s(), b, latent)
	seen := func(vars engine.Vars, in []*Node) align.Seen {
		return align.Seen{Frames: align.Frames{Vectors: vars.Get("frames"), Mask: in[0]}, Sentence: vars.Get("text")}
	}
	task := func(s align.Seen) *Node {
		head := meanpool.Head{}
		similarities := head.Score(engine.Vars{}, head.Text(engine.Vars{}, s.Sentence), head.Video(engine.Vars{}, s.Frames))
		return align.InfoNCE(MulScalar(similarities, goldenScale))
	}
	check := func(got engine.Array, want string) {
		t.Helper()
		golden.Close(t, want, engine.Values(got), vectors.Array(want).Float32s(), golden.ForwardAbs, golden.ForwardRel)
	}
	with := []string{"frames", "text"}
	for _, name := range learned {
		with = append(with, "calm."+name)
	}
	for _, c := range []struct {
		detach                    bool
		loss, frames, text, prior string
	}{{false, "loss", "dframes", "dtext", "g/"}, {true, "det_loss", "det_dframes", "det_dtext", "g/det/"}} {
		part.Detach = c.detach
		program, err := enginetest.Open(t).Gradient(weights, with, func(vars engine.Vars, in []*Node) []*Node {
			own, s := vars.Under("calm."), seen(vars, in)
			d := part.of(own, s)
			mu, logvar := part.encode(own, d.video)
			z := sample(mu, logvar, in[1])
			losses := part.terms(own, d, in[1:])
			task := task(s)
			return []*Node{Add(losses.loss, task), Reshape(Exp(d.video), b, k), Exp(d.text), mu, logvar, z, part.decode(own, z), losses.rec, losses.kl, task}
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := program.Run(mask, eps)
		if err != nil {
			t.Fatal(err)
		}
		names := []string{c.loss, "vp", "sp", "mu", "logvar", "z", "log_shat", "l_rec", "l_kl", "l_task"}
		for i, name := range names {
			check(out[i], name)
		}
		gradients := []string{c.frames, c.text}
		for _, name := range learned {
			gradients = append(gradients, c.prior+name)
		}
		for i, name := range gradients {
			golden.Close(t, name, engine.Values(out[len(names)+i]), vectors.Array(name).Float32s(), golden.GradientAbs, golden.GradientRel)
		}
	}

	// Without a VAE: the ablations.
	part.Detach = false
	for _, kind := range []string{kl, ce, mse} {
		part.Between = kind
		program, err := enginetest.Open(t).Compile(weights, func(vars engine.Vars, in []*Node) []*Node {
			own := vars.Under("calm.")
			return []*Node{part.terms(own, part.of(own, seen(vars, in)), nil).loss}
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := program.Run(mask)
		if err != nil {
			t.Fatal(err)
		}
		check(out[0], "direct_"+kind)
	}

	// A temperature at which probabilities vanish.
	part.Between, part.Tau = vae, vectors.Scalar("stab_tau")
	program, err := enginetest.Open(t).Compile(weights, func(vars engine.Vars, in []*Node) []*Node {
		own := vars.Under("calm.")
		d := part.of(own, seen(vars, in))
		losses := part.terms(own, d, in[1:])
		return []*Node{Reshape(d.video, b, k), d.text, losses.rec, losses.kl}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(mask, eps)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"stab_log_vp", "stab_log_sp", "stab_l_rec", "stab_l_kl"} {
		check(out[i], name)
	}
}
