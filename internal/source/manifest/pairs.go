package manifest

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/naru-lb/naru/internal/finding"
)

// pair is a key of a mapping and its value.
type pair struct {
	name string
	slot
}

// pairs returns the keys and values of a mapping, with those that merge keys bring behind its own. It reports keys
// that are given twice and keys that JSON cannot have.
func (d *decoder) pairs(n *yaml.Node) []pair {
	out := make([]pair, 0, len(n.Content)/2)
	seen := make(map[string]int, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		s := slot{n.Content[i], n.Content[i+1]}
		if isMerge(s.key) {
			merges = append(merges, s.value)
			continue
		}
		name, ok := keyName(s.key)
		if !ok {
			d.badKey(s)
			continue
		}
		if line, twice := seen[name]; twice {
			d.duplicate(name, s, line)
			continue
		}
		seen[name] = s.key.Line
		out = append(out, pair{name, s})
	}
	if len(merges) > 0 {
		m := merging{decoder: d, pairs: out, seen: seen, visited: map[*yaml.Node]bool{n: true}}
		for _, value := range merges {
			m.add(value)
		}
		out = m.pairs
	}
	return out
}

// merging collects what merge keys bring.
type merging struct {
	*decoder
	pairs   []pair
	seen    map[string]int      // the lines of the keys that are there, by name
	visited map[*yaml.Node]bool // mappings that need not be looked at again
}

// add adds the pairs of the mappings that the value of a merge key names, and of those that these name in turn.
func (m *merging) add(value *yaml.Node) {
	for _, from := range mergeSources(value) {
		switch {
		case from.Kind != yaml.MappingNode:
			m.report(finding.New(finding.NotYAML, "the merge key << needs a mapping, or a list of mappings").
				With("The API server refuses the object.", "Give << an alias of a mapping: <<: *name"), slot{value: value}, false)
			return
		case slices.Contains(m.inside, from):
			m.holdsItself(value)
			return
		case m.visited[from]:
			continue
		case !m.doc.spend(1 + len(from.Content)/2):
			return
		}
		m.visited[from] = true
		m.own(from)
		for i := 0; i+1 < len(from.Content); i += 2 {
			if isMerge(from.Content[i]) {
				m.add(from.Content[i+1])
			}
		}
	}
}

// own adds the pairs of a mapping itself.
func (m *merging) own(from *yaml.Node) {
	for i := 0; i+1 < len(from.Content); i += 2 {
		s := slot{from.Content[i], from.Content[i+1]}
		name, ok := keyName(s.key)
		if !ok || isMerge(s.key) {
			continue
		}
		if _, given := m.seen[name]; !given {
			m.seen[name] = s.key.Line
			m.pairs = append(m.pairs, pair{name, s})
		}
	}
}

func (d *decoder) duplicate(name string, s slot, line int) {
	d.at = d.at.Field(name)
	first := d.doc.text.place(line-1, 0, 0).Line
	d.report(finding.New(finding.DuplicateKey, fmt.Sprintf("'%s' is given twice; the first is on line %d", clip(name), first)).
		With("The document is not applied: which of the two was meant cannot be known.", "Remove one of the two."), s, true)
	d.at = d.at[:len(d.at)-1]
}

func (d *decoder) badKey(s slot) {
	message, fix := "a key must be text, not "+describe(s.key), "Write the key as text."
	if s.key.Kind == yaml.MappingNode {
		message = "a key must be text, not a mapping in braces"
		fix = "If this is a template ({{ ... }}), render it first: helm template. Otherwise quote the value."
	}
	d.report(finding.New(finding.NotYAML, message).With("The document is not applied.", fix), s, true)
}
