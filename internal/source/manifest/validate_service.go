package manifest

import (
	"fmt"
	"net/netip"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// serviceRules follow kubernetes pkg/apis/core/validation ValidateService. What depends on several fields stands
// below; loadBalancerSourceRanges and headless Services are judged where they are served.
var serviceRules = []rule{
	{path: "spec", required: true},
	{path: "spec.type", values: []string{"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"}},
	{path: "spec.externalTrafficPolicy", values: trafficPolicies},
	{path: "spec.internalTrafficPolicy", values: trafficPolicies},
	{path: "spec.sessionAffinity", values: []string{"None", "ClientIP"}},
	{path: "spec.sessionAffinityConfig.clientIP.timeoutSeconds", test: between(1, 86400)},
	{path: "spec.ipFamilyPolicy", values: []string{"SingleStack", "PreferDualStack", "RequireDualStack"}},
	{path: "spec.ipFamilies[]", values: []string{"IPv4", "IPv6"}},
	{path: "spec.trafficDistribution", values: []string{"PreferClose", "PreferSameZone", "PreferSameNode"}},
	{path: "spec.ports[].port", required: true, test: portNumber},
	{path: "spec.ports[].protocol", values: protocols},
	{path: "spec.ports[].targetPort", test: portOrName},
	{path: "spec.ports[].nodePort", test: between(0, 65535)},
	{path: "spec.ports[].name", test: dnsLabel},
	{path: "spec.ports[].appProtocol", test: qualified},
	{path: "spec.healthCheckNodePort", test: between(0, 65535)},
	{path: "spec.loadBalancerClass", test: qualified},
	{path: "spec.clusterIP", test: clusterIP},
	{path: "spec.clusterIPs[]", test: clusterIP},
	{path: "spec.externalIPs[]", test: address},
	{path: "spec.externalName", test: subdomain},
	{path: "spec.selector.*", test: qualified},
}

var (
	trafficPolicies = []string{"Cluster", "Local"}
	protocols       = []string{"TCP", "UDP", "SCTP"}
)

// between returns the test for whole numbers from low to high.
func between(low, high int64) func(string) string {
	return func(s string) string {
		if n, err := strconv.ParseInt(s, 10, 64); err != nil || n < low || n > high {
			return fmt.Sprintf("must be from %d to %d", low, high)
		}
		return ""
	}
}

func portNumber(s string) string { return between(1, 65535)(s) }

// portOrName tests a port number or the name of a port (RFC 6335, 5.1).
func portOrName(s string) string {
	if _, err := strconv.ParseInt(s, 10, 64); err == nil {
		return portNumber(s)
	}
	return portName(s)
}

func portName(s string) string {
	if len(validation.IsValidPortName(s)) == 0 {
		return ""
	}
	return "must be a-z, 0-9, -, at most 15, a letter within"
}

func address(s string) string {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return ""
	}
	return "must be an address, IPv4 or IPv6"
}

func clusterIP(s string) string {
	if s == corev1.ClusterIPNone {
		return ""
	}
	return address(s)
}

// service checks what depends on more than one field of a Service.
func (d *decoder) service(s *corev1.Service) {
	spec := Path{{Name: "spec"}}
	ports := spec.Field("ports")
	if len(s.Spec.Ports) == 0 && s.Spec.Type != corev1.ServiceTypeExternalName && s.Spec.ClusterIP != corev1.ClusterIPNone {
		if exists(d.root, ports) {
			d.invalid(ports, "'ports' must not be empty", "ports:\n- port: 80")
		} else if exists(d.root, spec) {
			d.missing(spec, "ports", "ports:\n- port: 80")
		}
	}
	if s.Spec.Type == corev1.ServiceTypeExternalName && s.Spec.ExternalName == "" {
		d.missing(spec, "externalName", "externalName: name.example.com")
	}
	d.servicePorts(s, ports)
	d.serviceFamilies(s, spec)
	d.serviceOnlyFor(s, spec)
}

