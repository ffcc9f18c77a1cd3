package compile

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/plan"
)

// What a probe is where nothing else is asked for: a TCP connection every 5 s, two results in a row to change (Azure's
// default for externalTrafficPolicy Cluster). The longest time to wait for an answer is Azure's.
const (
	defaultProbeInterval  = 5 * time.Second
	defaultProbeThreshold = 2
	maxProbeTimeout       = 30 * time.Second
)

// probe returns the probe of one port of a Service, nil if readiness alone decides.
//
// A probe that an annotation asks for is explicit, and obeyed. One that comes from appProtocol or from nothing at all is
// implicit, and ignored if no target passes it. Both externalTrafficPolicies have the same rules.
func (c *Compiler) probe(w *wish, name plan.ServiceName, port corev1.ServicePort) *plan.Probe {
	own, all := w.intent.Ports[uint16(port.Port)], w.intent.Probe
	udp := protocolOf(port) == plan.UDP
	if own.NoProbe || udp && own.Probe.Kind == "" {
		return nil
	}
	p := &plan.Probe{
		Interval: cmp.Or(own.Probe.Interval, all.Interval, defaultProbeInterval),
		UpAfter:  cmp.Or(own.Probe.Threshold, all.Threshold, defaultProbeThreshold),
	}
	p.DownAfter = p.UpAfter
	p.Timeout = min(p.Interval, maxProbeTimeout)
	p.Kind, p.From = probeKind(own.Probe, all, port)
	p.Explicit = own.Probe.Kind != "" || own.Probe.Path != "" || own.Probe.PortName != "" || own.Probe.PortNumber != 0 ||
		all.Path != "" || p.From == all.From && all.Kind != ""
	switch p.Kind {
	case plan.ProbeHTTP, plan.ProbeHTTPS:
		p.Path = cmp.Or(own.Probe.Path, all.Path, "/")
		p.Host = cmp.Or(own.Probe.Host, all.Host)
		p.MinStatus, p.MaxStatus = 200, 200
	case plan.ProbeGRPC:
		p.Path = cmp.Or(own.Probe.Path, all.Path)
	}
	if !c.aim(p, w, name, port, cmp.Or(own.Probe.PortName, all.PortName), cmp.Or(own.Probe.PortNumber, all.PortNumber)) {
		return nil
	}
	if p.Port == 0 {
		p.ProxyProtocol = w.intent.Traffic.ProxyProtocol
	}
	return p
}

// probeKind returns what a probe speaks and which setting says so: the port's own annotation, else appProtocol, else
// the annotation for all ports.
func probeKind(own, all dialect.ProbeIntent, port corev1.ServicePort) (plan.ProbeKind, string) {
	if own.Kind != "" {
		return own.Kind, own.From
	}
	if port.AppProtocol != nil {
		switch strings.ToLower(*port.AppProtocol) {
		case "http":
			return plan.ProbeHTTP, "appProtocol: http"
		case "https":
			return plan.ProbeHTTPS, "appProtocol: https"
		}
	}
	if all.Kind != "" {
		return all.Kind, all.From
	}
	return plan.ProbeTCP, ""
}

// aim sets which port is probed. A port of the Service, by name, number or node port, stands for the pods' port behind
// it, so that the pod is tested and not the node. Any other number is a port of the node. It returns false for the
// health check node port: what that would answer is known from the endpoints.
func (c *Compiler) aim(p *plan.Probe, w *wish, name plan.ServiceName, port corev1.ServicePort, wantName string, wantNumber uint16) bool {
	if wantName == "" && wantNumber == 0 {
		return true
	}
	ports := w.svc.Spec.Ports
	i := slices.IndexFunc(ports, func(q corev1.ServicePort) bool {
		return wantName != "" && strings.EqualFold(q.Name, wantName) || wantNumber != 0 && int32(wantNumber) == q.Port
	})
	if i < 0 && wantNumber != 0 {
		i = slices.IndexFunc(ports, func(q corev1.ServicePort) bool { return int32(wantNumber) == q.NodePort })
	}
	switch {
	case i >= 0 && ports[i].Port == port.Port:
	case i >= 0:
		p.Port = c.podPort(name, ports[i])
	case int32(wantNumber) == w.svc.Spec.HealthCheckNodePort:
		return false
	default:
		p.Port, p.OnNode = wantNumber, true
	}
	return true
}

// podPort returns the number that a port of the Service has on the pods, 0 if no endpoint tells.
func (c *Compiler) podPort(name plan.ServiceName, port corev1.ServicePort) uint16 {
	if n := targetPort(port); n != 0 {
		return uint16(n)
	}
	var lowest uint16
	for _, slice := range c.slices[name] {
		if slice.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		if n := slicePort(slice, port); n != 0 && (lowest == 0 || n < lowest) {
			lowest = n
		}
	}
	return lowest
}
