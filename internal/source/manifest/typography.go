package manifest

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/naru-lb/naru/internal/finding"
)

// typographicBlanks look like the blank, but are none to YAML.
const typographicBlanks = "\u00a0\u2007\u202f\u3000\u200b\ufeff"

// typographicDashes look like the dash of a list.
const typographicDashes = "–—−‐‑•·"

// maxTried is how many lines are tried out to find the one that is not right.
const maxTried = 20

// mendTabs replaces the tabs that indent lines by the number of blanks that yields the best document.
func mendTabs(t *text, err error) (mend, bool) {
	var tabbed []int
	for i, r := range readRows(t) {
		content := t.content(i)
		if !r.skip && strings.Contains(content[:leading(content)], "\t") {
			tabbed = append(tabbed, i)
		}
	}
	if len(tabbed) == 0 {
		return mend{}, false
	}
	var best mend
	least := -1
	for _, width := range []int{2, 4, 8, 1} {
		m := replaceTabs(t, tabbed, width)
		_, next, ok := t.try(m.body)
		if !ok {
			break
		}
		if next != nil && next.Error() == err.Error() {
			continue
		}
		errors := 1000
		if next == nil {
			errors = t.countErrors(m.body)
		}
		if least < 0 || errors < least {
			best, least = m, errors
		}
	}
	if least < 0 && !strings.Contains(err.Error(), "cannot start any token") && !strings.Contains(err.Error(), "tab character") {
		return mend{}, false
	}
	content := t.content(tabbed[0])
	at := strings.IndexByte(content, '\t')
	end := at + len(content[at:]) - len(strings.TrimLeft(content[at:], "\t"))
	message := "a tab indents the line, where YAML wants blanks"
	if n := len(tabbed); n > 1 {
		message = fmt.Sprintf("tabs indent this line and %d more, where YAML wants blanks", n-1)
	}
	best.finding = finding.New(finding.Tab, message).With(notApplied, "Replace each tab by blanks.")
	if best.body != "" {
		mended := text{body: best.body}
		best.finding.Fix = mended.content(tabbed[0])
	}
	best.finding.Place = t.place(tabbed[0], at, end)
	return best, true
}

func replaceTabs(t *text, lines []int, width int) mend {
	mended := t.edits.clone()
	var b strings.Builder
	last := 0
	for _, i := range lines {
		s := t.lines()[i]
		indent := t.body[s.start : s.start+leading(t.body[s.start:s.end])]
		b.WriteString(t.body[last:s.start])
		blanks := strings.ReplaceAll(indent, "\t", strings.Repeat(" ", width))
		b.WriteString(blanks)
		last = s.start + len(indent)
		mended.add(i, edit{0, len(indent), len(blanks)})
	}
	b.WriteString(t.body[last:])
	return mend{body: b.String(), edits: mended}
}

// mendTypography finds the first line that is no YAML because of characters that a word processor or a web page put
// in the place of plain ones.
func mendTypography(t *text, err error) (mend, bool) {
	if len(t.body) > maxMendable {
		return mend{}, false
	}
	tried := 0
	for i, r := range readRows(t) {
		if r.skip {
			continue
		}
		s := t.lines()[i]
		plain, column, message := plainLine(t.body[s.start:s.end])
		if column < 0 {
			continue
		}
		if tried++; tried > maxTried {
			break
		}
		body := t.body[:s.start] + plain + t.body[s.end:]
		if !t.progress(body, err) {
			continue
		}
		f := finding.New(finding.CurlyQuotes, message).With(notApplied, plain)
		f.Place = t.place(i, column, column+1)
		return mend{finding: f, body: body, edits: t.edits}, true
	}
	return mend{}, false
}

// plainLine returns a line with plain characters where typographic ones would be part of YAML's syntax, the column of
// the first of them, -1 if there is none, and what to say about it. Every character is replaced by one.
func plainLine(content string) (plain string, column int, message string) {
	runes := []rune(content)
	column = -1
	set := func(i int, r rune, what string) {
		if column < 0 {
			column = i
			message = fmt.Sprintf("%s U+%04X stands where YAML wants %s", what, runes[i], name(r))
		}
		runes[i] = r
	}
	i := 0
	for ; i < len(runes) && (runes[i] == ' ' || strings.ContainsRune(typographicBlanks, runes[i])); i++ {
		if runes[i] != ' ' {
			set(i, ' ', "the blank")
		}
	}
	if i+1 < len(runes) && strings.ContainsRune(typographicDashes, runes[i]) && (runes[i+1] == ' ' || runes[i+1] == '\u00a0') {
		set(i, '-', "the dash")
	}
	for ; i < len(runes); i++ {
		before := i == 0 || runes[i-1] == ' '
		after := i+1 == len(runes) || strings.ContainsRune(" ,:]}", runes[i+1])
		switch {
		case strings.ContainsRune("“”„‟«»″", runes[i]) && (before || after):
			set(i, '"', "the quote")
		case strings.ContainsRune("‘’‚‛′", runes[i]) && (before || after):
			set(i, '\'', "the quote")
		case runes[i] == '：' && i+1 < len(runes) && runes[i+1] == ' ':
			set(i, ':', "the colon")
		case runes[i] == '\u00a0' && i > 0 && (runes[i-1] == ':' || runes[i-1] == '-'):
			set(i, ' ', "the blank")
		}
	}
	return string(runes), column, message
}

// name returns what a character of YAML's syntax is called.
func name(r rune) string {
	switch r {
	case ' ':
		return "a plain blank"
	case '-':
		return "a plain dash (-)"
	case ':':
		return "a plain colon"
	}
	return "a straight quote"
}

// oddDash returns the typographic dash that a key starts with.
func oddDash(key string) (rune, bool) {
	r, size := utf8.DecodeRuneInString(key)
	return r, strings.ContainsRune(typographicDashes, r) && strings.HasPrefix(key[size:], " ")
}

// oddBlank returns the first typographic blank of a key.
func oddBlank(key string) (rune, bool) {
	i := strings.IndexAny(key, typographicBlanks)
	if i < 0 {
		return 0, false
	}
	r, _ := utf8.DecodeRuneInString(key[i:])
	return r, true
}