func (d *decoder) servicePorts(s *corev1.Service, ports Path) {
	type endpoint struct {
		protocol corev1.Protocol
		port     int32
	}
	seen, nodePorts, names := map[endpoint]int{}, map[endpoint]int{}, map[string]int{}
	for i, p := range s.Spec.Ports {
		at := ports.Item(i)
		if len(s.Spec.Ports) > 1 && p.Name == "" {
			d.invalid(at.Field("name"), fmt.Sprintf("port %d needs a name: the Service has several ports", p.Port), "name: port-"+strconv.Itoa(int(p.Port)))
		}
		if first, twice := names[p.Name]; twice && p.Name != "" {
			d.invalid(at.Field("name"), fmt.Sprintf("the name %q is that of spec.ports[%d] too", clip(p.Name), first), "Give each port a name of its own.")
		} else {
			names[p.Name] = i
		}
		e := endpoint{p.Protocol, p.Port}
		if first, twice := seen[e]; twice && p.Port != 0 {
			d.invalid(at.Field("port"), fmt.Sprintf("%d/%s is spec.ports[%d] too", p.Port, clip(string(p.Protocol)), first), "Give each port another number or protocol.")
		} else {
			seen[e] = i
		}
		d.nodePort(s, at, p)
		if n := (endpoint{p.Protocol, p.NodePort}); p.NodePort != 0 {
			if first, twice := nodePorts[n]; twice {
				d.invalid(at.Field("nodePort"), fmt.Sprintf("node port %d is that of spec.ports[%d] too", p.NodePort, first), "Give each port another node port.")
			}
			nodePorts[n] = i
		}
	}
}

func (d *decoder) nodePort(s *corev1.Service, at Path, p corev1.ServicePort) {
	if p.NodePort != 0 && s.Spec.Type == corev1.ServiceTypeClusterIP {
		d.invalid(at.Field("nodePort"), "'nodePort' needs a Service of type NodePort or LoadBalancer", "Remove the field, or set type: NodePort.")
	}
}

func (d *decoder) serviceFamilies(s *corev1.Service, spec Path) {
	families := s.Spec.IPFamilies
	at := spec.Field("ipFamilies")
	switch {
	case len(families) > 2:
		d.invalid(at, "'ipFamilies' has at most two entries, IPv4 and IPv6", "ipFamilies: [IPv4, IPv6]")
	case len(families) == 2 && families[0] == families[1]:
		d.invalid(at.Item(1), fmt.Sprintf("%s is listed twice", clip(string(families[1]))), "ipFamilies: [IPv4, IPv6]")
	case len(families) == 2 && s.Spec.IPFamilyPolicy != nil && *s.Spec.IPFamilyPolicy == corev1.IPFamilyPolicySingleStack:
		d.invalid(spec.Field("ipFamilyPolicy"), "SingleStack contradicts the two ipFamilies", "ipFamilyPolicy: PreferDualStack")
	}
}

// serviceOnlyFor reports fields that the Service's type does not have.
func (d *decoder) serviceOnlyFor(s *corev1.Service, spec Path) {
	balanced := s.Spec.Type == corev1.ServiceTypeLoadBalancer
	external := balanced || s.Spec.Type == corev1.ServiceTypeNodePort || len(s.Spec.ExternalIPs) > 0
	only := func(field, what string, wrong bool) {
		if wrong {
			d.invalid(spec.Field(field), fmt.Sprintf("'%s' needs a Service %s", field, what), "Remove the field, or set type: LoadBalancer.")
		}
	}
	only("externalTrafficPolicy", "that is reached from outside", s.Spec.ExternalTrafficPolicy != "" && !external)
	only("loadBalancerClass", "of type LoadBalancer", s.Spec.LoadBalancerClass != nil && !balanced)
	only("allocateLoadBalancerNodePorts", "of type LoadBalancer", s.Spec.AllocateLoadBalancerNodePorts != nil && !balanced)
	only("loadBalancerSourceRanges", "of type LoadBalancer", len(s.Spec.LoadBalancerSourceRanges) > 0 && !balanced)
	local := s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
	only("healthCheckNodePort", "of type LoadBalancer with policy Local", s.Spec.HealthCheckNodePort != 0 && !(balanced && local))
}
