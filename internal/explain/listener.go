package explain

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/ring"
)

// describe returns what there is to say about a listener, with its groups taken from the given ones.
func describe(v View, l plan.Listener, groups map[plan.GroupID]plan.TargetGroup) Listener {
	d := Listener{
		ListenerKey: l.ListenerKey, PortName: l.PortName,
		Binding:      bindingOf(v, l.ListenerKey),
		SourceRanges: l.SourceRanges,
		IdleSeconds:  int(l.IdleTimeout / time.Second), ResetOnIdle: l.ResetOnIdle,
		Targets: []Target{},
		Nobody:  "there is no target group",
	}
	f := v.Plan.Frontends[l.Address]
	d.Scope, d.Pool, d.PublicIP = f.Scope, f.Pool, f.PublicIP
	if v.Listener != nil {
		d.Counters = v.Listener(l.ListenerKey)
	}
	for i, part := range routeParts(l.Routes) {
		if g, ok := groups[l.Routes[i].Group]; ok {
			d.addGroup(v, &g, part)
		}
	}
	d.State = d.state(v.Bindings != nil)
	return d
}

func bindingOf(v View, key plan.ListenerKey) Binding {
	b := v.Bindings[key]
	return Binding{b.Bound, b.Problem, b.Detail}
}

// routeParts returns what part of the connections each route gets. The weight of a single route means nothing but for 0.
func routeParts(routes []plan.Route) []float64 {
	var total float64
	for _, r := range routes {
		total += float64(r.Weight)
	}
	parts := make([]float64, len(routes))
	for i, r := range routes {
		if total > 0 {
			parts[i] = float64(r.Weight) / total
		}
	}
	return parts
}

// addGroup adds the targets of a group that gets a part of the listener's connections.
func (l *Listener) addGroup(v View, g *plan.TargetGroup, part float64) {
	health := healthOf(v, g)
	selection := ring.Select(g, func(a netip.AddrPort) observe.State { return health[a].State })
	table := ring.Build(g, selection)
	slots := table.Slots()
	l.Spread, l.ProxyProtocol = g.Spread, g.ProxyProtocol
	l.AffinitySeconds = int(g.Affinity / time.Second)
	l.Probe = Probe{Text: g.Probe.String(), None: g.Probe == nil}
	if g.Probe != nil {
		l.Probe.From, l.Probe.Explicit = g.Probe.From, g.Probe.Explicit
	}
	l.FailedOpen = l.FailedOpen || selection.FailedOpen
	l.Fallback = l.Fallback || selection.Fallback
	if len(l.Targets) == 0 || selection.Reason == "" {
		l.Nobody = selection.Reason
	}
	l.Slots += table.Size()
	for i := range g.Targets {
		t := l.target(v, g, i, health)
		if slots != nil && slots[i] > 0 && part > 0 {
			t.Eligible, t.Slots = true, slots[i]
			t.Share = part * float64(slots[i]) / float64(table.Size())
		}
		l.Targets = append(l.Targets, t)
	}
}

// healthOf returns what is known of a group's targets. Where nothing is probed they are taken to be healthy.
func healthOf(v View, g *plan.TargetGroup) map[netip.AddrPort]observe.Health {
	if v.Health != nil {
		return v.Health(g.ID)
	}
	all := map[netip.AddrPort]observe.Health{}
	for _, t := range g.Targets {
		all[t.Address] = observe.Health{State: observe.Healthy}
	}
	return all
}

func (l *Listener) target(v View, g *plan.TargetGroup, i int, health map[netip.AddrPort]observe.Health) Target {
	from := &g.Targets[i]
	t := Target{
		Name: from.Name, Node: from.Node, Zone: from.Zone, Address: from.Address, Group: g.ID,
		Readiness: from.Readiness, Excluded: from.Excluded,
	}
	if v.Health != nil && g.Probe != nil {
		h := health[t.Address]
		h.State = cmp.Or(h.State, observe.Initial)
		t.Health = &h
		if h.State == observe.Unhealthy {
			t.Try = tryProbe(g.Probe, from)
		}
	}
	if v.Target != nil {
		c := v.Target(plan.TargetID{Group: g.ID, Address: t.Address})
		t.Counters = &c
	}
	return t
}

// state tells how well the listener is served.
func (l *Listener) state(served bool) State {
	switch {
	case !served:
		return Planned
	case !l.Bound.IsValid() || l.Nobody != "":
		return Down
	case l.FailedOpen || l.Fallback:
		return Degraded
	}
	for i := range l.Targets {
		if t := &l.Targets[i]; t.Readiness == plan.Ready && t.Excluded == "" && !t.Eligible {
			return Degraded
		}
	}
	return Serving
}
