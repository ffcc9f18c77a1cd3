package compile_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/naru-lb/naru/internal/compile"
	"github.com/naru-lb/naru/internal/object"
)

// Whatever happened before, a compiler that starts from what was recorded comes to the same plan: nothing that is served
// depends on the memory of a process.
func TestARestartComesToTheSamePlanAfterAnyHistory(t *testing.T) {
	served := 0
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			s := newStory(t, "base: azure\n")
			for range 40 {
				s.step(map[string][]byte{fmt.Sprintf("%d.yaml", random.IntN(12)): randomDocument(random)})
				checkPlan(t, s.compiler.Plan())
			}
			before := s.compiler.Plan().Clone()
			served += len(before.Listeners)
			s.step(map[string][]byte{"restart": nil})
			for name, svc := range before.Services {
				if svc.Kept {
					// What is kept is the memory of a version that no manifest has any more.
					delete(before.Services, name)
					continue
				}
				now := s.compiler.Plan().Services[name]
				if fmt.Sprint(svc.Addresses, svc.Listeners) != fmt.Sprint(now.Addresses, now.Listeners) {
					t.Errorf("%s had %v and has %v", name, svc.Addresses, now.Addresses)
				}
			}
		})
	}
	if served == 0 {
		t.Error("nothing was served at all")
	}
}

// randomDocument returns a Service, an EndpointSlice, a pool or a PublicIP, or nothing. Pools never overlap: which one is
// used as it was before is the memory of a process, as with Services that are kept.
func randomDocument(r *rand.Rand) []byte {
	name := fmt.Sprintf("s%d", r.IntN(8))
	switch r.IntN(8) {
	case 0:
		return nil
	case 1:
		return fmt.Appendf(nil, "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: %s-1, labels: {kubernetes.io/service-name: %s}}\n"+
			"addressType: IPv4\nports: [{name: \"\", port: 8080}]\nendpoints: [{addresses: [10.0.0.%d], nodeName: n1}]\n", name, name, 1+r.IntN(9))
	case 2:
		i := r.IntN(3)
		return fmt.Appendf(nil, "apiVersion: naru.dev/v1alpha1\nkind: AddressPool\nmetadata: {name: q%d}\nspec: {addresses: [203.0.113.%d/31, \"2001:db8::%d0/127\"]}\n",
			i, 32*i+2*r.IntN(8), i)
	case 3:
		return fmt.Appendf(nil, "apiVersion: naru.dev/v1alpha1\nkind: PublicIP\nmetadata: {name: pip%d}\nspec: {address: 198.51.100.%d}\n", r.IntN(3), r.IntN(6))
	}
	return fmt.Appendf(nil, "apiVersion: v1\nkind: Service\nmetadata:\n  name: %s\n  annotations:\n    example.com/x: z\n    %s\nspec:\n  type: %s\n"+
		"  ipFamilyPolicy: %s\n  ports: [{port: %d}]\n", name, randomAnnotation(r), oneOf(r, "LoadBalancer", "LoadBalancer", "LoadBalancer", "ClusterIP"),
		oneOf(r, "SingleStack", "PreferDualStack", "RequireDualStack"), 80+r.IntN(3))
}

func randomAnnotation(r *rand.Rand) string {
	const azure = "service.beta.kubernetes.io/azure-"
	return oneOf(r, "", "", azure+"load-balancer-internal: \"true\"", azure+"load-balancer-ipv4: 198.51.100.3",
		azure+"load-balancer-health-probe-interval: \"60\"", azure+"pip-name: nobody", azure+"pip-name: pip1",
		"metallb.io/allow-shared-ip: key", "metallb.io/address-pool: q1")
}

func oneOf(r *rand.Rand, texts ...string) string { return texts[r.IntN(len(texts))] }

// A manifest that is missing may only be unreadable, so its Service's address is nobody else's until all are known to be
// read.
func TestARecordedAddressIsHeldUntilItIsForgotten(t *testing.T) {
	one := strings.Replace(pools, "192.0.2.1-192.0.2.4", "192.0.2.1", 1)
	first := compile.New(compile.Options{})
	first.Apply(object.Update{Set: parse(t, one+service("default/gone", ""))})
	c := compile.New(compile.Options{Records: first.Records()})
	c.Apply(object.Update{Set: parse(t, one+service("default/a", ""))})
	if n := len(c.Plan().Frontends); n != 0 {
		t.Fatalf("%d addresses are given, and the only one is recorded for another Service", n)
	}
	if n := len(c.Records()); n != 1 {
		t.Fatalf("%d records, want that of the missing Service", n)
	}
	if got := compiled(c.Forget()); got != "default/a" {
		t.Errorf("compiled %q, want the Service that waits", got)
	}
	if records := c.Records(); len(records) != 1 || records[0].Owner.Name != "a" || records[0].Since.IsZero() {
		t.Errorf("records %v, want that of the Service that has the address now", records)
	}
}

// Writing records costs as much as there are, so it must be known when there is nothing to write.
func TestOnlyWhatChangesRecordsMakesANewEdition(t *testing.T) {
	service := func(name string, port int) []byte {
		return fmt.Appendf(nil, "apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec:\n  type: LoadBalancer\n  ports: [{port: %d}]\n", name, port)
	}
	slice := fmt.Appendf(nil, "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a-1, labels: {kubernetes.io/service-name: a}}\n"+
		"addressType: IPv4\nports: [{name: \"\", port: 8080}]\nendpoints: [{addresses: [10.0.0.1], nodeName: n1}]\n")
	s := newStory(t, "base: azure\n")
	for _, c := range []struct {
		what  string
		files map[string][]byte
		fresh bool
	}{
		{"a Service comes", map[string][]byte{"a.yaml": service("a", 80)}, true},
		{"endpoints come", map[string][]byte{"slice.yaml": slice}, false},
		{"a port changes", map[string][]byte{"a.yaml": service("a", 81)}, false},
		{"nothing changes", map[string][]byte{"a.yaml": service("a", 81)}, false},
		{"another Service comes", map[string][]byte{"b.yaml": service("b", 80)}, true},
		{"it goes", map[string][]byte{"b.yaml": nil}, true},
	} {
		before := s.compiler.Edition()
		s.step(c.files)
		if fresh := s.compiler.Edition() != before; fresh != c.fresh {
			t.Errorf("%s: a new edition is %v, want %v", c.what, fresh, c.fresh)
		}
	}
}
