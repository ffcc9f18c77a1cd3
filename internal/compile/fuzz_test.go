package compile_test

import (
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/naru-lb/naru/internal/plan"
)

// FuzzCompile goes the whole way from text to plan, in two steps, so that the second is a change of the first.
func FuzzCompile(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i := 1; i < len(archive.Files); i++ {
			f.Add(archive.Files[i-1].Data, archive.Files[i].Data)
		}
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		if len(first)+len(second) > 64<<10 {
			t.Skip("time grows with the text; what matters is found in small ones")
		}
		s := newStory(t, "base: azure\n")
		s.step(map[string][]byte{"a.yaml": first})
		s.step(map[string][]byte{"a.yaml": second, "b.yaml": first})
		checkPlan(t, s.compiler.Plan())
		s.step(map[string][]byte{"a.yaml": nil, "restart": nil})
		checkPlan(t, s.compiler.Plan())
	})
}

// checkPlan proves what executors rely on.
func checkPlan(t *testing.T, p *plan.Plan) {
	t.Helper()
	for k, l := range p.Listeners {
		if k != l.ListenerKey || k.Port == 0 || !k.Address.IsValid() {
			t.Errorf("listener %v is filed under %v", l.ListenerKey, k)
		}
		if f, ok := p.Frontends[k.Address]; !ok || len(f.Owners) == 0 {
			t.Errorf("listener %v has no frontend", k)
		}
		if svc, ok := p.Services[l.Service]; !ok || svc.Pending != "" && !svc.Kept {
			t.Errorf("listener %v is of %v, which serves nothing: %q", k, l.Service, svc.Pending)
		}
		if len(l.Routes) == 0 {
			t.Errorf("listener %v leads nowhere", k)
		}
		for _, r := range l.Routes {
			if g, ok := p.Groups[r.Group]; !ok || g.ID != r.Group {
				t.Errorf("listener %v leads to %v, which does not exist", k, r.Group)
			}
		}
	}
	for id, g := range p.Groups {
		for i, target := range g.Targets {
			if target.Address.Addr().Is6() != id.IPv6 || target.Address.Port() == 0 {
				t.Errorf("group %v has target %v", id, target.Address)
			}
			if i > 0 && g.Targets[i-1].Address.Compare(target.Address) >= 0 {
				t.Errorf("group %v: targets are not in order: %v", id, g.Targets)
			}
		}
		if pr := g.Probe; pr != nil && (pr.Interval <= 0 || pr.Timeout <= 0 || pr.Timeout > pr.Interval || pr.UpAfter < 1) {
			t.Errorf("group %v has probe %v", id, pr)
		}
	}
}
