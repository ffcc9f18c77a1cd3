package compile

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/ipam"
	"github.com/naru-lb/naru/internal/plan"
)

// Defaults of what no manifest says.
const (
	defaultTCPIdle             = 4 * time.Minute // Azure's; AWS has 350 s
	defaultUDPIdle             = 2 * time.Minute // AWS'
	defaultConnectTimeout      = 5 * time.Second
	defaultDeregistrationDelay = 5 * time.Minute // AWS'
	defaultAffinity            = 3 * time.Hour   // core/v1 ClientIPConfig
)

// unit is the part of the plan that one Service makes.
type unit struct {
	service   plan.Service
	frontends map[netip.Addr]plan.Frontend // without owners: those are known when all Services are done
	listeners map[plan.ListenerKey]plan.Listener
	groups    map[plan.GroupID]plan.TargetGroup
}

// build fills u with what s serves when w is granted.
func (p *pass) build(s *service, w *wish, u *unit, found *[]finding.Finding) {
	u.service.HealthCheckNodePort = uint16(w.svc.Spec.HealthCheckNodePort)
	u.service.DNSLabel, u.service.Tags = p.claimLabel(s, w.intent.DNSLabel, found), w.intent.Tags
	u.frontends = map[netip.Addr]plan.Frontend{}
	u.listeners = map[plan.ListenerKey]plan.Listener{}
	u.groups = map[plan.GroupID]plan.TargetGroup{}
	for _, a := range s.assigned {
		u.frontends[a.Address] = plan.Frontend{Address: a.Address, Scope: a.Scope, Pool: a.Pool, PublicIP: a.PublicIP, Announce: true}
		u.service.Addresses = append(u.service.Addresses, a.Address)
	}
	p.addAdditional(s, w, u, found)
	for i, port := range w.svc.Spec.Ports {
		if w.intent.Ports[uint16(port.Port)].NotServed {
			continue
		}
		for _, addr := range u.service.Addresses {
			p.listen(s, w, u, i, addr, found)
		}
	}
	for k := range u.listeners {
		u.service.Listeners = append(u.service.Listeners, k)
	}
	slices.SortFunc(u.service.Listeners, plan.ListenerKey.Compare)
	*found = append(*found, p.c.endpointFindings(u)...)
}

// addAdditional adds the addresses that somebody else routes here. Those that are given out here have to be asked for: who
// lists one could otherwise take it, or a port of it, from whoever gets it.
func (p *pass) addAdditional(s *service, w *wish, u *unit, found *[]finding.Finding) {
	for _, a := range w.intent.Address.Additional {
		if _, ours := u.frontends[a.Address]; ours {
			continue
		}
		p.c.additional[s.name] = true
		if from := p.c.alloc.Source(a.Address); from != "" {
			f := finding.New(finding.AddressUnavailable, fmt.Sprintf("%s is given out by %s, not routed here by somebody else", a.Address, from)).
				With("This address is not served; the others are.", "Ask for it by azure-load-balancer-ipv4 or -ipv6.")
			f.Path = a.Path
			*found = append(*found, f)
			continue
		}
		u.frontends[a.Address] = plan.Frontend{Address: a.Address, Scope: plan.Public}
		u.service.Addresses = append(u.service.Addresses, a.Address)
	}
}

// listen adds the listener of one port on one address, and its target group if it is the first of its family.
func (p *pass) listen(s *service, w *wish, u *unit, index int, addr netip.Addr, found *[]finding.Finding) {
	port := w.svc.Spec.Ports[index]
	key := plan.ListenerKey{Address: addr, Port: uint16(port.Port), Protocol: protocolOf(port)}
	if holder, taken := p.c.servedBy[key]; taken && holder != s.name {
		f := finding.New(finding.PortConflict, fmt.Sprintf("%s is served by %s already", key, holder))
		f.Path = fmt.Sprintf("spec.ports[%d].port", index)
		*found = append(*found, f)
		p.c.waiting[s.name] = true
		return
	}
	id := plan.GroupID{Service: s.name, Port: key.Port, Protocol: key.Protocol, IPv6: addr.Is6()}
	if _, ok := u.groups[id]; !ok {
		u.groups[id] = p.c.group(w, id, port)
	}
	u.listeners[key] = plan.Listener{
		ListenerKey:  key,
		Service:      s.name,
		PortName:     port.Name,
		NodePort:     uint16(port.NodePort),
		Routes:       []plan.Route{{Group: id, Weight: 1}},
		SourceRanges: w.ranges,
		IdleTimeout:  p.c.idleTimeout(s, w, key.Protocol),
		ResetOnIdle:  key.Protocol == plan.TCP && !w.intent.Traffic.SilentIdle,
	}
}

