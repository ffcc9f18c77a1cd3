package explain

import (
	"bytes"
	"cmp"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/naru-lb/naru/internal/finding"
)

// FindingsText writes findings with the lines that they are about. Source returns the text of a file, nil if it cannot be
// had; notes are shown in one line. The summary is the caller's.
func FindingsText(w io.Writer, fs []finding.Finding, source func(file string) []byte) error {
	s := &screen{}
	files := map[string][]string{}
	for i, f := range fs {
		if i > 0 && (f.Severity != finding.Note || fs[i-1].Severity != finding.Note) {
			s.blank()
		}
		s.line("%s", header(f))
		if f.Severity == finding.Note {
			continue
		}
		if f.File != "" && f.Line > 0 && source != nil {
			if _, read := files[f.File]; !read {
				files[f.File] = lines(source(f.File))
			}
			excerpt(s, f, files[f.File])
		}
		consequences(s, f)
	}
	return s.writeTo(w)
}

// header is the first line of a finding: "file:line:column: severity CODE: message".
func header(f finding.Finding) string {
	return cmp.Or(f.Location(), f.Object.String(), "naru") + ": " + findingLine(f)
}

// consequences says what a finding is about, what it does to traffic, and how to mend it.
func consequences(s *screen, f finding.Finding) {
	rule, _ := finding.Lookup(f.Code)
	about := f.Object.String()
	if about != "" && f.Path != "" {
		about += ", " + f.Path
	}
	if f.File == "" && f.Path == "" {
		about = "" // the first line has it
	}
	const indent = 16
	if about != "" {
		s.said(" About", indent, about)
	}
	s.said(" What happens", indent, cmp.Or(f.Effect, rule.Effect))
	s.quote(" Fix", indent, cmp.Or(f.Fix, rule.Mend))
}

// The lines that an excerpt shows before and behind the one that is meant, and how much of a long line.
const (
	linesBefore = 2
	linesBehind = 2
	mostOfLine  = 120
	ellipsis    = "..."
)

func lines(text []byte) []string {
	if text == nil {
		return nil
	}
	all := strings.Split(string(bytes.ToValidUTF8(text, []byte("\uFFFD"))), "\n")
	for i := range all {
		all[i] = strings.TrimPrefix(strings.TrimSuffix(all[i], "\r"), "\uFEFF")
	}
	return all
}

// excerpt draws the line that is meant, with its neighbours in the same document and carets under the columns.
func excerpt(s *screen, f finding.Finding, text []string) {
	if f.Line > len(text) {
		return
	}
	first, last := f.Line, f.Line
	for first > 1 && f.Line-first < linesBefore && !separator(text[first-2]) {
		first--
	}
	for last < len(text) && last-f.Line < linesBehind && !separator(text[last]) && !(last+1 == len(text) && text[last] == "") {
		last++
	}
	meant := text[f.Line-1]
	column := min(f.Column, utf8.RuneCountInString(meant)+1)
	start := window(meant, column)
	gutter := max(5, len(strconv.Itoa(last))+2)
	s.blank()
	for n := first; n <= last; n++ {
		s.line("%*d | %s", gutter, n, cut(text[n-1], start))
		if n == f.Line && column > 0 {
			s.line("%*s | %s", gutter, "", carets(meant, start, column, f.EndColumn))
		}
	}
	s.blank()
}

func separator(line string) bool { return line == "---" || strings.HasPrefix(line, "--- ") }

// window returns where the shown part of a line begins, in characters, so that a column is in it.
func window(line string, column int) int {
	if utf8.RuneCountInString(line) <= mostOfLine || column <= mostOfLine*3/4 {
		return 0
	}
	return column - mostOfLine/2
}

// cut returns the part of a line from start that is shown.
func cut(line string, start int) string {
	from := offset(line, start)
	to := from + offset(line[from:], mostOfLine)
	shown := line[from:to]
	if start > 0 && from < len(line) {
		shown = ellipsis + shown
	}
	if to < len(line) {
		shown += ellipsis
	}
	return shown
}

// offset returns where the n-th character of s begins, counted from 0; the length of s if it has no more than n.
func offset(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

// carets returns the line of carets under the columns from first up to end of the shown part of a line, one at least.
// First is in the line or just behind it.
func carets(line string, start, first, end int) string {
	var b strings.Builder
	if start > 0 {
		b.WriteString(strings.Repeat(" ", len(ellipsis)))
	}
	column := start + 1
	for _, r := range line[offset(line, start):] {
		switch {
		case column < first:
			b.WriteString(blankLike(r))
		case column < min(end, start+mostOfLine+1):
			b.WriteString(strings.Repeat("^", len(blankLike(r))))
		default:
			return under(b.String())
		}
		column++
	}
	return under(b.String())
}

// under makes sure that there is a caret.
func under(carets string) string {
	if !strings.HasSuffix(carets, "^") {
		carets += "^"
	}
	return carets
}

// blankLike returns blanks that are as wide on a terminal as a character: two for those of East Asian scripts, none for
// marks that join the character before.
func blankLike(r rune) string {
	switch {
	case r == '\t':
		return "\t"
	case !isPrintable(r):
		return " "
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return ""
	case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana), r >= 0x3000 && r <= 0x303F, r >= 0xFF01 && r <= 0xFF60:
		return "  "
	}
	return " "
}
