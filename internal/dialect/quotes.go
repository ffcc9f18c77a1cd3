package dialect

import (
	"strings"
	"unicode/utf8"
)

// isTypographic tells whether r is a quotation mark that word processors and blogs put in place of " and '.
func isTypographic(r rune) bool {
	switch {
	case r >= 0x2018 && r <= 0x201F, r >= 0x2032 && r <= 0x2037, r >= 0x301D && r <= 0x301F:
		return true
	}
	switch r {
	case 0x00AB, 0x00BB, 0x2039, 0x203A, 0xFF02, 0xFF07, 0x00B4:
		return true
	}
	return false
}

// straighten takes the typographic quotes, and straight ones around, out of a value.
func straighten(text string) string {
	text = strings.Map(func(r rune) rune {
		if isTypographic(r) {
			return -1
		}
		return r
	}, text)
	return strings.Trim(strings.TrimSpace(text), `"'`)
}

// unquote takes off one pair of straight quotes that is part of the value: '"true"' in a manifest.
func unquote(text string) (string, bool) {
	if len(text) < 2 || text[0] != text[len(text)-1] || text[0] != '"' && text[0] != '\'' {
		return text, false
	}
	return strings.TrimSpace(text[1 : len(text)-1]), true
}

func firstRune(s string) (rune, int) { return utf8.DecodeRuneInString(s) }
