package manifest

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/nearest"
)

// unknown reports pairs[i], whose name st does not have, as what it probably is: a key that fell out of the list or
// mapping above it, a name that is nearly right, a field of another level, or a field that does not exist.
func (d *decoder) unknown(st *structType, pairs []pair, i int) {
	p := pairs[i]
	if d.fallen[p.key] || len(d.found) > maxFindings {
		return
	}
	if strings.ContainsAny(p.name, typographicQuotes) {
		d.curlyKey(p)
		return
	}
	if dash, ok := oddDash(p.name); ok {
		d.dashKey(p, dash)
		if i > 0 {
			d.settle(d.at.Field(pairs[i-1].name))
		}
		return
	}
	if odd, ok := oddBlank(p.name); ok {
		d.oddKey(p, odd)
		return
	}
	if d.fellOut(st, pairs, i) || d.gluedDash(st, pairs, i) {
		return
	}
	name := nearest.Word(p.name, st.names)
	if name != "" && (strings.EqualFold(name, p.name) || d.fits(st.fields[name].typ, p.value)) && absent(pairs, name) {
		d.misspelt(p, name)
		return
	}
	if to := d.elsewhere(p); to != nil {
		d.misplaced(p, to)
		return
	}
	d.at = d.at.Field(p.name)
	where := d.where()
	d.report(finding.New(finding.UnknownField, fmt.Sprintf("%s has no field '%s'", where, clip(p.name))).
		With("The API server drops or refuses the field.", "Remove the field."), p.slot, true)
	d.at = d.at[:len(d.at)-1]
}

// absent tells whether the mapping does not yet have the field that a misspelt key would be.
func absent(pairs []pair, name string) bool {
	for _, p := range pairs {
		if p.name == name {
			return false
		}
	}
	return true
}

func (d *decoder) curlyKey(p pair) {
	d.at = d.at.Field(p.name)
	straight := strings.Trim(p.name, typographicQuotes)
	d.report(finding.New(finding.CurlyQuotes, "the key has typographic quotes, which are part of it").
		With("The API server drops or refuses the field.", straight+":"), p.slot, true)
	d.at = d.at[:len(d.at)-1]
	d.settle(d.at.Field(straight))
}

// dashKey reports a key that starts with what looks like the dash of a list.
func (d *decoder) dashKey(p pair, dash rune) {
	d.at = d.at.Field(p.name)
	d.report(finding.New(finding.CurlyQuotes, fmt.Sprintf("the dash U+%04X stands where YAML wants a plain dash (-)", dash)).
		With("The document is not applied.", "-"+strings.TrimPrefix(p.name, string(dash))+":"), p.slot, true)
	d.at = d.at[:len(d.at)-1]
}

// oddKey reports a key that holds a blank which is none to YAML.
func (d *decoder) oddKey(p pair, odd rune) {
	d.at = d.at.Field(p.name)
	plain := strings.Trim(p.name, typographicBlanks+" ")
	d.report(finding.New(finding.CurlyQuotes, fmt.Sprintf("the key has the blank U+%04X, which is part of it", odd)).
		With("The API server drops or refuses the field.", "Replace it by plain blanks, and align '"+clip(plain)+"' with its mapping."), p.slot, true)
	d.at = d.at[:len(d.at)-1]
	if to := d.elsewhere(pair{plain, p.slot}); to != nil {
		d.settle(to)
	}
}

func (d *decoder) misspelt(p pair, name string) {
	message := fmt.Sprintf("%s has no field '%s'; did you mean '%s'?", d.whereShort(), clip(p.name), name)
	d.at = d.at.Field(p.name)
	d.report(finding.New(finding.UnknownField, message).
		With("The API server drops or refuses the field.", d.renamed(p, name)), p.slot, true)
	d.at = d.at[:len(d.at)-1]
	d.settle(d.at.Field(name))
}

