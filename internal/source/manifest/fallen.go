package manifest

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/naru-lb/naru/internal/finding"
)

// fellOut tells whether pairs[i] belongs to the value of the key before it, but stands left of it. It then reports that,
// once for all keys that fell out together.
func (d *decoder) fellOut(st *structType, pairs []pair, i int) bool {
	if i == 0 || pairs[i].key.Column != pairs[i-1].key.Column || pairs[i].key.Line <= pairs[i-1].key.Line {
		return false
	}
	f, ok := st.fields[pairs[i-1].name]
	if !ok {
		return false
	}
	value := target(pairs[i-1].value)
	switch {
	case value.Kind == yaml.SequenceNode && value.Style&yaml.FlowStyle == 0 && len(value.Content) > 0:
		return d.fellOutOfItem(st, pairs, i, value, f)
	case !emptyScalar(value):
		return false
	case f.typ.Kind() == reflect.Map && target(pairs[i].value).Kind == yaml.ScalarNode:
		d.fellOutOfMapping(pairs, i, d.takeFallen(st, nil, pairs, i))
		return true
	}
	below := d.schema.of(f.typ)
	if below == nil || !d.belongs(below, pairs[i]) {
		return false
	}
	moved := d.takeFallen(st, below, pairs, i)
	if isList(f.typ) {
		d.dashMissing(pairs, i, moved)
	} else {
		d.fellOutOfMapping(pairs, i, moved)
	}
	return true
}

// belongs tells whether a pair can be a field of a struct.
func (d *decoder) belongs(st *structType, p pair) bool {
	f, ok := st.fields[p.name]
	return ok && d.fits(f.typ, p.value)
}

// takeFallen notes that nothing more need be said about pairs[i] and those that fell out with it: the following ones
// that the struct where they stand does not have, and the one that they belong to has. It returns them.
func (d *decoder) takeFallen(here, below *structType, pairs []pair, i int) []pair {
	n := i
	for ; n < len(pairs); n++ {
		_, stays := here.fields[pairs[n].name]
		if stays || below != nil && below.fields[pairs[n].name].typ == nil {
			break
		}
		d.fallen[pairs[n].key] = true
	}
	return pairs[i:n]
}

func (d *decoder) fellOutOfItem(st *structType, pairs []pair, i int, list *yaml.Node, f field) bool {
	item := d.schema.of(f.typ)
	last := len(list.Content) - 1
	node := list.Content[last]
	if item == nil || node.Kind != yaml.MappingNode || len(node.Content) == 0 || !d.belongs(item, pairs[i]) {
		return false
	}
	if _, has := child(node, Step{Name: pairs[i].name}); has {
		return false
	}
	first := d.doc.text.place(node.Line-1, 0, 0).Line
	name, moved := pairs[i].name, d.takeFallen(st, item, pairs, i)
	d.reportFallen(d.at.Field(pairs[i-1].name).Item(last), moved, finding.New(finding.Indentation, fmt.Sprintf("'%s' stands left of its list item", name)).
		With(fmt.Sprintf("%s '%s' belongs to the item that starts on line %d, so it must start in column %d.", notApplied, name, first, node.Column),
			d.moveRight(moved, node.Column)))
	return true
}

func (d *decoder) fellOutOfMapping(pairs []pair, i int, moved []pair) {
	above, name := pairs[i-1], shortKey(pairs[i].name)
	d.settle(d.at.Field(above.name))
	d.reportFallen(d.at.Field(above.name), moved, finding.New(finding.Indentation, fmt.Sprintf("'%s' stands left of '%s', which it belongs to", name, above.name)).
		With(fmt.Sprintf("%s '%s' has the column of '%s', so it is not part of it.", notApplied, name, above.name),
			d.moveRight(moved, above.key.Column+2)))
}

