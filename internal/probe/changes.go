package probe

import (
	"github.com/naru-lb/naru/internal/observe"
)

// changes are the transitions that nobody was told about yet. A goroutine of its own tells them, so that they arrive in
// order whoever caused them, and whoever is told may take its time and its own locks.
type changes struct {
	wake    chan struct{}
	pending []observe.Transition
}

// update changes a target's health and notes the transition if it is one.
func (c *changes) update(t *target, change func()) {
	before := t.health
	change()
	now := &t.health
	if before.State != now.State || before.Reason != now.Reason || before.ConnectsOnly != now.ConnectsOnly {
		c.pending = append(c.pending, observe.Transition{Target: t.id, Health: *now})
	}
}

// poke wakes the goroutine that tells.
func (c *changes) poke() {
	if len(c.pending) == 0 {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default: // it is awake
	}
}

// tell passes transitions on until the manager is closed.
func (m *Manager) tell() {
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-m.changes.wake:
		}
		m.mu.Lock()
		batch := m.changes.pending
		m.changes.pending = nil
		m.mu.Unlock()
		if m.options.OnTransition != nil && len(batch) > 0 && m.ctx.Err() == nil {
			m.options.OnTransition(batch)
		}
	}
}
