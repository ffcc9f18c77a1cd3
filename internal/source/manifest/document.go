package manifest

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/object"
)

// document reads one document.
func (r *reader) document(t text) {
	root, err := parseYAML(t.body)
	if err != nil {
		if plain, ok := plainJSON(t); ok {
			t = plain
			root, err = parseYAML(t.body)
		}
	}
	switch {
	case err != nil:
		r.result.Documents++
		r.brokenDocument(t, err)
	case root != nil:
		r.result.Documents++
		d := document{reader: r, source: &source{text: t}, text: &t, budget: aliasBudget}
		d.object(root, nil, typeName{}, 0)
	}
}

// document is one document that is being read.
type document struct {
	reader *reader
	source *source
	text   *text
	// mended is set if the text is not as in the file: objects then count as broken whatever is found.
	mended bool
	// budget is how many more values aliases and merge keys may stand for.
	budget int
	// template is set once a finding says that the document is a template.
	template bool
}

// object reads the object, or the list of objects, at a node of the document.
func (d *document) object(n *yaml.Node, at Path, inherited typeName, depth int) {
	root := target(n)
	if root.Kind != yaml.MappingNode {
		d.refuse(object.Key{}, notAnObject(root), slot{value: n})
		return
	}
	h := readHeader(root, inherited)
	v, kind, f := identify(h)
	switch v {
	case missing:
		d.missingHeader(root, h)
	case unpack:
		d.list(root, at, h, depth)
	case ignore:
		key := h.key(theSchema().kinds)
		key.Namespace = h.namespace
		d.reader.result.Ignored = append(d.reader.result.Ignored,
			Ignored{h.apiVersion, key, d.text.slotPlace(h.where(root), h.kindSlot.key != nil)})
		d.reader.notes[h.typeName]++
		d.unread(root, h)
	case refuse:
		h.kind = cmpOr(kind.Name, h.kind)
		f.OnKey = false
		s, _ := child(root, Step{Name: f.Path})
		if s.value == nil {
			s = slot{value: root}
		}
		if kind.Name == "" { // nothing that is read would be there without the mistake
			f.Place = d.text.slotPlace(s, false)
			d.reader.report(f.At(h.key(nil).Finding(), f.Path))
			return
		}
		d.refuse(h.key(theSchema().kinds), f, s)
	case read:
		d.decode(root, at, h, kind)
	}
}

// where returns the slot that stands for the whole object.
func (h header) where(root *yaml.Node) slot {
	if h.kindSlot.key != nil {
		return h.kindSlot
	}
	return slot{value: root}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// refuse records a finding about an object that cannot be read any further.
func (d *document) refuse(key object.Key, f finding.Finding, at slot) {
	f.Object = key.Finding()
	if key.Name == "" {
		f.Object = finding.Object{}
	}
	f.Place = d.text.slotPlace(at, f.OnKey)
	d.reader.report(f)
	d.broken(key)
}

func (d *document) broken(key object.Key) {
	b := Broken{Key: key, Known: key.Kind != "" && key.Name != ""}
	if !b.Known {
		b.Key = object.Key{}
	}
	d.reader.result.Broken = append(d.reader.result.Broken, b)
}

func notAnObject(n *yaml.Node) finding.Finding {
	f := finding.New(finding.BadObject, fmt.Sprintf("an object is a mapping with apiVersion and kind, not %s", describe(n)))
	fix := "Write the fields of an object: apiVersion, kind, metadata, spec."
	if n.Kind == yaml.SequenceNode {
		fix = "Separate the objects by lines of ---, or put the list under items: of an object with kind: List."
	}
	return f.With("The document is not applied.", fix)
}

// missingHeader reports an object that does not say what it is.
func (d *document) missingHeader(root *yaml.Node, h header) {
	what, fix := "apiVersion", "apiVersion: v1"
	at := slot{value: root}
	switch {
	case h.kind == "" && h.apiVersion == "":
		what, fix = "apiVersion and kind", "apiVersion: v1\nkind: Service"
	case h.kind == "":
		what, fix = "kind", "kind: Service"
		at = presentOr(h.kindSlot, at)
	default:
		at = presentOr(h.versionSlot, at)
		if k, ok := kindNamed(theSchema(), h.kind); ok {
			fix = "apiVersion: " + k.APIVersion
		}
	}
	f := finding.New(finding.BadObject, "the object has no "+what).With("The API server refuses the object.", fix)
	f.Path = strings.TrimSuffix(what, " and kind")
	if strings.Contains(d.text.body, "{{") {
		f.Fix = renderFirst
	}
	d.refuse(h.key(theSchema().kinds), f, at)
}

func presentOr(s, otherwise slot) slot {
	if s.key != nil {
		return s
	}
	return otherwise
}

// aliasBudget is how many values aliases and merge keys of one document may stand for: each may hold others, so that a
// few lines can stand for more than any memory holds.
const aliasBudget = 100_000

// spend takes n values that an alias stands for from the document's budget. It reports once that nothing is left.
func (d *document) spend(n int) bool {
	had := d.budget
	d.budget -= n
	if d.budget < 0 && had >= 0 {
		f := finding.New(finding.NotYAML, fmt.Sprintf("aliases (*name) of this document stand for more than %d values", aliasBudget)).
			With("The document is not applied.", "Write the values out, or split the document.")
		d.refuse(object.Key{}, f, slot{value: &yaml.Node{Line: 1, Column: 1}})
	}
	return d.budget >= 0
}
