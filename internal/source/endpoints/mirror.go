package endpoints

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

//lint:file-ignore SA1019 Endpoints are deprecated, but manifests have them.

// legacyEndpoints are endpoints as they were before EndpointSlices.
type legacyEndpoints = corev1.Endpoints

// leaderAnnotation marks Endpoints that are a lock and no endpoints.
const leaderAnnotation = "control-plane.alpha.kubernetes.io/leader"

// mirrored tells whether Endpoints are to become slices (endpointslicemirroring, shouldMirror).
func mirrored(e *legacyEndpoints) bool {
	_, lock := e.Annotations[leaderAnnotation]
	return !lock && e.Labels[discoveryv1.LabelSkipMirror] != "true"
}

// mirror makes slices of the Endpoints of a Service, as the mirroring controller does (endpointslicemirroring
// reconciler.go and utils.go): one for each list of ports and family. Subsets with the same ports are one; an address
// that is both ready and not ready in them is not.
func (d *Deriver) mirror(s *service) map[string]*discoveryv1.EndpointSlice {
	g := groups{}
	for i := range s.legacy.Subsets {
		subset := &s.legacy.Subsets[i]
		ports := subsetPorts(subset)
		for j := range subset.Addresses {
			g.addAddress(ports, &subset.Addresses[j], true)
		}
		for j := range subset.NotReadyAddresses {
			g.addAddress(ports, &subset.NotReadyAddresses[j], false)
		}
	}
	return d.build(s, g, mirroredMark, len(s.legacy.Subsets) > 1)
}

func (g groups) addAddress(ports []discoveryv1.EndpointPort, a *corev1.EndpointAddress, ready bool) {
	addr, ok := parseAddress(a.IP)
	if !ok {
		return
	}
	group, id := g.at(familyOf(addr), ports), addr.String()
	if was, twice := group.byID[id]; twice && !*was.Conditions.Ready {
		return
	}
	e := discoveryv1.Endpoint{
		Addresses:  []string{id},
		Conditions: discoveryv1.EndpointConditions{Ready: &ready},
		TargetRef:  a.TargetRef,
		NodeName:   a.NodeName,
	}
	if a.Hostname != "" {
		e.Hostname = &a.Hostname
	}
	group.byID[id] = e
}

// subsetPorts returns the ports of a subset in order of name, protocol and number.
func subsetPorts(subset *corev1.EndpointSubset) []discoveryv1.EndpointPort {
	ports := make([]discoveryv1.EndpointPort, 0, len(subset.Ports))
	for i := range subset.Ports {
		p := &subset.Ports[i]
		protocol := protocolOf(p.Protocol)
		ports = append(ports, discoveryv1.EndpointPort{Name: &p.Name, Protocol: &protocol, Port: &p.Port, AppProtocol: p.AppProtocol})
	}
	slices.SortFunc(ports, func(a, b discoveryv1.EndpointPort) int {
		return cmp.Or(cmp.Compare(*a.Name, *b.Name), cmp.Compare(*a.Protocol, *b.Protocol), cmp.Compare(*a.Port, *b.Port))
	})
	return ports
}
