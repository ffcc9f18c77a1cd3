//go:build amd64 || arm64

package edge

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// turn is how much one direction may move before other connections have their turn.
	turn = 1 << 20
	// bulkAfter is how many bytes one side has to send, with none from the other, before they are spliced.
	bulkAfter = 128 << 10
	// bulkRead is how much a read must give for splicing to pay: two system calls and no copy against two and a copy.
	bulkRead = 16 << 10
)

// relay moves what can be moved in both directions, and ends the connection if it is over.
func (l *loop) relay(c *conn) {
	for from := range 2 {
		if l.move(c, from) == 0 {
			continue
		}
		// What the other side said before it went may not have been noticed yet, and must still arrive.
		c.side[1-from].can |= readable
		l.move(c, 1-from)
		l.reset(c)
		return
	}
	if c.side[client].can&c.side[server].can&shut != 0 {
		l.finish(c)
		return
	}
	if c.side[client].can&watched == 0 {
		c.side[client].can |= watched
		if e := l.watch(c.side[client].fd, watchEvents, kindClient, c.index, c.gen); e != 0 {
			l.reset(c)
		}
	}
}

// move pumps in one direction and counts. It returns the error that ends the connection.
func (l *loop) move(c *conn, from int) syscall.Errno {
	n, e := l.pump(c, from)
	if n > 0 {
		l.count(c, from, n)
	}
	return e
}

func (l *loop) count(c *conn, from, n int) {
	c.last = l.now
	c.since[1-from] = 0
	c.since[from] = min(c.since[from]+uint32(min(n, 1<<30)), 1<<30)
	listener, target := &c.listener.cells[l.index], &c.target.cells[l.index]
	if from == client {
		listener.bytesIn.Add(uint64(n))
		target.bytesIn.Add(uint64(n))
	} else {
		listener.bytesOut.Add(uint64(n))
		target.bytesOut.Add(uint64(n))
	}
}

// pump moves bytes from one side to the other until the one is empty, the other full, or its turn is over. It returns
// how many the other side has taken, and the error that ends the connection.
func (l *loop) pump(c *conn, from int) (moved int, e syscall.Errno) {
	src, dst := &c.side[from], &c.side[1-from]
	for moved < turn {
		var n int
		switch {
		case c.held[from] != nil:
			if dst.can&writable == 0 {
				return moved, 0
			}
			n, e = l.flush(c, from)
		case src.can&ended != 0:
			return moved, l.passEnd(c, from)
		case src.can&readable == 0:
			l.calm(src, moved)
			return moved, 0
		case src.can&bulky != 0:
			n, e = l.spliceOnce(c, from)
		default:
			n, e = l.copyOnce(c, from)
			if n >= bulkRead && c.since[from]+uint32(moved+n) >= bulkAfter {
				src.can |= bulky
			}
		}
		moved += n
		if e != 0 {
			return moved, e
		}
	}
	if !c.queued {
		c.queued = true
		l.again = append(l.again, ref{c.index, c.gen})
	}
	return moved, 0
}

// calm ends splicing for a side that sends little at a time.
func (l *loop) calm(src *side, moved int) {
	if moved > 0 && moved < bulkRead/2 {
		src.can &^= bulky
	}
}

// passEnd tells the other side that nothing more comes. If it has ended as well, closing says so.
func (l *loop) passEnd(c *conn, from int) syscall.Errno {
	dst := &c.side[1-from]
	if dst.can&shut != 0 {
		return 0
	}
	dst.can |= shut
	if c.side[from].can&shut != 0 {
		return 0 // relay closes both
	}
	if e := sysShutdownWrite(dst.fd); e != 0 && e != unix.ENOTCONN {
		return e
	}
	return 0
}

// copyOnce reads once and writes what was read.
func (l *loop) copyOnce(c *conn, from int) (int, syscall.Errno) {
	src, dst := &c.side[from], &c.side[1-from]
	n, e := sysRead(src.fd, l.buffer)
	switch {
	case e == unix.EAGAIN:
		src.can &^= readable
		return 0, 0
	case e == unix.EINTR:
		return 0, 0
	case e != 0:
		return 0, e
	case n == 0:
		src.can |= ended
		return 0, 0
	}
	if n < len(l.buffer) && src.can&hangup == 0 {
		// It is empty. What comes later is a new event, or told when the side is put into the set.
		src.can &^= readable
	}
	l.hasten(c, 1-from)
	sent := 0
	for sent < n && dst.can&writable != 0 {
		m, e := sysSend(dst.fd, l.buffer[sent:n])
		sent += m
		if e == unix.EAGAIN || e == 0 && sent < n {
			dst.can &^= writable
		} else if e != 0 && e != unix.EINTR {
			return sent, e
		}
	}
	if sent < n {
		c.held[from] = l.keep(l.buffer[sent:n])
	}
	return sent, 0
}

// hasten sets TCP_NODELAY on the side of the target before its second write: the first is sent at once anyway. On the
// side of the client it is inherited.
func (l *loop) hasten(c *conn, to int) {
	s := &c.side[to]
	if to == client || s.can&nodelay != 0 {
		return
	}
	if c.wrote {
		s.can |= nodelay
		sysSetInt(s.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	c.wrote = true
}
