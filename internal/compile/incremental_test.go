package compile_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/naru-lb/naru/internal/compile"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/object"
	"github.com/naru-lb/naru/internal/source/manifest"
)

// parse returns the objects of a manifest without a mistake.
func parse(t *testing.T, text string) []object.Object {
	t.Helper()
	res := manifest.Parse("test.yaml", []byte(text))
	if len(res.Findings) > 0 {
		t.Fatalf("%v in\n%s", res.Findings, text)
	}
	return res.Objects
}

// compiled lists the Services whose findings an Apply worked out anew: those that it compiled.
func compiled(res compile.Result) string {
	var names []string
	for owner := range res.Findings {
		if name, ok := strings.CutPrefix(owner, "Service "); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

const pools = `
apiVersion: naru.dev/v1alpha1
kind: AddressPool
metadata: {name: p}
spec: {addresses: [192.0.2.1-192.0.2.4]}
---
apiVersion: naru.dev/v1alpha1
kind: AddressPool
metadata: {name: team}
spec: {addresses: [192.0.2.64/28], serviceAllocation: {namespaces: [team]}}
`

func service(name, more string) string {
	namespace, name, _ := strings.Cut(name, "/")
	return fmt.Sprintf("---\napiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: %s}\nspec:\n  type: LoadBalancer\n  ports: [{port: 80}]\n%s", name, namespace, more)
}

func slice(name, node, address string) string {
	namespace, name, _ := strings.Cut(name, "/")
	return fmt.Sprintf("---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: %s-1, namespace: %s, labels: {kubernetes.io/service-name: %s}}\n"+
		"addressType: IPv4\nports: [{name: \"\", port: 80}]\nendpoints: [{addresses: [%s], nodeName: %s}]\n", name, namespace, name, address, node)
}

func node(name, labels string) string {
	return fmt.Sprintf("---\napiVersion: v1\nkind: Node\nmetadata: {name: %s, labels: {%s}}\n", name, labels)
}

func TestAChangeCostsTheServicesThatItConcerns(t *testing.T) {
	start := pools + node("n1", "") + node("n2", "") + service("default/a", "") + slice("default/a", "n1", "10.0.0.1") + service("default/b", "") +
		slice("default/b", "n2", "10.0.0.2") + service("default/prefers", "  ipFamilyPolicy: PreferDualStack\n") + service("default/named", "") +
		service("team/a", "") + slice("team/a", "n1", "10.0.0.3")
	const pip = "---\napiVersion: naru.dev/v1alpha1\nkind: PublicIP\nmetadata: {name: web}\nspec: {address: 203.0.113.1}\n"
	const late = "---\napiVersion: v1\nkind: Service\nmetadata: {name: late, namespace: default, annotations: {naru.dev/public-ip: web}}\nspec: {type: LoadBalancer, ports: [{port: 80}]}\n"
	six := "---\napiVersion: naru.dev/v1alpha1\nkind: AddressPool\nmetadata: {name: six}\nspec: {addresses: [\"2001:db8::/120\"]}\n"
	tests := []struct {
		name, before, set string
		gone              []object.Key
		want              string
	}{
		{"endpoints", "", slice("default/a", "n1", "10.0.0.9"), nil, "default/a"},
		{"a Service", "", service("default/a", "  sessionAffinity: ClientIP\n"), nil, "default/a"},
		{"a Service that goes", "", "", []object.Key{{Kind: object.Service, Namespace: "default", Name: "a"}}, "default/a"},
		{"a node", "", node("n1", "topology.kubernetes.io/zone: z1"), nil, "default/a team/a"},
		{"a node that stays as it was for us", "", node("n1", "color: red"), nil, ""},
		{"a node without endpoints", "", node("n3", "topology.kubernetes.io/zone: z1"), nil, ""},
		{"a pool", "", six, nil, ""},
		{"a pool that somebody uses", "", strings.Replace(pools, "192.0.2.64/28", "192.0.2.96/28", 1), nil, "team/a"},
		{"a pool that is larger now", "", strings.Replace(pools, "192.0.2.4", "192.0.2.9", 1), nil, ""},
		{"a pool with a second family", "", strings.Replace(pools, "192.0.2.4", "192.0.2.4, \"2001:db8::/120\"", 1), nil, "default/prefers"},
		{"a PublicIP that nobody names", "", pip, nil, ""},
		{"a PublicIP that somebody waits for", late, pip, nil, "default/late"},
		{"an address that somebody waits for", service("default/zz-more", "") + late, "", []object.Key{{Kind: object.Service, Namespace: "default", Name: "b"}}, "default/b default/zz-more"},
		{"a namespace", "", "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: team, labels: {x: z}}\n", nil, "team/a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := compile.New(compile.Options{})
			c.Apply(object.Update{Set: parse(t, start+tt.before)})
			u := object.Update{Gone: tt.gone}
			if tt.set != "" {
				u.Set = parse(t, tt.set)
			}
			if got := compiled(c.Apply(u)); got != tt.want {
				t.Errorf("compiled %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTheOrderOfObjectsDoesNotMatter(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 3))
		byKey := map[object.Key]object.Object{}
		for range 30 {
			for _, o := range manifest.Parse("test.yaml", randomDocument(random)).Objects {
				byKey[o.Key] = o
			}
		}
		base := parse(t, pools)
		objects := append(base, slices.SortedFunc(maps.Values(byKey), func(a, b object.Object) int { return a.Compare(b.Key) })...)
		apply := func() (*compile.Compiler, map[string][]finding.Finding) {
			random.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
			clock := time.Unix(0, 0)
			c := compile.New(compile.Options{Now: func() time.Time {
				clock = clock.Add(time.Second)
				return clock
			}})
			res := c.Apply(object.Update{Set: objects})
			maps.DeleteFunc(res.Findings, func(_ string, fs []finding.Finding) bool { return len(fs) == 0 })
			return c, res.Findings
		}
		one, found := apply()
		other, foundOtherwise := apply()
		if !one.Plan().Equal(other.Plan()) {
			t.Errorf("seed %d: two plans", seed)
		}
		if !reflect.DeepEqual(found, foundOtherwise) {
			t.Errorf("seed %d: findings %v and %v", seed, found, foundOtherwise)
		}
	}
}

func TestARefusedVersionChangesNothingThatIsServed(t *testing.T) {
	for _, version := range []string{
		service("default/a", "  loadBalancerIP: 192.0.2.300\n"),
		service("default/a", "  loadBalancerIP: 192.0.9.9\n"),
		service("default/a", "  loadBalancerSourceRanges: [10.0.0.1/8]\n"),
		service("default/a", "  ipFamilyPolicy: RequireDualStack\n"),
		service("default/a", "  clusterIP: None\n"),
		strings.Replace(service("default/a", ""), "port: 80", "port: 80, protocol: SCTP", 1),
		strings.Replace(service("default/a", ""), "name: a", "name: a, annotations: {service.beta.kubernetes.io/azure-load-balancer-internal: maybe}", 1),
		strings.Replace(service("default/a", ""), "name: a", "name: a, annotations: {service.beta.kubernetes.io/azure-load-balancer-internal: \"true\"}", 1),
		strings.Replace(service("default/a", ""), "name: a", "name: a, annotations: {service.beta.kubernetes.io/azure-pip-name: nobody}", 1),
		strings.Replace(service("default/a", ""), "name: a", "name: a, annotations: {metallb.io/address-pool: nobody}", 1),
	} {
		c := compile.New(compile.Options{})
		c.Apply(object.Update{Set: parse(t, pools+service("default/a", "")+slice("default/a", "n1", "10.0.0.1"))})
		before := c.Plan().Clone()
		c.Apply(object.Update{Set: parse(t, version)})
		now := c.Plan()
		for name, svc := range now.Services {
			if !svc.Kept || svc.Pending == "" {
				t.Errorf("%s is not said to be kept, after\n%s", name, version)
			}
		}
		before.Services = now.Services
		if !before.Equal(now) {
			t.Errorf("something else is served after\n%s", version)
		}
		c.Apply(object.Update{Set: parse(t, slice("default/a", "n1", "10.0.0.2"))})
		for id, g := range c.Plan().Groups {
			if len(g.Targets) != 1 || g.Targets[0].Address.Addr().String() != "10.0.0.2" {
				t.Errorf("%s has targets %v, want those of now", id, g.Targets)
			}
		}
	}
}

func TestServicesThatNoAPIServerWouldTakeAreRefused(t *testing.T) {
	const v4, lb = corev1.IPv4Protocol, corev1.ServiceTypeLoadBalancer
	tests := map[string]corev1.ServiceSpec{
		"a Service of type LoadBalancer needs at least one port":    {Type: lb},
		"port 0 is not between 1 and 65535":                         {Type: lb, Ports: []corev1.ServicePort{{}}},
		"port 70000 is not between 1 and 65535":                     {Type: lb, Ports: []corev1.ServicePort{{Port: 70000}}},
		"port 80/TCP is listed twice":                               {Type: lb, Ports: []corev1.ServicePort{{Port: 80}, {Port: 80}}},
		"protocol GRE of port 80 is not carried by this data plane": {Type: lb, Ports: []corev1.ServicePort{{Port: 80, Protocol: "GRE"}}},
		"": {Type: lb, IPFamilies: []corev1.IPFamily{v4, v4, v4}, Ports: []corev1.ServicePort{{Port: 80}}},
	}
	for want, spec := range tests {
		c := compile.New(compile.Options{})
		key := object.Key{Kind: object.Service, Namespace: "default", Name: "a"}
		svc := object.Object{Key: key, Value: &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "default"}, Spec: spec}}
		c.Apply(object.Update{Set: append(parse(t, pools), svc)})
		for _, s := range c.Plan().Services {
			if s.Pending != want {
				t.Errorf("got %q, want %q", s.Pending, want)
			}
		}
	}
}
