package edge

import (
	"slices"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// Stats is what an Edge knows about itself.
type Stats struct {
	Loops           int    `json:"loops"` // 0 for the portable engine
	Connections     int64  `json:"connections"`
	Sessions        int64  `json:"sessions"`        // of UDP
	AffinityEntries int    `json:"affinityEntries"` // clients remembered
	AcceptPauses    uint64 `json:"acceptPauses"`    // times that there was no room for a new connection
	SessionsEvicted uint64 `json:"sessionsEvicted"` // UDP sessions ended to make room for others
	DatagramsLost   uint64 `json:"datagramsLost"`   // datagrams that a socket did not take
}

// Stats returns what the Edge knows about itself.
func (e *Edge) Stats() Stats {
	s := Stats{AffinityEntries: e.affinity.size()}
	e.engine.stats(&s)
	return s
}

// Bindings returns where the listeners are served, in order of their keys.
func (e *Edge) Bindings() []observe.Binding {
	e.mu.Lock()
	defer e.mu.Unlock()
	bs := make([]observe.Binding, 0, len(e.listeners))
	for _, l := range e.listeners {
		bs = append(bs, l.binding)
	}
	slices.SortFunc(bs, func(a, b observe.Binding) int { return a.Key.Compare(b.Key) })
	return bs
}

// ListenerCounters returns the totals of a listener; all zero if there is no such listener.
func (e *Edge) ListenerCounters(key plan.ListenerKey) observe.ListenerCounters {
	e.mu.Lock()
	l := e.listeners[key]
	e.mu.Unlock()
	if l == nil {
		return observe.ListenerCounters{}
	}
	return l.counters()
}

// TargetCounters returns the totals of a target, also while it drains; all zero if there is no such target.
func (e *Edge) TargetCounters(id plan.TargetID) observe.TargetCounters {
	e.mu.Lock()
	t := e.targets[id]
	e.mu.Unlock()
	if t == nil {
		return observe.TargetCounters{}
	}
	return t.counters()
}
