package manifest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/object"
)

// decoder turns the nodes of one object into a value of its Go type, as strictly as the API server does
// (fieldValidation=Strict), and goes on after a mistake so that all of them are found at once.
type decoder struct {
	doc    *document
	schema *schema
	root   *yaml.Node
	typ    reflect.Type // of the object
	kind   string
	name   finding.Object // zero if the object has no name
	found  []finding.Finding
	// at is where the decoder is.
	at Path
	// inside are the nodes that the decoder is in, from the object down; aliases counts the aliases that led to them.
	inside  []*yaml.Node
	aliases int
	// entries is how many more entries the mappings and lists of the object may have.
	entries int
	// settled are paths about which nothing more need be said: a mistake nearby explains what is missing there.
	settled []string
	// fallen are keys that a finding about an earlier key explains.
	fallen map[*yaml.Node]bool
}

// decode reads an object of a kind that Naru reads.
func (d *document) decode(root *yaml.Node, at Path, h header, kind object.Kind) {
	key := h.key(theSchema().kinds)
	value := kind.New()
	dec := decoder{
		doc: d, schema: theSchema(), root: root, typ: reflect.TypeOf(value).Elem(), kind: kind.Name,
		fallen: map[*yaml.Node]bool{}, entries: maxEntries,
	}
	if key.Name != "" {
		dec.name = key.Finding()
	}
	exhausted := d.budget < 0
	dec.value(slot{value: root}, reflect.ValueOf(value).Elem())
	if d.budget < 0 && !exhausted {
		return // spend has reported the document
	}
	if dec.entries >= 0 {
		setType(value, h.typeName)
		applyDefaults(value)
		dec.validate(kind, value)
	}
	d.reader.report(dec.found...)
	if d.mended || d.budget < 0 || hasError(dec.found) {
		d.broken(key)
		return
	}
	if meta, ok := value.(metav1.Object); ok {
		meta.SetNamespace(key.Namespace)
	}
	d.reader.result.Objects = append(d.reader.result.Objects,
		object.Object{Key: key, Value: value, Origin: origin{d.source, at}})
}

func hasError(fs []finding.Finding) bool {
	for _, f := range fs {
		if f.Severity == finding.Error {
			return true
		}
	}
	return false
}

// setType fills in what an item of a typed list leaves to the list.
func setType(value any, t typeName) {
	if typed, ok := value.(interface {
		GetObjectKind() schemaKind
	}); ok {
		typed.GetObjectKind().SetGroupVersionKind(groupVersionKind(t))
	}
}

// maxEntries is how many entries the mappings and lists of one object may have, so that a short text cannot become an
// object that fills the memory: {} can stand for a container of a Pod.
const maxEntries = 200_000

// count takes n entries of a mapping or list from those that are left, for the object and for aliases. It reports once
// that there are too many.
func (d *decoder) count(n int) bool {
	had := d.entries
	d.entries -= n
	if d.entries < 0 && had >= 0 {
		f := finding.New(finding.BadObject, fmt.Sprintf("the object has more than %d keys, values and list items", maxEntries)).
			With("The object is not applied.", "Split it into several objects.")
		f.Object, f.Place = d.name, d.doc.text.nodePlace(d.root)
		d.found = append(d.found, f)
	}
	return d.entries >= 0 && (d.aliases == 0 || d.doc.spend(n))
}

// value reads the node of s into v.
func (d *decoder) value(s slot, v reflect.Value) {
	if s.value.Kind == yaml.AliasNode {
		if !d.enter(s.value) {
			return
		}
		defer d.leaveAlias()
		s.value = s.value.Alias
	}
	if !d.count(len(s.value.Content)) {
		return
	}
	d.inside = append(d.inside, s.value)
	defer d.leave()
	if s.value.Kind == yaml.ScalarNode {
		if r := resolve(s.value); r.bad {
			d.wrong(s, "the value does not fit its tag "+clip(s.value.Tag), "Remove the tag, or mend the value.")
			return
		} else if r.value == nil {
			return
		}
	}
	if v.CanAddr() && v.Addr().Type().Implements(unmarshaler) && v.Kind() != reflect.Pointer {
		d.unmarshal(s, v)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(s, v.Elem())
	case reflect.Struct:
		d.structure(s, v)
	case reflect.Map:
		d.mapping(s, v)
	case reflect.Slice:
		d.slice(s, v)
	default:
		d.scalar(s, v)
	}
}

