package manifest

import (
	"sync"
	"weak"

	"go.yaml.in/yaml/v3"

	"github.com/naru-lb/naru/internal/finding"
)

// source is a document that objects were read from. It keeps the text, which the file's documents share, and parses
// it again when a place is asked for: few are, and a tree of nodes is many times as large as its text.
type source struct {
	text text

	mu   sync.Mutex
	tree weak.Pointer[yaml.Node] // of the last time, while nobody needed its memory
}

// origin implements object.Origin for one object of a document.
type origin struct {
	source *source
	at     Path // of the object in its document: items[2] in a list, else empty
}

// Place implements object.Origin.
func (o origin) Place(path string, onKey bool) finding.Place {
	s := o.source
	s.mu.Lock()
	defer s.mu.Unlock()
	root := s.tree.Value()
	if root == nil {
		n, err := parseYAML(s.text.body)
		if err != nil || n == nil {
			return s.text.place(0, 0, 0)
		}
		root = n
		s.tree = weak.Make(n)
	}
	full := append(o.at[:len(o.at):len(o.at)], ParsePath(path)...)
	return s.text.slotPlace(find(root, full), onKey)
}

// slot is a value and the key that it stands under; the key is nil for items of lists and for documents.
type slot struct{ key, value *yaml.Node }

// slotPlace returns the place of the value of s, or of its key. A value of no characters has its key's place.
func (t *text) slotPlace(s slot, onKey bool) finding.Place {
	if s.key != nil && (onKey || emptyScalar(s.value)) {
		return t.nodePlace(s.key)
	}
	return t.nodePlace(s.value)
}

// emptyScalar tells whether n is a null that is not written at all.
func emptyScalar(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0 && n.Anchor == ""
}

// find returns the value at path below root, or the longest part of the path that exists.
func find(root *yaml.Node, path Path) slot {
	at := slot{value: root}
	for _, step := range path {
		next, ok := child(target(at.value), step)
		if !ok {
			return at
		}
		at = next
	}
	return at
}

// target returns the node that an alias stands for.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// child returns one step below n, also where a merge key brought it.
func child(n *yaml.Node, step Step) (slot, bool) {
	if step.IsIndex {
		if n.Kind != yaml.SequenceNode || step.Index >= len(n.Content) {
			return slot{}, false
		}
		return slot{value: n.Content[step.Index]}, true
	}
	return entry(n, step.Name, nil)
}

// entry returns the entry of a mapping with the given name. Visited are mappings that do not have it; each is looked
// at once, however often merge keys name it.
func entry(n *yaml.Node, name string, visited map[*yaml.Node]bool) (slot, bool) {
	if n.Kind != yaml.MappingNode || visited[n] {
		return slot{}, false
	}
	merges := false
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isMerge(n.Content[i]) {
			merges = true
		} else if known, ok := keyName(n.Content[i]); ok && known == name {
			return slot{n.Content[i], n.Content[i+1]}, true
		}
	}
	if !merges {
		return slot{}, false
	}
	if visited == nil {
		visited = map[*yaml.Node]bool{}
	}
	visited[n] = true
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !isMerge(n.Content[i]) {
			continue
		}
		for _, m := range mergeSources(n.Content[i+1]) {
			if s, ok := entry(m, name, visited); ok {
				return s, true
			}
		}
	}
	return slot{}, false
}

// isMerge tells whether a key is the merge key of YAML 1.1.
func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && (key.Style == 0 || key.Tag == "!!merge")
}

// mergeSources returns the mappings that the value of a merge key names, strongest first.
func mergeSources(n *yaml.Node) []*yaml.Node {
	n = target(n)
	if n.Kind == yaml.SequenceNode {
		out := make([]*yaml.Node, 0, len(n.Content))
		for _, c := range n.Content {
			out = append(out, target(c))
		}
		return out
	}
	return []*yaml.Node{n}
}
