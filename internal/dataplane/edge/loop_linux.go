//go:build amd64 || arm64

package edge

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What an epoll event is about: the kind in the low bits of its Fd field, an index in the others. Pad holds the
// generation of a connection or session, so that an event for one that has ended meanwhile is known as such.
const (
	kindWake = iota
	kindAcceptor
	kindClient
	kindTarget
	kindUDP
	kindSession
	kindBits = 3
)

const (
	// hold is how long a loop waits with its processor kept, in ms. Below it sysmon never sees the process idle while
	// there is traffic; above it, stopping the world and other goroutines would have to wait.
	hold = 2
	// bufferSize is what is read at once where bytes are copied.
	bufferSize = 64 << 10
	// pauseTicks is how long accepting waits when there are no descriptors: 100 ms.
	pauseTicks = 4
	// sweepStep is how many connections a sweep looks at before others have their turn.
	sweepStep = 4096
)

// loop is one event loop. Everything but the inbox and the counters belongs to its goroutine.
type loop struct {
	group  *loops
	index  int
	ep     int32
	waker  int32
	events [256]unix.EpollEvent
	wheel  *wheel
	now    uint32 // in ticks since the start
	stop   bool

	conns     slab
	acceptors []*acceptor
	again     []ref // connections with more to do
	spare     []ref
	sweeps    []sweep
	attempts  []*attempt // to be used again
	helds     []*held    // to be used again, each with an empty pipe
	pipes     int        // open, with those in use
	buffer    []byte
	address   sockaddr
	udp       udpSide

	// Counters that others read.
	active       atomic.Int64 // connections
	sessionCount atomic.Int64
	evicted      atomic.Uint64
	lost         atomic.Uint64

	inbox struct {
		sync.Mutex
		tasks  []func(*loop)
		guests []guest
		closed bool
	}
}

// ref names a connection: its index and its generation.
type ref struct{ index, gen uint32 }

func newLoop(g *loops, index int) (*loop, error) {
	l := &loop{group: g, index: index, wheel: newWheel(), buffer: make([]byte, bufferSize)}
	var e syscall.Errno
	if l.ep, e = sysEpollCreate(); e != 0 {
		return nil, e
	}
	if l.waker, e = sysEventFD(); e != 0 {
		sysClose(l.ep)
		return nil, e
	}
	if e = l.watch(l.waker, unix.EPOLLIN|unix.EPOLLET, kindWake, 0, 0); e != 0 {
		l.free()
		return nil, e
	}
	return l, nil
}

// free closes what the loop has, when it does not run any more.
func (l *loop) free() {
	sysClose(l.waker)
	sysClose(l.ep)
}

// watch adds a descriptor to the epoll set.
func (l *loop) watch(fd int32, events uint32, kind, index, gen uint32) syscall.Errno {
	ev := unix.EpollEvent{Events: events, Fd: int32(index<<kindBits | kind), Pad: int32(gen)}
	return sysEpollCtl(l.ep, unix.EPOLL_CTL_ADD, fd, &ev)
}

// post hands a task to the loop. It is false if the loop has stopped.
func (l *loop) post(task func(*loop)) bool {
	l.inbox.Lock()
	defer l.inbox.Unlock()
	if l.inbox.closed {
		return false
	}
	l.inbox.tasks = append(l.inbox.tasks, task)
	l.ring()
	return true
}

// call runs a task in the loop and waits for it.
func (l *loop) call(task func(*loop)) {
	done := make(chan struct{})
	if l.post(func(l *loop) { task(l); close(done) }) {
		<-done
	}
}

// ring wakes the loop. The inbox is locked, and something was just put into it.
func (l *loop) ring() {
	if len(l.inbox.tasks)+len(l.inbox.guests) > 1 {
		return // rung already
	}
	one := [8]byte{0: 1}
	for {
		if _, e := sysWrite(l.waker, one[:]); e != unix.EINTR {
			return
		}
	}
}

func (l *loop) run() {
	for !l.stop {
		n := l.wait()
		l.now = uint32(time.Since(l.group.start) / tick)
		for i := range n {
			l.dispatch(&l.events[i])
		}
		l.resume()
		l.sweep()
		l.wheel.advance(l.now, l.fire)
	}
	l.close()
}

