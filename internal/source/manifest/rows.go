package manifest

import (
	"strings"
	"unicode/utf8"
)

// row is one line of a document that is no YAML, as far as it can be understood alone. Columns count from 0.
type row struct {
	// skip is set for lines that say nothing about structure: empty ones, comments, the inside of block scalars, of
	// brackets and of quotes over several lines.
	skip bool
	// indent is the column of the first character.
	indent int
	// dashes are the columns of the dashes that the line starts with.
	dashes []int
	// key is the column of the key, -1 if the line has none; name is its text.
	key  int
	name string
	// value is what follows the key's colon, or the dashes, without comment; valueAt is its column.
	value   string
	valueAt int
}

// opens tells whether what the key, or the last dash, of a row stands for may follow in deeper lines.
func (r row) opens() bool {
	return r.value == "" || strings.HasPrefix(r.value, "&") && !strings.ContainsAny(r.value, " \t") ||
		strings.HasPrefix(r.value, "!") && !strings.ContainsAny(r.value, " \t")
}

// readRows reads the lines of a body.
func readRows(t *text) []row {
	rows := make([]row, len(t.lines()))
	var inside scan
	for i := range rows {
		content := t.content(i)
		if inside.goesOn(content) {
			rows[i] = row{skip: true, indent: leading(content), key: -1}
			continue
		}
		rows[i] = readRow(content)
		if !rows[i].skip {
			inside.enter(rows[i])
		}
	}
	return rows
}

// leading returns how many blanks a line starts with.
func leading(s string) int { return len(s) - len(strings.TrimLeft(s, " \t")) }

// readRow reads one line.
func readRow(content string) row {
	r := row{indent: leading(content), key: -1}
	rest := content[r.indent:]
	if rest == "" || rest[0] == '#' || isMarker(content, "---") || content[0] == '%' {
		r.skip = true
		return r
	}
	at := r.indent
	for rest == "-" || strings.HasPrefix(rest, "- ") {
		r.dashes = append(r.dashes, at)
		gap := 1 + leading(rest[1:])
		rest, at = rest[gap:], at+gap
	}
	if end := keyEnd(rest); end > 0 {
		r.key, r.name = at, strings.Trim(strings.TrimRight(rest[:end], " "), `"'`)
		gap := end + 1 + leading(rest[end+1:])
		at += utf8.RuneCountInString(rest[:gap])
		rest = rest[gap:]
	}
	r.value, r.valueAt = stripComment(rest), at
	return r
}

// keyEnd returns where the colon of the key stands that s starts with, 0 if it starts with none.
func keyEnd(s string) int {
	if s == "" || strings.IndexByte("{[|>%@`#,]}", s[0]) >= 0 {
		return 0
	}
	start := quoteEnd(s)
	if start > 0 {
		if i := start + leading(s[start:]); i < len(s) && s[i] == ':' && isBreak(s, i+1) {
			return i
		}
		return 0
	}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == ':' && isBreak(s, i+1):
			return i
		case s[i] == '#' && i > 0 && s[i-1] == ' ':
			return 0
		}
	}
	return 0
}

func isBreak(s string, i int) bool { return i >= len(s) || s[i] == ' ' || s[i] == '\t' }

// scan knows which lines belong to a value that began on an earlier one.
type scan struct {
	block int  // the column that lines of a block scalar are right of, -1 at the top; only if in is '|'
	depth int  // open brackets, if in is '{'
	in    byte // one of | { " ' or 0
}

// enter notes what the value of a row begins.
func (s *scan) enter(r row) {
	s.in = 0
	if r.value == "" {
		return
	}
	value := r.value
	if value[0] == '!' || value[0] == '&' {
		_, value, _ = strings.Cut(value, " ")
		value = strings.TrimLeft(value, " ")
	}
	if value == "" {
		return
	}
	switch value[0] {
	case '|', '>':
		s.in, s.block = '|', r.indent
		if r.key >= 0 {
			s.block = r.key
		} else if len(r.dashes) > 0 {
			s.block = r.dashes[len(r.dashes)-1]
		}
	case '{', '[':
		s.in, s.depth = '{', 0
		s.brackets(value)
	case '"', '\'':
		if quoteEnd(value) == 0 {
			s.in = value[0]
		}
	}
}

// goesOn tells whether a line belongs to what an earlier one began.
func (s *scan) goesOn(content string) bool {
	switch s.in {
	case '|':
		if strings.TrimSpace(content) == "" || leading(content) > s.block {
			return true
		}
		s.in = 0
	case '{':
		s.brackets(content)
		return true
	case '"', '\'':
		if quoteEnd(string(s.in)+content) > 0 {
			s.in = 0
		}
		return true
	}
	return false
}

// brackets counts the brackets of a line.
func (s *scan) brackets(content string) {
	content = stripComment(content)
	for i := 0; i < len(content); i++ {
		switch content[i] {
		case '"', '\'':
			if end := quoteEnd(content[i:]); end > 0 {
				i += end - 1
			}
		case '{', '[':
			s.depth++
		case '}', ']':
			if s.depth--; s.depth <= 0 {
				s.in = 0
				return
			}
		}
	}
}
