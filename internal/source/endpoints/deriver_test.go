package endpoints_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/object"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/source/endpoints"
	"github.com/naru-lb/naru/internal/source/manifest"
)

// world follows what a Deriver hands out.
type world struct {
	t        *testing.T
	deriver  *endpoints.Deriver
	objects  map[object.Key]object.Object
	findings map[plan.ServiceName][]finding.Finding
}

func newWorld(t *testing.T) *world {
	return &world{t, endpoints.New(), map[object.Key]object.Object{}, map[plan.ServiceName][]finding.Finding{}}
}

// apply applies an update and returns the keys of the slices that it set or took away.
func (w *world) apply(u object.Update) []string {
	w.t.Helper()
	out, findings := w.deriver.Apply(u)
	var touched []string
	for _, k := range out.Gone {
		if _, ok := w.objects[k]; !ok {
			w.t.Errorf("%s is gone, but was never there", k)
		}
		delete(w.objects, k)
		touched = append(touched, "-"+k.Name)
	}
	for _, o := range out.Set {
		if o.Kind == object.Endpoints {
			w.t.Errorf("%s was passed through", o.Key)
		}
		w.objects[o.Key] = o
		if o.Kind == object.EndpointSlice {
			touched = append(touched, o.Name)
		}
	}
	for name, fs := range findings {
		if fs == nil {
			w.t.Errorf("findings of %s are nil, not empty", name)
		}
		w.findings[name] = fs
		if len(fs) == 0 {
			delete(w.findings, name)
		}
	}
	return touched
}

// set applies the objects of manifests.
func (w *world) set(text string) []string {
	w.t.Helper()
	return w.apply(object.Update{Set: parse(w.t, text)})
}

func parse(t *testing.T, text string) []object.Object {
	t.Helper()
	res := manifest.Parse("test.yaml", []byte(text))
	for _, f := range res.Findings {
		t.Fatalf("the test's manifests are wrong: %d: %s", f.Line, f.Message)
	}
	return res.Objects
}

// slices prints the slices that stand now, one endpoint a line.
func (w *world) slices() string {
	var lines []string
	for _, o := range w.objects {
		s, ok := o.Value.(*discoveryv1.EndpointSlice)
		if !ok {
			continue
		}
		var ports []string
		for _, p := range s.Ports {
			ports = append(ports, fmt.Sprintf("%s:%d/%s", *p.Name, *p.Port, *p.Protocol))
		}
		for _, e := range s.Endpoints {
			line := fmt.Sprintf("%s %s [%s]", s.Labels[discoveryv1.LabelServiceName], strings.Join(e.Addresses, "+"), strings.Join(ports, " "))
			c := e.Conditions
			for _, cond := range []struct {
				name  string
				value *bool
			}{{"ready", c.Ready}, {"serving", c.Serving}, {"terminating", c.Terminating}} {
				if cond.value != nil && *cond.value {
					line += " " + cond.name
				}
			}
			for _, extra := range []struct {
				name  string
				value *string
			}{{"node", e.NodeName}, {"zone", e.Zone}, {"hostname", e.Hostname}} {
				if extra.value != nil {
					line += " " + extra.name + "=" + *extra.value
				}
			}
			if e.TargetRef != nil {
				line += " " + e.TargetRef.Kind + "/" + e.TargetRef.Name
			}
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func (w *world) expect(want string) {
	w.t.Helper()
	if got := w.slices(); got != strings.TrimSpace(want) {
		w.t.Errorf("got\n%s\nwant\n%s", got, strings.TrimSpace(want))
	}
}

const web = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
`

const webPod = `
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, image: i, ports: [{containerPort: 8080}]}]}
status: {podIP: 10.0.0.1}
`

// pod returns the manifest of a Pod with a container port named http.
func pod(name, labels, spec, status string) string {
	return fmt.Sprintf(`
