package endpoints_test

import (
	"math/rand/v2"
	"reflect"
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/naru-lb/naru/internal/object"
	"github.com/naru-lb/naru/internal/source/manifest"
)

// FuzzApply looks for objects that stop the process, or for which the order in which they come counts.
func FuzzApply(f *testing.F) {
	const legacy = "\n---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: web, namespace: shop}\nsubsets: [{addresses: [{ip: 10.7.7.7}], notReadyAddresses: [{ip: \"::ffff:10.7.7.7\"}], ports: [{port: 8080}]}]\n"
	const real = "\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-derived-1, namespace: shop, labels: {kubernetes.io/service-name: web}}\naddressType: IPv4\nendpoints: [{addresses: [10.9.9.9]}]\n"
	const node = "\n---\napiVersion: v1\nkind: Node\nmetadata: {name: n1, labels: {topology.kubernetes.io/zone: z}}\n"
	for i, text := range []string{
		web + webPod, web + webPod + legacy, web + webPod + real + legacy, web + pod("p", "app: wbe", ", nodeName: n1", `podIP: "fd00::1"`) + node,
		service("selector: {app: web}, ports: [{port: 80, targetPort: http}, {port: 81, name: b, targetPort: no}], ipFamilies: [IPv6, IPv4]") + webPod +
			pod("q", "app: web", ", hostNetwork: true, initContainers: [{name: s, restartPolicy: Always, ports: [{containerPort: 7, name: http}]}]",
				`phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}], conditions: [{type: Ready, status: "False"}]`),
	} {
		f.Add(text, uint64(i))
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		objects := manifest.Parse("f.yaml", []byte(text)).Objects
		seen := map[object.Key]bool{}
		for _, o := range objects {
			if seen[o.Key] {
				return // of two the last counts, so their order does
			}
			seen[o.Key] = true
		}
		whole := newWorld(t)
		whole.apply(object.Update{Set: objects})
		for _, o := range whole.objects {
			if s, ok := o.Value.(*discoveryv1.EndpointSlice); ok && o.Origin == nil && len(s.Endpoints) > 100 {
				t.Errorf("%s has %d endpoints", o.Key, len(s.Endpoints))
			}
		}
		single := newWorld(t)
		r := rand.New(rand.NewPCG(seed, 1))
		for _, i := range r.Perm(len(objects)) {
			single.apply(object.Update{Set: objects[i : i+1]})
		}
		for i := range objects { // gone and back again
			single.apply(object.Update{Gone: []object.Key{objects[i].Key}})
			single.apply(object.Update{Set: objects[i : i+1]})
		}
		if !reflect.DeepEqual(whole.objects, single.objects) {
			t.Errorf("at once\n%s\none by one\n%s", whole.slices(), single.slices())
		}
		if !reflect.DeepEqual(whole.findings, single.findings) {
			t.Errorf("at once found %v, one by one %v", whole.findings, single.findings)
		}
	})
}
