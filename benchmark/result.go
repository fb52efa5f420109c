package benchmark

import (
	"cmp"
	"fmt"
	"slices"

	"sightline/metric"
)

// Result is everything a benchmark found. Its JSON lies beside the table.
type Result struct {
	Size     string    `json:"size"`
	Rho      float64   `json:"rho"`
	Captions int       `json:"captions"` // a test video; 0 for all
	On       string    `json:"on"`       // the split that models were tested on
	Seeds    int       `json:"seeds"`
	Encoder  string    `json:"encoder"`
	Backend  string    `json:"backend"`
	Sections []Section `json:"sections"`
	Drops    []Drop    `json:"drops"`
	Costs    []CostRow `json:"costs"`
	Chosen   []Chosen  `json:"chosen_on_test"`
	Watched  []Watched `json:"watched,omitempty"`
}

// Section is one domain in one direction.
type Section struct {
	Title string `json:"title"`
	Rows  []Row  `json:"rows"`
	Tests []Test `json:"tests,omitempty"`
}

// Row is a method, a ceiling or chance.
type Row struct {
	Name    string         `json:"name"`
	Summary metric.Summary `json:"summary"`
}

// Test compares all seeds of a method with those of another on the same queries.
type Test struct {
	Method      string              `json:"method"`
	Against     string              `json:"against"`
	Differences []metric.Difference `json:"differences"`
}

// Drop is what a method loses from in-domain to out-of-domain: the mean over seeds of the difference of R@1, in points.
type Drop struct {
	Method      string  `json:"method"`
	TextToVideo float64 `json:"text_to_video"`
	VideoToText float64 `json:"video_to_text"`
}

// CostRow is what a method takes, in the mean over seeds.
type CostRow struct {
	Method string `json:"method"`
	Cost
}

// Watched is what the parts of a method reported at the end of training, in the mean over seeds.
type Watched struct {
	Method  string             `json:"method"`
	Scalars map[string]float64 `json:"scalars"`
}

// Chosen shows how much choosing the best epoch on the test set flatters: mean over seeds of text-to-video R@1 with the
// epoch chosen on validation, as everywhere else, and with the epoch that is best on this very test set.
type Chosen struct {
	Method       string  `json:"method"`
	Domain       string  `json:"domain"`
	OnValidation float64 `json:"r1_chosen_on_validation"`
	OnTest       float64 `json:"r1_chosen_on_test"`
}

var protocols = []metric.Protocol{metric.TextToVideo, metric.VideoToText}

// tabulate fills in the result from what was tested, by method and seed.
func (b *bench) tabulate(result *Result, all [][]tested) error {
	for d, domain := range domains {
		for _, protocol := range protocols {
			section, err := b.section(domain.name, d, protocol, all)
			if err != nil {
				return err
			}
			result.Sections = append(result.Sections, section)
		}
	}
	for m, method := range b.Methods {
		seeds := all[m]
		cost := CostRow{Method: method.Name}
		drop := Drop{Method: method.Name}
		n := float64(len(seeds))
		for _, t := range seeds {
			cost.Parameters = t.cost.Parameters
			cost.Seconds += t.cost.Seconds / n
			cost.Query += t.cost.Query / n
			cost.Served += t.cost.Served / n
			cost.Lost += t.cost.Lost / n
			drop.TextToVideo += (r1(t.rankings[1].TextToVideo) - r1(t.rankings[0].TextToVideo)) / n
			drop.VideoToText += (r1(t.rankings[1].VideoToText) - r1(t.rankings[0].VideoToText)) / n
		}
		watched := Watched{method.Name, map[string]float64{}}
		for _, t := range seeds {
			for name, value := range t.watched {
				watched.Scalars[name] += value / n
			}
		}
		if len(watched.Scalars) > 0 {
			result.Watched = append(result.Watched, watched)
		}
		result.Costs, result.Drops = append(result.Costs, cost), append(result.Drops, drop)
		for d, domain := range domains {
			chosen := Chosen{Method: method.Name, Domain: domain.domain}
			for _, t := range seeds {
				if len(t.epochs) == 0 {
					continue
				}
				best := slices.MaxFunc(t.epochs, func(a, b Epoch) int { return cmp.Compare(a.Recall[d][0], b.Recall[d][0]) })
				chosen.OnValidation += r1(t.rankings[d].TextToVideo) / n
				chosen.OnTest += best.Recall[d][0] / n
			}
			if chosen.OnTest > 0 {
				result.Chosen = append(result.Chosen, chosen)
			}
		}
	}
	return nil
}

