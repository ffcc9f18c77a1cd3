package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/naru-lb/naru/internal/finding"
)

// level is a mapping or a list that is open at some line.
type level struct {
	column int
	list   bool
	row    int // that it, or the last item of a list, starts on
}

// misfit is the first line whose column belongs to nothing that is open.
type misfit struct {
	row    int
	column int
	dash   bool
	open   []level // before the line
}

// maxLevels is how many levels may be open for the columns to be followed.
const maxLevels = 100

// findMisfit follows the columns of a document's lines as a YAML parser does.
func findMisfit(rows []row) (misfit, bool) {
	var open []level
	deeper := true // whether the next token may open a level
	for i, r := range rows {
		if r.skip {
			continue
		}
		if len(open) > maxLevels {
			break
		}
		before := slices.Clone(open)
		for _, c := range r.dashes {
			var ok bool
			if open, ok = enterList(open, c, i, deeper); !ok {
				return fallenBefore(rows, misfit{i, c, true, before}), true
			}
			deeper = true
		}
		if r.key >= 0 {
			var ok bool
			if open, ok = enterMapping(open, r.key, i, deeper); !ok {
				return misfit{i, r.key, false, before}, true
			}
		}
		if r.key >= 0 || len(r.dashes) > 0 {
			deeper = r.opens()
		}
	}
	return misfit{}, false
}

// fallenBefore returns, for an item of a list that is closed already, the first of the keys that closed it: those that
// stand left of their item, in the column of the dashes. Of anything else it returns m.
func fallenBefore(rows []row, m misfit) misfit {
	first := -1
	for i := m.row - 1; i >= 0 && (rows[i].skip || rows[i].indent >= m.column); i-- {
		r := rows[i]
		switch {
		case r.skip || r.indent > m.column:
		case len(r.dashes) == 0:
			first = i
		case first >= 0 && r.key > m.column:
			open := append(m.open, level{m.column, true, i}, level{r.key, false, i})
			return misfit{first, m.column, false, open}
		default:
			return m
		}
	}
	return m
}

// leave closes the levels right of a column.
func leave(open []level, column int) (rest []level, left bool) {
	n := len(open)
	for n > 0 && open[n-1].column > column {
		n--
	}
	return open[:n], n < len(open)
}

func enterList(open []level, column, row int, deeper bool) ([]level, bool) {
	open, left := leave(open, column)
	top := len(open) - 1
	switch {
	case top >= 0 && open[top].list && open[top].column == column:
		open[top].row = row
		return open, true
	case (top < 0 || open[top].column <= column) && deeper && !left:
		return append(open, level{column, true, row}), true
	}
	return open, false
}

func enterMapping(open []level, column, row int, deeper bool) ([]level, bool) {
	open, left := leave(open, column)
	top := len(open) - 1
	if top > 0 && open[top].list && open[top].column == column && !open[top-1].list && open[top-1].column == column {
		open, top = open[:top], top-1
	}
	switch {
	case top >= 0 && !open[top].list && open[top].column == column:
		return open, true
	case (top < 0 || open[top].column < column) && deeper && !left:
		return append(open, level{column, false, row}), true
	}
	return open, false
}

// maxMendable is the length of the longest document, in bytes, for which it is tried out how it was meant.
const maxMendable = 64 << 10

// attempt is one way to mend a misfit.
type attempt struct {
	body   string
	to     level
	rows   []int // that are moved
	by     int   // columns to the right
	errors int
	// declared is true if the line's key is a field of the object's kind, and not one of a map.
	declared bool
}

