package manifest

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/nearest"
	"github.com/naru-lb/naru/internal/object"
)

// maxLists is how deep lists of objects may be nested in each other.
const maxLists = 4

// listFields are the fields of a list of objects.
var listFields = []string{"apiVersion", "kind", "metadata", "items"}

// list reads the items of a list of objects. Items of a typed list (ServiceList) need not say what they are.
func (d *document) list(root *yaml.Node, at Path, h header, depth int) {
	var inherited typeName
	if h.kind != "List" {
		inherited = typeName{h.apiVersion, strings.TrimSuffix(h.kind, "List")}
	}
	items, ok := d.listItems(root, h)
	if !ok || target(items).Kind == yaml.ScalarNode && resolve(target(items)).value == nil {
		return
	}
	seq := target(items)
	if seq.Kind != yaml.SequenceNode || depth >= maxLists {
		message := "'items' must be a list, not " + describe(seq)
		if seq.Kind == yaml.SequenceNode {
			message = fmt.Sprintf("lists of objects are nested more than %d deep", maxLists)
		}
		f := finding.New(finding.WrongType, message).With(notApplied, "Put each object behind a dash below items.")
		f.Path = "items"
		d.refuse(object.Key{}, f, slot{value: items})
		return
	}
	if items.Kind == yaml.AliasNode && !d.spend(len(seq.Content)) {
		return
	}
	for i, item := range seq.Content {
		d.object(item, at.Field("items").Item(i), inherited, depth+1)
	}
}

// listItems returns the value of the field items, and reports fields that a list does not have or has twice. What
// should have been there then counts as broken.
func (d *document) listItems(root *yaml.Node, h header) (items *yaml.Node, ok bool) {
	dec := decoder{doc: d, root: root, kind: h.kind, entries: maxEntries}
	for _, p := range dec.pairs(root) {
		if p.name == "items" {
			items = p.value
			continue
		}
		dec.at = Path{{Name: p.name}}
		switch meant := nearest.Word(p.name, listFields); {
		case meant == p.name:
		case meant != "":
			dec.report(finding.New(finding.UnknownField, fmt.Sprintf("a %s has no field '%s'; did you mean '%s'?", clip(h.kind), clip(p.name), meant)).
				With("Nothing of it is applied.", meant+":"), p.slot, true)
		default:
			dec.report(finding.New(finding.UnknownField, fmt.Sprintf("a %s has no field '%s'", clip(h.kind), clip(p.name))).
				With("The API server drops or refuses the field.", "Remove the field."), p.slot, true)
		}
	}
	d.reader.report(dec.found...)
	if hasError(dec.found) {
		d.broken(object.Key{})
	}
	return items, items != nil
}
