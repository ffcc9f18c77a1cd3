package dialect

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/nearest"
)

// Bool reads true or false. "True", "yes", "1" and their like are understood, with a warning, because the clouds'
// controllers take them for false.
func Bool(set func(*Value, bool)) Reader {
	return func(v *Value) { readBool(v, false, set) }
}

// FoldedBool reads true or false in any case, as the clouds' controllers do for most annotations. "yes" and "1" are
// understood with a warning.
func FoldedBool(set func(*Value, bool)) Reader {
	return func(v *Value) { readBool(v, true, set) }
}

func readBool(v *Value, folds bool, set func(*Value, bool)) {
	b, ok := parseBool(v.Text)
	if !ok {
		v.Bad(Quoted(v.Text)+" is neither true nor false", v.Line("true"))
		return
	}
	plain := strconv.FormatBool(b)
	// Whatever is not true is false to others, so False is no surprise to anybody.
	if v.Raw != plain && (!strings.EqualFold(v.Raw, plain) || b && !folds) {
		v.Coerced(plain)
	}
	set(v, b)
}

// IsTrue tells whether the value means true.
func (v *Value) IsTrue() bool {
	b, _ := parseBool(v.Text)
	return b
}

func parseBool(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true", "yes", "1":
		return true, true
	case "false", "no", "0":
		return false, true
	}
	return false, false
}

// Int reads a whole number from lo to hi. The unit, "minutes" say, is for messages and may be empty.
func Int(lo, hi int64, unit string, set func(*Value, int64)) Reader {
	return func(v *Value) {
		n, err := strconv.ParseInt(v.Text, 10, 64)
		switch {
		case err != nil && isNumeric(v.Text):
			v.Bad(fmt.Sprintf("%s is not between %d and %d", Clip(v.Text, 30), lo, hi), v.Line(strconv.FormatInt(lo, 10)))
		case err != nil:
			v.Bad(Quoted(v.Text)+" is not a whole number"+of(unit), v.Line(strconv.FormatInt(guessInt(v.Text, lo, hi, unit), 10)))
		case n < lo:
			v.Bad(fmt.Sprintf("%d is below the minimum of %s", n, amount(lo, unit)), v.Line(strconv.FormatInt(lo, 10)))
		case n > hi:
			v.Bad(fmt.Sprintf("%d is above the maximum of %s", n, amount(hi, unit)), v.Line(strconv.FormatInt(hi, 10)))
		default:
			set(v, n)
		}
	}
}

func of(unit string) string {
	if unit == "" {
		return ""
	}
	return " of " + unit
}

func amount(n int64, unit string) string {
	if unit == "" {
		return strconv.FormatInt(n, 10)
	}
	return strconv.FormatInt(n, 10) + " " + unit
}

func isNumeric(text string) bool {
	text = strings.TrimLeft(text, "+-")
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// guessInt returns the number that was probably meant: "5s" is 5 seconds, "30m" 30 minutes, "10.5" 10.
func guessInt(text string, lo, hi int64, unit string) int64 {
	guess := float64(lo)
	if d, err := time.ParseDuration(text); err == nil && unit == "seconds" {
		guess = d.Seconds()
	} else if err == nil && unit == "minutes" {
		guess = d.Minutes()
	} else if f, err := strconv.ParseFloat(text, 64); err == nil {
		guess = f
	}
	if math.IsNaN(guess) {
		return lo
	}
	return int64(max(float64(lo), min(guess, float64(hi))))
}

// Duration reads a time with its unit, like "30s", from lo to hi.
func Duration(lo, hi time.Duration, set func(*Value, time.Duration)) Reader {
	return func(v *Value) {
		d, err := time.ParseDuration(v.Text)
		switch {
		case err != nil && isNumeric(v.Text), err == nil && isNumeric(v.Text) && d == 0 && lo > 0:
			v.Bad(Quoted(v.Text)+" has no unit", v.Line(strings.TrimLeft(v.Text, "+-")+"s"))
		case err != nil:
			v.Bad(Quoted(v.Text)+` is not a time like "30s" or "5m"`, v.Line(short(lo)))
		case d < lo:
			v.Bad(fmt.Sprintf("%s is below the minimum of %s", short(d), short(lo)), v.Line(short(lo)))
		case d > hi:
			v.Bad(fmt.Sprintf("%s is above the maximum of %s", short(d), short(hi)), v.Line(short(hi)))
		default:
			set(v, d)
		}
	}
}

// short prints a duration without its zero parts: 5m instead of 5m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Word reads one of a few words, in any case. Words maps them, in lower case, to what they mean.
func Word[T any](words []string, mean map[string]T, set func(*Value, T)) Reader {
	return func(v *Value) {
		if t, ok := mean[strings.ToLower(v.Text)]; ok {
			set(v, t)
			return
		}
		best := nearest.Word(v.Text, words)
		if best == "" {
			best = words[0]
		}
		v.Bad(Quoted(v.Text)+" is none of "+strings.Join(words, ", "), v.Line(best))
	}
}

// Text reads a value as it is. Control characters are refused.
func Text(set func(*Value, string)) Reader {
	return func(v *Value) {
		if strings.ContainsFunc(v.Text, finding.IsControl) {
			v.Bad(Quoted(v.Text)+" has characters that cannot be printed", v.Line(strings.Map(printable, v.Text)))
			return
		}
		set(v, v.Text)
	}
}

func printable(r rune) rune {
	if finding.IsControl(r) {
		return -1
	}
	return r
}

// Clip shortens text to at most n characters.
func Clip(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n]) + "..."
	}
	return text
}

// Items splits a list at its commas and leaves out space and blank items.
func Items(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