---
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: shop, labels: {%s}}
spec: {containers: [{name: c, image: i, ports: [{containerPort: 8080, name: http}]}]%s}
status: {%s}
`, name, labels, spec, status)
}

func service(spec string) string {
	return "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {" + spec + "}\n"
}

func TestPodsBecomeEndpointsByTheRulesOfTheController(t *testing.T) {
	const plain = "selector: {app: web}, ports: [{port: 80, targetPort: 8080}]"
	for _, c := range []struct{ name, manifests, want string }{
		{"a ready pod", service(plain) + pod("p", "app: web", "", `phase: Running, podIP: 10.0.0.1, conditions: [{type: Ready, status: "True"}]`),
			"web 10.0.0.1 [:8080/TCP] ready serving Pod/p"},
		{"a pod that is not ready", service(plain) + pod("p", "app: web", "", `podIP: 10.0.0.1, conditions: [{type: Ready, status: "False"}]`),
			"web 10.0.0.1 [:8080/TCP] Pod/p"},
		{"conditions without Ready mean not ready", service(plain) + pod("p", "app: web", "", `podIP: 10.0.0.1, conditions: [{type: PodScheduled, status: "True"}]`),
			"web 10.0.0.1 [:8080/TCP] Pod/p"},
		{"no conditions at all mean ready", service(plain) + pod("p", "app: web", "", `podIP: 10.0.0.1`),
			"web 10.0.0.1 [:8080/TCP] ready serving Pod/p"},
		{"a pod without a status cannot be served", service(plain) + pod("p", "app: web", "", ``), ""},
		{"pods that have ended are left out", service(plain) +
			pod("p", "app: web", "", `phase: Succeeded, podIP: 10.0.0.1`) + pod("q", "app: web", "", `phase: Failed, podIP: 10.0.0.2`), ""},
		{"publishNotReadyAddresses makes everything ready", service(plain+", publishNotReadyAddresses: true") +
			pod("p", "app: web", "", `podIP: 10.0.0.1, conditions: [{type: Ready, status: "False"}]`),
			"web 10.0.0.1 [:8080/TCP] ready Pod/p"},
		{"all of the selector must match", service("selector: {app: web, tier: front}, ports: [{port: 80}]") +
			pod("p", "app: web", "", `podIP: 10.0.0.1`) + pod("q", "app: web, tier: front", "", `podIP: 10.0.0.2`),
			"web 10.0.0.2 [:80/TCP] ready serving Pod/q"},
		{"one family if the Service has one", service(plain+", ipFamilies: [IPv6]") +
			pod("p", "app: web", "", `podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]`),
			"web fd00::1 [:8080/TCP] ready serving Pod/p"},
		{"the families of the pods if the Service names none", service(plain) +
			pod("p", "app: web", "", `podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]`),
			"web 10.0.0.1 [:8080/TCP] ready serving Pod/p\nweb fd00::1 [:8080/TCP] ready serving Pod/p"},
		{"a named port is looked up in each pod", service("selector: {app: web}, ports: [{port: 80, name: w, targetPort: http}]") +
			pod("p", "app: web", "", `podIP: 10.0.0.1`) + strings.Replace(pod("q", "app: web", "", `podIP: 10.0.0.2`), "8080", "9090", 1),
			"web 10.0.0.1 [w:8080/TCP] ready serving Pod/p\nweb 10.0.0.2 [w:9090/TCP] ready serving Pod/q"},
		{"a named port has to be of the same protocol", service("selector: {app: web}, ports: [{port: 80, protocol: UDP, targetPort: http}]") +
			pod("p", "app: web", "", `podIP: 10.0.0.1`), "web 10.0.0.1 [] ready serving Pod/p"},
		{"sidecars have ports too, other init containers have not",
			service("selector: {app: web}, ports: [{port: 1, name: a, targetPort: side}, {port: 2, name: b, targetPort: init}]") +
				pod("p", "app: web", `, initContainers: [{name: s, image: i, restartPolicy: Always, ports: [{containerPort: 7, name: side}]}, {name: t, image: i, ports: [{containerPort: 8, name: init}]}]`, `podIP: 10.0.0.1`),
			"web 10.0.0.1 [a:7/TCP] ready serving Pod/p"},
		{"a headless Service without ports", service("selector: {app: web}, clusterIP: None") + pod("p", "app: web", "", `podIP: 10.0.0.1`),
			"web 10.0.0.1 [] ready serving Pod/p"},
		{"node, zone and hostname", service(plain) +
			"---\napiVersion: v1\nkind: Node\nmetadata: {name: n1, labels: {topology.kubernetes.io/zone: z1}}\n" +
			pod("p", "app: web", ", nodeName: n1, hostname: h, subdomain: web", `podIP: 10.0.0.1`) +
			pod("q", "app: web", ", nodeName: n2, hostname: h, subdomain: other", `podIP: 10.0.0.2`),
			"web 10.0.0.1 [:8080/TCP] ready serving node=n1 zone=z1 hostname=h Pod/p\nweb 10.0.0.2 [:8080/TCP] ready serving node=n2 Pod/q"},
		{"pods of the host's network may have one address", service("selector: {app: web}, ports: [{port: 80, targetPort: http}]") +
			pod("p", "app: web", ", hostNetwork: true", `podIP: 192.0.2.1, hostIP: 192.0.2.1`) +
			strings.ReplaceAll(pod("q", "app: web", ", hostNetwork: true", `podIP: 192.0.2.1, hostIP: 192.0.2.1`), "8080", "9090"),
			"web 192.0.2.1 [:8080/TCP] ready serving Pod/p\nweb 192.0.2.1 [:9090/TCP] ready serving Pod/q"},
		{"the older field for a pod's address", service(plain) + pod("p", "app: web", "", `podIP: "fd00::1"`),
			"web fd00::1 [:8080/TCP] ready serving Pod/p"},
		{"pods of another namespace do not count", service(plain) + strings.ReplaceAll(webPod, "shop", "other"), ""},
		{"a Service without a selector gets nothing", service("ports: [{port: 80}]") + webPod, ""},
		{"an ExternalName Service gets nothing", service("type: ExternalName, externalName: example.com, selector: {app: web}") + webPod, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.set(c.manifests)
			w.expect(c.want)
		})
	}
}

func TestAPodThatIsBeingDeletedTerminates(t *testing.T) {
	w := newWorld(t)
	objects := parse(t, web+webPod)
	objects[1] = terminating(objects[1])
	w.apply(object.Update{Set: objects})
	w.expect("web 10.0.0.1 [:8080/TCP] serving terminating Pod/web-1")
}

func TestRealSlicesReplaceDerivedOnesAndGiveWayAgain(t *testing.T) {
	const derived = "web 10.0.0.1 [:8080/TCP] ready serving Pod/web-1"
	real := parse(t, `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-x, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.9.9.9]}]
