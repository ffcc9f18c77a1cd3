package edge

import (
	"maps"
	"slices"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// Apply makes a change of the plan. It costs as much as the change is large, and touches nothing that the change does
// not name: sockets of listeners that stay are kept, running connections go on. Rings are built when the next
// connection needs them. When Apply returns, the sockets of new listeners are bound (or their Binding says why not)
// and those of gone listeners are closed.
func (e *Edge) Apply(c plan.Change) {
	e.notifying.Lock()
	defer e.notifying.Unlock()
	news := e.change(c)
	e.poke()
	e.notify(news)
}

// change returns what OnBinding has to be told.
func (e *Edge) change(c plan.Change) []observe.Binding {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	for _, g := range c.Groups.Set {
		e.setGroup(g, now)
	}
	e.dropListeners(c.Listeners.Gone)
	for _, key := range slices.SortedFunc(maps.Keys(c.Listeners.Set), plan.ListenerKey.Compare) {
		e.setListener(c.Listeners.Set[key], now)
	}
	for id := range c.Groups.Gone {
		e.dropGroup(id, now)
	}
	return e.news()
}

func (e *Edge) notify(bs []observe.Binding) {
	for _, b := range bs {
		if b.Problem != observe.NoProblem {
			e.log.Warn("listener is not where it should be", "listener", b.Key, "problem", b.Problem, "detail", b.Detail)
		}
		if e.options.OnBinding != nil {
			e.options.OnBinding(b)
		}
	}
}

// group returns the group with the id, making an empty one if the plan has none.
func (e *Edge) group(id plan.GroupID) *group {
	g := e.groups[id]
	if g == nil {
		e.serial++
		g = &group{id: id, serial: e.serial, spec: plan.TargetGroup{ID: id}}
		e.groups[id] = g
	}
	return g
}

func (e *Edge) setGroup(spec plan.TargetGroup, now time.Time) {
	g := e.group(spec.ID)
	was := g.targets
	targets := make([]*target, len(spec.Targets))
	stays := make(map[*target]bool, len(targets))
	for i, pt := range spec.Targets {
		t := e.target(plan.TargetID{Group: spec.ID, Address: pt.Address})
		targets[i], stays[t] = t, true
		t.member = true
		if pt.Readiness == plan.Terminating {
			e.drain(t, spec, now)
		} else {
			t.deadline, t.drained = time.Time{}, false
			delete(e.leaving, t)
		}
	}
	g.planned = true
	g.set(spec, targets)
	for _, t := range was {
		if !stays[t] {
			e.leave(g, t, spec, now)
		}
	}
}

// dropGroup empties a group. Its targets drain as its last settings say.
func (e *Edge) dropGroup(id plan.GroupID, now time.Time) {
	g := e.groups[id]
	if g == nil {
		return
	}
	last, was := g.spec, g.targets
	g.planned = false
	g.set(plan.TargetGroup{ID: id}, nil)
	for _, t := range was {
		e.leave(g, t, last, now)
	}
	if g.users == 0 {
		delete(e.groups, id)
	}
}

func (e *Edge) target(id plan.TargetID) *target {
	t := e.targets[id]
	if t == nil {
		t = &target{id: id, cells: make([]targetCell, e.engine.workers())}
		e.targets[id] = t
	}
	return t
}

func (e *Edge) leave(g *group, t *target, spec plan.TargetGroup, now time.Time) {
	t.member = false
	g.forgetHealth(t.id.Address)
	e.drain(t, spec, now)
}

// drain starts the deregistration delay of a target, unless it runs already. A target that stays in the plan as
// Terminating drains once; if it got connections after that, it drains again when it leaves.
func (e *Edge) drain(t *target, spec plan.TargetGroup, now time.Time) {
	if !t.deadline.IsZero() || t.drained && t.member {
		return
	}
	t.deadline, t.reset, t.drained = now.Add(spec.DeregistrationDelay), spec.ResetAfterDelay, false
	e.leaving[t] = now
}

// setListener makes or changes a listener.
func (e *Edge) setListener(wanted plan.Listener, now time.Time) {
	if l := e.listeners[wanted.ListenerKey]; l != nil {
		was := l.terms.Load()
		e.setTerms(l, wanted)
		e.leaveGroups(was)
		if wanted.IdleTimeout > 0 && (was.idle == 0 || wanted.IdleTimeout < was.idle) {
			e.engine.retime(l) // a longer one is noticed when the shorter one is over
		}
		return
	}
	l := &listener{key: wanted.ListenerKey, cells: make([]listenerCell, e.engine.workers())}
	e.setTerms(l, wanted)
	e.listeners[l.key] = l
	if e.stopping {
		l.binding = observe.Binding{Key: l.key}
		return
	}
	e.bind(l, now)
}

func (e *Edge) setTerms(l *listener, wanted plan.Listener) {
	t := &terms{filter: newFilter(wanted.SourceRanges), idle: wanted.IdleTimeout, reset: wanted.ResetOnIdle}
	for _, r := range wanted.Routes {
		g := e.group(r.Group)
		g.users++
		t.routes = append(t.routes, route{g, uint64(r.Weight)})
		t.total += uint64(r.Weight)
	}
	if len(t.routes) == 1 {
		t.total = 1 // with one route its weight means nothing
		t.routes[0].weight = 1
	}
	l.terms.Store(t)
}

// leaveGroups gives up the routes of t; groups that neither the plan nor a listener has any more are forgotten.
func (e *Edge) leaveGroups(t *terms) {
	for _, r := range t.routes {
		r.group.users--
		if r.group.users == 0 && !r.group.planned {
			delete(e.groups, r.group.id)
		}
	}
}

// dropListeners closes what the plan no longer has. Running connections go on.
func (e *Edge) dropListeners(gone map[plan.ListenerKey]struct{}) {
	var ss []socket
	for key := range gone {
		l := e.listeners[key]
		if l == nil {
			continue
		}
		delete(e.listeners, key)
		delete(e.unsettled, l)
		delete(e.moved, l)
		e.leaveGroups(l.terms.Load())
		if l.socket != nil {
			ss = append(ss, l.socket)
		}
	}
	e.engine.shut(ss)
}

// SetHealth records what probes found. Who gets new connections changes with it; running ones go on.
func (e *Edge) SetHealth(ts []observe.Transition) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range ts {
		if known := e.targets[t.Target]; known != nil && known.member {
			e.groups[t.Target.Group].setHealth(t.Target.Address, t.Health.State)
		}
	}
}
