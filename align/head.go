package align

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"sightline"
)

// HeadConfig names a head, and what differs from its defaults. In run files and bundles it is the bare name, or a mapping:
//
//	head: meanpool
//	head: {kind: xpool, dropout: 0.3}
type HeadConfig struct {
	Kind    string
	Options map[string]any // by the names of the head's fields; nil for none
}

// Register makes a head known to run configs and bundles under its name. The function returns the head with its defaults;
// one that takes options returns a pointer to a struct with json tags. Packages of heads call it when they are imported.
func Register(name string, head func() Head) { heads[name] = head }

var heads = map[string]func() Head{}

// Heads returns the names of the heads that this program knows.
func Heads() []string { return slices.Sorted(maps.Keys(heads)) }

// NewHead returns a new head as configured. A name or an option that is not known is an error.
func NewHead(c HeadConfig) (Head, error) { return Choose("head", c, heads) }

// Choose returns what a config names among what is known, with the config's options in place of its defaults. What says what
// sort of thing it is.
func Choose[T any](what string, c HeadConfig, known map[string]func() T) (T, error) {
	fail := func(err error) (T, error) {
		var none T
		return none, &sightline.Error{Kind: sightline.Usage, What: fmt.Sprintf("use %s %q", what, c.Kind), Err: err}
	}
	fresh, ok := known[c.Kind]
	if !ok {
		return fail(fmt.Errorf("known %ss: %s", what, strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
	}
	chosen := fresh()
	if len(c.Options) == 0 {
		return chosen, nil
	}
	text, err := json.Marshal(c.Options)
	if err != nil {
		return fail(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&chosen); err != nil {
		return fail(fmt.Errorf("options %s: %w", text, err))
	}
	return chosen, nil
}

// String returns the name, followed by the options where there are any.
func (c HeadConfig) String() string {
	if len(c.Options) == 0 {
		return c.Kind
	}
	text, err := json.Marshal(c.Options)
	if err != nil {
		return c.Kind
	}
	return c.Kind + " " + string(text)
}

// plain returns what stands in a file: the bare name where there are no options.
func (c HeadConfig) plain() any {
	if len(c.Options) == 0 {
		return c.Kind
	}
	all := map[string]any{"kind": c.Kind}
	maps.Copy(all, c.Options)
	return all
}

// set takes what plain returns.
func (c *HeadConfig) set(name string, all map[string]any) error {
	if all == nil {
		*c = HeadConfig{Kind: name}
		return nil
	}
	kind, ok := all["kind"].(string)
	if !ok {
		return fmt.Errorf("a head given as a mapping needs its kind: head: {kind: xpool}")
	}
	delete(all, "kind")
	*c = HeadConfig{Kind: kind, Options: all}
	return nil
}

// MarshalYAML implements yaml.Marshaler.
func (c HeadConfig) MarshalYAML() (any, error) { return c.plain(), nil }

// UnmarshalYAML implements yaml.Unmarshaler.
func (c *HeadConfig) UnmarshalYAML(node *yaml.Node) error {
	var name string
	var all map[string]any
	if node.Kind == yaml.ScalarNode {
		if err := node.Decode(&name); err != nil {
			return err
		}
	} else if err := node.Decode(&all); err != nil {
		return err
	}
	return c.set(name, all)
}

// MarshalJSON implements json.Marshaler.
func (c HeadConfig) MarshalJSON() ([]byte, error) { return json.Marshal(c.plain()) }

// UnmarshalJSON implements json.Unmarshaler.
func (c *HeadConfig) UnmarshalJSON(text []byte) error {
	var name string
	var all map[string]any
	if text = bytes.TrimSpace(text); len(text) > 0 && text[0] == '"' {
		if err := json.Unmarshal(text, &name); err != nil {
			return err
		}
	} else if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	return c.set(name, all)
}
