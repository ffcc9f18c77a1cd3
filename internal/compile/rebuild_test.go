package compile_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Whatever happened before, a compiler that starts from what was recorded comes to the same plan: nothing that is served
// depends on the memory of a process.
func TestARestartComesToTheSamePlanAfterAnyHistory(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			s := newStory(t, "base: azure\n")
			for range 40 {
				s.step(map[string][]byte{fmt.Sprintf("%d.yaml", random.IntN(12)): randomDocument(random)})
				checkPlan(t, s.compiler.Plan())
			}
			before := s.compiler.Plan().Clone()
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
}

func randomDocument(r *rand.Rand) []byte {
	name := fmt.Sprintf("s%d", r.IntN(8))
	switch r.IntN(6) {
	case 0:
		return nil
	case 1:
		return fmt.Appendf(nil, "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: %s-1, labels: {kubernetes.io/service-name: %s}}\n"+
			"addressType: IPv4\nports: [{name: \"\", port: 8080}]\nendpoints: [{addresses: [10.0.0.%d], nodeName: n1}]\n", name, name, 1+r.IntN(9))
	case 2:
		return fmt.Appendf(nil, "apiVersion: naru.dev/v1alpha1\nkind: AddressPool\nmetadata: {name: q%d}\nspec: {addresses: [203.0.113.%d/31]}\n", r.IntN(3), 2*r.IntN(8))
	}
	annotations := []string{"", "", "azure-load-balancer-internal: \"true\"", "azure-load-balancer-ipv4: 198.51.100.3",
		"azure-load-balancer-health-probe-interval: \"60\"", "azure-pip-name: nobody"}[r.IntN(6)]
	if annotations != "" {
		annotations = "service.beta.kubernetes.io/" + annotations
	}
	return fmt.Appendf(nil, "apiVersion: v1\nkind: Service\nmetadata:\n  name: %s\n  annotations:\n    example.com/x: y\n    %s\nspec:\n  type: %s\n  ports: [{port: %d}]\n",
		name, annotations, []string{"LoadBalancer", "LoadBalancer", "LoadBalancer", "ClusterIP"}[r.IntN(4)], 80+r.IntN(3))
}
