package ring_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/ring"
)

func TestWhoMayGetNewConnections(t *testing.T) {
	states := map[byte]observe.State{1: observe.Healthy, 2: observe.Unhealthy, 3: observe.Initial}
	health := func(a netip.AddrPort) observe.State { return states[a.Addr().As4()[3]] }
	implicit, explicit := &plan.Probe{}, &plan.Probe{Explicit: true}
	for _, c := range []struct {
		name      string
		probe     *plan.Probe
		mode      plan.FailMode
		readiness []plan.Readiness
		excluded  int // index, or -1
		want      []int
		open      bool
		fallback  bool
	}{
		{"without a probe readiness decides", nil, plan.FailOpen, []plan.Readiness{plan.Ready, plan.NotReady, plan.Ready}, -1, []int{0, 2}, false, false},
		{"an implicit probe lets in who was not probed yet", implicit, plan.FailOpen, []plan.Readiness{plan.Ready, plan.Ready, plan.Ready}, -1, []int{0, 2}, false, false},
		{"an explicit one does not", explicit, plan.FailClosed, []plan.Readiness{plan.Ready, plan.Ready, plan.Ready}, -1, []int{0}, false, false},
		{"all unhealthy, fail open", implicit, plan.FailOpen, []plan.Readiness{plan.NotReady, plan.Ready, plan.NotReady}, -1, []int{1}, true, false},
		{"all unhealthy, fail closed", explicit, plan.FailClosed, []plan.Readiness{plan.NotReady, plan.Ready, plan.Ready}, -1, nil, false, false},
		{"terminating ones serve when none is ready", explicit, plan.FailClosed, []plan.Readiness{plan.NotReady, plan.Terminating, plan.NotReady}, -1, []int{1}, false, true},
		{"but not while one is ready and unhealthy", explicit, plan.FailClosed, []plan.Readiness{plan.Terminating, plan.Ready, plan.NotReady}, -1, nil, false, false},
		{"an excluded target takes no part", nil, plan.FailOpen, []plan.Readiness{plan.Ready, plan.Ready, plan.Ready}, 0, []int{1, 2}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := group(plan.ByPod, "a", "b", "c")
			g.Probe, g.WhenAllUnhealthy = c.probe, c.mode
			for i, r := range c.readiness {
				g.Targets[i].Readiness = r
			}
			if c.excluded >= 0 {
				g.Targets[c.excluded].Excluded = "its node is left out"
			}
			s := ring.Select(g, health)
			var got []int
			for _, sh := range s.Shares {
				got = append(got, sh.Index)
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) || s.FailedOpen != c.open || s.Fallback != c.fallback {
				t.Errorf("got %v, open %v, fallback %v", got, s.FailedOpen, s.Fallback)
			}
			if (len(got) == 0) != (s.Reason != "") {
				t.Errorf("reason %q for %v", s.Reason, got)
			}
		})
	}
}

func TestTheReasonSaysWhyNobodyMay(t *testing.T) {
	explicit := &plan.Probe{Explicit: true}
	for _, c := range []struct {
		name   string
		probe  *plan.Probe
		states string // a letter a target: (u)nhealthy, (i)nitial, (n)ot ready, (x) excluded
		want   string
	}{
		{"no targets", nil, "", "there are no targets"},
		{"not ready", nil, "nn", "none of the targets (2) is ready"},
		{"excluded", nil, "xx", "all targets (2) are excluded: its node is left out"},
		{"some of both", nil, "nx", "none of the targets (2) is ready, those excluded (1) aside: its node is left out"},
		{"unhealthy", explicit, "uun", "none of the ready targets (2) passes its probe"},
		{"at the start", explicit, "ii", "the first probe of the ready targets (2) is not over yet"},
		{"shortly after the start", explicit, "iu", "none of the ready targets (2) passes its probe; the first probe of 1 of them is not over yet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := group(plan.ByPod, make([]string, len(c.states))...)
			g.Probe, g.WhenAllUnhealthy = c.probe, plan.FailClosed
			states := map[netip.AddrPort]observe.State{}
			for i, s := range c.states {
				at := &g.Targets[i]
				switch s {
				case 'n':
					at.Readiness = plan.NotReady
				case 'x':
					at.Excluded = "its node is left out"
				case 'u':
					states[at.Address] = observe.Unhealthy
				case 'i':
					states[at.Address] = observe.Initial
				}
			}
			s := ring.Select(g, func(a netip.AddrPort) observe.State { return states[a] })
			if len(s.Shares) != 0 || s.Reason != c.want {
				t.Errorf("got %v, %q, want %q", s.Shares, s.Reason, c.want)
			}
		})
	}
}
