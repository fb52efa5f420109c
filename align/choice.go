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

// Choice names a head, or a part beside it, and what differs from its defaults. In run files and bundles it is the bare name, or
// a mapping:
//
//	head: meanpool
//	head: {kind: xpool, dropout: 0.3}
type Choice struct {
	Kind    string
	Options map[string]any // by the names of the fields; nil for none
}

// Register makes a head known to run configs and bundles under its name. The function returns the head with its defaults;
// one that takes options returns a pointer to a struct with json tags, whose method Valid() error, if it has one, refuses
// values that make no sense. Packages of heads call it when they are imported.
func Register(name string, head func() Head) { heads[name] = head }

// RegisterPart makes a part known as Register does a head.
func RegisterPart(name string, part func() Part) { parts[name] = part }

var (
	heads = map[string]func() Head{}
	parts = map[string]func() Part{}
)

// Heads returns the names of the heads that this program knows.
func Heads() []string { return slices.Sorted(maps.Keys(heads)) }

// KnownParts returns the names of the parts that this program knows.
func KnownParts() []string { return slices.Sorted(maps.Keys(parts)) }

// NewHead returns a new head as configured. A name or an option that is not known is an error.
func NewHead(c Choice) (Head, error) { return Chosen("head", heads, c) }

// NewParts returns new parts as configured, in their order. Names or options that are not known, and a kind that is chosen
// twice, are errors.
func NewParts(choices []Choice) ([]NamedPart, error) {
	var list []NamedPart
	for _, c := range choices {
		part, err := Chosen("part", parts, c)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(list, func(p NamedPart) bool { return p.Name == c.Kind }) {
			return nil, &sightline.Error{Kind: sightline.Usage, What: "use parts", Err: fmt.Errorf("%s is chosen twice", c.Kind)}
		}
		list = append(list, NamedPart{c.Kind, part})
	}
	return list, nil
}

// Chosen returns what a choice names among what is known, with its options in place of the defaults. What says what sort of
// thing it is.
func Chosen[T any](what string, known map[string]func() T, c Choice) (T, error) {
	var none T
	fail := func(err error) (T, error) {
		return none, &sightline.Error{Kind: sightline.Usage, What: fmt.Sprintf("use %s %q", what, c.Kind), Err: err}
	}
	fresh, ok := known[c.Kind]
	if !ok {
		return fail(fmt.Errorf("known: %s", strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
	}
	thing := fresh()
	if len(c.Options) == 0 {
		return thing, nil // defaults make sense
	}
	text, err := json.Marshal(c.Options)
	if err != nil {
		return fail(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&thing); err != nil {
		return fail(fmt.Errorf("options %s: %w", text, err))
	}
	if checked, ok := any(thing).(interface{ Valid() error }); ok {
		if err := checked.Valid(); err != nil {
			return fail(fmt.Errorf("options %s: %w", text, err))
		}
	}
	return thing, nil
}

// String returns the name, followed by the options where there are any.
func (c Choice) String() string {
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
func (c Choice) plain() any {
	if len(c.Options) == 0 {
		return c.Kind
	}
	all := map[string]any{"kind": c.Kind}
	maps.Copy(all, c.Options)
	return all
}

// set takes what plain returns.
func (c *Choice) set(name string, all map[string]any) error {
	if all == nil {
		*c = Choice{Kind: name}
		return nil
	}
	kind, ok := all["kind"].(string)
	if !ok {
		return fmt.Errorf("a choice given as a mapping needs its kind: {kind: xpool}")
	}
	delete(all, "kind")
	*c = Choice{Kind: kind, Options: all}
	return nil
}

// MarshalYAML implements yaml.Marshaler.
func (c Choice) MarshalYAML() (any, error) { return c.plain(), nil }

// UnmarshalYAML implements yaml.Unmarshaler.
func (c *Choice) UnmarshalYAML(node *yaml.Node) error {
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
func (c Choice) MarshalJSON() ([]byte, error) { return json.Marshal(c.plain()) }

// UnmarshalJSON implements json.Unmarshaler.
func (c *Choice) UnmarshalJSON(text []byte) error {
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