// section tabulates one domain in one direction.
func (b *bench) section(title string, domain int, protocol metric.Protocol, all [][]tested) (Section, error) {
	section := Section{Title: title + ", " + protocol.Title()}
	if b.On != "test" {
		section.Title += " (" + b.On + " split)"
	}
	ranks := func(m int, of func(tested) []metric.Ranking) []metric.Ranks {
		var list []metric.Ranks
		for _, t := range all[m] {
			if rankings := of(t); rankings != nil {
				list = append(list, direction(rankings[domain], protocol))
			}
		}
		return list
	}
	exact := func(t tested) []metric.Ranking { return t.rankings }
	stages := []struct {
		name string
		of   func(tested) []metric.Ranking
	}{
		{"recall vectors alone", func(t tested) []metric.Ranking { return t.first }},
		{fmt.Sprintf("best %d re-scored", Candidates), func(t tested) []metric.Ranking { return t.twoStage }},
	}
	for m, method := range b.Methods {
		own := ranks(m, exact)
		row, err := overSeeds(method.Name, own)
		if err != nil {
			return Section{}, err
		}
		section.Rows = append(section.Rows, row)
		for _, stage := range stages {
			list := ranks(m, stage.of)
			if list == nil {
				continue
			}
			row, err := overSeeds(method.Name+", "+stage.name, list)
			if err != nil {
				return Section{}, err
			}
			section.Rows = append(section.Rows, row)
		}
		if m == 0 {
			continue
		}
		against := min(m-1, 1) // the trained mean is tested against the untrained, everything else against the trained mean
		other := ranks(against, exact)
		for len(other) < len(own) {
			other = append(other, other[0])
		}
		differences, err := metric.Compare(metric.Join(other), metric.Join(own), metric.Options{})
		if err != nil {
			return Section{}, err
		}
		section.Tests = append(section.Tests, Test{Method: method.Name, Against: b.Methods[against].Name, Differences: differences})
	}
	return section, b.bound(&section, domain, ranks(0, exact)[0])
}

// bound adds what a perfect matcher reaches in a domain, and chance.
func (b *bench) bound(section *Section, domain int, ranks metric.Ranks) error {
	for _, oracle := range b.oracles[domain] {
		if oracle.Summary.Protocol == ranks.Protocol {
			section.Rows = append(section.Rows, Row(oracle))
		}
	}
	chance, err := ranks.Chance([]int{1, 5, 10})
	section.Rows = append(section.Rows, Row{"chance", chance})
	return err
}

func direction(r metric.Ranking, p metric.Protocol) metric.Ranks {
	if p == metric.TextToVideo {
		return r.TextToVideo
	}
	return r.VideoToText
}

// r1 returns R@1 in percent, ties at their average rank.
func r1(ranks metric.Ranks) float64 {
	hits := 0
	for i := range ranks.Queries() {
		if ranks.Value(i, metric.Average) < 1 {
			hits++
		}
	}
	return 100 * float64(hits) / float64(max(1, ranks.Queries()))
}

// overSeeds summarises the trainings of a method: the mean over seeds with its t interval, or for a single one the
// bootstrap interval over queries.
func overSeeds(name string, runs []metric.Ranks) (Row, error) {
	var summaries []metric.Summary
	for _, ranks := range runs {
		summary, err := ranks.Summarize(metric.Options{})
		if err != nil {
			return Row{}, err
		}
		summaries = append(summaries, summary)
	}
	if len(summaries) == 1 {
		return Row{name, summaries[0]}, nil
	}
	mean, err := metric.OverSeeds(summaries, 0)
	return Row{fmt.Sprintf("%s (%d seeds)", name, len(summaries)), mean}, err
}
