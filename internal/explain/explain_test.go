package explain_test

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/ring"
)

func mustExplain(t *testing.T, w *world, o explain.Options) explain.Document {
	t.Helper()
	d, err := explain.Explain(w.View, backend, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTheSharesAreTheSlotsOfTheRing(t *testing.T) {
	for name, change := range map[string]func(*plan.Service, *plan.Listener, *plan.TargetGroup){
		"by pod":  nil,
		"by node": byNode,
		"many, by node": func(s *plan.Service, l *plan.Listener, g *plan.TargetGroup) {
			byNode(s, l, g)
			g.Targets = append(manyPods(7, 5), target("alone", "w9", "10.9.9.9:80"))
		},
		"one": func(_ *plan.Service, _ *plan.Listener, g *plan.TargetGroup) { g.Targets = g.Targets[:1] },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			id := w.add(backend, "192.168.1.240:9999", change)
			w.healthy(id)
			d := mustExplain(t, w.served(), explain.Options{})
			g := w.Plan.Groups[id]
			table := ring.Build(&g, ring.Select(&g, func(netip.AddrPort) observe.State { return observe.Healthy }))
			sum := 0.0
			for i, target := range d.Listeners[0].Targets {
				if want := table.Slots()[i]; target.Slots != want || target.Share != float64(want)/float64(table.Size()) {
					t.Errorf("%s: got %d slots, share %v; the ring has %d of %d", target.Name, target.Slots, target.Share, want, table.Size())
				}
				sum += target.Share
			}
			if math.Abs(sum-1) > 1e-9 {
				t.Errorf("the shares add up to %v", sum)
			}
		})
	}
}

func TestRoutesDivideTheSharesByTheirWeights(t *testing.T) {
	w := newWorld()
	id := w.add(backend, "192.168.1.240:80", nil)
	w.healthy(id)
	canary := w.Plan.Groups[id]
	canary.ID.Port, canary.Targets = 81, []plan.Target{target("canary", "w3", "10.244.3.1:8888")}
	w.Plan.Groups[canary.ID] = canary
	w.healthy(canary.ID)
	key := plan.ListenerKey{Address: netip.MustParseAddr("192.168.1.240"), Port: 80, Protocol: plan.TCP}
	for _, c := range []struct {
		main, canary uint32
		want         float64
	}{{9, 1, 0.1}, {1, 1, 0.5}, {0, 1, 1}, {5, 0, 0}} {
		l := w.Plan.Listeners[key]
		l.Routes = []plan.Route{{Group: id, Weight: c.main}, {Group: canary.ID, Weight: c.canary}}
		w.Plan.Listeners[key] = l
		d := mustExplain(t, w.served(), explain.Options{From: netip.MustParseAddrPort("192.0.2.7:1")})
		if got := d.Listeners[0].Targets[3]; got.Name != "canary" || math.Abs(got.Share-c.want) > 1e-9 || got.Eligible != (c.want > 0) {
			t.Errorf("weights %d and %d: the canary has %+v, want a share of %v", c.main, c.canary, got, c.want)
		}
		if !d.Listeners[0].From.ByShare {
			t.Errorf("weights %d and %d: got %+v for one client", c.main, c.canary, d.Listeners[0].From)
		}
	}
}

func TestAClientGetsTheTargetThatTheRingPicks(t *testing.T) {
	for _, affinity := range []time.Duration{0, time.Hour} {
		w := newWorld()
		id := w.add(backend, "192.168.1.240:9999", func(_ *plan.Service, _ *plan.Listener, g *plan.TargetGroup) { g.Affinity = affinity })
		w.healthy(id)
		w.served()
		w.unhealthy(id, 0, 2)
		g := w.Plan.Groups[id]
		table := ring.Build(&g, ring.Select(&g, func(a netip.AddrPort) observe.State { return w.View.Health(id)[a].State }))
		seen := map[string]bool{}
		for i := range 200 {
			client := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), uint16(40000+i))
			l := mustExplain(t, w, explain.Options{From: client}).Listeners[0]
			hash := ring.FlowHash(client, l.ListenerKey)
			if affinity > 0 {
				hash = ring.ClientHash(client.Addr())
			}
			want := g.Targets[table.Pick(hash)]
			if l.From.Target != want.Address || l.From.Name != want.Name || l.From.AnyPort != (affinity > 0) {
				t.Fatalf("client %s: got %+v, want %s", client, l.From, want.Name)
			}
			seen[want.Name] = true
		}
		if len(seen) != 2 || seen[g.Targets[0].Name] {
			t.Errorf("200 clients got %v, want the two healthy targets", seen)
		}
	}
}

