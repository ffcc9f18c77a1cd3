package explain

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// width is how long lines of prose are at most, in characters.
const width = 100

// screen collects the lines of a text screen. Control characters never reach the terminal: part of what is shown was
// written by others.
type screen struct{ b strings.Builder }

// line adds a line, without what blanks it ends with.
func (s *screen) line(format string, args ...any) {
	s.b.WriteString(strings.TrimRight(printable(fmt.Sprintf(format, args...)), " ") + "\n")
}

// blank adds an empty line, but not two in a row, nor one at the top.
func (s *screen) blank() {
	if t := s.b.String(); t != "" && !strings.HasSuffix(t, "\n\n") {
		s.b.WriteByte('\n')
	}
}

func (s *screen) writeTo(w io.Writer) error {
	_, err := io.WriteString(w, s.b.String())
	return err
}

// said adds a paragraph behind a label. Each line of text is wrapped on its own, lines behind the first are indented.
func (s *screen) said(label string, labelWidth int, text string) {
	prefix := fmt.Sprintf(" %-*s", labelWidth, label)
	indent := strings.Repeat(" ", utf8.RuneCountInString(prefix))
	for _, line := range strings.Split(text, "\n") {
		for _, part := range wrap(line, width-len(indent)) {
			s.line("%s%s", prefix, part)
			prefix = indent
		}
	}
}

// quote adds lines behind a label as they are, so that they can be copied.
func (s *screen) quote(label string, labelWidth int, text string) {
	for _, line := range strings.Split(text, "\n") {
		s.line(" %-*s%s", labelWidth, label, line)
		label = ""
	}
}

// wrap breaks a line at blanks. Words that are longer than limit stay whole; so does a line that begins with blanks, which
// is a command to be copied.
func wrap(line string, limit int) []string {
	if strings.HasPrefix(line, " ") {
		return []string{line}
	}
	var lines []string
	current := ""
	for _, word := range strings.Fields(line) {
		switch {
		case current == "":
			current = word
		case utf8.RuneCountInString(current)+1+utf8.RuneCountInString(word) <= limit:
			current += " " + word
		default:
			lines = append(lines, current)
			current = word
		}
	}
	return append(lines, current)
}

// table adds rows in columns that are as wide as their widest cell. A cell of the first row that begins with a blank is
// the title of a column that is aligned to the right.
func (s *screen) table(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(strings.TrimPrefix(cell, " ")))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		for i, cell := range r {
			cell = strings.TrimPrefix(cell, " ")
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if strings.HasPrefix(rows[0][i], " ") {
				cell = pad + cell
			} else {
				cell += pad
			}
			b.WriteString("  " + cell)
		}
		s.line("%s", b.String()[1:])
	}
}

// printable replaces what is not printable by question marks.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !isPrintable(r) {
			return '?'
		}
		return r
	}, s)
}

// isPrintable is false for control characters, and for those that turn the direction of text around.
func isPrintable(r rune) bool {
	return r == '\t' || !unicode.IsControl(r) && !unicode.Is(unicode.Bidi_Control, r)
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// plural returns "1 target", "2 targets", "3 addresses".
func plural(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "s"):
		noun += "e"
	}
	return thousands(uint64(n)) + " " + noun + "s"
}

// thousands writes a number in groups of three digits.
func thousands(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// short writes a duration with its two largest units: "3d4h", "11m", "5s". It is "0s" if d is negative.
func short(d time.Duration) string {
	const day = 24 * time.Hour
	d = max(d, 0)
	two := func(n time.Duration, unit string, rest time.Duration, small string) string {
		if rest == 0 {
			return fmt.Sprintf("%d%s", n, unit)
		}
		return fmt.Sprintf("%d%s%d%s", n, unit, rest, small)
	}
	switch {
	case d >= day:
		return two(d/day, "d", d%day/time.Hour, "h")
	case d >= time.Hour:
		return two(d/time.Hour, "h", d%time.Hour/time.Minute, "m")
	case d >= time.Minute:
		return two(d/time.Minute, "m", d%time.Minute/time.Second, "s")
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// size writes a number of bytes: "17 B", "4.2 MiB".
func size(n uint64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n)/1024, 0
	for ; f >= 1024 && unit < 4; unit++ {
		f /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGTP"[unit])
}