// enter notes that the decoder is now in what an alias stands for, unless that holds the alias itself.
func (d *decoder) enter(alias *yaml.Node) bool {
	if alias.Alias == nil || slices.Contains(d.inside, alias.Alias) {
		d.holdsItself(alias)
		return false
	}
	d.aliases++
	return true
}

func (d *decoder) leaveAlias() { d.aliases-- }
func (d *decoder) leave()      { d.inside = d.inside[:len(d.inside)-1] }

func (d *decoder) holdsItself(alias *yaml.Node) {
	d.report(finding.New(finding.NotYAML, fmt.Sprintf("the alias *%s stands for something that holds itself", clip(alias.Value))).
		With("The API server refuses the object.", "Write the value out."), slot{value: alias}, false)
}

// structure reads a mapping into a struct.
func (d *decoder) structure(s slot, v reflect.Value) {
	st := d.schema.structs[v.Type()]
	if s.value.Kind != yaml.MappingNode || st == nil {
		d.mismatch(s, v.Type())
		return
	}
	pairs := d.pairs(s.value)
	for i, p := range pairs {
		f, ok := st.fields[p.name]
		if !ok {
			d.unknown(st, pairs, i)
			continue
		}
		d.at = d.at.Field(p.name)
		d.value(p.slot, v.FieldByIndex(f.index))
		d.at = d.at[:len(d.at)-1]
	}
}

// mapping reads a mapping into a map with string keys.
func (d *decoder) mapping(s slot, v reflect.Value) {
	if s.value.Kind != yaml.MappingNode {
		d.mismatch(s, v.Type())
		return
	}
	pairs := d.pairs(s.value)
	v.Set(reflect.MakeMapWithSize(v.Type(), len(pairs)))
	for _, p := range pairs {
		elem := reflect.New(v.Type().Elem()).Elem()
		d.at = d.at.Field(p.name)
		if elem.Kind() == reflect.String {
			d.mapText(p.slot)
		}
		d.value(p.slot, elem)
		d.at = d.at[:len(d.at)-1]
		v.SetMapIndex(reflect.ValueOf(p.name).Convert(v.Type().Key()), elem)
	}
}

// slice reads a sequence into a slice, or base64 text into bytes.
func (d *decoder) slice(s slot, v reflect.Value) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		d.bytes(s, v)
		return
	}
	if s.value.Kind != yaml.SequenceNode {
		d.mismatch(s, v.Type())
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.value.Content), len(s.value.Content)))
	for i, n := range s.value.Content {
		d.at = d.at.Item(i)
		d.value(slot{value: n}, v.Index(i))
		d.at = d.at[:len(d.at)-1]
		if d.doc.budget < 0 || d.entries < 0 {
			return
		}
	}
}

func (d *decoder) bytes(s slot, v reflect.Value) {
	var text string
	ok := s.value.Kind == yaml.ScalarNode
	if ok {
		text, ok = resolve(s.value).value.(string)
	}
	if !ok {
		d.mismatch(s, v.Type())
		return
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		d.wrong(s, d.last()+" is not base64", "Encode the value (base64 -w0), or use stringData: for plain text.")
		return
	}
	v.SetBytes(b)
}

// unmarshal reads a value of a type that reads its own JSON.
func (d *decoder) unmarshal(s slot, v reflect.Value) {
	plain, ok := d.plain(s.value, 0)
	if !ok {
		return
	}
	raw, err := json.Marshal(plain)
	if err == nil {
		err = v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(raw)
	}
	if err != nil {
		d.mismatch(s, v.Type())
	}
}

// maxDepth is how deep values may be nested for which there is no Go type.
const maxDepth = 1000

// plain returns a node as encoding/json would read it.
func (d *decoder) plain(n *yaml.Node, depth int) (any, bool) {
	if n.Kind == yaml.AliasNode {
		if !d.enter(n) {
			return nil, false
		}
		defer d.leaveAlias()
		n = n.Alias
	}
	if !d.count(len(n.Content)) || depth > maxDepth {
		return nil, false
	}
	d.inside = append(d.inside, n)
	defer d.leave()
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for _, p := range d.pairs(n) {
			v, ok := d.plain(p.value, depth+1)
			if !ok {
				return nil, false
			}
			m[p.name] = v
		}
		return m, true
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, ok := d.plain(c, depth+1)
			if !ok {
				return nil, false
			}
			list = append(list, v)
		}
		return list, true
	}
	return resolve(n).value, true
}
