package manifest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	corev1 "k8s.io/api/core/v1"

	"github.com/naru-lb/naru/internal/object"
)

// namespace is the document of a Namespace.
func namespace(name string) string {
	return "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: " + name + "\n"
}

func utf16Text(s string, order binary.AppendByteOrder) string {
	var b []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

func TestDocumentsAreFoundWithThePlacesOfTheirNames(t *testing.T) {
	const ns = "apiVersion: v1, kind: Namespace, metadata: {name: "
	for _, c := range []struct {
		name, body string
		want       string // names with their places; broken documents as x
	}{
		{"nothing", "", ""},
		{"nothing but comments", "# a\n---\n# b\n...\n---\n", ""},
		{"nothing but null", "~\n---\nnull\n", ""},
		{"one", namespace("a"), "a:4:9"},
		{"two", namespace("a") + "---\n" + namespace("b"), "a:4:9 b:9:9"},
		{"markers with a comment and with content", "--- # x\n" + namespace("a") + "--- {" + ns + "b}}\n", "a:5:9 b:6:56"},
		{"an end marker, and directives", namespace("a") + "...\n%YAML 1.1\n---\n" + namespace("b"), "a:4:9 b:11:9"},
		{"a marker in a block of text", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: |\n    ---\n    x\n", "a:3:18"},
		{"a broken one between others", namespace("a") + "---\na: [\n---\n" + namespace("b"), "a:4:9 x b:11:9"},
		{"a byte order mark", "\ufeff" + namespace("a"), "a:4:9"},
		{"byte order marks of files that were put together", "\ufeff" + namespace("a") + "\ufeff---\n\ufeff" + namespace("b"), "a:4:9 b:9:9"},
		{"UTF-16, low byte first", utf16Text(namespace("a"), binary.LittleEndian), "a:4:9"},
		{"UTF-16, high byte first", utf16Text("# 😀\n"+namespace("a"), binary.BigEndian), "a:5:9"},
		{"UTF-16 that ends too early", "\xff\xfea", "x"},
		{"line ends of Windows", strings.ReplaceAll(namespace("a")+"---\n"+namespace("b"), "\n", "\r\n"), "a:4:9 b:9:9"},
		{"line ends of old", strings.ReplaceAll(namespace("a")+"---\n"+namespace("b"), "\n", "\r"), "a:4:9 b:9:9"},
		{"no line end at the end", strings.TrimSpace(namespace("a")), "a:4:9"},
		{"characters of several bytes before", "{apiVersion: v1, kind: Namespace, metadata: {annotations: {a: 나루}, name: a}}", "a:1:74"},
		{"JSON", `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}`, "a:1:64"},
		{"JSON, one object after the other", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"}} {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"b"}}` +
			"\n" + `{"apiVersion":"v1","kind":"Namespace",` + "\n" + `"metadata":{"name":"c"}}`, "a:1:58 b:1:121 c:3:20"},
		{"JSON with escapes that YAML has not", `{"metadata":{"annotations":{"a":"\ud83d\ude00\ud83d\ude00"},"name":"a"},"apiVersion":"v1","kind":"Namespace"}`, "a:1:68"},
		{"a list", "apiVersion: v1\nkind: List\nitems:\n- {" + ns + "a}}\n- {" + ns + "b}}\n", "a:4:54 b:5:54"},
		{"a list in a list", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  - {" + ns + "a}}\n", "a:7:56"},
		{"a list in a list in a list in a list in a list", "{apiVersion: v1, kind: List, items: [" +
			strings.Repeat("{apiVersion: v1, kind: List, items: [", 4) + "{" + ns + "a}}" + strings.Repeat("]}", 5), "x"},
		{"a list of Services that do not say so", "apiVersion: v1\nkind: ServiceList\nitems:\n- metadata: {name: a}\n  spec: {ports: [{port: 80}]}\n- metadata: {name: b}\n", "a:4:20 x"},
		{"a list of what does not say what it is", "apiVersion: v1\nkind: List\nitems:\n- metadata: {name: a}\n-\n- 5\n", "x x x"},
		{"an empty list", "apiVersion: v1\nkind: List\nitems: []\n---\napiVersion: v1\nkind: List\nitems:\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Parse("f.yaml", []byte(c.body))
			var got []string
			for _, o := range r.Objects {
				p := o.Origin.Place("metadata.name", false)
				got = append(got, fmt.Sprintf("%s:%d:%d", o.Name, p.Line, p.Column))
			}
			want := strings.Fields(c.want)
			broken := len(want)
			want = slices.DeleteFunc(want, func(s string) bool { return s == "x" })
			if broken -= len(want); broken != len(r.Broken) {
				t.Errorf("%d documents are broken, want %d: %+v", len(r.Broken), broken, r.Findings)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v: %+v", got, want, r.Findings)
			}
		})
	}
}

func TestBrokenDocumentsTellWhoseTheyAre(t *testing.T) {
	web := object.Key{Kind: "Service", Namespace: "default", Name: "web"}
	for _, c := range []struct {
		name, body string
		want       []Broken
	}{
		{"a mistake of a value", service("spec: {ports: [{port: x}]}\n"), []Broken{{web, true}}},
		{"a mistake of indentation", service("spec:\n  ports:\n    - port: 80\n    name: x\n"), []Broken{{web, true}}},
		{"a mistake that cannot be mended", service("spec: {ports: [\n"), []Broken{{web, true}}},
		{"another namespace", "apiVersion: v1\nkind: Service\nmetadata:\n  namespace: \"a\"\n  name: 'web'\nspec: {ports: [\n",
			[]Broken{{object.Key{Kind: "Service", Namespace: "a", Name: "web"}, true}}},
		{"a name below something else", "apiVersion: v1\nkind: Service\nspec:\n  selector:\n    name: x\n  ports: [\n", []Broken{{}}},
		{"broken JSON", `{"kind": "Service", "metadata": {"name": "web"}, "spec": {`, []Broken{{web, true}}},
		{"broken JSON of several", `{"kind": "List", "items": [{"kind": "Service", "metadata": {"name": "web"}`, []Broken{{}}},
		{"a broken list", "apiVersion: v1\nkind: List\nitems:\n- kind: Service\n  metadata:\n    name: web\n- kind: Node\n  metadata:\n    name: n\n  spec: [\n",
			[]Broken{{web, true}, {object.Key{Kind: "Node", Name: "n"}, true}}},
		{"text that is none", "\xff\xfe\x00", []Broken{{}}},
		{"an apiVersion that there is not", "apiVersion: v2\nkind: Service\nmetadata: {name: web}\n", []Broken{{web, true}}},
		{"a kind with a slip", "apiVersion: v1\nkind: Sevice\nmetadata: {name: web}\n", []Broken{{web, true}}},
		{"a kind that nobody reads", "apiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: web}\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Parse("f.yaml", []byte(c.body))
			if !slices.Equal(r.Broken, c.want) || len(r.Objects) != 0 {
				t.Errorf("got %+v and %d objects, want %+v", r.Broken, len(r.Objects), c.want)
			}
		})
	}
}

