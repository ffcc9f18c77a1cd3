package diagnosis_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/naru-lb/naru/internal/diagnosis"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

var (
	service  = plan.ServiceName{Namespace: "shop", Name: "web"}
	explicit = &plan.Probe{Kind: plan.ProbeHTTP, Path: "/", Explicit: true,
		From: `metadata.annotations["service.beta.kubernetes.io/port_80_health-probe_protocol"]`}
	implicit = &plan.Probe{Kind: plan.ProbeHTTP, Path: "/", From: "spec.ports[0].appProtocol"}
)

// group has three targets, a and b on node w1 and c on w2.
func group(probe *plan.Probe) *plan.TargetGroup {
	g := &plan.TargetGroup{
		ID: plan.GroupID{Service: service, Port: 80, Protocol: plan.TCP}, Spread: plan.ByPod,
		Probe: probe, WhenAllUnhealthy: plan.FailOpen,
	}
	if probe != nil && probe.Explicit {
		g.WhenAllUnhealthy = plan.FailClosed
	}
	for i, name := range []string{"a", "b", "c"} {
		g.Targets = append(g.Targets, plan.Target{
			Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 8080),
			Name:    name, Node: []string{"w1", "w1", "w2"}[i], Readiness: plan.Ready,
		})
	}
	return g
}

func sick(g *plan.TargetGroup, h observe.Health, names string) map[netip.AddrPort]observe.Health {
	health := map[netip.AddrPort]observe.Health{}
	for _, t := range g.Targets {
		health[t.Address] = observe.Health{State: observe.Healthy}
		if strings.Contains(names, t.Name) {
			h.State = observe.Unhealthy
			health[t.Address] = h
		}
	}
	return health
}

func text(fs []finding.Finding) string {
	var lines []string
	for _, f := range fs {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", f.Severity, f.Code, f.Object, f.Message))
	}
	return strings.Join(lines, "\n")
}

func TestHealthIsDiagnosed(t *testing.T) {
	refused := observe.Health{Result: observe.L4CON, Detail: "connect: connection refused"}
	notHTTP := observe.Health{Result: observe.L7RSP, ConnectsOnly: true, Detail: "the answer is not HTTP"}
	status := observe.Health{Result: observe.L7STS, Detail: "HTTP 404, want 200"}
	for _, c := range []struct {
		name, want, effect, fix string
		probe                   *plan.Probe
		health                  observe.Health
		who                     string
	}{
		{name: "all well", probe: explicit},
		{name: "no probe"},
		{
			name: "some unhealthy", probe: explicit, health: refused, who: "ac",
			want: "warning NR3107 Service shop/web: a (10.0.0.1:8080) is unhealthy: connect: connection refused\n" +
				"warning NR3107 Service shop/web: c (10.0.0.3:8080) is unhealthy: connect: connection refused",
			effect: "no new connections", fix: "naru explain svc/web -n shop",
		},
		{
			name: "all unhealthy, the probe was asked for", probe: explicit, health: refused, who: "abc",
			want:   "error NR3103 Service shop/web: all targets (3) are unhealthy: connect: connection refused",
			effect: "No new connections are accepted", fix: "naru explain",
		},
		{
			name: "all unhealthy, nobody asked", probe: implicit, health: refused, who: "abc",
			want:   "warning NR3105 Service shop/web: all targets (3) are unhealthy: connect: connection refused",
			effect: "new connections go to all", fix: "naru explain",
		},
		{
			name: "a probe that does not fit, asked for", probe: explicit, health: notHTTP, who: "abc",
			want:   "error NR3101 Service shop/web: port 8080 of the pods accepts TCP but does not answer HTTP: the answer is not HTTP",
			effect: "No new connections", fix: `service.beta.kubernetes.io/port_80_health-probe_protocol: "tcp"`,
		},
		{
			name: "a probe that does not fit, by appProtocol", probe: implicit, health: notHTTP, who: "abc",
			want:   "error NR3101 Service shop/web: port 8080 of the pods accepts TCP but does not answer HTTP: the answer is not HTTP",
			effect: "new connections go to all", fix: `naru.dev/probe-kind.80: "tcp"`,
		},
		{
			name: "a status that does not count, asked for", probe: explicit, health: status, who: "abc",
			want:   "error NR3104 Service shop/web: all targets (3) answer the probe, but not with success: HTTP 404, want 200",
			effect: "No new connections", fix: "port_80_health-probe_request-path",
		},
		{
			name: "a status that does not count, by appProtocol", probe: implicit, health: status, who: "abc",
			want:   "warning NR3104 Service shop/web: all targets (3) answer the probe, but not with success: HTTP 404, want 200",
			effect: "new connections go to all", fix: "naru.dev/probe-path.80",
		},
	} {
		g := group(c.probe)
		found := diagnosis.Health(g, sick(g, c.health, c.who))
		if got := text(found); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
		for _, f := range found {
			if !strings.Contains(f.Effect, c.effect) || !strings.Contains(f.Fix, c.fix) {
				t.Errorf("%s: effect %q, fix %q", c.name, f.Effect, f.Fix)
			}
			if points := f.Path != ""; points != (c.probe == explicit && f.Code != finding.TargetUnhealthy) {
				t.Errorf("%s: the finding points to %q", c.name, f.Path)
			}
		}
	}
}

