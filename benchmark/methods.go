package benchmark

import (
	"fmt"
	"strings"

	"sightline"
	"sightline/align"
	_ "sightline/align/heads" // methods name their heads
	"sightline/train"
)

// Method is one way to a model, named in the table.
type Method struct {
	Name   string
	Config func(train.Config) train.Config // changes the defaults; nil means no training
}

// Methods are the rows of the table, the one that others are tested against first.
var Methods = []Method{
	{Name: "meanP untrained"},
	{Name: "meanP", Config: onFeatures(align.Choice{Kind: "meanpool"}, 40, 128, 1e-3)},
	{Name: "seqLSTM", Config: onFeatures(align.Choice{Kind: "seqlstm"}, 20, 128, 1e-3)},
	{Name: "seqTransf", Config: onFeatures(align.Choice{Kind: "seqtransf"}, 20, 128, 5e-4)},
	// Two layers of the paper's four, small batches and few passes: every pair of every test is a run of the transformer.
	{Name: "tightTransf", Config: onFeatures(align.Choice{Kind: "tighttransf", Options: map[string]any{"layers": 2}}, 2, 16, 5e-4)},
	{Name: "X-Pool", Config: onFeatures(align.Choice{Kind: "xpool"}, 20, 128, 1e-3)},
	{Name: "T-MASS", Config: onFeatures(align.Choice{Kind: "tmass", Options: map[string]any{"frames": frames}}, 20, 128, 1e-3)},
	{Name: "CALM", Config: onFeatures(align.Choice{Kind: "meanpool"}, 40, 128, 1e-3, align.Choice{Kind: "calm"})},
	{Name: "EMCL", Config: onFeatures(align.Choice{Kind: "meanpool"}, 40, 128, 1e-3, align.Choice{Kind: "emcl"})},
	{Name: "CALM + EMCL", Config: onFeatures(align.Choice{Kind: "meanpool"}, 40, 128, 1e-3, align.Choice{Kind: "calm"}, align.Choice{Kind: "emcl"})},
	{Name: "meanP end to end", Config: func(c train.Config) train.Config {
		c.Tower = train.TowerConfig{Kind: "live", TrainFrames: 4}
		c.Epochs, c.Batch, c.Optimizer.Rate = 3, 64, 5e-4
		return c
	}},
}

// onFeatures returns what makes a run train adapters of width 256 and a head with its parts on stored features.
func onFeatures(head align.Choice, epochs, batch int, rate float64, parts ...align.Choice) func(train.Config) train.Config {
	return func(c train.Config) train.Config {
		c.Head, c.Parts, c.Tower.Hidden = head, parts, 256
		c.Epochs, c.Batch, c.Optimizer.Rate = epochs, batch, rate
		return c
	}
}

// FromFiles returns a row for each run file, named as the file says, after the untrained encoder. The first is what the
// others are tested against. Data, seed and frames are the plan's.
func FromFiles(paths []string) ([]Method, error) {
	methods := []Method{Methods[0]}
	for _, path := range paths {
		config, err := train.ReadConfig(path)
		if err != nil {
			return nil, err
		}
		for _, other := range methods {
			if other.Name == config.Name {
				return nil, &sightline.Error{Kind: sightline.Usage, What: "read " + path,
					Err: fmt.Errorf("another row is named %q too", config.Name), Try: "give every run file a name of its own"}
			}
		}
		methods = append(methods, Method{config.Name, func(plan train.Config) train.Config {
			own := config
			own.Name, own.Seed, own.Data = plan.Name, plan.Seed, plan.Data
			return own
		}})
	}
	return methods, nil
}

// Choose returns the named methods in the order of Methods, which always begins with the first; nil names mean all.
func Choose(names []string) ([]Method, error) {
	if names != nil {
		names = append([]string{Methods[0].Name}, names...)
	}
	return choose(Methods, func(m Method) string { return m.Name }, names)
}

// choose returns those of all that have one of the names, in their order; nil names mean all.
func choose[T any](all []T, nameOf func(T) string, names []string) ([]T, error) {
	if names == nil {
		return all, nil
	}
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[strings.TrimSpace(name)] = true
	}
	var chosen []T
	var known []string
	for _, method := range all {
		name := nameOf(method)
		known = append(known, name)
		if wanted[name] {
			chosen = append(chosen, method)
			delete(wanted, name)
		}
	}
	for name := range wanted {
		return nil, &sightline.Error{
			Kind: sightline.Usage, What: "choose methods", Err: fmt.Errorf("%q is none", name),
			Try: "one or more of: " + strings.Join(known, ", "),
		}
	}
	return chosen, nil
}
