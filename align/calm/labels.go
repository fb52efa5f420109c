package calm

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"sightline"
	"sightline/internal/bounded"
)

// The built-in label sets. world and foreign have 157 labels each, as many as the paper; COCO's are the 80 names of its classes.
//
//go:embed labels
var builtin embed.FS

// Bounds on a label file.
const (
	largestFile  = 16 << 20 // bytes
	longestLabel = 1 << 10  // bytes
)

// ReadLabels returns the labels of a built-in set ("world", "foreign", "coco80") or of a file. A file has a label a line;
// "c000 Holding some clothes", as Charades has it, loses its number, and words written together (ApplyEyeMakeup,
// playing_guitar) are parted. Empty lines are skipped; a label that comes twice is an error.
func ReadLabels(name string) ([]string, error) {
	text, err := builtin.ReadFile("labels/" + name + ".txt")
	if err != nil {
		text, err = bounded.ReadFile(name, largestFile)
	}
	var labels []string
	if err == nil {
		labels, err = parseLabels(text, name)
	}
	if err != nil {
		return nil, &sightline.Error{Kind: sightline.Usage, What: "read labels", Err: err,
			Try: "name a built-in set (world, foreign, coco80), or a file with one label a line"}
	}
	return labels, nil
}

var (
	charades = regexp.MustCompile(`^c\d{3}(\s+|$)`)
	together = regexp.MustCompile(`^([A-Z][a-z]+){2,}$`)
	inner    = regexp.MustCompile(`([a-z])([A-Z])`)
)

func parseLabels(text []byte, name string) ([]string, error) {
	var labels []string
	lines := map[string]int{}
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		number++
		fail := func(format string, args ...any) ([]string, error) {
			return nil, fmt.Errorf("%s:%d: %s", name, number, fmt.Sprintf(format, args...))
		}
		if len(line) > longestLabel {
			return fail("a label of %d bytes; %d are the most", len(line), longestLabel)
		}
		if !utf8.Valid(line) || bytes.ContainsRune(line, 0) {
			return fail("this is not UTF-8 text")
		}
		whole := strings.TrimSpace(string(line))
		if whole == "" {
			continue
		}
		label := charades.ReplaceAllString(whole, "")
		label = strings.ReplaceAll(label, "_", " ")
		if together.MatchString(label) {
			label = inner.ReplaceAllString(label, "$1 $2")
		}
		label = strings.Join(strings.Fields(label), " ")
		if label == "" {
			return fail("%q has no words", whole)
		}
		if first, known := lines[label]; known {
			return fail("%q is on line %d already", label, first)
		}
		lines[label] = number
		labels = append(labels, label)
	}
	if len(labels) == 0 {
		return nil, errors.New(name + " has no label")
	}
	return labels, nil
}
