package moments

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sightline"
	"sightline/metric"
)

// kinds of query in TVR, in the order of its script: pictures, subtitles, both.
var kinds = []string{"v", "t", "vt"}

// TVRMetrics returns what the official script of TVR prints for these tasks, key by key: {"VCMR": {"0.5-r1": 7.42, …},
// "VCMR_by_type": {"v-0.5-r1": …, "desc_type_ratio": "v 74.32 t 8.85 vt 16.83"}, …}. Values are rounded to two decimals.
// The parts by type are there when all queries are of a kind the script knows; a kind without queries is left out, where the
// script prints NaN.
func TVRMetrics(tasks []Scores) (map[string]map[string]any, error) {
	metrics := map[string]map[string]any{}
	for _, s := range tasks {
		name := string(s.Task)
		metrics[name] = map[string]any{}
		if err := s.official(metrics[name], ""); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(s.Queries, func(q sightline.MomentQuery) bool { return !slices.Contains(kinds, q.Kind) }) {
			continue
		}
		byType := map[string]any{}
		var ratio []string
		for _, kind := range kinds {
			part := s.Where(func(q sightline.MomentQuery) bool { return q.Kind == kind })
			ratio = append(ratio, fmt.Sprintf("%s %s", kind, pythonFloat(rounded(100*(float64(len(part.Queries))/float64(len(s.Queries)))))))
			if len(part.Queries) == 0 {
				continue
			}
			if err := part.official(byType, kind+"-"); err != nil {
				return nil, err
			}
		}
		byType["desc_type_ratio"] = strings.Join(ratio, " ")
		metrics[name+"_by_type"] = byType
	}
	return metrics, nil
}

// official puts the rounded means into a map under the script's names.
func (s Scores) official(into map[string]any, prefix string) error {
	means, err := s.Summarize(metric.Options{Resamples: -1})
	if err != nil {
		return err
	}
	for m, mean := range means {
		into[prefix+s.keys[m]] = rounded(mean.Value)
	}
	return nil
}

// QVHighlightsMetrics returns what the official script of QVHighlights prints: windows holds the scores of each of Ranges
// by its name, where it has any; highlight is nil where no saliency was predicted. Values are rounded to two decimals.
func QVHighlightsMetrics(windows map[string]Scores, highlight *Scores) (map[string]map[string]any, error) {
	brief := map[string]any{}
	metrics := map[string]map[string]any{"brief": brief}
	// nested puts a number under name/group/key, where the script's name is group/key.
	nested := func(s Scores, put func(group, key string, value any)) error {
		flat := map[string]any{}
		if err := s.official(flat, ""); err != nil {
			return err
		}
		for name, value := range flat {
			group, key, _ := strings.Cut(name, "/")
			put(group, key, value)
		}
		return nil
	}
	for _, r := range Ranges {
		s, ok := windows[r.Name]
		if !ok {
			continue
		}
		groups := map[string]any{"MR-mAP": map[string]any{}, "MR-R1": map[string]any{}}
		metrics[r.Name] = groups
		if err := nested(s, func(group, key string, value any) {
			groups[group].(map[string]any)[key] = value
			switch {
			case group == "MR-mAP" && key == "average":
				brief["MR-"+r.Name+"-mAP"] = value
			case r == Full && (group == "MR-mAP" && (key == "0.5" || key == "0.75") || group == "MR-R1" && (key == "0.5" || key == "0.7")):
				brief["MR-full-"+strings.TrimPrefix(group, "MR-")+"@"+key] = value
			}
		}); err != nil {
			return nil, err
		}
	}
	if highlight == nil {
		return metrics, nil
	}
	return metrics, nested(*highlight, func(group, key string, value any) {
		if metrics[group] == nil {
			metrics[group] = map[string]any{}
		}
		metrics[group][key] = value
		brief[group+"-"+strings.TrimPrefix(key, "HL-")] = value
	})
}

// rounded rounds to two decimals as Python's round and format do: correctly, from the exact binary value.
func rounded(x float64) float64 {
	x, err := strconv.ParseFloat(strconv.FormatFloat(x, 'f', 2, 64), 64)
	if err != nil {
		panic(err) // it was formatted a line above
	}
	return x
}
