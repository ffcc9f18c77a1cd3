package probe

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/naru-lb/naru/internal/plan"
)

// group is a target group and who of it is probed where.
type group struct {
	spec    plan.TargetGroup
	targets map[netip.AddrPort]*target
	checks  map[netip.AddrPort]*check // by the address that is probed
}

// target is a target and its health.
type target struct {
	machine
	id    plan.TargetID
	check *check // nil if it is not probed
}

// check is one address that is probed again and again: a target's, or a node's for all targets there.
type check struct {
	group   *group
	at      netip.AddrPort
	targets []*target // in no order, never empty while the check is in its group

	phase  phase
	due    time.Duration      // when it starts or started, since the manager's start
	place  int                // in the heap, while it waits
	cancel context.CancelFunc // while it runs
	stale  bool               // it runs, but asks what is no longer wanted
	slow   bool               // the last probe timed out
	early  bool               // the next interval is the first
}

// phase says where a check is.
type phase uint8

const (
	idle    phase = iota // nowhere: new, or to be scheduled anew by who holds the lock
	waiting              // in the heap
	queued               // due
	running
)

// set makes a group what spec says. New checks are appended to fresh.
func (m *Manager) set(spec plan.TargetGroup, now time.Time, fresh []*check) []*check {
	g := m.groups[spec.ID]
	if g == nil {
		g = &group{targets: map[netip.AddrPort]*target{}, checks: map[netip.AddrPort]*check{}}
		m.groups[spec.ID] = g
	}
	spec.Probe = bounded(spec.Probe)
	same := sameQuestion(g.spec.Probe, spec.Probe)
	faster := same && spec.Probe != nil && spec.Probe.Interval < g.spec.Probe.Interval
	g.spec = spec

	keep := make(map[netip.AddrPort]struct{}, len(spec.Targets))
	inUse := m.uses[spec.ID] > 0
	for i := range spec.Targets {
		s := &spec.Targets[i]
		keep[s.Address] = struct{}{}
		t := g.targets[s.Address]
		if t == nil {
			t = &target{id: plan.TargetID{Group: spec.ID, Address: s.Address}}
			g.targets[s.Address] = t
		}
		fresh = m.settle(g, t, stand(s, spec.Probe, inUse), same, now, fresh)
	}
	for at, t := range g.targets {
		if _, ok := keep[at]; !ok {
			m.detach(t)
			delete(g.targets, at)
		}
	}
	for _, c := range g.checks {
		switch {
		case !same:
			fresh = m.askAnew(c, fresh)
		case faster:
			m.bringForward(c, spec.Probe.Interval)
		}
	}
	return fresh
}

// settle gives a target the standing that the plan gives it, and has it probed where that is due. Same is false if the
// group's probe asks something else than before.
func (m *Manager) settle(g *group, t *target, s standing, same bool, now time.Time, fresh []*check) []*check {
	switch {
	case !s.probed:
		m.detach(t)
		m.changes.update(t, func() { t.rest(s, now) })
		return fresh
	case t.check == nil:
		m.changes.update(t, func() { t.begin(now) })
	case t.check.at != s.at:
		m.detach(t)
		t.fresh = true
	default:
		t.fresh = t.fresh || !same
		return fresh
	}
	c := g.checks[s.at]
	if c == nil {
		c = &check{group: g, at: s.at, early: true}
		g.checks[s.at] = c
		fresh = append(fresh, c)
	} else {
		m.bringForward(c, soon)
	}
	c.targets = append(c.targets, t)
	t.check = c
	return fresh
}

// askAnew has a check probed soon with the new settings. The result of a probe that runs does not count.
func (m *Manager) askAnew(c *check, fresh []*check) []*check {
	c.slow = false
	switch c.phase {
	case running:
		c.stale = true
		c.cancel()
	case waiting:
		m.schedule.remove(c)
		fresh = append(fresh, c)
	}
	return fresh
}

// detach ends the probing of a target, and of its check if it was the last one there.
func (m *Manager) detach(t *target) {
	c := t.check
	if c == nil {
		return
	}
	t.check = nil
	i := slices.Index(c.targets, t)
	c.targets = slices.Delete(c.targets, i, i+1)
	if len(c.targets) == 0 {
		m.stop(c)
	}
}

// stop ends a check for good.
func (m *Manager) stop(c *check) {
	delete(c.group.checks, c.at)
	switch c.phase {
	case running:
		c.stale = true
		c.cancel()
	case waiting:
		m.schedule.remove(c)
	}
}

// drop forgets a group.
func (m *Manager) drop(g *group) {
	for _, t := range g.targets {
		m.detach(t)
	}
	delete(m.groups, g.spec.ID)
}
