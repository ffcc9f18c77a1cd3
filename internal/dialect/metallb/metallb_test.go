package metallb_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	metallbv1beta1 "github.com/naru-lb/naru/api/metallb/v1beta1"
	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/dialect/metallb"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/ipam"
)

// said writes findings as severity, code and message each.
func said(fs []finding.Finding) string {
	var lines []string
	for _, f := range fs {
		lines = append(lines, fmt.Sprintf("%s %s %s", f.Severity, f.Code, f.Message))
	}
	return strings.Join(lines, "\n")
}

func TestAnnotationsAreReadWithTheNewPrefixAndTheOld(t *testing.T) {
	const renamed = "note NR1204 the annotation has a newer name"
	for _, c := range []struct {
		annotations map[string]string
		ip          string // spec.loadBalancerIP
		pool        string
		wanted      string
		key         string
		refused     bool
		said        string
	}{
		{annotations: map[string]string{"metallb.io/address-pool": "a"}, pool: "a"},
		{annotations: map[string]string{"metallb.universe.tf/address-pool": "a"}, pool: "a", said: renamed},
		{annotations: map[string]string{"metallb.io/address-pool": "a", "metallb.universe.tf/address-pool": "a"}, pool: "a", said: renamed},
		{annotations: map[string]string{"metallb.io/address-pool": "a", "metallb.universe.tf/address-pool": "b"}, pool: "a",
			said: "warning NR1105 address-pool overrules this: \"a\" instead of \"b\"\n" + renamed},
		{annotations: map[string]string{"metallb.io/loadBalancerIPs": "192.0.2.1, 2001:db8::1"}, wanted: "192.0.2.1 2001:db8::1"},
		{annotations: map[string]string{"metallb.io/loadBalancerIPs": "192.0.2.1"}, wanted: "192.0.2.1"},
		{annotations: map[string]string{"metallb.io/loadBalancerIPs": "192.0.2.1,192.0.2.2"}, refused: true,
			said: "error NR1102 192.0.2.1 and 192.0.2.2 are of one family; a Service has one address of each"},
		{annotations: map[string]string{"metallb.io/loadBalancerIPs": "192.0.2.1-192.0.2.9"}, refused: true,
			said: `error NR1102 "192.0.2.1-192.0.2.9" is not an IP address`},
		{annotations: map[string]string{"metallb.io/loadBalancerIPs": "192.0.2.1"}, ip: "192.0.2.1", wanted: "192.0.2.1", refused: true,
			said: "error NR1105 spec.loadBalancerIP is set too"},
		{annotations: map[string]string{"metallb.io/allow-shared-ip": "dns"}, key: "dns"},
		{annotations: map[string]string{"metallb.io/allow-shared-ip": ""}, said: "warning NR1106 the value is blank, which counts as not set"},
		{annotations: map[string]string{"metallb.io/ip-allocated-from-pool": "a", "metallb.universe.tf/ip-allocated-from-pool": "b"}},
	} {
		svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "s", Namespace: "n", Annotations: c.annotations},
			Spec: corev1.ServiceSpec{LoadBalancerIP: c.ip}}
		in, fs := dialect.Read(svc, []*dialect.Table{metallb.Table()}, dialect.Env{})
		var wanted []string
		for _, w := range in.Address.Wanted {
			if w.Address.IsValid() {
				wanted = append(wanted, w.Address.String())
			}
		}
		if in.Address.Pool.Value != c.pool || strings.Join(wanted, " ") != c.wanted || in.Address.SharingKey != c.key || in.Refused != c.refused || said(fs) != c.said {
			t.Errorf("%v: got %+v\nsaid\n%s", c.annotations, in, said(fs))
		}
	}
}

// describe writes a pool on one line.
func describe(p ipam.Pool) string {
	words := []string{p.Name}
	for _, r := range p.Ranges {
		words = append(words, fmt.Sprintf("%s-%s", r.First, r.Last))
	}
	words = append(words, string(p.Scope))
	if !p.AutoAssign {
		words = append(words, "manual")
	}
	if p.AvoidBuggyIPs {
		words = append(words, "avoids .0 and .255")
	}
	if p.Pinned {
		words = append(words, fmt.Sprintf("pinned %d", p.Priority))
	}
	if p.Subnet != "" {
		words = append(words, "subnet "+p.Subnet)
	}
	return strings.Join(words, " ")
}

