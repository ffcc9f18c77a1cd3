package explain_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

var now = time.Date(2026, 11, 17, 17, 52, 3, 0, time.UTC)

// world is a plan in the making, and what is seen of it.
type world struct {
	explain.View
	health map[plan.TargetID]observe.Health
}

func newWorld() *world {
	w := &world{health: map[plan.TargetID]observe.Health{}}
	w.Plan, w.Now = plan.New(), now
	return w
}

// served makes what the plan has be served, with probes and counters.
func (w *world) served() *world {
	w.Bindings = map[plan.ListenerKey]observe.Binding{}
	for key := range w.Plan.Listeners {
		w.Bindings[key] = observe.Binding{Key: key, Bound: netip.AddrPortFrom(key.Address, key.Port)}
	}
	w.View.Health = func(id plan.GroupID) map[netip.AddrPort]observe.Health {
		known := map[netip.AddrPort]observe.Health{}
		for t, h := range w.health {
			if t.Group == id {
				known[t.Address] = h
			}
		}
		return known
	}
	w.Target = func(id plan.TargetID) observe.TargetCounters {
		n := uint64(id.Address.Port()) + uint64(id.Address.Addr().As16()[15])
		return observe.TargetCounters{Connections: n, Active: 2, BytesIn: n << 10, BytesOut: n << 14}
	}
	w.Listener = func(plan.ListenerKey) observe.ListenerCounters {
		return observe.ListenerCounters{Connections: 24_260, Active: 6, NoTarget: 3, BytesIn: 24 << 20, BytesOut: 388 << 20}
	}
	return w
}

func (w *world) healthy(g plan.GroupID) {
	for i, t := range w.Plan.Groups[g].Targets {
		w.health[plan.TargetID{Group: g, Address: t.Address}] = observe.Health{
			State: observe.Healthy, Result: observe.L4OK, InARow: 900,
			Since: now.Add(-76*time.Hour - 11*time.Minute), At: now.Add(-2 * time.Second), Took: time.Duration(4+i) * 100 * time.Microsecond,
		}
	}
}

func (w *world) unhealthy(g plan.GroupID, index int, inARow int) {
	t := w.Plan.Groups[g].Targets[index]
	w.health[plan.TargetID{Group: g, Address: t.Address}] = observe.Health{
		State: observe.Unhealthy, Reason: observe.ReasonFailed, Result: observe.L4CON,
		Detail: "connect: connection refused " + t.Address.String(), InARow: inARow, Since: now.Add(-4 * time.Minute), At: now,
	}
}

func target(name, node, address string) plan.Target {
	return plan.Target{Name: name, Node: node, Address: netip.MustParseAddrPort(address), Readiness: plan.Ready}
}

// threePods are one pod on w1 and two on w2.
func threePods() []plan.Target {
	return []plan.Target{
		target("backend-7c9-4kq", "w1", "10.244.1.17:8888"),
		target("backend-7c9-9xz", "w2", "10.244.2.31:8888"),
		target("backend-7c9-h2m", "w2", "10.244.2.40:8888"),
	}
}

// add puts a Service with one listener into the plan; change may make it another one.
func (w *world) add(name plan.ServiceName, at string, change func(*plan.Service, *plan.Listener, *plan.TargetGroup)) plan.GroupID {
	address := netip.MustParseAddrPort(at)
	l := plan.Listener{
		ListenerKey: plan.ListenerKey{Address: address.Addr(), Port: address.Port(), Protocol: plan.TCP},
		Service:     name, IdleTimeout: 4 * time.Minute, ResetOnIdle: true,
	}
	g := plan.TargetGroup{
		Spread: plan.ByPod, Targets: threePods(), WhenAllUnhealthy: plan.FailOpen,
		Probe: &plan.Probe{Kind: plan.ProbeTCP, Interval: 5 * time.Second, UpAfter: 2, DownAfter: 2},
	}
	s := plan.Service{ServiceName: name, Policy: "Cluster", Addresses: []netip.Addr{address.Addr()}}
	if change != nil {
		change(&s, &l, &g)
	}
	if g.ID == (plan.GroupID{}) {
		g.ID = plan.GroupID{Service: name, Port: l.Port, Protocol: l.Protocol, IPv6: l.Address.Is6()}
	}
	l.Routes = []plan.Route{{Group: g.ID, Weight: 1}}
	s.Listeners = append(w.Plan.Services[name].Listeners, l.ListenerKey)
	if more := w.Plan.Services[name].Addresses; len(more) > 0 && more[0] != address.Addr() {
		s.Addresses = append(more, address.Addr())
	}
	w.Plan.Services[name], w.Plan.Listeners[l.ListenerKey], w.Plan.Groups[g.ID] = s, l, g
	w.Plan.Frontends[l.Address] = plan.Frontend{
		Address: l.Address, Scope: plan.Public, Pool: "default", Announce: true, Owners: []plan.ServiceName{name},
	}
	return g.ID
}

func byNode(s *plan.Service, _ *plan.Listener, g *plan.TargetGroup) {
	s.Policy, g.Spread = "Local", plan.ByNode
}

var backend = plan.ServiceName{Namespace: "kimmap", Name: "kimmap-backend-tcp"}

// kimmap adds the Service of azure.md's base case with its named address.
func (w *world) kimmap() plan.GroupID {
	id := w.add(backend, "192.168.1.240:9999", func(s *plan.Service, l *plan.Listener, g *plan.TargetGroup) {
		s.Dialects = []string{"azure"}
		l.PortName = "tcp-client"
		g.Probe.Explicit, g.Probe.From, g.WhenAllUnhealthy = true, "port_9999_health-probe_protocol", plan.FailClosed
	})
	f := w.Plan.Frontends[netip.MustParseAddr("192.168.1.240")]
	f.PublicIP = "rg-network/kimmap-tcp-pip"
	w.Plan.Frontends[f.Address] = f
	return id
}

func about(f finding.Finding, name plan.ServiceName) finding.Finding {
	return f.At(finding.Object{Kind: "Service", Namespace: name.Namespace, Name: name.Name}, "")
}

func manyPods(nodes, each int) []plan.Target {
	var ts []plan.Target
	for n := range nodes {
		for p := range each {
			ts = append(ts, target(fmt.Sprintf("web-%03d", n*each+p), fmt.Sprintf("node-%02d", n), fmt.Sprintf("10.244.%d.%d:8080", n, p+1)))
		}
	}
	return ts
}
