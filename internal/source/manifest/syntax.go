package manifest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/naru-lb/naru/internal/finding"
)

const notApplied = "The document is not applied."

// errorLine finds the line in the parser's message, counted from 1. It is that of the mistake, or the one before.
var errorLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax explains the message of the YAML parser, and finds the place more exactly than the parser does.
func syntax(t *text, err error) mend {
	prefix := errorLine.FindStringSubmatch(err.Error())
	message := err.Error()
	line := 0
	if prefix != nil {
		message = message[len(prefix[0]):]
		if n, err := strconv.Atoi(prefix[1]); err == nil {
			line = n - 1
		}
	}
	if m, ok := template(t, line, line+1, line-1); ok {
		return m
	}
	for _, e := range explanations {
		if !strings.Contains(message, e.parser) {
			continue
		}
		if m, ok := e.explain(t, line, message); ok {
			return m
		}
	}
	line = structural(t, line)
	return wholeLine(t, line, "the text is not YAML: "+clipTo(message, 55), "Mend the line that is shown.")
}

// explanations are the messages of go.yaml.in/yaml/v3 that can be said better.
var explanations = []struct {
	parser  string
	explain func(t *text, line int, message string) (mend, bool)
}{
	{"unknown anchor", unknownAnchor},
	{"mapping values are not allowed", innerColon},
	{"mapping values are not allowed", missingColon},
	{"could not find expected ':'", missingColon},
	{"found unexpected end of stream", openQuote},
	{"found unexpected document indicator", openQuote},
	{"did not find expected ',' or", openBracket},
	{"did not find expected node content", openBracket},
	{"did not find expected", openQuote},
	{"cannot start any token", badStart},
	{"did not find expected alphabetic or numeric character", badStart},
	{"did not find expected key", missingColon},
	{"exceeded max depth", tooDeep},
}

// wholeLine returns a finding about a line.
func wholeLine(t *text, line int, message, fix string) mend {
	content := t.content(line)
	start := utf8.RuneCountInString(content[:leading(content)])
	return onLine(t, line, start, utf8.RuneCountInString(stripComment(content)), message, fix)
}

// onLine returns a finding about a part of a line.
func onLine(t *text, line, column, end int, message, fix string) mend {
	f := finding.New(finding.NotYAML, message).With(notApplied, fix)
	f.Place = t.place(line, column, end)
	return mend{finding: f}
}

// structural returns the line itself, or else the next that is not empty.
func structural(t *text, line int) int {
	for i := line; i < len(t.lines()); i++ {
		if s := strings.TrimSpace(t.content(i)); s != "" && s[0] != '#' {
			return i
		}
	}
	return line
}

// nearRow returns the row at or around the line that the parser names for which is is true.
func nearRow(t *text, line int, is func(row) bool) (int, row, bool) {
	rows := readRows(t)
	for _, i := range []int{line, line + 1, line - 1, line + 2, line - 2} {
		if i >= 0 && i < len(rows) && !rows[i].skip && is(rows[i]) {
			return i, rows[i], true
		}
	}
	for i, r := range rows {
		if !r.skip && is(r) {
			return i, r, true
		}
	}
	return 0, row{}, false
}

const renderFirst = "Render it first (helm template), and read its output."

// template recognises a Helm template in some lines. It is YAML only after it was rendered, but for some that are YAML
// of another meaning.
func template(t *text, lines ...int) (mend, bool) {
	for _, i := range lines {
		if at := strings.Index(clipBytes(t.content(i), longToken), "{{"); at >= 0 {
			column := utf8.RuneCountInString(t.content(i)[:at])
			return onLine(t, i, column, column+2, "'{{' is a template that was not rendered", renderFirst), true
		}
	}
	return mend{}, false
}

func unknownAnchor(t *text, _ int, message string) (mend, bool) {
	_, name, _ := strings.Cut(message, "'")
	name, _, _ = strings.Cut(name, "'")
	for i := range t.lines() {
		content := t.content(i)
		if at := strings.Index(content, "*"+name); at >= 0 && name != "" {
			column := utf8.RuneCountInString(content[:at])
			return onLine(t, i, column, column+1+utf8.RuneCountInString(name),
				fmt.Sprintf("the alias *%s has no anchor &%s before it", clipTo(name, 20), clipTo(name, 20)),
				"If the text itself is meant, put it between quotes."), true
		}
	}
	return mend{}, false
}

// innerColon finds the value that holds a colon and a blank, and so looks like a key.
func innerColon(t *text, line int, _ string) (mend, bool) {
	i, r, ok := nearRow(t, line, func(r row) bool { return r.key >= 0 && r.value != "" && keyEnd(r.value) > 0 })
	if !ok {
		return mend{}, false
	}
	fixed := strconv.Quote(r.value)
	m := onLine(t, i, r.valueAt, r.valueAt+utf8.RuneCountInString(r.value),
		fmt.Sprintf("the value of '%s' has a colon in it, so it needs quotes", clipTo(r.name, 30)), r.name+": "+fixed)
	return m.replacing(t, i, r.value, fixed), true
}

// replacing adds the document with a part of a line replaced.
func (m mend) replacing(t *text, line int, old, with string) mend {
	s := t.lines()[line]
	content := t.body[s.start:s.end]
	at := strings.LastIndex(content, old)
	if at < 0 {
		return m
	}
	body := t.body[:s.start+at] + with + t.body[s.start+at+len(old):]
	if len(body) > maxMendable {
		return m
	}
	same := commonStart(old, with)
	m.body, m.edits = body, t.edits.clone()
	m.edits.add(line, edit{
		at:  utf8.RuneCountInString(content[:at+same]),
		old: utf8.RuneCountInString(old[same:]),
		new: utf8.RuneCountInString(with[same:]),
	})
	return m
}

