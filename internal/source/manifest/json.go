package manifest

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"
)

// surrogates are the escapes of a character above U+FFFF in JSON, which YAML writes in another way.
var surrogates = regexp.MustCompile(`\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}`)

// plainJSON returns JSON that YAML does not understand with the characters that its escapes stand for.
func plainJSON(t text) (text, bool) {
	if !surrogates.MatchString(t.body) || !json.Valid([]byte(t.body)) {
		return text{}, false
	}
	mended := text{file: t.file, line: t.line, column: t.column, edits: edits{}}
	var body strings.Builder
	at := 0
	for i, row := range t.lines() {
		column := 0 // of at, as mended
		body.WriteString(t.body[at:row.start])
		at = row.start
		for _, m := range surrogates.FindAllStringIndex(t.body[row.start:row.end], -1) {
			start, end := row.start+m[0], row.start+m[1]
			var plain string
			if json.Unmarshal([]byte(`"`+t.body[start:end]+`"`), &plain) != nil {
				continue // not reached: the whole is valid
			}
			column += utf8.RuneCountInString(t.body[at:start])
			mended.edits.add(i, edit{column, end - start, 1})
			column++
			body.WriteString(t.body[at:start] + plain)
			at = end
		}
	}
	body.WriteString(t.body[at:])
	mended.body = body.String()
	return mended, true
}

// brokenJSON tells where a document that is meant to be JSON is not. The parser of YAML knows the line at best.
func brokenJSON(t *text) (mend, bool) {
	rest, isObject := strings.CutPrefix(strings.TrimLeft(t.body, " \t\r\n"), "{")
	if rest = strings.TrimLeft(rest, " \t\r\n"); !isObject || rest != "" && rest[0] != '"' {
		return mend{}, false
	}
	var whole json.RawMessage
	var bad *json.SyntaxError
	if err := json.Unmarshal([]byte(t.body), &whole); !errors.As(err, &bad) {
		return mend{}, false
	}
	at := min(max(int(bad.Offset)-1, 0), len(t.body))
	message, fix := "the JSON is broken here: "+clipTo(bad.Error(), 60), "Separate entries by commas, keys from values by colons, and use straight double quotes."
	if end := strings.TrimRight(t.body, " \t\r\n"); int(bad.Offset) >= len(end) && strings.Contains(bad.Error(), "unexpected end") {
		at = max(len(end)-1, 0)
		message, fix = "the JSON ends too early: a bracket or a quote is not closed", "Close what is open."
	}
	for i, row := range t.lines() {
		if at < row.end || i == len(t.lines())-1 {
			column := utf8.RuneCountInString(t.body[row.start:max(min(at, row.end), row.start)])
			return onLine(t, i, column, column+1, message, fix), true
		}
	}
	return mend{}, false
}
