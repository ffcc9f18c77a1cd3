package manifest

import (
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/naru-lb/naru/internal/finding"
)

// text is the text of one document and where it stands in its file.
type text struct {
	file string
	body string
	// line is the number of the file's line that the body starts on, counted from 1 with YAML's line breaks;
	// column is how many characters stand before it in that line.
	line, column int
	// edits are what was changed in lines, counted from 0 in body, to mend it; nil if it is as in the file.
	edits edits
	// effort is how many bytes may still be parsed to try out how the text was meant; nil if none.
	effort *int

	rows  []span        // lazily: see lines
	marks map[int][]int // of long lines, lazily: see offset
}

// span is one line of a body, from offset start to end.
type span struct{ start, end int }

// lines returns the lines of the body as YAML counts them.
func (t *text) lines() []span {
	if t.rows == nil {
		for at := 0; at < len(t.body); {
			end, next := lineEnd(t.body, at)
			t.rows = append(t.rows, span{at, end})
			at = next
		}
		t.rows = append(t.rows, span{len(t.body), len(t.body)})
	}
	return t.rows
}

// content returns a line of the body, counted from 0, without its line break; "" if there is none.
func (t *text) content(line int) string {
	rows := t.lines()
	if line < 0 || line >= len(rows) {
		return ""
	}
	return t.body[rows[line].start:rows[line].end]
}

// place returns the place from one column to another, counted from 0, of a line of the body. What is outside the
// text is moved to its edge.
func (t *text) place(line, column, end int) finding.Place {
	line = min(max(line, 0), len(t.lines())-1)
	_, width := t.offset(line, 1<<30)
	column = min(max(column, 0), width)
	end = min(max(end, column), width)
	column, end = t.edits.back(line, column), t.edits.back(line, end)
	if line == 0 {
		column, end = column+t.column, end+t.column
	}
	return finding.Place{File: t.file, Line: t.line + line, Column: column + 1, EndColumn: end + 1}
}

// nodePlace returns the place of a node: all of a scalar on one line, else the rest of the line that it starts on.
func (t *text) nodePlace(n *yaml.Node) finding.Place {
	return t.place(n.Line-1, n.Column-1, n.Column-1+utf8.RuneCountInString(t.token(n)))
}

// token returns what belongs to a node of the line that it starts on.
func (t *text) token(n *yaml.Node) string {
	start, _ := t.offset(n.Line-1, n.Column-1)
	return tokenOf(n, clipBytes(t.content(n.Line - 1)[start:], longToken))
}

// markEvery is the distance, in characters, of the marks that offset puts into lines.
const markEvery = 1024

// offset returns the byte of a line at which the column, counted from 0, starts, and the column itself; of a column
// behind the end, those of the end. Long lines are counted once.
func (t *text) offset(line, column int) (offset, at int) {
	content := t.content(line)
	if len(content) <= markEvery {
		return walk(content, column)
	}
	marks, ok := t.marks[line]
	if !ok {
		n := 0
		for i := range content {
			if n%markEvery == 0 {
				marks = append(marks, i)
			}
			n++
		}
		if t.marks == nil {
			t.marks = map[int][]int{}
		}
		t.marks[line] = marks
	}
	k := min(max(column, 0)/markEvery, len(marks)-1)
	offset, at = walk(content[marks[k]:], column-k*markEvery)
	return marks[k] + offset, k*markEvery + at
}

// walk returns the byte at which a column of s starts, and the column, or those of the end of s.
func walk(s string, column int) (offset, at int) {
	for i := range s {
		if at >= column {
			return i, at
		}
		at++
	}
	return len(s), at
}

// longToken is how many bytes of a value are looked at to find its end.
const longToken = 4096

func clipBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// tokenOf returns what of rest, the line from the node's start on, belongs to the node.
func tokenOf(n *yaml.Node, rest string) string {
	token := stripComment(rest)
	if n.Kind == yaml.ScalarNode && n.Anchor == "" {
		switch {
		case n.Style&yaml.TaggedStyle != 0:
		case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
			if end := quoteEnd(rest); end > 0 {
				token = rest[:end]
			}
		case strings.HasPrefix(rest, n.Value):
			token = n.Value
		}
	}
	return token
}

// quoteEnd returns the length of the quoted scalar that s starts with, 0 if it does not end in s.
func quoteEnd(s string) int {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		return 0
	}
	for i := 1; i < len(s); i++ {
		switch {
		case s[0] == '"' && s[i] == '\\':
			i++
		case s[0] == '\'' && strings.HasPrefix(s[i:], "''"):
			i++
		case s[i] == s[0]:
			return i + 1
		}
	}
	return 0
}

// stripComment removes a comment and the blanks before it from the end of a line.
func stripComment(s string) string {
	if i := commentStart(s); i >= 0 {
		s = s[:i]
	}
	return strings.TrimRight(s, " \t\r\n")
}

// commentStart returns where the comment of a line starts, -1 if it has none.
func commentStart(s string) int {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"' || s[i] == '\'':
			if i == 0 || strings.IndexByte(" \t[{,:", s[i-1]) >= 0 {
				if end := quoteEnd(s[i:]); end > 0 {
					i += end - 1
				}
			}
		case s[i] == '#' && (i == 0 || s[i-1] == ' ' || s[i-1] == '\t'):
			return i
		}
	}
	return -1
}

// skipRunes returns s without its first n characters.
func skipRunes(s string, n int) string {
	for i := range s {
		if n <= 0 {
			return s[i:]
		}
		n--
	}
	return ""
}