// commonStart returns how many bytes, of whole characters, two texts have in common from their start.
func commonStart(a, b string) int {
	for i, r := range a {
		if s, _ := utf8.DecodeRuneInString(b[min(i, len(b)):]); i >= len(b) || s != r {
			return i
		}
	}
	return len(a)
}

// missingColon finds a line that is neither a key nor an item.
func missingColon(t *text, line int, _ string) (mend, bool) {
	i, r, ok := nearRow(t, line, func(r row) bool { return r.key < 0 && len(r.dashes) == 0 && r.value != "" })
	if !ok {
		return mend{}, false
	}
	if name, value, found := strings.Cut(r.value, ":"); found && plainName(name) && value != "" {
		fixed := name + ": " + value
		m := onLine(t, i, r.indent+len(name), r.indent+len(name)+1, fmt.Sprintf("a blank is missing after '%s:'", clipTo(name, 40)), fixed)
		return m.replacing(t, i, r.value, fixed), true
	}
	if rest, found := strings.CutPrefix(r.value, "-"); found && rest != "" && rest[0] != '-' {
		fixed := "- " + rest
		m := onLine(t, i, r.indent, r.indent+1, "a blank is missing after the dash", fixed)
		return m.replacing(t, i, r.value, fixed), true
	}
	word, _, _ := strings.Cut(r.value, " ")
	return wholeLine(t, i, fmt.Sprintf("'%s' is neither a key with a colon nor a list item", clipTo(word, 30)),
		"Write it as key: value, or put it between quotes with what it belongs to."), true
}

// keyed returns a row's key with another value.
func keyed(r row, value string) string {
	if r.key < 0 {
		return "- " + value
	}
	return r.name + ": " + value
}

// openQuote finds a value whose quote is not closed on its line.
func openQuote(t *text, line int, _ string) (mend, bool) {
	i, r, ok := nearRow(t, line, func(r row) bool {
		return r.value != "" && (r.value[0] == '"' || r.value[0] == '\'') && quoteEnd(r.value) != len(r.value)
	})
	if !ok {
		return openBracket(t, line, "")
	}
	end := quoteEnd(r.value)
	if end > 0 {
		column := r.valueAt + utf8.RuneCountInString(r.value[:end])
		return onLine(t, i, column, column+1, "text follows the closing quote", "Escape the inner quotes, or quote the whole value."), true
	}
	fixed := r.value + r.value[:1]
	m := onLine(t, i, r.valueAt, r.valueAt+1, fmt.Sprintf("the quote %s is not closed", r.value[:1]), keyed(r, fixed))
	if mended := m.replacing(t, i, r.value, fixed); mended.body != "" {
		if _, err, ok := t.try(mended.body); ok && err == nil {
			return mended, true
		}
	}
	return m, true
}

// openBracket finds a bracket that is not closed.
func openBracket(t *text, line int, _ string) (mend, bool) {
	if jsonStart := strings.TrimSpace(t.body); strings.HasPrefix(jsonStart, "{") {
		return mend{}, false
	}
	i, r, ok := nearRow(t, line, func(r row) bool {
		var s scan
		s.enter(r)
		return s.in == '{'
	})
	if !ok {
		return mend{}, false
	}
	return onLine(t, i, r.valueAt, r.valueAt+1, fmt.Sprintf("the bracket %s is not closed, or something in it is not right", r.value[:1]),
		"Close the bracket, separate entries by commas, or put the value between quotes."), true
}

// badStart finds a value that starts with a character that YAML keeps for itself.
func badStart(t *text, line int, _ string) (mend, bool) {
	i, r, ok := nearRow(t, line, func(r row) bool { return r.value != "" && strings.IndexByte("@`%*&!|>", r.value[0]) >= 0 })
	if !ok {
		return mend{}, false
	}
	fixed := strconv.Quote(r.value)
	m := onLine(t, i, r.valueAt, r.valueAt+1, fmt.Sprintf("a value cannot start with %s unless it is in quotes", r.value[:1]), keyed(r, fixed))
	return m.replacing(t, i, r.value, fixed), true
}

func tooDeep(t *text, line int, _ string) (mend, bool) {
	return wholeLine(t, line, "the text is nested too deep", "Write it with less nesting."), true
}

// badCharacter finds what makes a document unreadable before its structure is looked at.
func badCharacter(t *text, err error) (mend, bool) {
	if len(t.body) > maxDocument {
		return onLine(t, 0, 0, 0, fmt.Sprintf("the document is longer than %d MiB", maxDocument>>20), "Split it into several documents."), true
	}
	message := err.Error()
	if !strings.Contains(message, "control characters") && !strings.Contains(message, "UTF-8") && !strings.Contains(message, "Unicode character") {
		return mend{}, false
	}
	for i := range t.lines() {
		column := 0
		content := t.content(i)
		for at, r := range content {
			if r == utf8.RuneError && !strings.HasPrefix(content[at:], "\ufffd") {
				return onLine(t, i, column, column+1, "a byte is not UTF-8", "Save the file as UTF-8."), true
			}
			if control(r) {
				return onLine(t, i, column, column+1, fmt.Sprintf("the character U+%04X is not allowed in YAML", r), "Remove the character."), true
			}
			column++
		}
	}
	return mend{}, false
}

// control tells whether YAML does not allow a character (YAML 1.1, 4.1).
func control(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r >= 0x7f && r < 0xa0 && r != 0x85 ||
		r >= 0xd800 && r < 0xe000 || r == 0xfffe || r == 0xffff
}
