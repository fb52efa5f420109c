package dataset

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"sightline"
)

// Bounds on a script.
const (
	mostSteps   = 1000
	longestStep = 1 << 10 // bytes
)

// ReadScript reads the steps of a task from a text file in UTF-8, in their order, a step a line; blank lines are skipped. A
// file without a step, more than 1,000 steps, a step of more than 1 KiB and bytes that are no text are errors that name the
// line.
func ReadScript(path string) ([]string, error) {
	var script []string
	err := eachLine(path, func(line int, text string) error {
		fail := func(err error) error { return &placeError{path, line, err} }
		switch {
		case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
			return fail(errNotUTF8)
		case len(text) > longestStep:
			return fail(fmt.Errorf("a step of %d bytes; %d are the most", len(text), longestStep))
		case len(script) == mostSteps:
			return fail(fmt.Errorf("more than %d steps", mostSteps))
		}
		script = append(script, strings.Join(strings.Fields(text), " "))
		return nil
	})
	if err == nil && len(script) == 0 {
		err = errors.New(path + " has no step")
	}
	if err != nil {
		return nil, &sightline.Error{Kind: sightline.Usage, What: "read script", Err: err,
			Try: "write what is to be seen, a step a line, such as: crack two eggs"}
	}
	return script, nil
}