func TestWhoIsLetIn(t *testing.T) {
	some := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("::ffff:10.0.0.0/104")}
	for _, c := range []struct {
		ranges []netip.Prefix
		client string
		in     bool
	}{
		{nil, "198.51.100.7", true},
		{[]netip.Prefix{}, "198.51.100.7", false},
		{some, "203.0.113.255", true},
		{some, "203.0.114.0", false},
		{some, "10.1.2.3", true},
		{some, "::ffff:203.0.113.1", true},
		{some, "11.0.0.0", false},
	} {
		w := newWorld()
		w.healthy(w.add(backend, "192.168.1.240:9999", func(_ *plan.Service, l *plan.Listener, _ *plan.TargetGroup) { l.SourceRanges = c.ranges }))
		d := mustExplain(t, w.served(), explain.Options{From: netip.AddrPortFrom(netip.MustParseAddr(c.client), 1)})
		if got := d.Listeners[0].From; got.Refused == c.in || got.Target.IsValid() != c.in {
			t.Errorf("%s with %v: got %+v", c.client, c.ranges, got)
		}
	}
}

func TestAClientOfAnotherFamilyIsToldSo(t *testing.T) {
	w := newWorld()
	w.kimmap()
	_, err := explain.Explain(w.View, backend, explain.Options{From: netip.MustParseAddrPort("[2001:db8::7]:1")})
	if err == nil || !strings.Contains(err.Error(), "family") {
		t.Errorf("got %v", err)
	}
}

func TestAWhatIfGivesTheSharesOfBoth(t *testing.T) {
	w := newWorld()
	id := w.add(backend, "192.168.1.240:9999", func(s *plan.Service, l *plan.Listener, g *plan.TargetGroup) {
		byNode(s, l, g)
		g.Targets[2].Excluded = "node w2 is labelled"
	})
	w.healthy(id)
	before := w.Plan.Clone()
	d := mustExplain(t, w.served(), explain.Options{
		If: map[string]string{"externalTrafficPolicy": "Cluster"}, From: netip.MustParseAddrPort("192.0.2.7:1"),
	})
	for i, was := range []float64{0.5, 0.5, 0} {
		got := d.Listeners[0].Targets[i]
		if got.Was == nil || math.Abs(*got.Was-was) > 0.01 || math.Abs(got.Share-1.0/3) > 0.01 {
			t.Errorf("%s: got %v, was %v", got.Name, got.Share, got.Was)
		}
	}
	if !w.Plan.Equal(before) {
		t.Error("the plan was changed")
	}
}

