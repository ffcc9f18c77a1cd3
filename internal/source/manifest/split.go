package manifest

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDocument is the length of the longest document that is read at once, in bytes. The API server takes requests of up
// to 3 MiB; lists that were printed by kubectl can be longer, see long.go.
const maxDocument = 8 << 20

const byteOrderMark = "\ufeff"

// decodeText returns data as UTF-8 without byte order marks at the start of lines, where they also stand after files were
// put together. Text that is not UTF-8 is told as a problem where it makes the whole file unreadable; single bad bytes
// are left for the document that they are in.
func decodeText(data []byte) (body, problem string) {
	if len(data) >= 2 && (data[0] == 0xfe && data[1] == 0xff || data[0] == 0xff && data[1] == 0xfe) {
		return decodeUTF16(data)
	}
	body = strings.TrimPrefix(string(data), byteOrderMark)
	return strings.ReplaceAll(body, "\n"+byteOrderMark, "\n"), ""
}

// decodeUTF16 reads what Windows' shells write when output is redirected into a file.
func decodeUTF16(data []byte) (body, problem string) {
	if len(data)%2 != 0 {
		return "", "the file is UTF-16 and ends within a character"
	}
	var order binary.ByteOrder = binary.BigEndian
	if data[0] == 0xff {
		order = binary.LittleEndian
	}
	units := make([]uint16, 0, len(data)/2-1)
	for i := 2; i < len(data); i += 2 {
		units = append(units, order.Uint16(data[i:]))
	}
	return string(utf16.Decode(units)), ""
}

// split cuts a file into its documents. A line that starts with "---" or "..." ends a document wherever it stands,
// also within a block scalar (YAML 1.2, 9.1.2), so it can be done without understanding the text; a document that is
// no YAML thus spoils no other.
func split(file, body string) []text {
	var docs []text
	start, first, number := 0, 1, 0
	fresh, pending := true, false // nothing but comments so far; nothing but directives, which belong to what follows
	emit := func(end int) {
		if chunk := body[start:end]; !blank(chunk) {
			for _, t := range splitJSON(text{file: file, body: chunk, line: first}) {
				docs = append(docs, splitLong(t)...)
			}
		}
	}
	for at := 0; at < len(body); {
		number++
		end, next := lineEnd(body, at)
		switch line := body[at:end]; {
		case isMarker(line, "---"):
			if !pending {
				emit(at)
				start, first = at, number
			}
			fresh, pending = false, false
		case isMarker(line, "..."):
			emit(at)
			start, first = next, number+1
			fresh, pending = true, false
		case strings.HasPrefix(line, "%") && (fresh || pending):
			fresh, pending = false, true
		case line != "" && line[0] != '#' && strings.Trim(line, " \t") != "":
			fresh, pending = false, false
		}
		at = next
	}
	emit(len(body))
	return docs
}

// isMarker tells whether a line starts with a marker that stands alone.
func isMarker(line, marker string) bool {
	rest, ok := strings.CutPrefix(line, marker)
	return ok && (rest == "" || rest[0] == ' ' || rest[0] == '\t')
}

// blank tells whether a document holds nothing but its marker, comments and empty lines.
func blank(s string) bool {
	for at := 0; at < len(s); {
		end, next := lineEnd(s, at)
		line := s[at:end]
		if at == 0 && isMarker(line, "---") {
			line = line[3:]
		}
		line = strings.Trim(line, " \t"+byteOrderMark)
		if line != "" && line[0] != '#' && !(line[0] == '%' && at == 0) {
			return false
		}
		at = next
	}
	return true
}

// splitJSON cuts a document that holds several JSON objects one after the other, which kubectl reads too.
func splitJSON(t text) []text {
	var docs []text
	for {
		end := jsonObjectEnd(t.body)
		rest := strings.TrimLeft(t.body[end:], " \t\r\n")
		if end == 0 || !strings.HasPrefix(rest, "{") {
			return append(docs, t)
		}
		docs = append(docs, text{file: t.file, body: t.body[:end], line: t.line, column: t.column})
		cut := len(t.body) - len(rest)
		skipped := t.body[:cut]
		t.line += strings.Count(skipped, "\n")
		if i := strings.LastIndexByte(skipped, '\n'); i >= 0 {
			t.column = utf8.RuneCountInString(skipped[i+1:])
		} else {
			t.column += utf8.RuneCountInString(skipped)
		}
		t.body = rest
	}
}

// jsonObjectEnd returns the length of the JSON object that s starts with, 0 if it does not start with one.
func jsonObjectEnd(s string) int {
	i := len(s) - len(strings.TrimLeft(s, " \t\r\n"))
	if i == len(s) || s[i] != '{' {
		return 0
	}
	depth, quoted := 0, false
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// lineEnd returns where the line that starts at i ends and where the next one starts, with YAML's line breaks: LF,
// CR LF, CR, NEL, LS and PS (YAML 1.1, 4.2).
func lineEnd(s string, i int) (end, next int) {
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\n':
			return i, i + 1
		case c == '\r':
			if strings.HasPrefix(s[i:], "\r\n") {
				return i, i + 2
			}
			return i, i + 1
		case c == 0xc2 && strings.HasPrefix(s[i:], "\u0085"):
			return i, i + 2
		case c == 0xe2 && (strings.HasPrefix(s[i:], "\u2028") || strings.HasPrefix(s[i:], "\u2029")):
			return i, i + 3
		}
	}
	return len(s), len(s)
}
