package explain

import (
	"fmt"
	"net/netip"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/ring"
)

// pick says for each listener that a client can reach which target it gets. Only listeners of the client's address
// family are reached by it.
func (d *Document) pick(v View, client netip.AddrPort) error {
	client = netip.AddrPortFrom(client.Addr().Unmap().WithZone(""), client.Port())
	reached := len(d.Listeners) == 0
	for i := range d.Listeners {
		l := &d.Listeners[i]
		if l.Address.Is4() == client.Addr().Is4() {
			l.From = l.pickFor(d.groups(v), v, client)
			reached = true
		}
	}
	if !reached {
		return fmt.Errorf("it has no address of the family of the client %s", client.Addr())
	}
	return nil
}

// pickFor runs the ring for one client, as the data plane does.
func (l *Listener) pickFor(groups map[plan.GroupID]plan.TargetGroup, v View, client netip.AddrPort) *Pick {
	p := &Pick{Client: client, AnyPort: l.AffinitySeconds > 0}
	routes := v.Plan.Listeners[l.ListenerKey].Routes
	switch {
	case !admits(l.SourceRanges, client.Addr()):
		p.Refused, p.AnyPort = true, true
		return p
	case l.Nobody != "":
		return p
	case len(routes) != 1 || !p.AnyPort && client.Port() == 0:
		p.ByShare, p.AnyPort = true, false
		return p
	}
	g := groups[routes[0].Group]
	health := healthOf(v, &g)
	table := ring.Build(&g, ring.Select(&g, func(a netip.AddrPort) observe.State { return health[a].State }))
	hash := ring.FlowHash(client, l.ListenerKey)
	if p.AnyPort {
		hash = ring.ClientHash(client.Addr())
	}
	if t := table.Pick(hash); t >= 0 {
		p.Target, p.Name = g.Targets[t].Address, g.Targets[t].Name
	}
	return p
}

// admits tells whether source ranges let a client in. Nil lets everybody in.
func admits(ranges []netip.Prefix, client netip.Addr) bool {
	if ranges == nil {
		return true
	}
	for _, r := range ranges {
		if r.Contains(client) || r.Addr().Is4In6() && r.Contains(netip.AddrFrom16(client.As16())) {
			return true
		}
	}
	return false
}
