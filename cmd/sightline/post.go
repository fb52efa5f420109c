package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/metric"
)

// posting is what post-processes similarities before they are ranked; judge and eval share its flags.
type posting struct {
	names []string
	beta  float64
	top   int
}

func (p *posting) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&p.names, "post", nil, "rows of their own after post-processing over all queries: dsl, inverted, qbnorm")
	flags.Float64Var(&p.beta, "qb-beta", 20, "β of qbnorm")
	flags.IntVar(&p.top, "qb-top", 1, "videos that each query of the bank makes active")
}

// check refuses names that are none, and qbnorm without a bank.
func (p *posting) check(bank string) error {
	for _, name := range p.names {
		if !slices.Contains([]string{"dsl", "inverted", "qbnorm"}, name) {
			return usage("--post "+name, "--post dsl,inverted,qbnorm", "there is no such post-processing")
		}
	}
	if slices.Contains(p.names, "qbnorm") && bank == "" {
		return usage("--post qbnorm", "name other queries, of training: --bank", "it needs a bank of queries")
	}
	return nil
}

// processed is a ranking after a post-processing, in the directions that it has.
type processed struct {
	process  metric.Transductive
	rankings []metric.Ranks
}

// apply ranks similarities after each post-processing.
func (p *posting) apply(sims, bank sightline.Matrix, owner []int) ([]processed, error) {
	var all []processed
	for _, name := range p.names {
		process := map[string]metric.Transductive{
			"dsl": metric.DualSoftmax(), "inverted": metric.InvertedSoftmax(), "qbnorm": metric.QBNorm(bank, p.beta, p.top),
		}[name]
		done := processed{process: process}
		plain, err := metric.Rank(sims, owner)
		if err != nil {
			return nil, err
		}
		for i, direction := range plain.All() {
			if name == "qbnorm" && direction.Protocol != metric.TextToVideo {
				continue
			}
			changed, err := process.Apply(sims, direction.Protocol)
			if err != nil {
				return nil, err
			}
			ranking, err := metric.Rank(changed, owner)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", process.Name, err)
			}
			done.rankings = append(done.rankings, ranking.All()[i])
		}
		all = append(all, done)
	}
	return all, nil
}

// transductiveRows returns a direction's rows, named after what was processed.
func transductiveRows(name string, all []processed, protocol metric.Protocol, options metric.Options) ([]evalRow, error) {
	var rows []evalRow
	for _, p := range all {
		ranks, ok := p.in(protocol)
		if !ok {
			continue
		}
		summary, err := ranks.Summarize(options)
		if err != nil {
			return nil, err
		}
		rows = append(rows, evalRow{Name: p.process.Title(name), Kind: "transductive", Seeds: 1, Summary: summary})
	}
	return rows, nil
}

// in returns the ranks of one direction; false when the post-processing has none.
func (p processed) in(protocol metric.Protocol) (metric.Ranks, bool) {
	i := slices.IndexFunc(p.rankings, func(r metric.Ranks) bool { return r.Protocol == protocol })
	if i < 0 {
		return metric.Ranks{}, false
	}
	return p.rankings[i], true
}