func TestWhatIsMendedToGoOnIsNotApplied(t *testing.T) {
	r := Parse("f.yaml", []byte(service("spec:\n  ports:\n    - port: 80\n    name: x\n")+"---\n"+namespace("a")))
	if len(r.Objects) != 1 || r.Objects[0].Name != "a" {
		t.Errorf("got %v", r.Objects)
	}
}

func TestDefaultsAreThoseOfTheAPIServer(t *testing.T) {
	s := Parse("f", []byte(service("spec: {type: LoadBalancer, sessionAffinity: ClientIP, ports: [{port: 80}]}\n"))).Objects[0].Value.(*corev1.Service)
	spec := s.Spec
	if s.Namespace != "default" || spec.Ports[0].Protocol != "TCP" || spec.Ports[0].TargetPort.IntVal != 80 || spec.ExternalTrafficPolicy != "Cluster" ||
		*spec.InternalTrafficPolicy != "Cluster" || !*spec.AllocateLoadBalancerNodePorts || *spec.SessionAffinityConfig.ClientIP.TimeoutSeconds != 10800 {
		t.Errorf("got %+v", s)
	}
	s = Parse("f", []byte(service("spec: {ports: [{port: 80, targetPort: http}]}\n"))).Objects[0].Value.(*corev1.Service)
	if spec := s.Spec; spec.Type != "ClusterIP" || spec.ExternalTrafficPolicy != "" || spec.AllocateLoadBalancerNodePorts != nil ||
		spec.SessionAffinity != "None" || spec.Ports[0].TargetPort.StrVal != "http" {
		t.Errorf("got %+v", s)
	}
}

func TestAKeyOverridesAMergedOne(t *testing.T) {
	body := service("spec:\n  ports:\n  - &p {port: 80, name: a, protocol: UDP}\n  - <<: *p\n    name: b\n    port: 81\n  - <<: [{name: c}, *p]\n    port: 82\n")
	r := Parse("f.yaml", []byte(body))
	if len(r.Objects) != 1 {
		t.Fatalf("got %+v", r.Findings)
	}
	o := r.Objects[0]
	var got []string
	for _, p := range o.Value.(*corev1.Service).Spec.Ports {
		got = append(got, fmt.Sprintf("%s:%d/%s", p.Name, p.Port, p.Protocol))
	}
	if want := []string{"a:80/UDP", "b:81/UDP", "c:82/UDP"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for path, line := range map[string]int{"spec.ports[1].name": 9, "spec.ports[1].protocol": 7, "spec.ports[2].name": 11, "spec.ports[2].port": 12} {
		if p := o.Origin.Place(path, false); p.Line != line {
			t.Errorf("%s stands in line %d, want %d", path, p.Line, line)
		}
	}
}

func TestPlacesOfWhatIsThereAndOfWhatIsNot(t *testing.T) {
	o := Parse("f.yaml", []byte("# 나루\napiVersion: v1\nkind: Service\nmetadata:\n  name: 'web'\n  annotations:\n    a.b/c: \"나루\" # x\n    d:\nspec:\n  ports:\n  - {port: 80, name: e, targetPort: 81}\n")).Objects[0].Origin
	for _, c := range []struct {
		path  string
		onKey bool
		want  string
	}{
		{"", false, "2:1-15"},
		{"metadata.name", false, "5:9-14"},
		{"metadata.name", true, "5:3-7"},
		{`metadata.annotations["a.b/c"]`, false, "7:12-16"},
		{`metadata.annotations["a.b/c"]`, true, "7:5-10"},
		{"metadata.annotations.d", false, "8:5-6"},
		{"metadata.annotations.e", false, "7:5-16"},
		{"spec.ports[0].targetPort", false, "11:37-39"},
		{"spec.ports[0].targetPort", true, "11:25-35"},
		{"spec.ports[0].nodePort", false, "11:5-40"},
		{"spec.ports[7].port", false, "11:3-40"},
		{"spec.no.such.path", true, "9:1-5"},
		{"nonsense[", false, "2:1-15"},
	} {
		p := o.Place(c.path, c.onKey)
		if got := fmt.Sprintf("%d:%d-%d", p.Line, p.Column, p.EndColumn); got != c.want || p.File != "f.yaml" {
			t.Errorf("%s (key: %v) stands at %s, want %s", c.path, c.onKey, got, c.want)
		}
	}
}
