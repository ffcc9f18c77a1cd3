package finding_test

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/naru-lb/naru/internal/finding"
)

func TestEveryRuleSaysAllThatIsPrintedOfIt(t *testing.T) {
	shape := regexp.MustCompile(`^NR[0-9]{4}$`)
	reason := regexp.MustCompile(`^[A-Z][A-Za-z]+$`)
	for _, r := range finding.Rules() {
		if !shape.MatchString(string(r.Code)) || !reason.MatchString(r.Reason) {
			t.Errorf("%s %s is no code and reason", r.Code, r.Reason)
		}
		if r.Severity != finding.Error && r.Severity != finding.Warning && r.Severity != finding.Note {
			t.Errorf("%s has the severity %q", r.Code, r.Severity)
		}
		for _, text := range []string{r.Title, r.Effect, r.Mend} {
			if text == "" || strings.ContainsAny(text, "|\n") {
				t.Errorf("%s says %q, which is no cell of a table", r.Code, text)
			}
		}
		if len(r.Title) > 80 {
			t.Errorf("the title of %s has %d characters", r.Code, len(r.Title))
		}
	}
}

func TestCodesAndReasonsAreInOrderAndGivenOnce(t *testing.T) {
	rules := finding.Rules()
	if !slices.IsSortedFunc(rules, func(a, b finding.Rule) int { return cmp.Compare(a.Code, b.Code) }) {
		t.Error("the rules are not in order, so that Lookup does not find them")
	}
	codes, reasons := map[finding.Code]bool{}, map[string]bool{}
	for _, r := range rules {
		if codes[r.Code] || reasons[r.Reason] {
			t.Errorf("%s %s is there twice", r.Code, r.Reason)
		}
		codes[r.Code], reasons[r.Reason] = true, true
		if got, ok := finding.Lookup(r.Code); !ok || got != r {
			t.Errorf("%s is not found", r.Code)
		}
	}
	if _, ok := finding.Lookup("NR9999"); ok {
		t.Error("a rule that there is not was found")
	}
}

func TestFindingsAreShownWithTheWorstFirst(t *testing.T) {
	at := func(code finding.Code, file string, line int) finding.Finding {
		f := finding.New(code, "m")
		f.File, f.Line = file, line
		return f
	}
	exposing := at(finding.AnnotationConflict, "z", 9)
	exposing.Exposes = true
	want := []finding.Finding{exposing, at(finding.NotYAML, "a", 2), at(finding.NotYAML, "a", 10), at(finding.Tab, "b", 1),
		at(finding.LastGoodKept, "a", 1), at(finding.UnknownKind, "a", 1)}
	got := []finding.Finding{want[5], want[3], want[2], want[4], want[0], want[1]}
	finding.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestAFinderReplacesItsOwnFindingsOnly(t *testing.T) {
	var s finding.Store
	f := finding.New(finding.NotYAML, "m")
	s.Replace("a", []finding.Finding{f, f})
	s.Replace("b", []finding.Finding{f})
	s.Replace("a", []finding.Finding{f})
	if n := len(s.All()); n != 2 {
		t.Errorf("got %d findings, want one of each", n)
	}
	s.Replace("a", nil)
	s.Replace("c", nil)
	if n := len(s.All()); n != 1 {
		t.Errorf("got %d findings, want that of b", n)
	}
}
