package probe

import (
	"cmp"
	"container/heap"
	"context"
	"math/rand/v2"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

const (
	// tick is how exact starting times are. What falls due within one tick starts together, with one wake-up.
	tick = 10 * time.Millisecond
	// soon is the time within which the first probe of a target starts, so that people see quickly how it is; if there
	// are many new ones, perNew for each of them, but no longer than an interval.
	soon   = 500 * time.Millisecond
	perNew = time.Millisecond
	// warnEvery is how often at most the same is logged.
	warnEvery = time.Minute
)

// schedule holds the checks that wait: for their time in the heap, then in a queue for one of the running ones to end.
type schedule struct {
	wake     chan struct{}
	heap     dueHeap
	quick    []*check // due
	slow     []*check // due, and those that timed out last time
	busy     int      // probes that run
	dawdling int      // of these, the slow ones
	late     remark   // of probes that start late
	faults   remark   // of probes that could not be run
}

// remark is a line of the log that is not repeated too often. It holds the time of the last one, 0 if there was none.
type remark time.Duration

func (r *remark) isDue(now time.Duration) bool {
	if *r != 0 && now-time.Duration(*r) < warnEvery {
		return false
	}
	*r = remark(now)
	return true
}

// poke wakes the goroutine that keeps the time.
func (s *schedule) poke() {
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
}

func (s *schedule) add(c *check, due time.Duration) {
	c.phase, c.due = waiting, due
	heap.Push(&s.heap, c)
	if c.place == 0 {
		s.poke() // it is due before what the time is kept for
	}
}

// remove takes a waiting check out.
func (s *schedule) remove(c *check) {
	heap.Remove(&s.heap, c.place)
	c.phase = idle
}

func (m *Manager) now() time.Duration { return time.Since(m.start) }

// spread schedules the first probes of idle checks by chance over the time that they have.
func (m *Manager) spread(checks ...*check) {
	now := m.now()
	window := max(soon, time.Duration(len(checks))*perNew)
	for _, c := range checks {
		if len(c.targets) > 0 && c.phase == idle {
			m.schedule.add(c, now+rand.N(min(window, c.group.spec.Probe.Interval)))
		}
	}
}

// bringForward has a check that waits start within a time, by chance.
func (m *Manager) bringForward(c *check, within time.Duration) {
	if c.phase != waiting {
		return
	}
	if due := m.now() + rand.N(within); due < c.due {
		m.schedule.remove(c)
		m.schedule.add(c, due)
	}
}

// keepTime starts probes when they are due, until the manager is closed.
func (m *Manager) keepTime() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-m.schedule.wake:
		case <-timer.C:
		}
		m.mu.Lock()
		m.queueDue()
		m.startQueued()
		next := time.Hour
		if len(m.heap) > 0 {
			next = max(tick, m.heap[0].due-m.now())
		}
		m.mu.Unlock()
		timer.Reset(next)
	}
}

// queueDue moves what is due from the heap to the queues.
func (m *Manager) queueDue() {
	now := m.now()
	for len(m.heap) > 0 && m.heap[0].due <= now {
		c := m.heap[0]
		m.schedule.remove(c)
		c.phase = queued
		if c.slow {
			m.slow = append(m.slow, c)
		} else {
			m.quick = append(m.quick, c)
		}
	}
}

// startQueued starts as many probes as may run.
func (m *Manager) startQueued() {
	if m.ctx.Err() != nil {
		return
	}
	for len(m.quick) > 0 && m.busy < m.options.MaxConcurrent {
		m.begin(m.quick[0])
		m.quick = m.quick[1:]
	}
	for len(m.slow) > 0 && m.busy < m.options.MaxConcurrent && m.dawdling < max(1, m.options.MaxConcurrent/2) {
		m.begin(m.slow[0])
		m.slow = m.slow[1:]
	}
}

// begin starts a probe, unless nobody wants it any more.
func (m *Manager) begin(c *check) {
	c.phase = idle
	if len(c.targets) == 0 {
		return
	}
	spec := c.group.spec.Probe
	m.warnIfLate(c, spec)
	ctx, cancel := context.WithTimeout(m.ctx, spec.Timeout)
	c.phase, c.cancel, c.stale = running, cancel, false
	m.busy++
	slow := c.slow
	if slow {
		m.dawdling++
	}
	m.running.Go(func() {
		began := time.Now()
		o := m.prober.run(ctx, spec, c.at)
		cancel()
		o.took = cmp.Or(o.took, time.Since(began))
		counts := m.finish(c, o, slow)
		if counts && !o.fault && m.options.OnProbe != nil {
			m.options.OnProbe(spec.Kind, o.result, o.took)
		}
	})
}

// warnIfLate logs that there are more probes than can be run.
func (m *Manager) warnIfLate(c *check, spec *plan.Probe) {
	now := m.now()
	if now-c.due < spec.Interval || !m.late.isDue(now) {
		return
	}
	m.log.Warn("probes start late: too many run at the same time", "late", now-c.due, "running", m.busy,
		"waiting", len(m.quick)+len(m.slow), "most", m.options.MaxConcurrent)
}

// finish records the outcome of a probe and schedules the next one. It returns false if the outcome does not count.
func (m *Manager) finish(c *check, o outcome, wasSlow bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.busy--
	if wasSlow {
		m.dawdling--
	}
	c.phase = idle
	counts := !c.stale && m.ctx.Err() == nil
	if counts {
		spec, at := c.group.spec.Probe, time.Now()
		for _, t := range c.targets {
			m.changes.update(t, func() { t.record(o, spec, at) })
		}
		m.changes.poke()
		m.again(c, o, spec.Interval)
	} else {
		m.spread(c)
	}
	m.startQueued()
	return counts
}

// again schedules the next probe of a check, an interval after the last one was due. What began together is spread
// over the interval by making the first one up to half longer or shorter by chance.
func (m *Manager) again(c *check, o outcome, interval time.Duration) {
	if o.fault && m.faults.isDue(m.now()) {
		m.log.Warn("a probe could not be run", "address", c.at, "reason", o.detail)
	}
	c.slow = o.result == observe.L4TOUT || o.result == observe.L6TOUT || o.result == observe.L7TOUT
	if c.early {
		c.early = false
		interval = interval/2 + rand.N(interval)
	}
	m.schedule.add(c, max(c.due+interval, m.now()))
}

// dueHeap orders checks by when they are due (container/heap).
type dueHeap []*check

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due < h[j].due }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push is for container/heap.
func (h *dueHeap) Push(x any) {
	c := x.(*check)
	c.place = len(*h)
	*h = append(*h, c)
}

// Pop is for container/heap.
func (h *dueHeap) Pop() any {
	old := *h
	last := len(old) - 1
	c := old[last]
	old[last] = nil
	*h = old[:last]
	return c
}
