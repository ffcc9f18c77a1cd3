package explain

import (
	"strings"
	"testing"
	"time"
)

func TestDurationsAreShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 999 * time.Millisecond: "0s", 59 * time.Second: "59s", time.Minute: "1m",
		61 * time.Second: "1m1s", 3 * time.Hour: "3h", 3*time.Hour + 59*time.Second: "3h", 25 * time.Hour: "1d1h",
		48 * time.Hour: "2d", 400*24*time.Hour + 3*time.Hour: "400d3h",
	} {
		if got := short(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func TestNumbersAreReadable(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1 000", 123456: "123 456", 1 << 63: "9 223 372 036 854 775 808"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 5 << 20: "5.0 MiB", 1 << 63: "8192.0 PiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "0 addresses", 1: "1 address", 2000: "2 000 addresses"} {
		if got := plural(n, "address"); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestLinesAreWrappedAtBlanks(t *testing.T) {
	for text, want := range map[string][]string{
		"":                        {""},
		"one":                     {"one"},
		"one two  three":          {"one two", "three"},
		"a-word-that-is-long":     {"a-word-that-is-long"},
		"x a-word-that-is-long y": {"x", "a-word-that-is-long", "y"},
		"ééééé ééé":               {"ééééé ééé"},
		"  curl -i http://x/y":    {"  curl -i http://x/y"},
	} {
		if got := wrap(text, 10); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestWordsAreQuotedForTheShell(t *testing.T) {
	for word, want := range map[string]string{
		"": "''", "a/b.yaml": "a/b.yaml", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "~": "'~'", "-": "-", "a\nb": "'a\nb'",
	} {
		if got := quoted(word); got != want {
			t.Errorf("%q: got %s, want %s", word, got, want)
		}
	}
}
