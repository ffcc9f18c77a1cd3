package edge

import (
	"net/netip"
	"slices"
	"time"

	"github.com/naru-lb/naru/internal/observe"
)

// The keeper is the one goroutine that does what has to be done later: binding again what could not be bound, ending
// the connections of targets whose deregistration delay is over, forgetting targets that are gone.

const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 15 * time.Second
	// addressRetry is how often an address that was not one of this machine is looked for.
	addressRetry = 10 * time.Second
	// forgetAfter is how long a gone target is remembered at least. It is longer than any connect timeout, so that
	// a connection that was being made when the target left is still counted and cut.
	forgetAfter = 35 * time.Second
)

// poke makes the keeper look at what there is to do.
func (e *Edge) poke() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func (e *Edge) keep() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(e.tend(time.Now()))
		select {
		case <-timer.C:
		case <-e.wake:
		case <-e.done:
			return
		}
	}
}

// tend does what is due and returns how long there is nothing more to do.
func (e *Edge) tend(now time.Time) time.Duration {
	e.notifying.Lock()
	defer e.notifying.Unlock()
	e.mu.Lock()
	next := now.Add(time.Hour)
	next = e.endDrains(now, next)
	next = e.bindAgain(now, next)
	news := e.news()
	e.mu.Unlock()
	e.notify(news)
	return max(time.Until(next), 0)
}

// endDrains cuts or leaves alone the connections of targets whose delay is over.
func (e *Edge) endDrains(now, next time.Time) time.Time {
	var over map[*target]bool
	for t, since := range e.leaving {
		switch {
		case !t.deadline.IsZero() && !now.Before(t.deadline):
			t.deadline, t.drained = time.Time{}, true
			if t.reset {
				if over == nil {
					over = map[*target]bool{}
				}
				over[t] = true
			}
		case !t.deadline.IsZero() && t.deadline.Before(next):
			next = t.deadline
		}
		if t.member && t.drained {
			delete(e.leaving, t)
		}
		if !t.member {
			next = earlier(next, e.forget(t, since, now))
		}
	}
	if over != nil {
		e.engine.cut(over)
	}
	return next
}

// forget drops a gone target that nothing runs to any more, or says when to try again.
func (e *Edge) forget(t *target, since, now time.Time) time.Time {
	if again := since.Add(forgetAfter); now.Before(again) {
		return again
	}
	if t.active() > 0 {
		return now.Add(forgetAfter)
	}
	delete(e.leaving, t)
	delete(e.targets, t.id)
	return now.Add(time.Hour)
}

// bindAgain tries to bring listeners to where they should be.
func (e *Edge) bindAgain(now, next time.Time) time.Time {
	if e.stopping {
		return next
	}
	for l := range e.unsettled {
		if !now.Before(l.retry) {
			e.bind(l, now)
		}
		if e.unsettled[l] {
			next = earlier(next, l.retry)
		}
	}
	return next
}

// bind binds l, or brings it to a better place than it has. Only if it is settled it is not tried again.
func (e *Edge) bind(l *listener, now time.Time) {
	if _, ok := e.moved[l]; !ok {
		e.moved[l] = l.binding
	}
	if l.socket == nil {
		e.place(l, now)
	} else if s, err := e.engine.open(l, l.address()); err == nil { // it is at another address, and the right one is here now
		e.engine.shut([]socket{l.socket})
		l.socket, l.binding = s, observe.Binding{Key: l.key, Bound: s.address()}
	}
	switch l.binding.Problem {
	case observe.NoProblem, observe.PortMapped:
		delete(e.unsettled, l)
	case observe.AddressMapped:
		e.unsettled[l] = true
		l.retry = now.Add(addressRetry)
	default:
		e.unsettled[l] = true
		l.backoff = min(max(2*l.backoff, firstRetry), lastRetry)
		l.retry = now.Add(l.backoff)
	}
}

// place finds a place for a listener that has none. One of ours that is there only because it could not have its own
// goes elsewhere.
func (e *Edge) place(l *listener, now time.Time) {
	open := func(at netip.AddrPort) (socket, error) { return e.engine.open(l, at) }
	l.socket, l.binding = bind(l.key, e.options.MapPort, open)
	if l.binding.Problem != observe.PortTaken {
		return
	}
	if guest := e.guestAt(l); guest != nil {
		e.engine.shut([]socket{guest.socket})
		guest.socket = nil
		l.socket, l.binding = bind(l.key, e.options.MapPort, open)
		e.bind(guest, now)
	}
}

// guestAt returns the listener that is served where l should be although its own place is another, nil if there is none.
func (e *Edge) guestAt(l *listener) *listener {
	for _, g := range e.listeners {
		if g.socket != nil && g.binding.Problem != observe.NoProblem && g.binding.Bound == l.address() && g.key.Protocol == l.key.Protocol {
			return g
		}
	}
	return nil
}

// news returns the bindings that have changed since the last time, in order of their keys.
func (e *Edge) news() []observe.Binding {
	var bs []observe.Binding
	for l, was := range e.moved {
		if l.binding != was {
			bs = append(bs, l.binding)
		}
	}
	clear(e.moved)
	slices.SortFunc(bs, func(a, b observe.Binding) int { return a.Key.Compare(b.Key) })
	return bs
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