ports: [{port: 1, name: ""}]
`)
	w := newWorld(t)
	w.set(web + webPod)
	w.expect(derived)
	w.apply(object.Update{Set: real})
	w.expect("web 10.9.9.9 [:1/TCP] ready serving")
	w.apply(object.Update{Gone: []object.Key{real[0].Key}})
	w.expect(derived)
}

func TestALegacyEndpointsObjectBecomesSlices(t *testing.T) {
	for _, c := range []struct{ name, manifests, want string }{
		{"ready and not, of both families", `
apiVersion: v1
kind: Endpoints
metadata: {name: web, namespace: shop}
subsets:
- addresses: [{ip: 10.0.0.1, nodeName: n1, hostname: h}, {ip: "fd00::1"}]
  notReadyAddresses: [{ip: 10.0.0.2}]
  ports: [{port: 8080, name: http}]
`, "web 10.0.0.1 [http:8080/TCP] ready node=n1 hostname=h\nweb 10.0.0.2 [http:8080/TCP]\nweb fd00::1 [http:8080/TCP] ready"},
		{"subsets with equal ports are one, and not ready wins", `
apiVersion: v1
kind: Endpoints
metadata: {name: web, namespace: shop}
subsets:
- {addresses: [{ip: 10.0.0.1}, {ip: 10.0.0.3}], ports: [{port: 1, name: a}, {port: 2, name: b}]}
- {notReadyAddresses: [{ip: 10.0.0.1}], ports: [{port: 2, name: b}, {port: 1, name: a}]}
- {addresses: [{ip: 10.0.0.1}], ports: [{port: 3}]}
`, "web 10.0.0.1 [:3/TCP] ready\nweb 10.0.0.1 [a:1/TCP b:2/TCP]\nweb 10.0.0.3 [a:1/TCP b:2/TCP] ready"},
		{"they count before Pods", web + webPod + `
