package manifest

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// repeated fills a text up to a length by a line, in which %d is a number.
func repeated(head, line, tail string, length int) string {
	var b strings.Builder
	b.WriteString(head)
	for i := 0; b.Len() < length; i++ {
		if strings.Contains(line, "%d") {
			fmt.Fprintf(&b, line, i)
		} else {
			b.WriteString(line)
		}
	}
	return b.String() + tail
}

// hostile are texts that something in a reader of YAML costs more for the longer they are.
var hostile = []struct{ name, head, line, tail string }{
	{"labels", service("  labels:\n"), "    k%d: v\n", ""},
	{"labels that are lists", service("  labels:\n"), "    k%d: [x]\n", ""},
	{"unknown fields", service("spec:\n"), "  k%d: x\n", ""},
	{"the same field", service("spec:\n"), "  type: x\n", ""},
	{"keys that fell out of an item", service("spec:\n  ports:\n  - port: 80\n"), "  name: x\n", ""},
	{"ports", service("spec:\n  ports:\n"), "  - port: 80\n", ""},
	{"ports with a misfit each", service("spec:\n  ports:\n"), "  - port: 80\n   name: x\n", ""},
	{"open brackets", service("spec: "), "[", ""},
	{"open braces", service("spec: "), "{a: ", ""},
	{"dashes in a line", "", "- ", ""},
	{"questions in a line", "", "? ", ""},
	{"colons in a line", "", "a: ", ""},
	{"quotes in a line", service("  a: "), "'", ""},
	{"quotes and comments in a line", service("  a: "), "\"a #", ""},
	{"quotes in brackets", service("  a: [\n"), "'\n", ""},
	{"anchors", service("spec:\n"), "  k%d: &a%[1]d x\n", ""},
	{"aliases as keys", service("  annotations: &a {x: y}\n  labels:\n"), "    ? *a\n    : *a\n", ""},
	{"merges of one mapping", service("spec: &a {ports: [{port: 80}]}\nx: {<<: ["), "*a, ", "]}\n"},
	{"a quote over many lines", service("  a: \""), "x\n", ""},
	{"quotes that are not closed", service("  annotations:\n"), "    a: \"x\n", ""},
	{"a long line of the same key", service("  annotations: {"), "a: b, ", "}\n"},
	{"a long line of mistakes", service("spec: {ports: ["), "{prot: 1}, ", "]}\n"},
	{"a long line of one value", service("  annotations: {a: "), "x ", "}\n"},
	{"a list of nothing", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [", "{},", "]}\n"},
	{"tabs", service(""), "\ta: b\n", ""},
	{"curly quotes", service("  annotations:\n"), "    a: “b: c”\n", ""},
	{"no-break spaces", service(""), "\u00a0\u00a0a: b\n", ""},
	{"lines in two wrong columns", service(""), "   a: b\n  c: d\n", ""},
	{"templates", service(""), "{{ x }}\n", ""},
	{"comments", service(""), "# x\n", "spec: {ports: [{port: 80}]}"},
	{"a block of text", service("  annotations:\n    a: |\n"), "      x\n", ""},
	{"small documents", "", "---\na: b\n", ""},
	{"small broken documents", "", "---\na: [\n", ""},
	{"broken documents", "", "---\n" + service("spec:\n  ports:\n    - port: 80\n    name: x\n"), ""},
	{"kinds that are not read", "", "---\napiVersion: a%d/v1\nkind: B\n", ""},
	{"JSON objects in a line", "", "{\"a\":1}", ""},
	{"JSON that is not closed", "", "{", ""},
	{"a list", "apiVersion: v1\nkind: List\nitems:\n", "- apiVersion: v1\n  kind: Service\n  metadata: {name: x}\n  spec: {ports: [{port: 80}]}\n", ""},
	{"a list of mistakes", "apiVersion: v1\nkind: List\nitems:\n", "- apiVersion: v1\n  kind: Service\n  metadata: {name: x}\n  spec: {typ: a}\n", ""},
	{"returns", "", "\r", ""},
	{"other line ends", "", "a\u0085", ""},
	{"bytes that are no text", "", "\xff", ""},
}

