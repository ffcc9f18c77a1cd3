package manifest

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// defaultAffinitySeconds is how long ClientIP affinity lasts if nothing is said (core/v1 ClientIPConfig).
const defaultAffinitySeconds = 10800

// applyDefaults fills in what the API server fills in (kubernetes pkg/apis/*/v1/defaults.go), as far as it does not
// depend on a cluster: address families and node ports stay as they are.
func applyDefaults(value any) {
	switch v := value.(type) {
	case *corev1.Service:
		defaultService(v)
	case *discoveryv1.EndpointSlice:
		defaultEndpointSlice(v)
	//lint:ignore SA1019 legacy manifests have it
	case *corev1.Endpoints:
		defaultEndpoints(v)
	case *corev1.Pod:
		defaultPod(v)
	}
}

func defaultService(s *corev1.Service) {
	spec := &s.Spec
	if spec.Type == "" {
		spec.Type = corev1.ServiceTypeClusterIP
	}
	defaultAffinity(spec)
	for i := range spec.Ports {
		p := &spec.Ports[i]
		if p.Protocol == "" {
			p.Protocol = corev1.ProtocolTCP
		}
		if p.TargetPort == (intstr.IntOrString{}) || p.TargetPort == intstr.FromString("") {
			p.TargetPort = intstr.FromInt32(p.Port)
		}
	}
	external := spec.Type == corev1.ServiceTypeNodePort || spec.Type == corev1.ServiceTypeLoadBalancer ||
		spec.Type == corev1.ServiceTypeClusterIP && len(spec.ExternalIPs) > 0
	if external && spec.ExternalTrafficPolicy == "" {
		spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyCluster
	}
	if spec.InternalTrafficPolicy == nil && spec.Type != corev1.ServiceTypeExternalName {
		cluster := corev1.ServiceInternalTrafficPolicyCluster
		spec.InternalTrafficPolicy = &cluster
	}
	if spec.Type == corev1.ServiceTypeLoadBalancer && spec.AllocateLoadBalancerNodePorts == nil {
		yes := true
		spec.AllocateLoadBalancerNodePorts = &yes
	}
}

func defaultAffinity(spec *corev1.ServiceSpec) {
	switch spec.SessionAffinity {
	case "":
		spec.SessionAffinity = corev1.ServiceAffinityNone
		spec.SessionAffinityConfig = nil
	case corev1.ServiceAffinityNone:
		spec.SessionAffinityConfig = nil
	case corev1.ServiceAffinityClientIP:
		c := spec.SessionAffinityConfig
		if c == nil || c.ClientIP == nil || c.ClientIP.TimeoutSeconds == nil {
			seconds := int32(defaultAffinitySeconds)
			spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: &seconds}}
		}
	}
}

// defaultEndpointSlice also fills in the conditions that are left out, which mean ready, and serving as long as ready
// (discovery/v1 EndpointConditions).
func defaultEndpointSlice(s *discoveryv1.EndpointSlice) {
	tcp, unnamed := corev1.ProtocolTCP, ""
	for i := range s.Ports {
		p := &s.Ports[i]
		if p.Name == nil {
			p.Name = &unnamed
		}
		if p.Protocol == nil {
			p.Protocol = &tcp
		}
	}
	yes := true
	for i := range s.Endpoints {
		c := &s.Endpoints[i].Conditions
		if c.Ready == nil {
			c.Ready = &yes
		}
		if c.Serving == nil {
			serving := *c.Ready
			c.Serving = &serving
		}
	}
}

//lint:ignore SA1019 legacy manifests have Endpoints
func defaultEndpoints(e *corev1.Endpoints) {
	for i := range e.Subsets {
		for j := range e.Subsets[i].Ports {
			if p := &e.Subsets[i].Ports[j]; p.Protocol == "" {
				p.Protocol = corev1.ProtocolTCP
			}
		}
	}
}

func defaultPod(p *corev1.Pod) {
	for _, containers := range [][]corev1.Container{p.Spec.Containers, p.Spec.InitContainers} {
		for i := range containers {
			for j := range containers[i].Ports {
				if port := &containers[i].Ports[j]; port.Protocol == "" {
					port.Protocol = corev1.ProtocolTCP
				}
			}
		}
	}
}
