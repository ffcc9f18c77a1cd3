package compile

import (
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/naru-lb/naru/internal/plan"
)

// targets returns the targets of one port of a Service for one address family, in order of their addresses.
func (c *Compiler) targets(w *wish, name plan.ServiceName, port corev1.ServicePort, v6 bool) []plan.Target {
	byAddress := map[netip.AddrPort]plan.Target{}
	local := policyOf(w.svc) == corev1.ServiceExternalTrafficPolicyLocal
	for _, slice := range c.slices[name] {
		if !ofFamily(slice, v6) {
			continue
		}
		number := slicePort(slice, port)
		if number == 0 {
			continue
		}
		for i := range slice.Endpoints {
			t, ok := c.endpointTarget(&slice.Endpoints[i], number, v6, local)
			if !ok {
				continue
			}
			if w.svc.Spec.PublishNotReadyAddresses && t.Readiness == plan.NotReady {
				t.Readiness = plan.Ready
			}
			if was, twice := byAddress[t.Address]; !twice || preferred(t, was) {
				byAddress[t.Address] = t
			}
		}
	}
	targets := slices.AppendSeq(make([]plan.Target, 0, len(byAddress)), maps.Values(byAddress))
	slices.SortFunc(targets, func(a, b plan.Target) int { return a.Address.Compare(b.Address) })
	return targets
}

// preferred decides which of two endpoints with one address counts: slices may overlap while endpoints move from one
// to another (KEP-752), and the ready one is the newer. The rest is for the same answer in every order.
func preferred(a, b plan.Target) bool {
	if a.Readiness != b.Readiness {
		return rank(a.Readiness) < rank(b.Readiness)
	}
	return a.Name < b.Name || a.Name == b.Name && a.Node < b.Node
}

func rank(r plan.Readiness) int {
	return slices.Index([]plan.Readiness{plan.Ready, plan.Terminating, plan.NotReady}, r)
}

func ofFamily(slice *discoveryv1.EndpointSlice, v6 bool) bool {
	if v6 {
		return slice.AddressType == discoveryv1.AddressTypeIPv6
	}
	return slice.AddressType == discoveryv1.AddressTypeIPv4
}

// slicePort returns the number that a Service's port has in a slice, 0 if it has none. The names of the two are equal
// (discovery/v1 EndpointPort). A port without a number stands for all ports, so the Service's target port is meant.
func slicePort(slice *discoveryv1.EndpointSlice, port corev1.ServicePort) uint16 {
	for _, p := range slice.Ports {
		name, proto := "", plan.TCP
		if p.Name != nil {
			name = *p.Name
		}
		if p.Protocol != nil {
			proto = plan.Protocol(*p.Protocol)
		}
		if name != port.Name || proto != protocolOf(port) {
			continue
		}
		number := targetPort(port)
		if p.Port != nil {
			number = *p.Port
		}
		if number < 1 || number > 65535 {
			return 0
		}
		return uint16(number)
	}
	return 0
}

// targetPort returns the number of a port's target port, 0 if it is a name.
func targetPort(port corev1.ServicePort) int32 {
	switch {
	case port.TargetPort.StrVal != "":
		return 0
	case port.TargetPort.IntVal != 0:
		return port.TargetPort.IntVal
	}
	return port.Port
}

// endpointTarget returns the target that an endpoint is, false if it has no address of the family. A slice may list
// more than one address of an endpoint, but only the first is defined to be used (KEP-752).
func (c *Compiler) endpointTarget(e *discoveryv1.Endpoint, port uint16, v6, local bool) (plan.Target, bool) {
	if len(e.Addresses) == 0 {
		return plan.Target{}, false
	}
	addr, err := netip.ParseAddr(e.Addresses[0])
	if err != nil || addr.Is6() != v6 {
		return plan.Target{}, false
	}
	t := plan.Target{Address: netip.AddrPortFrom(addr, port), Name: addr.String(), Readiness: readinessOf(e.Conditions)}
	if e.TargetRef != nil && e.TargetRef.Name != "" {
		t.Name = e.TargetRef.Name
	}
	if e.NodeName != nil {
		t.Node = *e.NodeName
	}
	n := c.nodes[t.Node]
	t.Zone, t.NodeAddress = n.zone, n.addresses[family(v6)]
	if e.Zone != nil {
		t.Zone = *e.Zone
	}
	if local && n.excluded {
		t.Excluded = "node " + t.Node + " is labelled " + corev1.LabelNodeExcludeBalancers
	}
	return t, true
}

// readinessOf reads the conditions as consumers have to: what is not said counts as ready and serving.
func readinessOf(c discoveryv1.EndpointConditions) plan.Readiness {
	ready := c.Ready == nil || *c.Ready
	serving := c.Serving == nil && ready || c.Serving != nil && *c.Serving
	terminating := c.Terminating != nil && *c.Terminating
	switch {
	case ready && !terminating:
		return plan.Ready
	case terminating && (serving || ready):
		return plan.Terminating
	}
	return plan.NotReady
}
