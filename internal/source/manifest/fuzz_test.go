package manifest

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/naru-lb/naru/internal/finding"
)

// FuzzParse looks for texts that stop the process, that cost more than they are long, or that are told of wrongly.
func FuzzParse(f *testing.F) {
	for _, c := range mistakes {
		f.Add(c.body)
	}
	for _, body := range strange {
		f.Add(body)
	}
	for _, h := range hostile {
		f.Add(repeated(h.head, h.line, h.tail, len(h.head)+5*len(h.line)))
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := Parse("f.yaml", []byte(body))
		checkResult(t, body, r)
		if again := Parse("f.yaml", []byte(body)); !reflect.DeepEqual(r.Findings, again.Findings) || !reflect.DeepEqual(r.Broken, again.Broken) {
			t.Errorf("read twice, found %+v\nand %+v", r.Findings, again.Findings)
		}
		if took, allowed := cost(body); took > allowed {
			t.Errorf("took %d bytes of memory, which is more than %d", took, allowed)
		}
		if len(body)%4 != 1 || len(body) > 1000 {
			return // repeating is slow, so it is done for some
		}
		if took, allowed := cost(strings.Repeat(body, 8_000/len(body))); took > allowed {
			t.Errorf("repeated, took %d bytes of memory, which is more than %d", took, allowed)
		}
	})
}

func checkResult(t *testing.T, body string, r Result) {
	t.Helper()
	errors := 0
	for _, f := range r.Findings {
		checkPlace(t, body, f.Place, f.Message)
		if f.Message == "" || f.Effect == "" || strings.ContainsAny(f.Message, "\n\r") || utf8.RuneCountInString(f.Message) > 200 {
			t.Errorf("a finding that cannot be shown: %+v", f)
		}
		if _, ok := finding.Lookup(f.Code); !ok {
			t.Errorf("a finding of no rule: %+v", f)
		}
		if f.Severity == finding.Error {
			errors++
		}
	}
	if len(r.Broken) > 0 && errors == 0 {
		t.Errorf("%+v is broken, but nothing is wrong", r.Broken)
	}
	if r.Documents == 0 && len(r.Objects)+len(r.Broken)+len(r.Ignored) > 0 {
		t.Error("there are objects without a document")
	}
	for _, o := range r.Objects {
		if o.Name == "" || o.Kind == "" || o.Value == nil {
			t.Errorf("an object that is none: %+v", o)
		}
		for _, path := range []string{"", "metadata.name", "spec.ports[0].port", `metadata.annotations["a"]`, "no[3].such", "["} {
			checkPlace(t, body, o.Origin.Place(path, false), path)
			checkPlace(t, body, o.Origin.Place(path, true), path)
		}
	}
}

// checkPlace fails unless a place is within the text.
func checkPlace(t *testing.T, body string, p finding.Place, what string) {
	t.Helper()
	body, _ = decodeText([]byte(body))
	lines := (&text{body: body}).lines()
	if p.File != "f.yaml" || p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.EndColumn < p.Column {
		t.Fatalf("%+v is no place, of %s", p, what)
	}
	row := lines[p.Line-1]
	if width := utf8.RuneCountInString(body[row.start:row.end]); p.EndColumn > width+1 {
		t.Errorf("%+v is behind the end of the line, which has %d characters, of %s", p, width, what)
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"spec.ports[0].port", `metadata.annotations["a.b/c"]`, `a["\"]"]`, "[", "a[", "a[x]", "..", `["`, "a[99999999999999999999]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := ParsePath(s)
		if again := ParsePath(p.String()); !reflect.DeepEqual(again, p) {
			t.Errorf("%q is read as %+v, written as %q, and read as %+v", s, p, p, again)
		}
	})
}
