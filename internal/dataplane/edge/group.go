package edge

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/ring"
)

// group is a plan.TargetGroup while it is served. A group that the plan does not have (yet, or any more) has no
// targets.
type group struct {
	id      plan.GroupID
	serial  uint64 // names the group in the affinity table; never used again
	users   int    // listeners with a route to it; guarded by Edge.mu
	planned bool   // the plan has it; guarded by Edge.mu

	mu      sync.Mutex // guards what follows; written with Edge.mu held too
	spec    plan.TargetGroup
	targets []*target // in the order of spec.Targets
	health  map[netip.AddrPort]observe.State

	now atomic.Pointer[view] // nil after a change: the next connection builds it
}

// view is a group as new connections see it. It is never modified, only replaced.
type view struct {
	group     *group
	spec      plan.TargetGroup
	selection ring.Selection
	ring      *ring.Ring // nil if there is nobody to choose
	targets   []*target
	eligible  map[netip.AddrPort]int // index in targets of those that get new connections
}

// target is a plan.Target while it is served or drains.
type target struct {
	id    plan.TargetID
	cells []targetCell // one for each worker

	// The rest belongs to Edge and is guarded by its mutex.
	member   bool      // the plan has it
	deadline time.Time // when its running connections end or are left alone for good; zero if it does not drain
	drained  bool      // the deadline has passed, and it has not come back since
	reset    bool      // the deadline ends connections
}

// current returns the view for new connections, building it if something changed.
func (g *group) current() *view {
	if v := g.now.Load(); v != nil {
		return v
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if v := g.now.Load(); v != nil {
		return v
	}
	v := &view{spec: g.spec, targets: g.targets, group: g}
	v.selection = ring.Select(&v.spec, func(at netip.AddrPort) observe.State { return g.health[at] })
	v.eligible = make(map[netip.AddrPort]int, len(v.selection.Shares))
	for _, s := range v.selection.Shares {
		v.eligible[v.spec.Targets[s.Index].Address] = s.Index
	}
	if len(v.selection.Shares) > 0 {
		v.ring = ring.Build(&v.spec, v.selection)
	}
	g.now.Store(v)
	return v
}

// set replaces what the group is.
func (g *group) set(spec plan.TargetGroup, targets []*target) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.spec, g.targets = spec, targets
	g.now.Store(nil)
}

// setHealth records the state of one target. A ring is built anew only if that changes who may be chosen.
func (g *group) setHealth(at netip.AddrPort, s observe.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.health == nil {
		g.health = map[netip.AddrPort]observe.State{}
	}
	if g.health[at] != s {
		g.health[at] = s
		g.now.Store(nil)
	}
}

// forgetHealth removes the state of a target that left.
func (g *group) forgetHealth(at netip.AddrPort) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.health, at)
}