// claimLabel gives a DNS label to the first Service that asks for it. Another one is served without the name.
func (p *pass) claimLabel(s *service, asked dialect.Name, found *[]finding.Finding) string {
	label := asked.Value
	if label == "" {
		return ""
	}
	if holder, taken := p.c.labels[label]; taken && holder != s.name {
		p.c.waiting[s.name] = true
		f := finding.New(finding.AnnotationConflict, fmt.Sprintf("the DNS label %s belongs to %s already", label, holder)).
			With("The Service is served, without this name.", "Choose another label.")
		f.Path = asked.Path
		*found = append(*found, f)
		return ""
	}
	return label
}

// idleTimeout is what is asked for, else the default. A Service whose address comes from MetalLB's pools behaves as with
// MetalLB, which ends no idle connection.
func (c *Compiler) idleTimeout(s *service, w *wish, proto plan.Protocol) time.Duration {
	switch {
	case proto == plan.UDP:
		return defaultUDPIdle
	case w.intent.Traffic.IdleTimeout != 0:
		return w.intent.Traffic.IdleTimeout
	case slices.ContainsFunc(s.assigned, func(a ipam.Assigned) bool { return c.pools.metallb[a.Pool] }):
		return 0
	}
	return defaultTCPIdle
}

func (c *Compiler) group(w *wish, id plan.GroupID, port corev1.ServicePort) plan.TargetGroup {
	t := w.intent.Traffic
	g := plan.TargetGroup{
		ID:                  id,
		Spread:              plan.ByPod,
		Targets:             c.targets(w, id.Service, port, id.IPv6),
		Probe:               c.probe(w, id.Service, port),
		WhenAllUnhealthy:    plan.FailClosed,
		Affinity:            affinity(w.svc),
		ConnectTimeout:      cmp.Or(t.ConnectTimeout, defaultConnectTimeout),
		DeregistrationDelay: defaultDeregistrationDelay,
	}
	if policyOf(w.svc) == corev1.ServiceExternalTrafficPolicyLocal {
		g.Spread = plan.ByNode
	}
	if g.Probe == nil || !g.Probe.Explicit {
		g.WhenAllUnhealthy = plan.FailOpen
	}
	if t.DelaySet {
		g.DeregistrationDelay = t.DeregistrationDelay
	}
	if id.Protocol == plan.TCP {
		g.ProxyProtocol = t.ProxyProtocol
	}
	return g
}

func affinity(svc *corev1.Service) time.Duration {
	if svc.Spec.SessionAffinity != corev1.ServiceAffinityClientIP {
		return 0
	}
	if cfg := svc.Spec.SessionAffinityConfig; cfg != nil && cfg.ClientIP != nil && cfg.ClientIP.TimeoutSeconds != nil {
		return time.Duration(*cfg.ClientIP.TimeoutSeconds) * time.Second
	}
	return defaultAffinity
}

// endpointFindings says when a Service, or one of its address families, has nothing to send connections to. Endpoints may
// simply not be among the objects that were given, so that is no more than a note unless there are some for other Services.
func (c *Compiler) endpointFindings(u *unit) []finding.Finding {
	var listens, targets [2]bool
	for id, g := range u.groups {
		listens[family(id.IPv6)] = true
		targets[family(id.IPv6)] = targets[family(id.IPv6)] || len(g.Targets) > 0
	}
	lacks := [2]bool{listens[0] && !targets[0], listens[1] && !targets[1]}
	if lacks == ([2]bool{}) {
		return nil
	}
	f := finding.New(finding.NoEndpoints, "the Service has no endpoints")
	switch {
	case targets[0]:
		f.Message = "the Service has no IPv6 endpoints"
	case targets[1]:
		f.Message = "the Service has no IPv4 endpoints"
	case len(c.slices) == 0:
		f = f.As(finding.Note)
	}
	return []finding.Finding{f}
}
