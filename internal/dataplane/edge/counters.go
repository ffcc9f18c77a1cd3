package edge

import (
	"sync/atomic"

	"github.com/naru-lb/naru/internal/observe"
)

// Counters live in cells, one for each worker (a loop, or all goroutines of the portable engine together), so that
// no two cores write to the same cache line. They are summed when they are read.

// listenerCell is one worker's part of a listener's counters.
type listenerCell struct {
	connections, refused, noTarget, idleClosed atomic.Uint64
	bytesIn, bytesOut                          atomic.Uint64
	active                                     atomic.Int64
	_                                          [8]byte // fills the cache line of 64 bytes
}

// targetCell is one worker's part of a target's counters.
type targetCell struct {
	connections, failed atomic.Uint64
	bytesIn, bytesOut   atomic.Uint64
	active              atomic.Int64
	_                   [24]byte // fills the cache line of 64 bytes
}

func (l *listener) counters() (sum observe.ListenerCounters) {
	for i := range l.cells {
		c := &l.cells[i]
		sum.Connections += c.connections.Load()
		sum.Active += c.active.Load()
		sum.Refused += c.refused.Load()
		sum.NoTarget += c.noTarget.Load()
		sum.IdleClosed += c.idleClosed.Load()
		sum.BytesIn += c.bytesIn.Load()
		sum.BytesOut += c.bytesOut.Load()
	}
	return sum
}

func (t *target) counters() (sum observe.TargetCounters) {
	for i := range t.cells {
		c := &t.cells[i]
		sum.Connections += c.connections.Load()
		sum.Active += c.active.Load()
		sum.BytesIn += c.bytesIn.Load()
		sum.BytesOut += c.bytesOut.Load()
		sum.Failed += c.failed.Load()
	}
	return sum
}

func (t *target) active() (n int64) {
	for i := range t.cells {
		n += t.cells[i].active.Load()
	}
	return n
}