func TestTargetsThatTakeNoPartAreNotCounted(t *testing.T) {
	g := group(explicit)
	g.Targets[0].Readiness, g.Targets[1].Excluded = plan.NotReady, "its node is excluded"
	health := sick(g, observe.Health{Result: observe.L4TOUT, Detail: "timeout"}, "abc")
	if got, want := text(diagnosis.Health(g, health)), "error NR3103 Service shop/web: all targets (1) are unhealthy: timeout"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBindingsAreDiagnosed(t *testing.T) {
	key := plan.ListenerKey{Address: netip.MustParseAddr("198.51.100.9"), Port: 80, Protocol: plan.TCP}
	for problem, want := range map[observe.Problem]string{
		observe.NoProblem:     "",
		observe.PortMapped:    "warning NR5205 Service shop/web: port 80 needs root, so 127.0.0.1:8080 serves 198.51.100.9:80/TCP",
		observe.AddressMapped: "warning NR5206 Service shop/web: 198.51.100.9 is not an address of this machine, so 127.0.0.1:8080 serves 198.51.100.9:80/TCP",
		observe.PortTaken:     "error NR5204 Service shop/web: another program listens on 198.51.100.9:80/TCP",
		observe.NotBound:      "error NR5207 Service shop/web: 198.51.100.9:80/TCP cannot be served: out of sockets",
	} {
		found := diagnosis.Binding(service, observe.Binding{
			Key: key, Bound: netip.MustParseAddrPort("127.0.0.1:8080"), Problem: problem, Detail: "out of sockets",
		})
		if got := text(found); got != want {
			t.Errorf("%q: got %q, want %q", problem, got, want)
		}
		if problem == observe.AddressMapped && found[0].Fix != "sudo ip addr add 198.51.100.9/32 dev lo" {
			t.Errorf("fix %q", found[0].Fix)
		}
	}
}

func TestSharesByNodeAreDiagnosed(t *testing.T) {
	byNode := func(change func(*plan.TargetGroup)) *plan.TargetGroup {
		g := group(nil)
		g.Spread = plan.ByNode
		change(g)
		return g
	}
	uneven := "note NR7101 Service shop/web: a pod on w2 gets 2 times the connections of one on w1"
	hidden := "note NR7103 Service shop/web: the pods see the relay's address, although externalTrafficPolicy: Local asks for the client's"
	for name, c := range map[string]struct {
		group *plan.TargetGroup
		want  string
	}{
		"by pod":         {group(nil), ""},
		"by node":        {byNode(func(*plan.TargetGroup) {}), uneven + "\n" + hidden},
		"PROXY protocol": {byNode(func(g *plan.TargetGroup) { g.ProxyProtocol = plan.ProxyV2 }), uneven},
		"even":           {byNode(func(g *plan.TargetGroup) { g.Targets = g.Targets[1:] }), hidden},
		"UDP":            {byNode(func(g *plan.TargetGroup) { g.ID.Protocol = plan.UDP }), uneven},
		"no targets":     {byNode(func(g *plan.TargetGroup) { g.Targets = nil }), hidden},
		"not whole": {byNode(func(g *plan.TargetGroup) {
			g.Targets[1].Node = "w2"
			g.Targets = append(g.Targets, g.Targets[0], g.Targets[0])
		}), strings.Replace(uneven, "w2 gets 2 times the connections of one on w1", "w2 gets 1.5 times the connections of one on w1", 1) + "\n" + hidden},
	} {
		if got := text(diagnosis.Traffic(c.group)); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}
