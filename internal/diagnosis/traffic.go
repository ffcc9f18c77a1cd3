package diagnosis

import (
	"fmt"
	"strconv"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/plan"
)

// Traffic returns what is good to know of the way that a group's connections take, whatever its targets' health.
func Traffic(g *plan.TargetGroup) []finding.Finding {
	if g.Spread != plan.ByNode {
		return nil
	}
	var found []finding.Finding
	most, least := nodesByTargets(g)
	if most.targets > least.targets {
		times := strconv.FormatFloat(float64(most.targets)/float64(least.targets), 'g', 2, 64)
		f := finding.New(finding.UnevenByNode, fmt.Sprintf("a pod on %s gets %s times the connections of one on %s", least.name, times, most.name))
		found = append(found, f.With("With externalTrafficPolicy: Local every node gets the same share, however many pods it has.",
			"Spread the pods evenly over the nodes, or use externalTrafficPolicy: Cluster"))
	}
	if g.ID.Protocol == plan.TCP && g.ProxyProtocol == plan.ProxyNone {
		found = append(found, finding.New(finding.AddressHidden, "the pods see the relay's address, although externalTrafficPolicy: Local asks for the client's").
			With("Logs and filters of the pods see the address of this machine.", `naru.dev/proxy-protocol: "v2"   if the pods understand it`))
	}
	for i := range found {
		found[i].Object, found[i].Path = object(g.ID.Service), "spec.externalTrafficPolicy"
	}
	return found
}

// nodeTargets is a node and how many targets of a group it has.
type nodeTargets struct {
	name    string
	targets int
}

// nodesByTargets returns the nodes with the most and the fewest targets that may get connections; of equals the first by
// name.
func nodesByTargets(g *plan.TargetGroup) (most, least nodeTargets) {
	on := map[string]int{}
	for _, t := range g.Targets {
		if t.Readiness == plan.Ready && t.Excluded == "" {
			on[t.Node]++
		}
	}
	for name, n := range on {
		if n > most.targets || n == most.targets && name < most.name {
			most = nodeTargets{name, n}
		}
		if least.targets == 0 || n < least.targets || n == least.targets && name < least.name {
			least = nodeTargets{name, n}
		}
	}
	return most, least
}
