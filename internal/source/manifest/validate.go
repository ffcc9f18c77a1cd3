package manifest

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/nearest"
	"github.com/naru-lb/naru/internal/object"
)

// rule is what one field of a kind must hold. The tables of rules stand in the validate_*.go files.
type rule struct {
	// path leads to the field; [] stands for every item of a list, * for every key of a mapping.
	path string
	// required fields must be there, and not be empty, wherever what they stand in is.
	required bool
	// values are all that a field can be, if there are few.
	values []string
	// test returns what is wrong with a value, to be read behind the field's name ("must be ..."), or "". On a path
	// that ends in * it tests the keys.
	test func(value string) string
}

// rules returns the rules of a kind.
func rules(kind string) []rule {
	switch kind {
	case object.Service:
		return serviceRules
	case object.EndpointSlice:
		return endpointSliceRules
	case object.Endpoints:
		return endpointsRules
	case object.Pod:
		return podRules
	case object.Secret, object.ConfigMap:
		return dataRules
	case object.AddressPool, object.PublicIP, object.IPAddressPool:
		return poolRules[kind]
	}
	return nil
}

// validate reports values that have the right type and still are refused by the API server. Mistakes that the
// decoder has reported are not reported again.
func (d *decoder) validate(kind object.Kind, value any) {
	d.at = nil
	d.metadata(kind)
	for _, r := range metadataRules {
		d.apply(r)
	}
	for _, r := range rules(kind.Name) {
		d.apply(r)
	}
	if s, ok := value.(*corev1.Service); ok {
		d.service(s)
	}
}

// apply checks one rule wherever its path leads.
func (d *decoder) apply(r rule) {
	d.follow(r, strings.Split(strings.ReplaceAll(r.path, "[]", ".[]"), "."), d.root)
}

// follow walks the rest of a rule's path from n, which is at d.at.
func (d *decoder) follow(r rule, rest []string, n *yaml.Node) {
	if len(d.found) > maxFindings {
		return
	}
	n = target(n)
	last := len(rest) == 1
	switch step := rest[0]; {
	case step == "[]":
		if n.Kind != yaml.SequenceNode {
			return
		}
		for i, item := range n.Content {
			d.down(Step{Index: i, IsIndex: true}, func() { d.arrive(r, rest[1:], slot{value: item}) })
		}
	case step == "*":
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			s := slot{n.Content[i], n.Content[i+1]}
			if name, ok := keyName(s.key); ok && !isMerge(s.key) {
				d.down(Step{Name: name}, func() { d.key(r, name) })
			}
		}
	case n.Kind == yaml.MappingNode:
		s, ok := child(n, Step{Name: step})
		if !ok {
			if last && r.required {
				d.missing(d.at, step, step+":")
			}
			return
		}
		d.down(Step{Name: step}, func() { d.arrive(r, rest[1:], s) })
	}
}

// down runs f one step deeper.
func (d *decoder) down(s Step, f func()) {
	d.at = append(d.at, s)
	f()
	d.at = d.at[:len(d.at)-1]
}

// arrive goes on with the rest of a path, or checks the value at its end.
func (d *decoder) arrive(r rule, rest []string, s slot) {
	if len(rest) > 0 {
		d.follow(r, rest, s.value)
		return
	}
	n := target(s.value)
	if n.Kind == yaml.SequenceNode || n.Kind == yaml.MappingNode {
		if r.required && len(n.Content) == 0 {
			d.invalid(d.at, d.last()+" must not be empty", "Add at least one entry.")
		}
		return
	}
	text, shown := "", clipTo(n.Value, 24)
	switch v := resolve(n).value.(type) {
	case nil:
	case string:
		text, shown = v, fmt.Sprintf("%q", clipTo(v, 24))
	case float64:
		text, _ = wholeNumber(v)
	default:
		text = fmt.Sprint(v)
	}
	switch {
	case text == "" && r.required:
		d.invalid(d.at, d.last()+" must not be empty", "Give a value.")
	case text == "":
	case r.values != nil:
		d.oneOf(r, text)
	case r.test != nil:
		if problem := r.test(text); problem != "" {
			d.invalid(d.at, fmt.Sprintf("%s %s, not %s", d.last(), problem, shown), "Give a value as described.")
		}
	}
}

// key checks a key of a mapping.
func (d *decoder) key(r rule, name string) {
	if problem := r.test(name); problem != "" {
		f := finding.New(finding.FieldInvalid, fmt.Sprintf("the key %q %s", clipTo(name, 32), problem)).
			With("The API server refuses the object.", "Correct the key.")
		f.OnKey = true
		d.add(d.at, f)
	}
}

func (d *decoder) oneOf(r rule, text string) {
	for _, v := range r.values {
		if v == text {
			return
		}
	}
	name := d.at[len(d.at)-1].Name
	if straight := strings.Trim(text, typographicQuotes); straight != text {
		d.add(d.at, finding.New(finding.CurlyQuotes, fmt.Sprintf("%s has typographic quotes, which are part of the value", d.last())).
			With("The API server refuses the object.", mendLine(name, straight)))
		return
	}
	if near := nearest.Word(strings.TrimSpace(text), r.values); near != "" {
		d.invalid(d.at, fmt.Sprintf("%s cannot be %q; did you mean %s?", d.last(), clipTo(text, 24), near), mendLine(name, near))
		return
	}
	d.invalid(d.at, fmt.Sprintf("%s cannot be %q", d.last(), clipTo(text, 24)), "One of "+strings.Join(r.values, ", ")+".")
}

// mendLine returns the line of a field, or of a list's item if it has no name.
func mendLine(name, value string) string {
	if name == "" {
		return "- " + value
	}
	return name + ": " + value
}

// missing reports a field that should be in the mapping at a path.
func (d *decoder) missing(in Path, name, fix string) {
	where := "a " + d.kind
	if len(in) > 0 {
		where = clip(generic(in))
	}
	f := finding.New(finding.FieldInvalid, fmt.Sprintf("%s has no '%s', which is required", where, name)).
		With("The API server refuses the object.", fix)
	s := find(d.root, in)
	f.OnKey = s.key != nil
	f.Place = d.doc.text.slotPlace(s, f.OnKey)
	d.add(in.Field(name), f)
}

// invalid reports a value that the API server refuses.
func (d *decoder) invalid(at Path, message, fix string) {
	d.add(at, finding.New(finding.FieldInvalid, message).With("The API server refuses the object.", fix))
}

// add records a finding about a path, unless one about it, or about something that it is a part of, is there already.
func (d *decoder) add(at Path, f finding.Finding) {
	if len(d.found) > maxFindings {
		return
	}
	path := at.String()
	for _, s := range d.settled {
		if s == generic(at) {
			return
		}
	}
	for _, old := range d.found {
		if rest, ok := strings.CutPrefix(path, old.Path); ok && old.Severity == finding.Error && old.Path != "" &&
			(rest == "" || rest[0] == '.' || rest[0] == '[') {
			return
		}
	}
	f = f.At(d.name, path)
	if f.Line == 0 {
		f.Place = d.doc.text.slotPlace(find(d.root, at), f.OnKey)
	}
	d.record(f)
}