// perByte is how many bytes of memory one byte of text may cost, for as often as it is parsed; perDocument is what a
// parser of YAML costs before it has read anything.
const (
	perByte     = 1500
	perDocument = 60_000
)

// cost reads a text and returns how much memory that took, and how much it may take.
func cost(body string) (took, allowed uint64) {
	var before, after runtime.MemStats
	r := newReader("f")
	runtime.ReadMemStats(&before)
	r.read([]byte(body))
	runtime.ReadMemStats(&after)
	tried := tryEffort - max(r.effort, 0)
	return after.TotalAlloc - before.TotalAlloc, uint64(perByte*(10_000+len(body)+tried) + perDocument*r.result.Documents)
}

func TestTheCostOfATextGrowsNoFasterThanTheText(t *testing.T) {
	for _, h := range hostile {
		for _, length := range []int{4_000, 20_000} {
			if took, allowed := cost(repeated(h.head, h.line, h.tail, length)); took > allowed {
				t.Errorf("%s, %d bytes: took %d bytes of memory, which is more than %d", h.name, length, took, allowed)
			}
		}
	}
}

func TestFewLinesCannotStandForMoreThanMemoryHolds(t *testing.T) {
	var doubling, merging strings.Builder
	doubling.WriteString(service("  annotations:\n    a0: &a0 [x, x, x, x, x, x, x, x, x]\n"))
	merging.WriteString("m0: &m0 {x: y}\n")
	for i := range 30 {
		fmt.Fprintf(&doubling, "    a%d: &a%[1]d [%s]\n", i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9))
		fmt.Fprintf(&merging, "m%d: &m%[1]d {<<: [%s]}\n", i+1, strings.Repeat(fmt.Sprintf("*m%d, ", i), 9))
	}
	for name, body := range map[string]string{
		"a list of lists in annotations": doubling.String(),
		"a list of lists in a field":     strings.ReplaceAll(doubling.String(), "  annotations:", "  managedFields: [{fieldsV1: {a: *a30}}]\n  annotations:"),
		"merged mappings":                merging.String() + service("spec: {<<: *m30}\n"),
		"a kind in merged mappings":      merging.String() + "<<: *m30\n",
		"a list of itself":               "apiVersion: v1\nkind: List\nitems: &i\n- *i\n- {apiVersion: v1, kind: List, items: *i}\n",
		"a mapping merged into itself":   service("spec: &s {<<: [*s, *s, *s], ports: [{port: 80}]}\n"),
	} {
		if took, allowed := cost(body); took > allowed {
			t.Errorf("%s: took %d bytes of memory, which is more than %d", name, took, allowed)
		}
	}
}

func TestTooLargeADocumentOrObjectIsRefused(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{service("  annotations: {a: \"" + strings.Repeat("x", maxDocument) + "\"}\n"), "the document is longer than 8 MiB"},
		{"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [" + strings.Repeat("{},", maxEntries) + "]}\n",
			"the object has more than 200000 keys, values and list items"},
		{"a: " + strings.Repeat("[", 20_000), "the text is nested too deep"},
	} {
		r := Parse("f", []byte(c.body))
		if len(r.Findings) != 1 || r.Findings[0].Message != c.want || len(r.Broken) != 1 || len(r.Objects) != 0 {
			t.Errorf("want %q, got %d findings, %d broken, %+v", c.want, len(r.Findings), len(r.Broken), r.Findings[:min(1, len(r.Findings))])
		}
	}
}

func TestNobodyIsToldMoreMistakesThanCanBeRead(t *testing.T) {
	r := Parse("f", []byte(strings.Repeat("---\na: [\n", 3*maxPerFile)))
	if last := r.Findings[len(r.Findings)-1]; len(r.Findings) != maxPerFile+1 || last.Message != "there are more mistakes in this file than are listed" {
		t.Errorf("%d findings, the last is %q", len(r.Findings), last.Message)
	}
	if len(r.Broken) != 3*maxPerFile {
		t.Errorf("%d documents are broken", len(r.Broken))
	}
}
