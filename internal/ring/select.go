package ring

import (
	"fmt"
	"net/netip"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// Selection says which targets of a group may get new connections, and in what shares.
type Selection struct {
	// Shares is empty if no target may; Reason then says why, in plain words.
	Shares []Share
	Reason string
	// FailedOpen is true if all ready targets are unhealthy and get connections nevertheless (plan.FailOpen).
	FailedOpen bool
	// Fallback is true if terminating targets serve because none is ready (KEP-1669).
	Fallback bool
}

// Share is one target's part of the new connections: its weight among the sum of all weights.
type Share struct {
	Index  int // of the target in plan.TargetGroup.Targets
	Weight uint64
}

// Select decides who may get new connections of g. Health is what the probe says of a target; it is asked only for
// groups that have a probe.
//
// A target must be ready, take part, and be healthy. One that was not probed yet counts as healthy if nobody asked for
// the probe, since readiness vouches for it, and as unhealthy otherwise (AWS: initial targets get no traffic).
func Select(g *plan.TargetGroup, health func(netip.AddrPort) observe.State) Selection {
	var ready, up, terminating []int
	unprobed := 0
	for i := range g.Targets {
		t := &g.Targets[i]
		switch {
		case t.Excluded != "":
		case t.Readiness == plan.Terminating:
			terminating = append(terminating, i)
		case t.Readiness == plan.Ready && g.Probe == nil:
			ready, up = append(ready, i), append(up, i)
		case t.Readiness == plan.Ready:
			ready = append(ready, i)
			state := health(t.Address)
			if passes(g.Probe, state) {
				up = append(up, i)
			}
			if isUnprobed(state) {
				unprobed++
			}
		}
	}
	switch {
	case len(up) > 0:
		return Selection{Shares: shares(g, up)}
	case len(ready) > 0 && g.WhenAllUnhealthy == plan.FailOpen:
		return Selection{Shares: shares(g, ready), FailedOpen: true}
	case len(ready) > 0:
		return Selection{Reason: whyNotUp(len(ready), unprobed)}
	case len(terminating) > 0:
		return Selection{Shares: shares(g, terminating), Fallback: true}
	}
	return Selection{Reason: whyNotReady(g)}
}

func passes(p *plan.Probe, s observe.State) bool {
	return s == observe.Healthy || !p.Explicit && isUnprobed(s)
}

// isUnprobed tells whether nothing is known of a target yet.
func isUnprobed(s observe.State) bool { return s == observe.Initial || s == "" }

func whyNotUp(ready, unprobed int) string {
	switch {
	case ready == unprobed:
		return fmt.Sprintf("the first probe of the ready targets (%d) is not over yet", ready)
	case unprobed > 0:
		return fmt.Sprintf("none of the ready targets (%d) passes its probe; the first probe of %d of them is not over yet", ready, unprobed)
	}
	return fmt.Sprintf("none of the ready targets (%d) passes its probe", ready)
}

func whyNotReady(g *plan.TargetGroup) string {
	excluded, why := 0, ""
	for i := range g.Targets {
		if t := &g.Targets[i]; t.Excluded != "" {
			excluded, why = excluded+1, t.Excluded
		}
	}
	switch {
	case len(g.Targets) == 0:
		return "there are no targets"
	case excluded == len(g.Targets):
		return fmt.Sprintf("all targets (%d) are excluded: %s", excluded, why)
	case excluded > 0:
		return fmt.Sprintf("none of the targets (%d) is ready, those excluded (%d) aside: %s", len(g.Targets), excluded, why)
	}
	return fmt.Sprintf("none of the targets (%d) is ready", len(g.Targets))
}

// shares gives the targets at the indices their weights: the same for all, or the same for every node and the same for
// all targets of a node. The weights are whole numbers, so that the shares are exact.
func shares(g *plan.TargetGroup, indices []int) []Share {
	out := make([]Share, len(indices))
	onNode := map[string]uint64{}
	multiple := uint64(1)
	if g.Spread == plan.ByNode {
		for _, i := range indices {
			onNode[g.Targets[i].Node]++
		}
		multiple = commonMultiple(onNode)
	}
	for n, i := range indices {
		out[n] = Share{Index: i, Weight: 1}
		if g.Spread == plan.ByNode {
			out[n].Weight = max(1, multiple/onNode[g.Targets[i].Node])
		}
	}
	return out
}

// commonMultiple returns the least common multiple of the counts. Where that would be beyond any use it returns a
// number so large that dividing by a count is off by less than one in a million.
func commonMultiple(counts map[string]uint64) uint64 {
	const limit = 1 << 40
	multiple := uint64(1)
	for _, n := range counts {
		a, b := multiple, n
		for b != 0 {
			a, b = b, a%b
		}
		multiple = multiple / a * n
		if multiple > limit {
			return limit
		}
	}
	return multiple
}