// mendIndentation finds the line whose column is wrong and moves it, and what belongs to it, to where the document
// can be read with the fewest mistakes.
func mendIndentation(t *text, err error) (mend, bool) {
	rows := readRows(t)
	m, ok := findMisfit(rows)
	if !ok {
		return mend{}, false
	}
	var best *attempt
	if len(t.body) <= maxMendable {
		best = bestAttempt(t, rows, m)
	}
	if best == nil && !nearError(err, m.row) {
		return mend{}, false
	}
	r := rows[m.row]
	name, width := r.name, len(r.name)
	if m.dash || name == "" {
		name, width = "-", 1
	}
	f := finding.New(finding.Indentation, fmt.Sprintf("'%s' starts in a column that belongs to nothing above it", clip(name)))
	f.Effect = "The document is not applied."
	f.Fix = "Align it with the lines that it belongs to."
	f.Place = t.place(m.row, m.column, m.column+width)
	if best == nil {
		return mend{finding: f}, true
	}
	f.Message = best.message(m, clip(name))
	f.Effect += best.effect(t, m, clip(name))
	f.Fix = best.fix(t)
	return mend{finding: f, body: best.body, edits: best.edits(t)}, true
}

// nearError tells whether the parser's message names a row, or one next to it.
func nearError(err error, row int) bool {
	prefix := errorLine.FindStringSubmatch(err.Error())
	if prefix == nil {
		return false
	}
	line, bad := strconv.Atoi(prefix[1])
	return bad == nil && row+1 >= line-1 && row+1 <= line+2
}

// bestAttempt tries every open level that the line can belong to.
func bestAttempt(t *text, rows []row, m misfit) *attempt {
	var best *attempt
	for k := len(m.open) - 1; k >= 0; k-- {
		to := m.open[k]
		if to.list != m.dash || to.column == m.column {
			continue
		}
		for _, moved := range [][]int{run(rows, m), alone(rows, m), {m.row}} {
			a := attempt{to: to, rows: moved, by: to.column - m.column}
			if !a.try(t, rows, m) {
				continue
			}
			if best == nil || a.betterThan(best) {
				best = &a
			}
		}
	}
	return best
}

// run returns the line and all that follow it in its column or right of it.
func run(rows []row, m misfit) []int {
	var out []int
	for i := m.row; i < len(rows); i++ {
		r := rows[i]
		if i > m.row && !r.skip && (r.indent < m.column || !m.dash && len(r.dashes) > 0 && r.indent == m.column) {
			break
		}
		out = append(out, i)
	}
	return trimSkipped(rows, out)
}

// alone returns the line and what it opens.
func alone(rows []row, m misfit) []int {
	out := []int{m.row}
	for i := m.row + 1; i < len(rows) && (rows[i].skip || rows[m.row].opens() && rows[i].indent > m.column); i++ {
		out = append(out, i)
	}
	return trimSkipped(rows, out)
}