// dashMissing reports the fields of an item that is not one, because the dash in front of the first is missing.
func (d *decoder) dashMissing(pairs []pair, i int, moved []pair) {
	above := pairs[i-1]
	d.settle(d.at.Field(above.name))
	lines := d.moveRight(moved, above.key.Column+2)
	d.reportFallen(d.at.Field(above.name).Item(0), moved, finding.New(finding.Indentation, fmt.Sprintf("'%s' is a list, so a dash is missing before '%s'", above.name, moved[0].name)).
		With(fmt.Sprintf("%s '%s' has the column of '%s', so it is not part of it.", notApplied, moved[0].name, above.name),
			withDash(lines, above.key.Column-1)))
}

// asItem returns the lines of a mapping as those of a list's only item, if that is what it should be.
func (d *decoder) asItem(n *yaml.Node, want reflect.Type) (lines string, ok bool) {
	item := d.schema.of(want)
	if item == nil || !isList(want) || n.Kind != yaml.MappingNode || n.Style&yaml.FlowStyle != 0 || len(n.Content) == 0 {
		return "", false
	}
	var entries []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, _ := keyName(n.Content[i])
		entries = append(entries, pair{name, slot{n.Content[i], n.Content[i+1]}})
	}
	if !d.belongs(item, entries[0]) {
		return "", false
	}
	column := entries[0].key.Column
	return withDash(d.moveRight(entries, column+2), column-1), true
}

// withDash puts a dash into lines, at a column, counted from 0, in which the first has a blank.
func withDash(lines string, column int) string {
	if column >= len(lines) || lines[column] != ' ' {
		return lines
	}
	return lines[:column] + "-" + lines[column+1:]
}

// reportFallen reports keys that fell out of what is at a path, at the first of them.
func (d *decoder) reportFallen(parent Path, moved []pair, f finding.Finding) {
	at := d.at
	for _, p := range moved {
		d.settle(parent.Field(p.name))
	}
	d.at = parent.Field(moved[0].name)
	d.report(f, moved[0].slot, true)
	d.at = at
}

// gluedDash reports a list item whose dash has no blank behind it, and so is part of the key.
func (d *decoder) gluedDash(st *structType, pairs []pair, i int) bool {
	name, glued := strings.CutPrefix(pairs[i].name, "-")
	if !glued || i == 0 {
		return false
	}
	f, ok := st.fields[pairs[i-1].name]
	if !ok || !isList(f.typ) {
		return false
	}
	if below := d.schema.of(f.typ); below == nil || !d.belongs(below, pair{name, pairs[i].slot}) {
		return false
	}
	line := d.doc.text.content(pairs[i].key.Line - 1)
	d.settle(d.at.Field(pairs[i-1].name))
	d.at = d.at.Field(pairs[i].name)
	d.report(finding.New(finding.NotYAML, "a blank is missing after the dash").
		With(fmt.Sprintf("%s '%s' is read as a key, and '%s' as empty.", notApplied, clip(pairs[i].name), pairs[i-1].name),
			strings.TrimRight(strings.Replace(line, "-", "- ", 1), " \t")), pairs[i].slot, true)
	d.at = d.at[:len(d.at)-1]
	return true
}

// moveRight returns the lines of some pairs that follow each other, moved so that their keys start in column.
func (d *decoder) moveRight(moved []pair, column int) string {
	var b strings.Builder
	for _, p := range moved {
		from, to := p.key.Line, lastLine(p.value)
		for line := from; line <= max(from, to); line++ {
			content := d.doc.text.content(line - 1)
			b.WriteString(strings.Repeat(" ", max(column-p.key.Column, 0)) + strings.TrimRight(content, " \t") + "\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// lastLine returns the line that the last node of a tree starts on.
func lastLine(n *yaml.Node) int {
	line := n.Line
	for n.Kind != yaml.AliasNode && len(n.Content) > 0 {
		n = n.Content[len(n.Content)-1]
		line = max(line, n.Line)
	}
	if n.Kind == yaml.ScalarNode && (n.Style&(yaml.LiteralStyle|yaml.FoldedStyle)) != 0 {
		line += strings.Count(n.Value, "\n")
	}
	return line
}