// wait returns how many events there are. It keeps the processor for a moment and only then lets go of it.
func (l *loop) wait() int {
	if len(l.again) > 0 || len(l.sweeps) > 0 {
		n, _ := sysEpollHold(l.ep, l.events[:], 0)
		return n
	}
	n, e := sysEpollHold(l.ep, l.events[:], hold)
	if n > 0 || e != 0 {
		return n // EINTR: the runtime wants something from this goroutine, and gets it on the way round
	}
	ms := -1
	if t := l.wheel.wait(); t > 0 {
		left := time.Duration(l.wheel.cur+t)*tick - time.Since(l.group.start)
		ms = int(max(left+time.Millisecond-1, 0) / time.Millisecond)
	}
	n, _ = sysEpollWait(l.ep, l.events[:], ms)
	return n
}

func (l *loop) dispatch(ev *unix.EpollEvent) {
	index, gen := uint32(ev.Fd)>>kindBits, uint32(ev.Pad)
	switch uint32(ev.Fd) & (1<<kindBits - 1) {
	case kindClient:
		if c := l.conns.at(index); c.gen == gen {
			l.onEvent(c, client, ev.Events)
		}
	case kindTarget:
		if c := l.conns.at(index); c.gen == gen {
			l.onEvent(c, server, ev.Events)
		}
	case kindAcceptor:
		if a := l.acceptors[index]; a != nil && a.gen == gen {
			l.accept(a)
		}
	case kindUDP:
		l.onDatagrams(index, gen)
	case kindSession:
		l.onReplies(index, gen)
	case kindWake:
		l.openInbox()
	}
}

// openInbox does what others have asked for.
func (l *loop) openInbox() {
	var count [8]byte
	// The counter is reset by reading; that it was zero (EAGAIN) is no error.
	_, _ = sysRead(l.waker, count[:])
	l.inbox.Lock()
	tasks, guests := l.inbox.tasks, l.inbox.guests
	l.inbox.tasks, l.inbox.guests = nil, nil
	l.inbox.Unlock()
	for _, task := range tasks {
		task(l)
	}
	for _, g := range guests {
		l.serve(g)
	}
}

// resume gives connections another turn that had more to do than one turn allows.
func (l *loop) resume() {
	if len(l.again) == 0 {
		return
	}
	turn := l.again
	l.again, l.spare = l.spare[:0], turn
	for _, r := range turn {
		if c := l.conns.at(r.index); c.gen == r.gen {
			c.queued = false
			l.relay(c)
		}
	}
}

// fire handles a timer.
func (l *loop) fire(t *timer) {
	switch t.kind {
	case kindClient:
		l.onTimer(l.conns.at(t.owner))
	case kindAcceptor:
		l.unpause(l.acceptors[t.owner])
	case kindSession:
		l.onSessionTimer(t.owner)
	}
}

// sweep is a pass over everything that runs.
type sweep struct {
	conn    func(*loop, *conn)
	session func(*loop, *session)
	next    uint32 // connection
}

// sweep goes on with the first pass that is asked for.
func (l *loop) sweep() {
	if len(l.sweeps) == 0 {
		return
	}
	s := &l.sweeps[0]
	if s.next == 0 {
		for _, x := range l.udp.sessions {
			if x != nil {
				s.session(l, x)
			}
		}
	}
	for end := min(s.next+sweepStep, l.conns.size()); s.next < end; s.next++ {
		if c := l.conns.at(s.next); c.state != free {
			s.conn(l, c)
		}
	}
	if s.next >= l.conns.size() {
		l.sweeps = l.sweeps[1:]
	}
}

// close resets what still runs and drops what waits in the inbox.
func (l *loop) close() {
	l.inbox.Lock()
	l.inbox.closed = true
	tasks, guests := l.inbox.tasks, l.inbox.guests
	l.inbox.tasks, l.inbox.guests = nil, nil
	l.inbox.Unlock()
	for _, task := range tasks {
		task(l)
	}
	for _, g := range guests {
		sysAbort(g.fd)
	}
	for i := range l.conns.size() {
		if c := l.conns.at(i); c.state != free {
			l.reset(c)
		}
	}
	l.closeUDP()
	for _, h := range l.helds {
		l.discard(h)
	}
}