// renamed returns a pair with another key; of its value what stands on the same line, if all of it does.
func (d *decoder) renamed(p pair, name string) string {
	if p.value.Kind != yaml.ScalarNode || p.value.Line != p.key.Line || strings.Contains(p.value.Value, "\n") {
		return name + ":"
	}
	return strings.TrimRight(name+": "+d.doc.text.token(p.value), " ")
}

func (d *decoder) misplaced(p pair, to Path) {
	from := "the top level"
	if len(d.at) > 0 {
		from = generic(d.at)
	}
	parent := generic(to[:len(to)-1])
	message := fmt.Sprintf("'%s' belongs in %s, not in %s", clip(p.name), parent, from)
	if len(to) == 1 {
		message = fmt.Sprintf("'%s' belongs at the top level, not in %s", clip(p.name), from)
	}
	d.at = d.at.Field(p.name)
	d.report(finding.New(finding.WrongLevel, message).
		With("The API server drops or refuses the field.", "Move the field to "+generic(to)+"."), p.slot, true)
	d.at = d.at[:len(d.at)-1]
	d.settle(to)
}

// settle notes that nothing more need be said about a path, whatever the indexes in it.
func (d *decoder) settle(p Path) { d.settled = append(d.settled, generic(p)) }

// generic returns a path with [] for every index.
func generic(p Path) string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.IsIndex:
			b.WriteString("[]")
		case i > 0:
			b.WriteString("." + s.Name)
		default:
			b.WriteString(s.Name)
		}
	}
	return b.String()
}

// where returns what the field that the decoder is at stands in.
func (d *decoder) where() string {
	if len(d.at) < 2 {
		return "a " + d.kind
	}
	return clip(generic(d.at[:len(d.at)-1])) + " of a " + d.kind
}

// whereShort returns what the decoder is in.
func (d *decoder) whereShort() string {
	if len(d.at) == 0 {
		return "a " + d.kind
	}
	return clip(generic(d.at))
}

// fits tells whether a node has the shape of values of type t.
func (d *decoder) fits(t reflect.Type, n *yaml.Node) bool {
	n = target(n)
	if n.Kind == yaml.ScalarNode && resolve(n).value == nil {
		return true
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return n.Kind == yaml.ScalarNode
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return n.Kind == yaml.MappingNode
	case reflect.Slice:
		return n.Kind == yaml.SequenceNode || t.Elem().Kind() == reflect.Uint8 && n.Kind == yaml.ScalarNode
	}
	return n.Kind == yaml.ScalarNode
}

// maxSearches is how many findings an object may have for misplaced fields still to be looked for.
const maxSearches = 20

// elsewhere returns where a field that stands in the wrong place exists: the place nearest to where it stands that
// is not yet taken and has the right shape; nil if there is none.
func (d *decoder) elsewhere(p pair) Path {
	if len(d.found) > maxSearches {
		return nil
	}
	var best Path
	least := 1 << 30
	here := generic(d.at)
	for _, to := range thePlaces()[d.typ][p.name] {
		if !d.fits(to.typ, p.value) || generic(to.path[:len(to.path)-1]) == here {
			continue
		}
		if cost := d.way(to.path); cost < least {
			best, least = to.path, cost
		}
	}
	return best
}

// way returns how far a place is from where the decoder is, up to the common level and down again. A place that is
// taken already is far.
func (d *decoder) way(to Path) int {
	common := 0
	for common < len(to) && common < len(d.at) && to[common].IsIndex == d.at[common].IsIndex && to[common].Name == d.at[common].Name {
		common++
	}
	cost := len(d.at) - common + len(to) - common
	if exists(d.root, to) {
		cost += 100
	}
	return cost
}

// exists tells whether the whole of a path exists below root.
func exists(root *yaml.Node, p Path) bool {
	at := slot{value: root}
	for _, step := range p {
		next, ok := child(target(at.value), step)
		if !ok {
			return false
		}
		at = next
	}
	return true
}
