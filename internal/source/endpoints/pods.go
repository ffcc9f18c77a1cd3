package endpoints

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// fromPods derives the slices of a Service from the Pods that its selector matches, as the endpoint slice controller
// does (k8s.io/endpointslice reconciler.go and utils.go).
func (d *Deriver) fromPods(s *service) map[string]*discoveryv1.EndpointSlice {
	g := groups{}
	many := slices.ContainsFunc(s.spec.Spec.Ports, func(p corev1.ServicePort) bool { return p.TargetPort.Type == intstr.String })
	for name, p := range s.members {
		if finished(p.Pod) {
			continue
		}
		ports := podPorts(s.spec, p.Pod)
		for _, family := range familiesOf(s.spec) {
			addresses := addressesOf(p.Pod, family)
			if len(addresses) > 0 {
				g.at(family, ports).byID[name] = d.endpoint(s.spec, p, addresses)
			}
		}
	}
	return d.build(s, g, derivedMark, many)
}

// finished tells whether a Pod has ended for good and gets no more connections.
func finished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// familiesOf returns the address families that a Service has slices of. A Service that names none has those of its
// Pods: which of them is served is decided where its address is.
func familiesOf(svc *corev1.Service) []discoveryv1.AddressType {
	if len(svc.Spec.IPFamilies) == 0 {
		return []discoveryv1.AddressType{discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6}
	}
	families := make([]discoveryv1.AddressType, 0, 2)
	for _, f := range svc.Spec.IPFamilies {
		if !slices.Contains(families, discoveryv1.AddressType(f)) {
			families = append(families, discoveryv1.AddressType(f))
		}
	}
	return families
}

// addressesOf returns the addresses of one family that a Pod has, in the order of its status.
func addressesOf(p *corev1.Pod, family discoveryv1.AddressType) []string {
	ips := p.Status.PodIPs
	if len(ips) == 0 {
		ips = []corev1.PodIP{{IP: p.Status.PodIP}}
	}
	var addresses []string
	for _, ip := range ips {
		if addr, ok := parseAddress(ip.IP); ok && familyOf(addr) == family {
			addresses = append(addresses, addr.String())
		}
	}
	return addresses
}

func parseAddress(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	return addr.Unmap(), err == nil && addr.Zone() == ""
}

func familyOf(addr netip.Addr) discoveryv1.AddressType {
	if addr.Is4() {
		return discoveryv1.AddressTypeIPv4
	}
	return discoveryv1.AddressTypeIPv6
}

// endpoint returns the endpoint that a Pod is.
func (d *Deriver) endpoint(svc *corev1.Service, p *pod, addresses []string) discoveryv1.Endpoint {
	serving := ready(p.Pod)
	terminating := p.DeletionTimestamp != nil
	takes := svc.Spec.PublishNotReadyAddresses || serving && !terminating
	e := discoveryv1.Endpoint{
		Addresses:  addresses,
		Conditions: discoveryv1.EndpointConditions{Ready: &takes, Serving: &serving, Terminating: &terminating},
		TargetRef: &corev1.ObjectReference{
			Kind: "Pod", Namespace: p.key.Namespace, Name: p.key.Name, UID: p.UID,
		},
	}
	if p.Spec.NodeName != "" {
		e.NodeName = &p.Spec.NodeName
	}
	if zone := d.zones[p.Spec.NodeName]; zone != "" {
		e.Zone = &zone
	}
	if p.Spec.Hostname != "" && p.Spec.Subdomain == svc.Name {
		e.Hostname = &p.Spec.Hostname
	}
	return e
}

// ready tells whether a Pod serves. One whose status has no conditions at all was written by hand, and is meant to.
func ready(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return len(p.Status.Conditions) == 0
}

// podPorts returns the ports of a Service as they are on a Pod. Named ones that the Pod does not have are left out.
func podPorts(svc *corev1.Service, p *corev1.Pod) []discoveryv1.EndpointPort {
	ports := make([]discoveryv1.EndpointPort, 0, len(svc.Spec.Ports))
	for i := range svc.Spec.Ports {
		port := &svc.Spec.Ports[i]
		number, ok := targetPort(port, p)
		if !ok {
			continue
		}
		protocol := protocolOf(port.Protocol)
		ports = append(ports, discoveryv1.EndpointPort{
			Name: &port.Name, Protocol: &protocol, Port: &number, AppProtocol: port.AppProtocol,
		})
	}
	return ports
}

// targetPort returns the number of a Service port's target port on a Pod; false if the Pod has no port of that name
// and protocol.
func targetPort(port *corev1.ServicePort, p *corev1.Pod) (int32, bool) {
	switch {
	case port.TargetPort.Type == intstr.Int && port.TargetPort.IntVal != 0:
		return port.TargetPort.IntVal, true
	case port.TargetPort.Type == intstr.Int || port.TargetPort.StrVal == "":
		return port.Port, true
	}
	for declared := range declaredPorts(p) {
		if declared.Name == port.TargetPort.StrVal && protocolOf(declared.Protocol) == protocolOf(port.Protocol) {
			return declared.ContainerPort, true
		}
	}
	return 0, false
}

// declaredPorts yields the ports that the containers of a Pod declare, those of sidecars (init containers that restart
// always, KEP-753) last.
func declaredPorts(p *corev1.Pod) func(yield func(*corev1.ContainerPort) bool) {
	return func(yield func(*corev1.ContainerPort) bool) {
		for i := range p.Spec.Containers {
			for j := range p.Spec.Containers[i].Ports {
				if !yield(&p.Spec.Containers[i].Ports[j]) {
					return
				}
			}
		}
		for i := range p.Spec.InitContainers {
			c := &p.Spec.InitContainers[i]
			if c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways {
				continue
			}
			for j := range c.Ports {
				if !yield(&c.Ports[j]) {
					return
				}
			}
		}
	}
}
