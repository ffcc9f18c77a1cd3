package probe

import (
	"net/netip"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// standing is what the plan says of a target before any probe.
type standing struct {
	state  observe.State
	reason string
	detail string
	// probed is true if a probe has the last word; at is then where it goes.
	probed bool
	at     netip.AddrPort
}

// stand returns the standing of a target in a group with the probe p, nil if there is none. InUse tells whether any
// listener leads to the group.
func stand(t *plan.Target, p *plan.Probe, inUse bool) standing {
	switch {
	case !inUse:
		return standing{state: observe.Unused, reason: observe.ReasonNotInUse, detail: "no listener leads to it"}
	case t.Readiness == plan.Terminating:
		return standing{state: observe.Draining, reason: observe.ReasonDeregistering, detail: "terminating, running connections go on"}
	case t.Excluded != "":
		return standing{state: observe.Unused, reason: observe.ReasonNotReady, detail: t.Excluded}
	case t.Readiness != plan.Ready:
		return standing{state: observe.Unused, reason: observe.ReasonNotReady, detail: "not ready"}
	case p == nil:
		return standing{state: observe.Healthy, detail: "no probe, readiness decides"}
	}
	at, ok := aim(t, p)
	if !ok {
		return standing{state: observe.Healthy, detail: "the address of its node is not known, readiness decides"}
	}
	return standing{probed: true, at: at}
}

// aim returns the address that a target is probed at. It is false if that is on a node without a known address.
func aim(t *plan.Target, p *plan.Probe) (netip.AddrPort, bool) {
	switch {
	case p.OnNode:
		return netip.AddrPortFrom(t.NodeAddress, p.Port), t.NodeAddress.IsValid()
	case p.Port != 0:
		return netip.AddrPortFrom(t.Address.Addr(), p.Port), true
	}
	return t.Address, true
}

// sameQuestion tells whether two probes ask a target the same, so that the answers to one count for the other.
func sameQuestion(a, b *plan.Probe) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	for _, p := range [...]*plan.Probe{&x, &y} {
		p.Interval, p.Timeout, p.UpAfter, p.DownAfter, p.Explicit, p.From = 0, 0, 0, 0, false, ""
	}
	return x == y
}

// bounded returns a probe with settings that can be worked with, whatever the plan says: 10 ms at least between probes, a
// timeout no longer than that, and at least one result to change a state.
func bounded(p *plan.Probe) *plan.Probe {
	if p == nil {
		return nil
	}
	b := *p
	b.Interval = max(b.Interval, tick)
	if b.Timeout <= 0 || b.Timeout > b.Interval {
		b.Timeout = b.Interval
	}
	b.UpAfter, b.DownAfter = max(b.UpAfter, 1), max(b.DownAfter, 1)
	return &b
}
