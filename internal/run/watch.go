package run

import (
	"net/netip"
	"time"

	"github.com/naru-lb/naru/internal/diagnosis"
	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// diagnose says what is to be said of the groups and listeners that changed.
func (s *server) diagnose(c plan.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range c.Listeners.Gone {
		s.journal.replace("binding/"+key.String(), nil)
	}
	for id := range c.Groups.Gone {
		s.journal.replace("traffic/"+id.String(), nil)
		s.journal.replace("health/"+id.String(), nil)
	}
	for id, g := range c.Groups.Set {
		s.journal.replace("traffic/"+id.String(), s.pipeline.locate(id.Service, diagnosis.Traffic(&g)))
		s.examine(id)
	}
}

// examine says what is to be said of the health of a group. The caller holds the lock.
func (s *server) examine(id plan.GroupID) {
	g, ok := s.pipeline.compiler.Plan().Groups[id]
	if !ok {
		return
	}
	found := diagnosis.Health(&g, s.probes.Group(id))
	s.journal.replace("health/"+id.String(), s.pipeline.locate(id.Service, found))
}

// changed is told by the probes which targets have a new state.
func (s *server) changed(ts []observe.Transition) {
	s.edge.SetHealth(ts)
	s.metrics.Changed(ts)
	s.examineAll(ts)
	s.start.answered(s, ts)
}

func (s *server) examineAll(ts []observe.Transition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	groups := map[plan.GroupID]bool{}
	for _, t := range ts {
		if id := t.Target.Group; !groups[id] {
			groups[id] = true
			s.examine(id)
		}
	}
}

// bound is told by the data plane where a listener is served.
func (s *server) bound(b observe.Binding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.pipeline.compiler.Plan().Listeners[b.Key]; ok {
		s.journal.replace("binding/"+b.Key.String(), diagnosis.Binding(l.Service, b))
	}
}

// view is what is known at the moment.
func (s *server) view() explain.View {
	s.mu.Lock()
	p, sizes := s.pipeline.compiler.Plan().Clone(), s.pipeline.compiler.PoolSizes()
	s.mu.Unlock()
	bindings := map[plan.ListenerKey]observe.Binding{}
	for _, b := range s.edge.Bindings() {
		bindings[b.Key] = b
	}
	return explain.View{
		Plan:      p,
		PoolSizes: sizes,
		Health:    func(id plan.GroupID) map[netip.AddrPort]observe.Health { return s.probes.Group(id) },
		Bindings:  bindings,
		Listener:  s.edge.ListenerCounters,
		Target:    s.edge.TargetCounters,
		Findings:  s.journal.store.All(),
		Now:       time.Now(),
	}
}
