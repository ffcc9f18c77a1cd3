//go:build amd64 || arm64

package edge

import (
	"golang.org/x/sys/unix"
)

// conn is one TCP connection from a client to a target. It holds no buffer: an idle one costs this struct (about
// 100 bytes) and what the kernel needs for two sockets.
type conn struct {
	timer    timer // connect timeout, then idle timeout
	listener *listener
	target   *target  // that is tried, or that has accepted
	attempt  *attempt // while no target has accepted
	held     [2]*held // what was taken from side i and could not be given to the other side yet
	side     [2]side
	since    [2]uint32 // bytes from side i since the other side last sent any; stops at 1 GiB
	last     uint32    // when a byte last went through, in ticks
	index    uint32
	gen      uint32
	state    uint8
	queued   bool // in loop.again
	wrote    bool // something was written to the target
}

// The sides of a connection.
const (
	client = 0
	server = 1
)

// side is one of the two sockets of a connection.
type side struct {
	fd  int32
	can uint8
}

// What is known of a side.
const (
	readable uint8 = 1 << iota // there may be something to read
	writable                   // there may be room to write
	hangup                     // the kernel has seen FIN or an error: read until told so
	ended                      // FIN was read: nothing more comes
	shut                       // FIN was sent, or is about to be by closing: nothing more goes
	watched                    // in the epoll set
	bulky                      // what it sends is spliced
	nodelay                    // TCP_NODELAY is set
)

// The states of a connection.
const (
	free       uint8 = iota // not in use
	connecting              // a target was asked and has not answered
	relaying                // a target has accepted
)

// slab holds the connections of a loop in blocks that never move and are used again.
type slab struct {
	blocks []*[slabBlock]conn
	unused []uint32
	last   uint32 // generation given last
}

const slabBlock = 256

func (s *slab) size() uint32 { return uint32(len(s.blocks) * slabBlock) }

func (s *slab) at(i uint32) *conn { return &s.blocks[i/slabBlock][i%slabBlock] }

// generation returns a number that nothing else of the loop has, until 4 billion others were given.
func (s *slab) generation() uint32 {
	s.last++
	return s.last
}

func (s *slab) get() *conn {
	if len(s.unused) == 0 {
		base := s.size()
		s.blocks = append(s.blocks, new([slabBlock]conn))
		for i := uint32(slabBlock); i > 0; i-- {
			s.unused = append(s.unused, base+i-1)
		}
	}
	i := s.unused[len(s.unused)-1]
	s.unused = s.unused[:len(s.unused)-1]
	c := s.at(i)
	*c = conn{index: i, gen: s.generation()}
	c.timer.owner, c.timer.kind = i, kindClient
	return c
}

func (s *slab) put(c *conn) {
	*c = conn{index: c.index}
	s.unused = append(s.unused, c.index)
}

// release forgets a connection whose sockets are closed.
func (l *loop) release(c *conn) {
	l.wheel.remove(&c.timer)
	for i := range c.held {
		if c.held[i] != nil {
			l.discard(c.held[i]) // a pipe with bytes in it is never used again
			c.held[i] = nil
		}
	}
	cell := &c.listener.cells[l.index]
	cell.active.Add(-1)
	if c.state == relaying {
		c.target.cells[l.index].active.Add(-1)
	}
	if c.attempt != nil {
		l.endAttempt(c)
	}
	l.active.Add(-1)
	l.conns.put(c)
}

func (l *loop) endAttempt(c *conn) {
	l.reuse(c.attempt)
	c.attempt = nil
}

// reset ends a connection with RST to both sides.
func (l *loop) reset(c *conn) {
	for i := range c.side {
		if c.side[i].fd > 0 {
			sysAbort(c.side[i].fd)
		}
	}
	l.release(c)
}

// finish ends a connection that both sides have ended.
func (l *loop) finish(c *conn) {
	sysClose(c.side[client].fd)
	sysClose(c.side[server].fd)
	l.release(c)
}

// forgetSilently ends a connection without telling the sides, as far as the process may.
func (l *loop) forgetSilently(c *conn) {
	sysForget(c.side[client].fd)
	sysForget(c.side[server].fd)
	l.release(c)
}

// expel ends the connection of a target whose time is over; one that is still being made goes to another target.
func (l *loop) expel(c *conn) {
	if c.state == connecting {
		l.tryNext(c)
		return
	}
	l.reset(c)
}

// onEvent takes note of what the kernel says about one side.
func (l *loop) onEvent(c *conn, which int, events uint32) {
	s := &c.side[which]
	if events&unix.EPOLLIN != 0 {
		s.can |= readable
	}
	if events&unix.EPOLLOUT != 0 {
		s.can |= writable
	}
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		s.can |= readable | hangup
	}
	switch {
	case c.state == connecting:
		l.onConnect(c, events)
	case events&unix.EPOLLERR != 0 && (s.can&ended != 0 || c.held[which] != nil):
		// RST from a side that is not read from now: nothing else would notice it.
		l.reset(c)
	default:
		l.relay(c)
	}
}

// onTimer handles the connect timeout or the idle timeout of a connection.
func (l *loop) onTimer(c *conn) {
	if c.state == connecting {
		l.failed(c)
		return
	}
	l.onIdle(c)
}

// armIdle sets the timer for the idle timeout that the listener has now.
func (l *loop) armIdle(c *conn) {
	l.wheel.remove(&c.timer)
	if idle := c.listener.terms.Load().idle; idle > 0 {
		l.wheel.add(&c.timer, c.last+ticks(idle))
	}
}

// onIdle ends a connection if nothing went through for the idle timeout of its listener.
func (l *loop) onIdle(c *conn) {
	t := c.listener.terms.Load()
	if t.idle == 0 {
		return
	}
	if due := c.last + ticks(t.idle); int32(due-l.now) > 0 {
		l.wheel.add(&c.timer, due)
		return
	}
	c.listener.cells[l.index].idleClosed.Add(1)
	if t.reset {
		l.reset(c)
	} else {
		l.forgetSilently(c)
	}
}
