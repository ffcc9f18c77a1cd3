package manifest

import (
	"fmt"
	"strings"
	"testing"
)

// longList is a list as kubectl prints it, longer than what is read at once. The item with the number bad has a mistake.
func longList(indent string, bad int) string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nitems:\n")
	filler := strings.Repeat("x", 1<<20)
	for i := range 9 {
		field := "type"
		if i == bad {
			field = "typ"
		}
		for line := range strings.Lines(fmt.Sprintf("- apiVersion: v1\n  kind: Service\n  metadata:\n    name: s%d\n    annotations:\n"+
			"      example.com/text: |\n        - no item\n\n        %s\n  spec:\n    %s: ClusterIP\n    ports:\n    - port: 80\n", i, filler, field)) {
			b.WriteString(indent + line)
		}
	}
	b.WriteString("kind: List\nmetadata:\n  resourceVersion: \"\"\n")
	return b.String()
}

func TestAListTooLongToBeReadAtOnceIsReadItemByItem(t *testing.T) {
	for _, indent := range []string{"", "  "} {
		r := Parse("f", []byte(longList(indent, -1)))
		if len(r.Objects) != 9 || len(r.Findings) != 0 || len(r.Broken) != 0 {
			t.Errorf("indented by %q: %d objects, findings %+v", indent, len(r.Objects), r.Findings)
			continue
		}
		p := r.Objects[4].Origin.Place("spec.type", true)
		if want := 2 + 4*13 + 11; p.Line != want || p.Column != 5+len(indent) {
			t.Errorf("indented by %q: spec.type of the fifth is at %d:%d, want %d:%d", indent, p.Line, p.Column, want, 5+len(indent))
		}
	}
}

func TestAMistakeInALongListSpoilsItsItemOnly(t *testing.T) {
	r := Parse("f", []byte(longList("", 2)))
	if len(r.Objects) != 8 || len(r.Findings) != 1 || len(r.Broken) != 1 || r.Broken[0].Key.Name != "s2" {
		t.Fatalf("%d objects, broken %+v, findings %+v", len(r.Objects), r.Broken, r.Findings)
	}
	if f := r.Findings[0]; f.Line != 2+2*13+11 || f.Column != 5 || f.Code != "NR0105" {
		t.Errorf("the finding is %s at %d:%d", f.Code, f.Line, f.Column)
	}
}

// What is not surely a list as kubectl prints it is not cut: it could mean something else.
func TestOtherLongDocumentsAreNotCut(t *testing.T) {
	list := longList("", -1)
	for name, body := range map[string]string{
		"no list":              strings.Replace(list, "kind: List", "kind: Service", 1),
		"a list of one kind":   strings.Replace(list, "kind: List", "kind: ServiceList", 1),
		"another field":        list + "other: x\n",
		"an item outdented":    strings.Replace(longList("  ", -1), "  - apiVersion: v1\n    kind: Service\n    metadata:\n      name: s3", " - apiVersion: v1\n    kind: Service\n    metadata:\n      name: s3", 1),
		"items in another way": strings.Replace(list, "items:\n", "items: &all\n", 1),
	} {
		r := Parse("f", []byte(body))
		if len(r.Objects) != 0 || len(r.Findings) != 1 || r.Findings[0].Message != "the document is longer than 8 MiB" {
			t.Errorf("%s: %d objects, %+v", name, len(r.Objects), r.Findings[:min(2, len(r.Findings))])
		}
	}
}
