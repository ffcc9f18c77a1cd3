package compile_test

import (
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/naru-lb/naru/internal/compile"
	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/object"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/source/endpoints"
	"github.com/naru-lb/naru/internal/source/manifest"
)

var update = flag.Bool("update", false, "write what comes out into the golden files")

// Every testdata/*/*.txtar is a story in steps. The files of step 1 are named 1/..., those of step 2, laid over them,
// 2/... and so on; an empty file takes one away, and an empty file named "restart" starts the compiler anew with what
// was recorded. What has to come out of step N is in N.out: the Services with their listeners, targets and probes, and
// all findings. "base: NAME" in the comment brings in testdata/base/NAME.yaml; "zone: NAME" and "tag: NAME=CIDR"
// configure the dialects.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".txtar"), func(t *testing.T) {
			t.Parallel()
			runStory(t, file)
		})
	}
}

func runStory(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	story := newStory(t, string(archive.Comment))
	want, steps := map[string]string{}, map[string]map[string][]byte{}
	for _, f := range archive.Files {
		if step, ok := strings.CutSuffix(f.Name, ".out"); ok {
			want[step] = string(f.Data)
			continue
		}
		step, name, ok := strings.Cut(f.Name, "/")
		if !ok {
			t.Fatalf("%s: file %q is of no step", file, f.Name)
		}
		if steps[step] == nil {
			steps[step] = map[string][]byte{}
		}
		steps[step][name] = f.Data
	}
	for _, step := range slices.Sorted(maps.Keys(steps)) {
		got := story.step(steps[step])
		if *update {
			setFile(archive, step+".out", got)
		} else if got != want[step] {
			t.Errorf("%s, step %s: got\n%s\nwant\n%s", file, step, got, want[step])
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func setFile(a *txtar.Archive, name, data string) {
	for i := range a.Files {
		if a.Files[i].Name == name {
			a.Files[i].Data = []byte(data)
			return
		}
	}
	at := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name > name && !strings.HasPrefix(f.Name, name[:1]+"/") })
	if at < 0 {
		at = len(a.Files)
	}
	a.Files = slices.Insert(a.Files, at, txtar.File{Name: name, Data: []byte(data)})
}

// story is the whole way of manifests up to the plan, as naru run goes it.
type story struct {
	t        *testing.T
	opts     compile.Options
	compiler *compile.Compiler
	deriver  *endpoints.Deriver
	files    map[string][]byte
	objects  map[object.Key]object.Object
	findings map[string][]finding.Finding
	steps    int
}

func newStory(t *testing.T, comment string) *story {
	s := &story{t: t, files: map[string][]byte{}}
	s.opts.Now = func() time.Time { return time.Date(2026, 1, 1, 0, s.steps, 0, 0, time.UTC) }
	s.opts.Env = dialect.Env{}
	for line := range strings.Lines(comment) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "base":
			data, err := os.ReadFile("testdata/base/" + value + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			s.files["base.yaml"] = data
		case "zone":
			s.opts.Env.DNSZone = value
		case "tag":
			setTag(t, &s.opts.Env, value)
		}
	}
	s.restart()
	return s
}

// setTag configures a service tag, written as NAME=CIDR.
func setTag(t *testing.T, env *dialect.Env, text string) {
	name, ranges, _ := strings.Cut(text, "=")
	prefix, err := netip.ParsePrefix(ranges)
	if err != nil {
		t.Fatal(err)
	}
	env.ServiceTags = map[string][]netip.Prefix{name: {prefix}}
}

func (s *story) restart() {
	if s.compiler != nil {
		s.opts.Records = s.compiler.Records()
	}
	s.compiler, s.deriver = compile.New(s.opts), endpoints.New()
	s.objects, s.findings = map[object.Key]object.Object{}, map[string][]finding.Finding{}
}