---
apiVersion: v1
kind: Endpoints
metadata: {name: web, namespace: shop}
subsets: [{addresses: [{ip: 10.7.7.7}], ports: [{port: 8080}]}]
`, "web 10.7.7.7 [:8080/TCP] ready"},
		{"not where it says so", web + webPod + `
---
apiVersion: v1
kind: Endpoints
metadata: {name: web, namespace: shop, labels: {endpointslice.kubernetes.io/skip-mirror: "true"}}
subsets: [{addresses: [{ip: 10.7.7.7}], ports: [{port: 8080}]}]
`, "web 10.0.0.1 [:8080/TCP] ready serving Pod/web-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.set(c.manifests)
			w.expect(c.want)
			w.apply(object.Update{Gone: slices.Collect(gone(c.manifests, t))})
			w.expect("")
		})
	}
}

func gone(manifests string, t *testing.T) func(func(object.Key) bool) {
	return func(yield func(object.Key) bool) {
		for _, o := range parse(t, manifests) {
			if !yield(o.Key) {
				return
			}
		}
	}
}

func TestADerivedSliceStepsAsideForARealOneOfItsName(t *testing.T) {
	w := newWorld(t)
	if got := w.set(web + webPod); !slices.Equal(got, []string{"web-derived-1"}) {
		t.Fatalf("derived %v", got)
	}
	real := parse(t, `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-derived-1, namespace: shop, labels: {kubernetes.io/service-name: other}}
addressType: IPv4
endpoints: [{addresses: [10.9.9.9]}]
ports: [{port: 1, name: ""}]
`)
	w.apply(object.Update{Set: real})
	w.expect("other 10.9.9.9 [:1/TCP] ready serving\nweb 10.0.0.1 [:8080/TCP] ready serving Pod/web-1")
	w.apply(object.Update{Gone: []object.Key{real[0].Key}})
	w.expect("web 10.0.0.1 [:8080/TCP] ready serving Pod/web-1")
	if _, ok := w.objects[object.Key{Kind: object.EndpointSlice, Namespace: "shop", Name: "web-derived-1"}]; !ok {
		t.Errorf("the slice did not get its name back: %v", w.objects)
	}
}

func TestZonesFollowTheNode(t *testing.T) {
	const node = "apiVersion: v1\nkind: Node\nmetadata: {name: n1, labels: {topology.kubernetes.io/zone: %s}}\n"
	w := newWorld(t)
	w.set(service("selector: {app: web}, ports: [{port: 80}]") + pod("p", "app: web", ", nodeName: n1", "podIP: 10.0.0.1"))
	w.expect("web 10.0.0.1 [:80/TCP] ready serving node=n1 Pod/p")
	w.set(fmt.Sprintf(node, "a"))
	w.expect("web 10.0.0.1 [:80/TCP] ready serving node=n1 zone=a Pod/p")
	w.set(fmt.Sprintf(node, "b"))
	w.expect("web 10.0.0.1 [:80/TCP] ready serving node=n1 zone=b Pod/p")
	w.apply(object.Update{Gone: []object.Key{{Kind: object.Node, Name: "n1"}}})
	w.expect("web 10.0.0.1 [:80/TCP] ready serving node=n1 Pod/p")
}
