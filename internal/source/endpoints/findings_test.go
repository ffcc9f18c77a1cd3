package endpoints_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/naru-lb/naru/internal/object"
	"github.com/naru-lb/naru/internal/plan"
)

func (w *world) found() string {
	var lines []string
	for _, f := range w.findings[plan.ServiceName{Namespace: "shop", Name: "web"}] {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s | %s", f.Severity, f.Code, f.Path, f.Message, f.Fix))
	}
	return strings.Join(lines, "\n")
}

func TestFindingsNameWhatWasProbablyMeant(t *testing.T) {
	const up = "podIP: 10.0.0.1"
	for _, c := range []struct{ name, manifests, want string }{
		{"a value one letter off", service("selector: {app: wbe}, ports: [{port: 80, targetPort: 8080}]") + webPod,
			`warning NR2107 spec.selector.app: selector app=wbe matches no pod; nearest: app=web (1 pod) | app: web`},
		{"another value of the key", service("selector: {app: web}, ports: [{port: 80}]") + pod("p", "app: webapp", "", up) + pod("q", "app: webapp", "", up),
			`warning NR2107 spec.selector.app: selector app=web matches no pod; nearest: app=webapp (2 pods) | app: webapp`},
		{"the value under another key", service("selector: {app: web}, ports: [{port: 80}]") + pod("p", "app.kubernetes.io/name: web", "", up),
			`warning NR2107 spec.selector.app: selector app=web matches no pod; nearest: app.kubernetes.io/name=web (1 pod) | app.kubernetes.io/name: web`},
		{"a value that needs quotes", service(`selector: {v: "10"}, ports: [{port: 80}]`) + pod("p", `v: "11"`, "", up),
			`warning NR2107 spec.selector.v: selector v=10 matches no pod; nearest: v=11 (1 pod) | v: "11"`},
		{"the pods of another namespace", service("selector: {app: web}, ports: [{port: 80}]") + strings.ReplaceAll(webPod, "shop", "eshop"),
			`warning NR2107 spec.selector: selector app=web matches no pod; pods of namespace eshop would match | Move the Service to the namespace of the pods, which is eshop, or the pods to shop.`},
		{"a namespace without pods", service("selector: {app: web}, ports: [{port: 80}]") + strings.NewReplacer("shop", "eshop", "app: web", "app: x").Replace(webPod),
			`warning NR2107 spec.selector: selector app=web matches no pod; namespace shop has none | Add pods to namespace shop, or correct the Service's namespace.`},
		{"labels of different pods", service("selector: {app: web, tier: front}, ports: [{port: 80}]") + pod("p", "app: web", "", up) + pod("q", "tier: front", "", up),
			`warning NR2107 spec.selector: selector app=web,tier=front matches no pod | Labels of the pods in namespace shop: app=web (1 pod), tier=front (1 pod).`},
		{"no pods at all", service("selector: {app: web}, ports: [{port: 80}]"), ""},
		{"a port name with a slip", service("selector: {app: web}, ports: [{port: 80, targetPort: htttp}]") + pod("p", "app: web", "", up),
			`error NR2102 spec.ports[0].targetPort: no pod that the selector matches has a port named "htttp" | targetPort: http`},
		{"a port name of the other protocol", service("selector: {app: web}, ports: [{port: 80, targetPort: http, protocol: UDP}]") + pod("p", "app: web", "", up),
			`error NR2102 spec.ports[0].targetPort: no pod that the selector matches has a port named "http" for UDP, but for TCP | protocol: TCP`},
		{"a port name that some pods have", service("selector: {app: web}, ports: [{port: 80, targetPort: http}]") + pod("p", "app: web", "", up) + webPod,
			`warning NR2102 spec.ports[0].targetPort: 1 of 2 pods have no port named "http" | Give the container's port this name, or use its number. The pods declare 8080 (p, web-1).`},
		{"a number that no pod declares", service("selector: {app: web}, ports: [{port: 80, targetPort: 3000}]") + webPod,
			`warning NR2108 spec.ports[0].targetPort: port 80 leads to 3000, but the pods declare 8080 (web-1) | targetPort: 8080`},
		{"a number that is declared for the other protocol", service("selector: {app: web}, ports: [{port: 80, targetPort: 8080, protocol: UDP}]") + webPod,
			`warning NR2108 spec.ports[0].targetPort: port 80 leads to 8080/UDP, but the pods declare 8080/TCP (web-1) | protocol: TCP`},
		{"no target port means the port", service("selector: {app: web}, ports: [{port: 8080}]") + webPod, ""},
		{"pods that declare nothing may listen anywhere", service("selector: {app: web}, ports: [{port: 80}]") + strings.Replace(webPod, ", ports: [{containerPort: 8080}]", "", 1), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.set(c.manifests)
			if got := w.found(); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestFindingsGoWhenTheirCauseGoes(t *testing.T) {
	w := newWorld(t)
	w.set(service("selector: {app: web}, ports: [{port: 80, targetPort: 8080}]") + pod("p", "app: wbe", "", "podIP: 10.0.0.1"))
	if !strings.Contains(w.found(), "NR2107") {
		t.Fatalf("no finding: %q", w.found())
	}
	w.set(webPod)
	if got := w.found(); got != "" {
		t.Errorf("still found: %s", got)
	}
	w.apply(object.Update{Gone: []object.Key{{Kind: object.Pod, Namespace: "shop", Name: "web-1"}}})
	if !strings.Contains(w.found(), "NR2107") {
		t.Errorf("no finding after the pod went: %q", w.found())
	}
	w.apply(object.Update{Gone: []object.Key{{Kind: object.Service, Namespace: "shop", Name: "web"}}})
	if got := w.found(); got != "" {
		t.Errorf("found of a Service that is gone: %s", got)
	}
}

func TestFindingsHaveThePlaceOfTheField(t *testing.T) {
	w := newWorld(t)
	w.set(strings.Replace(web, "targetPort: 8080", "targetPort: 3000", 1) + webPod)
	f := w.findings[plan.ServiceName{Namespace: "shop", Name: "web"}][0]
	if f.File != "test.yaml" || f.Line != 7 {
		t.Errorf("the place is %+v", f.Place)
	}
}