// trimSkipped removes empty lines and comments from the end.
func trimSkipped(rows []row, lines []int) []int {
	for len(lines) > 1 && rows[lines[len(lines)-1]].skip && rows[lines[len(lines)-1]].indent == 0 {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// try moves the lines and tells whether that brings the document on.
func (a *attempt) try(t *text, rows []row, m misfit) bool {
	var b strings.Builder
	last := 0
	for _, i := range a.rows {
		s := t.lines()[i]
		content := t.body[s.start:s.end]
		b.WriteString(t.body[last:s.start])
		last = s.start
		switch {
		case strings.TrimSpace(content) == "":
		case a.by >= 0:
			b.WriteString(strings.Repeat(" ", a.by))
		case leading(content) >= -a.by:
			last += -a.by
		default:
			return false
		}
	}
	b.WriteString(t.body[last:])
	a.body = b.String()
	root, err, ok := t.try(a.body)
	switch {
	case !ok:
		return false
	case err == nil:
		a.errors = t.countErrors(a.body)
		a.declared = root != nil && isField(root, pathAt(root, m.row+1, a.to.column+1))
		return true
	}
	moved := text{body: a.body}
	next, ok := findMisfit(readRows(&moved))
	a.errors = 1000
	return !ok || next.row > a.rows[len(a.rows)-1]
}

// edits returns those of t and of the attempt.
func (a *attempt) edits(t *text) edits {
	mended := t.edits.clone()
	for _, i := range a.rows {
		mended.add(i, edit{0, max(-a.by, 0), max(a.by, 0)})
	}
	return mended
}

// betterThan prefers what leaves fewer mistakes, then the shorter way, then a field of the kind to any name in a map,
// then what moves fewer lines.
func (a *attempt) betterThan(b *attempt) bool {
	undeclared := func(a *attempt) int {
		if a.declared {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.errors, b.errors), cmp.Compare(max(a.by, -a.by), max(b.by, -b.by)),
		cmp.Compare(undeclared(a), undeclared(b)), cmp.Compare(len(a.rows), len(b.rows))) < 0
}

// countErrors returns how many errors the objects of a readable document have.
func (t *text) countErrors(body string) int {
	if *t.effort -= len(body); *t.effort < 0 {
		return 999
	}
	r := reader{notes: map[typeName]int{}}
	r.document(text{body: body, line: 1})
	n := 0
	for _, f := range r.result.Findings {
		if f.Severity == finding.Error {
			n++
		}
	}
	return n
}

func (a *attempt) message(m misfit, name string) string {
	if a.by > 0 && !m.dash && inItem(m.open, a.to) {
		return fmt.Sprintf("'%s' stands left of its list item", name)
	}
	n, side := a.by, "left"
	if n < 0 {
		n, side = -n, "right"
	}
	unit := "columns"
	if n == 1 {
		unit = "column"
	}
	return fmt.Sprintf("'%s' stands %d %s too far %s", name, n, unit, side)
}

// inItem tells whether a mapping is an item of a list.
func inItem(open []level, to level) bool {
	for i, l := range open {
		if l == to {
			return i > 0 && open[i-1].list
		}
	}
	return false
}

func (a *attempt) effect(t *text, m misfit, name string) string {
	what := "lines that start"
	line := t.line + a.to.row
	switch {
	case m.dash:
		what = "list whose last item starts"
	case inItem(m.open, a.to):
		what = "item that starts"
	default:
		return fmt.Sprintf(" '%s' belongs with line %d, so it must start in column %d.", name, line, a.to.column+1)
	}
	return fmt.Sprintf(" '%s' belongs to the %s on line %d, so it must start in column %d.", name, what, line, a.to.column+1)
}

// fix returns the lines as they should be.
func (a *attempt) fix(t *text) string {
	mended := text{body: a.body}
	var lines []string
	for _, i := range a.rows {
		lines = append(lines, strings.TrimRight(mended.content(i), " \t"))
	}
	const most = 20
	if len(lines) > most {
		lines = append(lines[:most], "# and so on")
	}
	return strings.Join(lines, "\n")
}

// pathAt returns the path of the key, the item or the scalar that starts at a line and column in the tree below n; of a
// list of objects, the path in the object.
func pathAt(n *yaml.Node, line, column int) Path {
	found, _ := search(n, nil, line, column)
	if len(found) > 2 && found[0].Name == "items" && found[1].IsIndex {
		return found[2:]
	}
	return found
}

// search is pathAt for n at a path. A key has the path of its value, a dash that of its item.
func search(n *yaml.Node, at Path, line, column int) (Path, bool) {
	starts := func(n *yaml.Node) bool { return n.Line == line && n.Column == column }
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			name, _ := keyName(n.Content[i])
			below := at.Field(name)
			if starts(n.Content[i]) {
				return below, true
			}
			if found, ok := search(n.Content[i+1], below, line, column); ok {
				return found, true
			}
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			if n.Column == column && item.Line == line && n.Style&yaml.FlowStyle == 0 {
				return at.Item(i), true
			}
			if found, ok := search(item, at.Item(i), line, column); ok {
				return found, true
			}
		}
	case yaml.ScalarNode:
		return at, starts(n)
	}
	return nil, false
}