func TestEveryFieldOfAnIPAddressPoolCounts(t *testing.T) {
	no := false
	team := []metav1.LabelSelector{{MatchLabels: map[string]string{"team": "a"}}}
	for _, c := range []struct {
		pool       metallbv1beta1.IPAddressPoolSpec
		annotation map[string]string
		want, said string
	}{
		{pool: metallbv1beta1.IPAddressPoolSpec{Addresses: []string{"192.0.2.0/30", "198.51.100.7-198.51.100.9", "2001:db8::/126"}},
			want: "p 192.0.2.0-192.0.2.3 198.51.100.7-198.51.100.9 2001:db8::-2001:db8::3 public"},
		{pool: metallbv1beta1.IPAddressPoolSpec{Addresses: []string{"192.0.2.0/30"}, AutoAssign: &no, AvoidBuggyIPs: true},
			want: "p 192.0.2.0-192.0.2.3 public manual avoids .0 and .255"},
		{pool: metallbv1beta1.IPAddressPoolSpec{Addresses: []string{"192.0.2.0/30"}, AllocateTo: &metallbv1beta1.ServiceAllocation{}},
			want: "p 192.0.2.0-192.0.2.3 public"},
		{pool: metallbv1beta1.IPAddressPoolSpec{Addresses: []string{"192.0.2.0/30"}, AllocateTo: &metallbv1beta1.ServiceAllocation{Priority: 7, NamespaceSelectors: team}},
			want: "p 192.0.2.0-192.0.2.3 public pinned 7"},
		{pool: metallbv1beta1.IPAddressPoolSpec{Addresses: []string{"10.0.0.0/30"}}, annotation: map[string]string{"naru.dev/scope": "internal", "naru.dev/subnet": "snet"},
			want: "p 10.0.0.0-10.0.0.3 internal subnet snet"},
		{pool: metallbv1beta1.IPAddressPoolSpec{Addresses: []string{"10.0.0.0/30"}}, annotation: map[string]string{"naru.dev/scope": "interal"},
			want: "p public", said: `error NR4108 scope "interal" is neither public nor internal`},
		{pool: metallbv1beta1.IPAddressPoolSpec{Addresses: []string{"192.0.2.1/30"}},
			want: "p 192.0.2.0-192.0.2.3 public", said: "warning NR4108 192.0.2.1/30 is taken for the whole of 192.0.2.0/30"},
		{pool: metallbv1beta1.IPAddressPoolSpec{Addresses: []string{"192.0.2.0/30", "192.0.2.2-192.0.2.5"}},
			want: "p 192.0.2.0-192.0.2.5 public", said: "warning NR4108 ranges of this pool overlap"},
		{pool: metallbv1beta1.IPAddressPoolSpec{}, want: "p public", said: "error NR4108 the pool has no addresses"},
	} {
		pool, fs := metallb.Pool(&metallbv1beta1.IPAddressPool{ObjectMeta: metav1.ObjectMeta{Name: "p", Annotations: c.annotation}, Spec: c.pool})
		if describe(pool) != c.want || said(fs) != c.said || !pool.StrictSharing {
			t.Errorf("got %s\nwant %s\nsaid %s", describe(pool), c.want, said(fs))
		}
	}
}

func TestAPoolAdmitsWhomItsSelectorsMatch(t *testing.T) {
	team := []metav1.LabelSelector{{MatchLabels: map[string]string{"team": "a"}}}
	web := []metav1.LabelSelector{{MatchLabels: map[string]string{"app": "web"}}, {MatchLabels: map[string]string{"app": "dns"}}}
	for _, c := range []struct {
		name    string
		to      metallbv1beta1.ServiceAllocation
		subject ipam.Subject
		admits  bool
	}{
		{"a namespace that is listed", metallbv1beta1.ServiceAllocation{Namespaces: []string{"n"}}, ipam.Subject{Namespace: "n"}, true},
		{"one that is not", metallbv1beta1.ServiceAllocation{Namespaces: []string{"n"}}, ipam.Subject{Namespace: "o"}, false},
		{"a namespace that is selected", metallbv1beta1.ServiceAllocation{NamespaceSelectors: team}, ipam.Subject{Namespace: "o", NamespaceLabels: map[string]string{"team": "a"}}, true},
		{"listed or selected", metallbv1beta1.ServiceAllocation{Namespaces: []string{"n"}, NamespaceSelectors: team}, ipam.Subject{Namespace: "n"}, true},
		{"a selector that matches nobody", metallbv1beta1.ServiceAllocation{NamespaceSelectors: team}, ipam.Subject{Namespace: "n"}, false},
		{"any of the Service selectors", metallbv1beta1.ServiceAllocation{ServiceSelectors: web}, ipam.Subject{ServiceLabels: map[string]string{"app": "dns"}}, true},
		{"none of them", metallbv1beta1.ServiceAllocation{ServiceSelectors: web}, ipam.Subject{}, false},
		{"namespace and Service", metallbv1beta1.ServiceAllocation{Namespaces: []string{"n"}, ServiceSelectors: web}, ipam.Subject{Namespace: "n"}, false},
	} {
		pool, _ := metallb.Pool(&metallbv1beta1.IPAddressPool{Spec: metallbv1beta1.IPAddressPoolSpec{Addresses: []string{"192.0.2.0/30"}, AllocateTo: &c.to}})
		if pool.Admits(c.subject) != c.admits {
			t.Errorf("%s: admits %v", c.name, !c.admits)
		}
	}
}

const oldConfig = `peers:
- my-asn: 64512
  peer-asn: 64512
  peer-address: 10.0.0.1
  hold-time: 90s
  node-selectors: [{match-labels: {a: b}, match-expressions: [{key: k, operator: In, values: [v]}]}]
bgp-communities: {no-advertise: "65535:65282"}
bfd-profiles: [{name: x, receive-interval: 300}]
address-pools:
- name: default
  protocol: layer2
  addresses: [192.0.2.240-192.0.2.250]
- name: My Pool
  protocol: bgp
  auto-assign: false
  avoid-buggy-ips: true
  addresses:
  - 198.51.100.0/24
  bgp-advertisements: [{aggregation-length: 32, localpref: 100, communities: [no-advertise]}]
`

