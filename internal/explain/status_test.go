package explain_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

func name(namespace, n string) plan.ServiceName {
	return plan.ServiceName{Namespace: namespace, Name: n}
}

// town is a world in which something of everything is wrong.
func town() *world {
	w := newWorld()
	kimmap := w.kimmap()
	w.healthy(w.add(name("shop", "web"), "192.168.1.241:80", byNode))
	w.healthy(w.add(name("shop", "web"), "[2001:db8::241]:80", byNode))
	w.add(name("qa", "dns"), "192.168.1.242:53", func(_ *plan.Service, l *plan.Listener, g *plan.TargetGroup) {
		l.Protocol, g.Probe = plan.UDP, nil
		g.Targets[0].Readiness, g.Targets[1].Readiness = plan.NotReady, plan.Terminating
	})
	w.healthy(w.add(name("qa", "taken"), "192.168.1.243:443", nil))
	w.healthy(w.add(name("qa", "half"), "192.168.1.244:443", nil))
	w.add(name("qa", "empty"), "192.168.1.245:443", func(_ *plan.Service, _ *plan.Listener, g *plan.TargetGroup) { g.Targets = nil })
	w.Plan.Services[name("qa", "mysql-lb")] = plan.Service{ServiceName: name("qa", "mysql-lb"), Policy: "Cluster", Pending: "no pool has a free IPv4 address"}
	w.Plan.Services[name("qa", "clash")] = plan.Service{ServiceName: name("qa", "clash"), Policy: "Cluster", Addresses: []netip.Addr{netip.MustParseAddr("192.168.1.240")}}
	extra := netip.MustParseAddr("203.0.113.9")
	w.Plan.Frontends[extra] = plan.Frontend{Address: extra, Scope: plan.Public}
	w.served()
	for i := range 3 {
		w.unhealthy(kimmap, i, 48)
	}
	w.unhealthy(plan.GroupID{Service: name("qa", "half"), Port: 443, Protocol: plan.TCP}, 0, 3)
	bind := func(at, bound string, p observe.Problem, detail string) {
		a := netip.MustParseAddrPort(at)
		key := plan.ListenerKey{Address: a.Addr(), Port: a.Port(), Protocol: plan.TCP}
		b := observe.Binding{Key: key, Problem: p, Detail: detail}
		if bound != "" {
			b.Bound = netip.MustParseAddrPort(bound)
		}
		w.Bindings[key] = b
	}
	bind("192.168.1.241:80", "192.168.1.241:8080", observe.PortMapped, "port 80 needs CAP_NET_BIND_SERVICE or root: served on 192.168.1.241:8080")
	bind("192.168.1.243:443", "", observe.PortTaken, "another program has 192.168.1.243:443/TCP")
	w.PoolSizes = map[string]uint64{"default": 11, "snet-lb": 62, "huge": 1 << 63}
	exposing := about(finding.New(finding.AnnotationUnknown, "unknown annotation azure-load-balancer-internl"), name("shop", "web"))
	exposing.Exposes = true
	file := finding.New(finding.NotYAML, "did not find expected key")
	file.Place = finding.Place{File: "manifests/it's new.yaml", Line: 3, Column: 1}
	pool := finding.New(finding.PoolInvalid, "10.0.0.9-10.0.0.1 is no range").At(finding.Object{Kind: "AddressPool", Name: "p"}, "spec.addresses[0]")
	w.Findings = []finding.Finding{
		about(finding.New(finding.AllTargetsUnhealthy, "none of the 3 ready targets passes the probe"), backend),
		about(finding.New(finding.TargetUnhealthy, "backend-7c9-4kq is unhealthy"), name("qa", "half")),
		about(finding.New(finding.NoFreeAddress, "no pool has a free IPv4 address"), name("qa", "mysql-lb")),
		about(finding.New(finding.UnevenByNode, "a pod on w1 gets 2 times the connections of one on w2"), name("shop", "web")),
		about(finding.New(finding.AddressHidden, "the pods see the relay's address"), name("shop", "web")),
		file, exposing, pool,
	}
	return w
}

func TestScreenOfStatus(t *testing.T) {
	quietly := func(v explain.View, quiet bool) string {
		d := explain.Status(v)
		var b, again bytes.Buffer
		if err := d.Text(&b, quiet); err != nil {
			t.Fatal(err)
		}
		if err := throughJSON(t, d).Text(&again, quiet); err != nil {
			t.Fatal(err)
		}
		if again.String() != b.String() {
			t.Errorf("the document drawn from its JSON is another one:\n%s", again.String())
		}
		return b.String()
	}
	golden(t, "status", quietly(town().View, false))
	golden(t, "status_quiet", quietly(town().View, true))

	well := newWorld()
	well.healthy(well.kimmap())
	well.served()
	well.Findings = []finding.Finding{about(finding.New(finding.AddressHidden, "the pods see the relay's address"), backend)}
	golden(t, "status_well", quietly(well.View, false))
	if text := quietly(well.View, true); text != "" {
		t.Errorf("quiet although all is well: got %q", text)
	}
	golden(t, "status_empty", quietly(newWorld().served().View, false))

	files := newWorld()
	files.kimmap()
	golden(t, "status_planned", quietly(files.View, false))

	many := newWorld()
	many.kimmap()
	for range 30 {
		many.Findings = append(many.Findings, about(finding.New(finding.TargetUnhealthy, "it is unhealthy"), backend))
	}
	golden(t, "status_many", quietly(many.served().View, true))
}

func TestScreenOfFrontends(t *testing.T) {
	for file, w := range map[string]*world{"frontends": town(), "frontends_none": newWorld().served()} {
		d := explain.Frontends(w.View)
		var b, again bytes.Buffer
		if err := d.Text(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, file, b.String())
		if err := throughJSON(t, d).Text(&again); err != nil || again.String() != b.String() {
			t.Errorf("the table drawn from its JSON is another one, %v:\n%s", err, again.String())
		}
	}
}

func TestATargetOfTwoListenersIsCountedOnce(t *testing.T) {
	w := newWorld()
	id := w.add(backend, "192.168.1.240:80", nil)
	second := netip.MustParseAddrPort("192.168.1.241:80")
	l := w.Plan.Listeners[plan.ListenerKey{Address: netip.MustParseAddr("192.168.1.240"), Port: 80, Protocol: plan.TCP}]
	l.Address = second.Addr()
	w.Plan.Listeners[l.ListenerKey] = l
	s := w.Plan.Services[backend]
	s.Listeners, s.Addresses = append(s.Listeners, l.ListenerKey), append(s.Addresses, second.Addr())
	w.Plan.Services[backend] = s
	w.healthy(id)
	d := explain.Status(w.served().View)
	if d.Listeners[explain.Serving] != 2 || d.Targets["healthy"] != 3 || d.Traffic.Connections != 2*24_260 {
		t.Errorf("got %+v", d)
	}
}