func (s *story) step(files map[string][]byte) string {
	s.steps++
	for name, data := range files {
		switch {
		case name == "restart":
			s.restart()
		case len(data) == 0:
			delete(s.files, name)
		default:
			s.files[name] = data
		}
	}
	update, objects := object.Update{}, map[object.Key]object.Object{}
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		res := manifest.Parse(name, s.files[name])
		s.findings["file/"+name] = res.Findings
		for _, o := range res.Objects {
			objects[o.Key] = o
			update.Set = append(update.Set, o)
		}
	}
	for k := range s.objects {
		if _, still := objects[k]; !still {
			update.Gone = append(update.Gone, k)
		}
	}
	s.objects = objects
	derived, found := s.deriver.Apply(update)
	for name, fs := range found {
		s.findings["endpoints/"+name.String()] = fs
	}
	before := s.compiler.Plan().Clone()
	records, edition := fmt.Sprint(s.compiler.Records()), s.compiler.Edition()
	res := s.compiler.Apply(derived)
	if now := fmt.Sprint(s.compiler.Records()); now != records && s.compiler.Edition() == edition {
		s.t.Errorf("the records are %s and were %s, in the same edition", now, records)
	}
	maps.Copy(s.findings, res.Findings)
	s.checkChange(before, res.Change)
	return s.print()
}

// checkChange proves that the change that was emitted leads from the plan before to the plan now.
func (s *story) checkChange(before *plan.Plan, c plan.Change) {
	before.Apply(c)
	if !before.Equal(s.compiler.Plan()) {
		s.t.Errorf("the change does not lead to the plan")
	}
}

func (s *story) print() string {
	var b strings.Builder
	p := s.compiler.Plan()
	for _, svc := range p.SortedServices() {
		printService(&b, p, svc)
	}
	var all []finding.Finding
	for _, fs := range s.findings {
		all = append(all, fs...)
	}
	finding.Sort(all)
	for _, f := range all {
		printFinding(&b, f)
	}
	return b.String()
}

func printService(b *strings.Builder, p *plan.Plan, svc plan.Service) {
	fmt.Fprintf(b, "service %s %s", svc.ServiceName, svc.Policy)
	for _, a := range svc.Addresses {
		f := p.Frontends[a]
		fmt.Fprintf(b, " %s", a)
		if f.PublicIP != "" {
			fmt.Fprintf(b, " (%s)", f.PublicIP)
		}
		fmt.Fprintf(b, " %s", f.Scope)
		if !f.Announce {
			b.WriteString(" not announced")
		}
	}
	if svc.Kept {
		b.WriteString(" KEPT")
	}
	if svc.Pending != "" {
		fmt.Fprintf(b, " PENDING: %s", svc.Pending)
	}
	if svc.DNSLabel != "" {
		fmt.Fprintf(b, " dns %s", svc.DNSLabel)
	}
	if len(svc.Tags) > 0 {
		fmt.Fprintf(b, " tags %v", svc.Tags)
	}
	b.WriteString("\n")
	for _, k := range svc.Listeners {
		l := p.Listeners[k]
		fmt.Fprintf(b, "  listen %s", k)
		if l.IdleTimeout != 0 {
			fmt.Fprintf(b, " idle %s", l.IdleTimeout)
		}
		if l.ResetOnIdle {
			b.WriteString(" reset")
		}
		if l.SourceRanges != nil {
			fmt.Fprintf(b, " from %v", l.SourceRanges)
		}
		b.WriteString("\n")
		for _, r := range l.Routes {
			printGroup(b, p.Groups[r.Group])
		}
	}
}

func printGroup(b *strings.Builder, g plan.TargetGroup) {
	fmt.Fprintf(b, "    by %s, fails %s", g.Spread, g.WhenAllUnhealthy)
	if g.Affinity != 0 {
		fmt.Fprintf(b, ", affinity %s", g.Affinity)
	}
	if g.ProxyProtocol != "" {
		fmt.Fprintf(b, ", PROXY %s", g.ProxyProtocol)
	}
	fmt.Fprintf(b, "\n    probe %s", g.Probe)
	if g.Probe != nil && g.Probe.Explicit {
		b.WriteString(", explicit")
	}
	b.WriteString("\n")
	for _, t := range g.Targets {
		fmt.Fprintf(b, "    %s %s %s %s", t.Address, t.Name, t.Node, t.Readiness)
		if t.Excluded != "" {
			fmt.Fprintf(b, ", excluded: %s", t.Excluded)
		}
		b.WriteString("\n")
	}
}

func printFinding(b *strings.Builder, f finding.Finding) {
	fmt.Fprintf(b, "%s %s", f.Severity, f.Code)
	if f.Exposes {
		b.WriteString(" EXPOSES")
	}
	fmt.Fprintf(b, " %s:%d:%d %s\n", f.File, f.Line, f.Column, f.Message)
	if f.Fix != "" {
		fmt.Fprintf(b, "    fix: %s\n", strings.ReplaceAll(strings.TrimSpace(f.Fix), "\n", "\n         "))
	}
}