func TestAWhatIfOfNothingKnownIsAnError(t *testing.T) {
	w := newWorld()
	w.kimmap()
	for field, c := range map[string]struct{ value, want string }{
		"externalTrafficPolicy": {"local", "did you mean Local?"},
		"externalTrafficpolicy": {"Local", "did you mean externalTrafficPolicy?"},
		"sessionAffinity":       {"ClientIP", "it can be externalTrafficPolicy"},
		"":                      {"", "it can be externalTrafficPolicy"},
	} {
		_, err := explain.Explain(w.View, backend, explain.Options{If: map[string]string{field: c.value}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: got %v, want %q", field, c.value, err, c.want)
		}
	}
}

func TestAnUnknownServiceNamesTheNearestOnes(t *testing.T) {
	w := newWorld()
	for i, n := range []plan.ServiceName{name("shop", "web-local"), name("shop", "web-cluster"), name("qa", "web-local"), name("kimmap", "kimmap-backend-tcp"), name("qa", "dns")} {
		w.add(n, fmt.Sprintf("192.0.2.%d:80", i+1), nil)
	}
	for _, c := range []struct {
		asked plan.ServiceName
		near  []plan.ServiceName
	}{
		{name("shop", "web-lokal"), []plan.ServiceName{name("shop", "web-local"), name("qa", "web-local")}},
		{name("default", "web-local"), []plan.ServiceName{name("qa", "web-local"), name("shop", "web-local")}},
		{name("kimap", "kimmap-backend-tcp"), []plan.ServiceName{name("kimmap", "kimmap-backend-tcp")}},
		{name("default", "kimmap-backend-tpc"), []plan.ServiceName{name("kimmap", "kimmap-backend-tcp")}},
		{name("qa", "postgres"), nil},
	} {
		_, err := explain.Explain(w.View, c.asked, explain.Options{})
		var unknown *explain.UnknownServiceError
		if !errors.As(err, &unknown) || unknown.Name != c.asked {
			t.Fatalf("%s: got %v", c.asked, err)
		}
		for i, n := range c.near {
			if i >= len(unknown.Near) || unknown.Near[i] != n {
				t.Errorf("%s: got %v, want %v first", c.asked, unknown.Near, c.near)
				break
			}
			if command := "naru explain svc/" + n.Name + " -n " + n.Namespace; !strings.Contains(err.Error(), command) {
				t.Errorf("%q does not say %q", err, command)
			}
		}
		if c.near == nil && len(unknown.Near) > 0 {
			t.Errorf("%s: got %v, want none", c.asked, unknown.Near)
		}
	}
}

func TestAMeasurementIsJudgedByWhatChanceExplains(t *testing.T) {
	const affine = 3 * time.Hour
	for title, c := range map[string]struct {
		affinity time.Duration
		got      map[string]int
		want     bool
	}{
		"exact":                      {0, map[string]int{"backend-7c9-4kq": 1002, "backend-7c9-9xz": 999, "backend-7c9-h2m": 999}, true},
		"within twice the chance":    {0, map[string]int{"backend-7c9-4kq": 1100, "backend-7c9-9xz": 950, "backend-7c9-h2m": 950}, true},
		"beyond it":                  {0, map[string]int{"backend-7c9-4kq": 1110, "backend-7c9-9xz": 945, "backend-7c9-h2m": 945}, false},
		"one gets nothing":           {0, map[string]int{"backend-7c9-4kq": 1500, "backend-7c9-9xz": 1500}, false},
		"by address":                 {0, map[string]int{"10.244.1.17:8888": 1002, "10.244.2.31:8888": 999, "10.244.2.40:8888": 999}, true},
		"a stranger answers":         {0, map[string]int{"backend-7c9-4kq": 1002, "backend-7c9-9xz": 999, "backend-7c9-h2m": 998, "somebody": 1}, false},
		"nobody answers":             {0, nil, false},
		"affinity, one":              {affine, map[string]int{"backend-7c9-9xz": 3000}, true},
		"affinity, two":              {affine, map[string]int{"backend-7c9-9xz": 2999, "backend-7c9-4kq": 1}, false},
		"affinity, a stranger":       {affine, map[string]int{"somebody": 3000}, false},
		"two connections to the two": {0, map[string]int{"backend-7c9-4kq": 1, "backend-7c9-9xz": 1}, true},
	} {
		t.Run(title, func(t *testing.T) {
			w := newWorld()
			id := w.add(backend, "192.168.1.240:9999", func(_ *plan.Service, _ *plan.Listener, g *plan.TargetGroup) { g.Affinity = c.affinity })
			w.healthy(id)
			d := mustExplain(t, w.served(), explain.Options{})
			if !d.SetMeasured(d.Listeners[0].ListenerKey, explain.Measurement{Wanted: 3000, By: "name"}, c.got) {
				t.Fatal("the listener is not found")
			}
			m := d.Listeners[0].Measured
			sum := 0
			for _, n := range c.got {
				sum += n
			}
			if m.AsPredicted != c.want || m.Answered != sum {
				t.Errorf("got %+v", m)
			}
		})
	}
}

func TestAMeasurementOfAnotherListenerIsNotTaken(t *testing.T) {
	w := newWorld()
	w.kimmap()
	d := mustExplain(t, w, explain.Options{})
	if d.SetMeasured(plan.ListenerKey{Port: 1}, explain.Measurement{}, nil) || d.Listeners[0].Measured != nil {
		t.Error("it was taken")
	}
}

func TestABadTargetComesWithTheCommandThatProbesIt(t *testing.T) {
	for name, c := range map[string]struct {
		probe plan.Probe
		want  string
	}{
		"TCP":               {plan.Probe{Kind: plan.ProbeTCP}, "nc -vz 10.244.1.17 8888"},
		"TCP, another port": {plan.Probe{Kind: plan.ProbeTCP, Port: 81}, "nc -vz 10.244.1.17 81"},
		"TCP, on the node":  {plan.Probe{Kind: plan.ProbeTCP, Port: 31999, OnNode: true}, "nc -vz 10.0.0.1 31999"},
		"HTTP":              {plan.Probe{Kind: plan.ProbeHTTP, Path: "/healthz"}, "curl -i http://10.244.1.17:8888/healthz"},
		"HTTP with a host":  {plan.Probe{Kind: plan.ProbeHTTP, Path: "/", Host: "a.example"}, "curl -i --connect-to ::10.244.1.17:8888 http://a.example/"},
		"HTTP, odd path":    {plan.Probe{Kind: plan.ProbeHTTP, Path: "/a'b?x=1&y"}, `curl -i 'http://10.244.1.17:8888/a'\''b?x=1&y'`},
		"HTTP with PROXY":   {plan.Probe{Kind: plan.ProbeHTTP, Path: "/", ProxyProtocol: plan.ProxyV2}, "curl -i --haproxy-protocol http://10.244.1.17:8888/"},
		"HTTPS":             {plan.Probe{Kind: plan.ProbeHTTPS, Path: "/"}, "curl -ik https://10.244.1.17:8888/"},
		"HTTPS, verified":   {plan.Probe{Kind: plan.ProbeHTTPS, Path: "/", Verify: true}, "curl -i https://10.244.1.17:8888/"},
		"gRPC":              {plan.Probe{Kind: plan.ProbeGRPC}, "grpcurl -plaintext 10.244.1.17:8888 grpc.health.v1.Health/Check"},
		"gRPC of a service": {plan.Probe{Kind: plan.ProbeGRPC, Path: "a.B"}, `grpcurl -plaintext -d '{"service":"a.B"}' 10.244.1.17:8888 grpc.health.v1.Health/Check`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			id := w.add(backend, "192.168.1.240:9999", func(_ *plan.Service, _ *plan.Listener, g *plan.TargetGroup) {
				g.Probe = &c.probe
				g.Targets[0].NodeAddress = netip.MustParseAddr("10.0.0.1")
			})
			w.healthy(id)
			w.unhealthy(id, 0, 1)
			targets := mustExplain(t, w.served(), explain.Options{}).Listeners[0].Targets
			if targets[0].Try != c.want || targets[1].Try != "" {
				t.Errorf("got %q and %q, want %q and none", targets[0].Try, targets[1].Try, c.want)
			}
		})
	}
}

func TestTextOfOthersCannotControlTheTerminal(t *testing.T) {
	w := newWorld()
	id := w.add(backend, "192.168.1.240:9999", nil)
	w.served()
	for i, target := range w.Plan.Groups[id].Targets {
		w.health[plan.TargetID{Group: id, Address: target.Address}] = observe.Health{
			State: observe.Unhealthy, Detail: fmt.Sprintf("the server said \x1b[2J\r\n\u202E%d", i),
		}
	}
	text := textOf(t, mustExplain(t, w, explain.Options{}))
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == '\u202E' }); i >= 0 {
		t.Errorf("there is %q in the screen", text[i:i+1])
	}
}