func configMap(text string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "metallb-system", Name: "config"}, Data: map[string]string{"config": text}}
}

func TestTheOldConfigMapIsReadAsItIs(t *testing.T) {
	pool := func(rest string) string {
		return "address-pools:\n- name: a\n  protocol: layer2\n  addresses: [192.0.2.0/30]\n" + rest
	}
	const a = "a 192.0.2.0-192.0.2.3 public"
	for _, c := range []struct{ name, text, want, said string }{
		{"everything", oldConfig, "default 192.0.2.240-192.0.2.250 public\nMy Pool 198.51.100.0-198.51.100.255 public manual avoids .0 and .255",
			"note NR1301 read, but not announced by this data plane: peers, bfd-profiles, bgp-communities, pools with protocol bgp"},
		{"nothing", "", "", ""},
		{"an unknown key of a pool", pool("  auto-asign: true\n"), "a public", `error NR0105 line 5: unknown key "auto-asign", did you mean auto-assign?`},
		{"an unknown key", pool("adress-pools: []\n"), a, `error NR0105 line 5: unknown key "adress-pools", did you mean address-pools?`},
		{"a name twice", pool("- name: a\n  protocol: layer2\n  addresses: [198.51.100.0/30]\n"), a, "error NR4108 line 5: a second pool is named a"},
		{"no name", "address-pools:\n- protocol: layer2\n  addresses: [192.0.2.0/30]\n", "", "error NR4108 line 2: pool 1 has no name"},
		{"no protocol", "address-pools:\n- name: a\n  addresses: [192.0.2.0/30]\n", "a public", "error NR4108 line 2: pool a has no protocol"},
		{"another protocol", "address-pools:\n- name: a\n  protocol: arp\n  addresses: [192.0.2.0/30]\n", "a public", `error NR4108 line 2: protocol "arp" is neither layer2 nor bgp`},
		{"a wrong type", "address-pools:\n- name: a\n  protocol: layer2\n  addresses: 192.0.2.0/30\n", "a public",
			"error NR4108 a pool cannot be read: line 4: cannot unmarshal !!str `192.0.2...` into []string"},
		{"no YAML", "address-pools: [\n", "", "error NR4108 MetalLB's configuration cannot be read: line 1: did not find expected node content"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pools, fs := metallb.ConfigMapPools(configMap(c.text))
			var lines []string
			for _, p := range pools {
				lines = append(lines, describe(p))
			}
			if got := strings.Join(lines, "\n"); got != c.want || said(fs) != c.said {
				t.Errorf("got\n%s\nwant\n%s\nsaid\n%s\nwant\n%s", got, c.want, said(fs), c.said)
			}
			for _, f := range fs {
				if f.Object.Kind != "ConfigMap" || f.Path != `data["config"]` || f.Effect == "" {
					t.Errorf("got %+v", f)
				}
			}
		})
	}
}

func TestTheOldConfigMapIsRecognisedWhereverItIs(t *testing.T) {
	for _, c := range []struct {
		namespace, name, text string
		is                    bool
	}{
		{"metallb-system", "config", "x", true},
		{"lb", "metallb", "address-pools:\n", true},
		{"lb", "metallb", "  \"address-pools\": []\n", true},
		{"lb", "config", "pools: address-pools\n", false},
	} {
		cm := configMap(c.text)
		cm.Namespace, cm.Name = c.namespace, c.name
		if metallb.IsConfigMap(cm) != c.is {
			t.Errorf("%s/%s with %q: %v", c.namespace, c.name, c.text, !c.is)
		}
	}
	if metallb.IsConfigMap(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "metallb-system", Name: "config"}}) {
		t.Error("a ConfigMap without the key is taken for MetalLB's")
	}
}

func FuzzConfigMap(f *testing.F) {
	for _, text := range []string{oldConfig, "address-pools: [\n", "address-pools: &a [*a]\n", "address-pools:\n- &p {name: a}\n- <<: *p\n", "address-pools: [{addresses: [1.2.3.4/0, ::/0, a-b]}]", "? [a]\n: b\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pools, fs := metallb.ConfigMapPools(configMap(text))
		errors := 0
		for _, f := range fs {
			if f.Message == "" || strings.ContainsAny(f.Message, "\n\r") {
				t.Errorf("a message that fits no line: %q", f.Message)
			}
			if f.Severity == finding.Error {
				errors++
			}
		}
		for _, p := range pools {
			if p.Name == "" || len(p.Ranges) == 0 && errors == 0 {
				t.Errorf("got the pool %+v, and nothing is said", p)
			}
			for i, r := range p.Ranges {
				if !r.First.IsValid() || r.Last.Less(r.First) || i > 0 && !p.Ranges[i-1].Last.Less(r.First) {
					t.Errorf("got the ranges %v", p.Ranges)
				}
			}
		}
	})
}
