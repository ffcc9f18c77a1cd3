package finding_test

import (
	"fmt"
	"testing"

	"github.com/naru-lb/naru/internal/finding"
)

func about(name string, code finding.Code) finding.Finding {
	return finding.New(code, "x").At(finding.Object{Kind: "Service", Namespace: "default", Name: name}, "")
}

func codes(fs []finding.Finding) string {
	var all []string
	for _, f := range fs {
		all = append(all, string(f.Code)+" "+f.Object.Name)
	}
	return fmt.Sprint(all)
}

func TestAnOwnerReplacesItsOwnFindings(t *testing.T) {
	var s finding.Store
	a, b := about("a", finding.Tab), about("b", finding.NotYAML)
	if was := s.Replace("one", []finding.Finding{a}); len(was) > 0 {
		t.Errorf("there were %v", was)
	}
	s.Replace("two", []finding.Finding{b})
	if was := s.Replace("one", nil); codes(was) != "[NR0104 a]" {
		t.Errorf("there were %v", was)
	}
	if got := codes(s.All()); got != "[NR0101 b]" {
		t.Errorf("there are %s", got)
	}
}

func TestOneMistakeIsToldOnce(t *testing.T) {
	var s finding.Store
	s.Replace("endpoints", []finding.Finding{about("web", finding.NoPodsMatch), about("api", finding.PortNotFound)})
	s.Replace("compile", []finding.Finding{about("web", finding.NoEndpoints), about("api", finding.NoEndpoints), about("other", finding.NoEndpoints)})
	if got := codes(s.All()); got != "[NR2102 api NR2111 other NR2107 web]" {
		t.Errorf("there are %s", got)
	}
	s.Replace("endpoints", nil)
	if got := codes(s.All()); got != "[NR2111 api NR2111 other NR2111 web]" {
		t.Errorf("there are %s", got)
	}
}
