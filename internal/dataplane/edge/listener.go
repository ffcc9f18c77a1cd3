package edge

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// listener is a plan.Listener while it is served. Workers read its terms; Edge replaces them.
type listener struct {
	key   plan.ListenerKey
	terms atomic.Pointer[terms]
	cells []listenerCell // one for each worker

	// The rest belongs to Edge and is guarded by its mutex.
	binding observe.Binding
	socket  socket // nil while it is not bound
	retry   time.Time
	backoff time.Duration
}

// address is where the plan wants the listener: what clients connect to, wherever it is bound.
func (l *listener) address() netip.AddrPort { return netip.AddrPortFrom(l.key.Address, l.key.Port) }

// terms are what a listener offers to new connections. They are never modified, only replaced.
type terms struct {
	routes []route
	total  uint64 // the sum of the weights
	filter *filter
	idle   time.Duration // 0 means never
	reset  bool          // tell both sides of an idle timeout by RST
}

// route leads to a group, as plan.Route does.
type route struct {
	group  *group
	weight uint64
}

// sticky tells whether a group has affinity. Clients then choose their route by their address alone.
func (t *terms) sticky() bool {
	for _, r := range t.routes {
		if r.group.current().spec.Affinity > 0 {
			return true
		}
	}
	return false
}

// choose returns the group that a hash leads to, nil if all routes have weight 0.
func (t *terms) choose(hash uint64) *group {
	if t.total == 0 {
		return nil
	}
	if len(t.routes) == 1 {
		return t.routes[0].group
	}
	at := spread(hash) % t.total
	for _, r := range t.routes {
		if at < r.weight {
			return r.group
		}
		at -= r.weight
	}
	return nil // not reached: the weights add up to total
}

// leadsTo tells whether new connections may go to the group.
func (t *terms) leadsTo(g *group) bool {
	for _, r := range t.routes {
		if r.group == g && r.weight > 0 {
			return true
		}
	}
	return false
}

// spread mixes a hash anew, so that the choice of the route does not follow from the same bits as that of the target
// (the finalizer of MurmurHash3).
func spread(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// admits tells whether a client is let in.
func (t *terms) admits(client netip.Addr) bool { return t.filter.admits(client) }
