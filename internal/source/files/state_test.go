package files

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/object"
	"github.com/naru-lb/naru/internal/source/manifest"
)

// folder is a folder of manifests whose state is looked at step by step, with a clock that is set by hand.
type folder struct {
	t        *testing.T
	dir      string
	source   *Source
	state    *state
	clock    time.Time
	objects  map[object.Key]object.Object
	findings map[string][]finding.Finding
	last     Batch
	parsed   []string // files that were parsed since the last look
}

func newFolder(t *testing.T) *folder {
	f := &folder{t: t, dir: t.TempDir(), clock: time.Now(), objects: map[object.Key]object.Object{}, findings: map[string][]finding.Finding{}}
	f.source = newSource(t, f.dir)
	f.source.now = func() time.Time { return f.clock }
	f.source.parse = func(file string, data []byte) manifest.Result {
		f.parsed = append(f.parsed, filepath.Base(file))
		return manifest.Parse(file, data)
	}
	f.state = newState(f.source)
	return f
}

func newSource(t *testing.T, paths ...string) *Source {
	t.Helper()
	s, err := New(Options{Paths: paths, Logger: slog.New(slog.DiscardHandler), Settle: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f *folder) write(name, text string) {
	f.t.Helper()
	write(f.t, f.path(name), text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (f *folder) remove(name string) {
	f.t.Helper()
	if err := os.RemoveAll(f.path(name)); err != nil {
		f.t.Fatal(err)
	}
}

// look applies what is there now.
func (f *folder) look() Batch {
	f.t.Helper()
	f.parsed = nil
	b, changed := f.state.apply(f.source.walk())
	if !changed && (!b.Update.Empty() || len(b.Findings) > 0) {
		f.t.Error("a change is called none")
	}
	follow(f.t, b, f.objects, f.findings)
	f.last = b
	return b
}

// settle looks, lets the time of settling pass, and looks again.
func (f *folder) settle() {
	f.t.Helper()
	f.look()
	f.clock = f.clock.Add(f.source.opts.Settle)
	f.look()
}

func follow(t *testing.T, b Batch, objects map[object.Key]object.Object, findings map[string][]finding.Finding) {
	t.Helper()
	for _, k := range b.Update.Gone {
		if _, ok := objects[k]; !ok {
			t.Errorf("%s is gone, but was never there", k)
		}
		delete(objects, k)
	}
	for _, o := range b.Update.Set {
		objects[o.Key] = o
	}
	for k, fs := range b.Findings {
		findings[k] = fs
		if len(fs) == 0 {
			delete(findings, k)
		}
	}
	if b.Objects != len(objects) {
		t.Errorf("%d objects are counted, %d were handed out", b.Objects, len(objects))
	}
}

// has checks the Services there are, as name:port.
func (f *folder) has(want ...string) {
	f.t.Helper()
	if got := services(f.objects); !slices.Equal(got, want) {
		f.t.Errorf("there are the Services %v, want %v", got, want)
	}
}

func services(objects map[object.Key]object.Object) []string {
	var got []string
	for k, o := range objects {
		if s, ok := o.Value.(*corev1.Service); ok {
			got = append(got, fmt.Sprintf("%s:%d", k.Name, s.Spec.Ports[0].Port))
		}
	}
	slices.Sort(got)
	return got
}

// found checks the findings as CODE file.
func (f *folder) found(want ...string) {
	f.t.Helper()
	var got []string
	for owner, fs := range f.findings {
		for _, x := range fs {
			got = append(got, fmt.Sprintf("%s %s", x.Code, filepath.Base(owner)))
			if x.File == "" {
				f.t.Errorf("%s has no place: %+v", x.Code, x)
			}
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		f.t.Errorf("found %v, want %v: %v", got, want, f.findings)
	}
}

// svc is the manifest of a Service.
func svc(name string, port int) string {
	return fmt.Sprintf("---\napiVersion: v1\nkind: Service\nmetadata:\n  name: %s\n  namespace: default\nspec:\n  ports:\n  - port: %d\n", name, port)
}

// brokenSvc cannot be read, but its name can; garbage tells no name.
func brokenSvc(name string) string {
	return fmt.Sprintf("---\napiVersion: v1\nkind: Service\nmetadata:\n  name: %s\n  namespace: default\nspec:\n  ports: 7\n", name)
}

const garbage = "---\n{{{\n"

func TestEveryManifestInAFolderIsReadAndNothingElse(t *testing.T) {
	f := newFolder(t)
	f.write("a.yaml", svc("a", 1))
	f.write("sub/deep/b.yml", svc("b", 2))
	f.write("sub/c.json", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"c"},"spec":{"ports":[{"port":3}]}}`)
	for _, name := range []string{".hidden.yaml", ".git/x.yaml", "x.yaml~", "#x.yaml#", ".a.yaml.swp", "4913", "README.md", "..2024/x.yaml", ".#a.yaml"} {
		f.write(name, svc("x", 9))
	}
	f.look()
	f.has("a:1", "b:2", "c:3")
	if b := f.last; b.Files != 3 || b.Documents != 3 || b.Objects != 3 || b.Ignored != 0 || b.Unreadable != 0 {
		t.Errorf("the totals are %+v", f.state.totals)
	}
	f.found()
}

func TestAFileThatIsNamedIsReadWhateverItIsCalled(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".hidden.txt")
	write(t, path, svc("a", 1))
	if b := newSource(t, path).Load(); b.Objects != 1 {
		t.Errorf("read %d objects", b.Objects)
	}
}

func TestOnlyWhatChangedIsParsedAndHandedOut(t *testing.T) {
	f := newFolder(t)
	f.write("a.yaml", svc("a", 1)+svc("b", 2))
	f.write("c.yaml", svc("c", 3))
	f.look()
	for _, c := range []struct {
		name   string
		do     func()
		parsed []string
		set    []string
	}{
		{"nothing", func() {}, nil, nil},
		{"the same text again", func() { f.write("a.yaml", svc("a", 1)+svc("b", 2)) }, nil, nil},
		{"one object", func() { f.write("a.yaml", svc("a", 1)+svc("b", 4)) }, []string{"a.yaml"}, []string{"b"}},
		{"a comment", func() { f.write("a.yaml", "# hello\n"+svc("a", 1)+svc("b", 4)) }, []string{"a.yaml"}, nil},
		{"an object more", func() { f.write("c.yaml", svc("c", 3)+svc("d", 5)) }, []string{"c.yaml"}, []string{"d"}},
	} {
		c.do()
		b := f.look()
		var set []string
		for _, o := range b.Update.Set {
			set = append(set, o.Name)
		}
		if !slices.Equal(f.parsed, c.parsed) || !slices.Equal(set, c.set) || len(b.Update.Gone) > 0 {
			t.Errorf("%s: parsed %v, want %v; set %v, want %v; gone %v", c.name, f.parsed, c.parsed, set, c.set, b.Update.Gone)
		}
	}
}

func TestAnObjectIsHandedOutAgainWhenAPlaceThatWasAskedForMoves(t *testing.T) {
	f := newFolder(t)
	f.write("a.yaml", svc("a", 1)+svc("b", 2))
	f.look()
	b := f.objects[object.Key{Kind: object.Service, Namespace: "default", Name: "b"}]
	a := f.objects[object.Key{Kind: object.Service, Namespace: "default", Name: "a"}]
	if at := b.Origin.Place("spec.ports[0].port", false); at.Line != 18 {
		t.Fatalf("the port stands at %+v", at)
	}
	f.write("a.yaml", "# one\n# two\n"+svc("a", 1)+svc("b", 2))
	batch := f.look()
	if len(batch.Update.Set) != 1 || batch.Update.Set[0].Key != b.Key {
		t.Errorf("handed out %v", batch.Update.Set)
	}
	if at := b.Origin.Place("spec.ports[0].port", false); at.Line != 20 {
		t.Errorf("the port stands at %+v now", at)
	}
	if at := a.Origin.Place("metadata.name", false); at.Line != 7 {
		t.Errorf("the name that nobody asked for stands at %+v", at)
	}
}

func TestOfTwoDefinitionsTheFirstInPathOrderCounts(t *testing.T) {
	f := newFolder(t)
	f.write("b.yaml", svc("x", 2))
	f.look()
	f.has("x:2")
	f.write("c.yaml", svc("w", 1)+svc("x", 3))
	f.look()
	f.has("w:1", "x:2")
	f.found("NR0111 c.yaml")
	d := f.findings["file/"+f.path("c.yaml")][0]
	for _, place := range []string{f.path("b.yaml") + ":5", f.path("c.yaml") + ":14"} {
		if !strings.Contains(d.Message+d.Effect, place) {
			t.Errorf("the finding does not name %s: %+v", place, d)
		}
	}
	f.write("a.yaml", svc("x", 1))
	f.look()
	f.has("w:1", "x:1")
	f.found("NR0111 b.yaml", "NR0111 c.yaml")
	f.write("a.yaml", "# moved\n"+svc("x", 1))
	f.look()
	if m := f.findings["file/"+f.path("c.yaml")][0].Message; !strings.Contains(m, "a.yaml:6") {
		t.Errorf("the finding names an old place: %s", m)
	}
	f.remove("a.yaml")
	f.settle()
	f.has("w:1", "x:2")
	f.found("NR0111 c.yaml")
	f.write("b.yaml", svc("x", 2)+svc("x", 7))
	f.look()
	f.has("w:1", "x:2")
	f.found("NR0111 b.yaml", "NR0111 c.yaml")
	f.remove("b.yaml")
	f.settle()
	f.has("w:1", "x:3")
	f.found()
}

func TestAPathThatDoesNotExistIsSaidAndReadLater(t *testing.T) {
	f := newFolder(t)
	f.source.opts.Paths = []string{f.path("a/b/c.yaml"), f.dir}
	f.look()
	f.found("NR0110 c.yaml")
	f.write("a/b/c.yaml", svc("a", 1))
	f.look()
	f.has("a:1")
	f.found()
	if f.last.Files != 1 {
		t.Errorf("the file counts as %d", f.last.Files)
	}
}

func TestLinksAreFollowedOnceAndLoopsEnd(t *testing.T) {
	f := newFolder(t)
	f.write("real/a.yaml", svc("a", 1))
	outside := t.TempDir()
	write(t, filepath.Join(outside, "b.yaml"), svc("b", 2))
	for link, target := range map[string]string{
		"again":         "real",        // the same folder again
		"real/up":       "..",          // a loop
		"real/self":     ".",           // a loop
		"outside":       outside,       // elsewhere
		"again.yaml":    "real/a.yaml", // the same file again
		"0first":        "real",        // before it in the order of names
		"linked.json":   outside + "/b.yaml",
		"real/loop":     "loop",
		"dangling-link": "nowhere",
	} {
		if err := os.Symlink(target, f.path(link)); err != nil {
			t.Fatal(err)
		}
	}
	f.look()
	f.has("a:1", "b:2")
	f.found()
	if f.last.Files != 2 {
		t.Errorf("%d files", f.last.Files)
	}
}

func TestAPipeIsReadOnce(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString(svc("a", 1)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprintf("/dev/fd/%d", r.Fd())
	if _, err := os.Stat(path); err != nil {
		t.Skip("no /dev/fd here")
	}
	s := newSource(t, path)
	for range 2 {
		if b := s.Load(); b.Objects != 1 || b.Unreadable != 0 {
			t.Errorf("read %+v", b)
		}
	}
}

func TestManySmallChangesComeToTheSameAsReadingAllAtOnce(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 2))
		f := newFolder(t)
		for range 40 {
			name := fmt.Sprintf("%c/%c.yaml", 'a'+rune(r.IntN(2)), 'a'+rune(r.IntN(3)))
			switch r.IntN(6) {
			case 0:
				f.remove(name)
			case 1:
				f.remove(filepath.Dir(name))
			default:
				text := strings.Repeat("# comment\n", r.IntN(3))
				for range r.IntN(4) {
					text += svc(fmt.Sprintf("s%d", r.IntN(5)), 1+r.IntN(3))
				}
				f.write(name, text+"# end\n")
			}
			if r.IntN(3) == 0 {
				f.settle()
			} else {
				f.look()
			}
			for _, o := range f.objects {
				o.Origin.Place("metadata.name", false)
			}
		}
		f.settle()
		objects, findings := map[object.Key]object.Object{}, map[string][]finding.Finding{}
		follow(t, newSource(t, f.dir).Load(), objects, findings)
		if !reflect.DeepEqual(findings, f.findings) {
			t.Fatalf("seed %d: findings differ: got %v, want %v", seed, f.findings, findings)
		}
		if !slices.Equal(slices.SortedFunc(maps.Keys(objects), object.Key.Compare), slices.SortedFunc(maps.Keys(f.objects), object.Key.Compare)) {
			t.Fatalf("seed %d: there are %v, want %v", seed, services(f.objects), services(objects))
		}
		for k, want := range objects {
			got := f.objects[k]
			if !reflect.DeepEqual(got.Value, want.Value) {
				t.Errorf("seed %d: %s differs", seed, k)
			}
			if g, w := got.Origin.Place("metadata.name", false), want.Origin.Place("metadata.name", false); g != w {
				t.Errorf("seed %d: %s stands at %v, want %v", seed, k, g, w)
			}
		}
	}
}

func BenchmarkOneFileOfAThousandChanges(b *testing.B) {
	dir := b.TempDir()
	long := time.Now().Add(-time.Hour)
	for i := range 1000 {
		path := filepath.Join(dir, fmt.Sprintf("%d/%d.yaml", i/100, i))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(svc(fmt.Sprint("s", i), 1)), 0o644); err != nil {
			b.Fatal(err)
		}
		if err := os.Chtimes(path, long, long); err != nil {
			b.Fatal(err)
		}
	}
	s, err := New(Options{Paths: []string{dir}})
	if err != nil {
		b.Fatal(err)
	}
	st := newState(s)
	st.apply(s.walk())
	n := 1
	for b.Loop() {
		n++
		if err := os.WriteFile(filepath.Join(dir, "5/500.yaml"), []byte(svc("s500", n%1000+1)), 0o644); err != nil {
			b.Fatal(err)
		}
		if batch, _ := st.apply(s.walk()); len(batch.Update.Set) != 1 {
			b.Fatalf("%d objects changed", len(batch.Update.Set))
		}
	}
}
