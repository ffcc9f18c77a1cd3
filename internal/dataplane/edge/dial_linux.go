//go:build amd64 || arm64

package edge

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/proxyproto"
)

// dial asks one target after the other until one is being connected to. What the client sends meanwhile waits in the
// kernel. If nobody is left the client gets RST.
func (l *loop) dial(c *conn) {
	for {
		c.target = c.attempt.next(l.group.affinity, time.Duration(l.now)*tick)
		if c.target == nil {
			c.listener.cells[l.index].noTarget.Add(1)
			l.reset(c)
			return
		}
		switch e := l.connect(c); {
		case e == 0:
			l.wheel.add(&c.timer, l.now+ticks(c.attempt.view.spec.ConnectTimeout))
			return
		case isShortage(e): // no target could help
			l.group.outOfDescriptors(e)
			c.listener.cells[l.index].noTarget.Add(1)
			l.reset(c)
			return
		}
		c.target.cells[l.index].failed.Add(1)
	}
}

func (l *loop) connect(c *conn) syscall.Errno {
	at := c.target.id.Address
	fd, e := sysSocket(familyOf(at.Addr()), unix.SOCK_STREAM)
	if e != 0 {
		return e
	}
	l.address.put(at)
	if e = sysConnect(fd, &l.address); e == 0 || e == unix.EINPROGRESS {
		e = l.watch(fd, watchEvents, kindTarget, c.index, c.gen)
	}
	if e != 0 {
		sysClose(fd)
		return e
	}
	c.side[server] = side{fd: fd, can: watched}
	return 0
}

// isShortage tells whether the system has no descriptor or no memory to give.
func isShortage(e syscall.Errno) bool {
	return e == unix.EMFILE || e == unix.ENFILE || e == unix.ENOBUFS || e == unix.ENOMEM
}

// watchEvents are those of both sides: each change is told once.
const watchEvents = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

// onConnect handles the answer of a target.
func (l *loop) onConnect(c *conn, events uint32) {
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		l.failed(c)
		return
	}
	if events&unix.EPOLLOUT == 0 {
		return
	}
	c.attempt.accepted(l.group.affinity, time.Duration(l.now)*tick)
	c.state, c.last = relaying, l.now
	cell := &c.target.cells[l.index]
	cell.connections.Add(1)
	cell.active.Add(1)
	l.wheel.remove(&c.timer)
	l.armIdle(c)
	c.side[client].can |= readable // not asked yet; mostly the client has spoken already
	if version := c.attempt.view.spec.ProxyProtocol; version != plan.ProxyNone && !l.introduce(c, version) {
		return
	}
	l.endAttempt(c)
	l.relay(c)
}

// introduce sends the PROXY header. It is false if that ended the connection.
func (l *loop) introduce(c *conn, version plan.ProxyProtocol) bool {
	header := proxyproto.Append(l.buffer[:0], version, c.attempt.client, c.listener.address())
	n, e := sysSend(c.side[server].fd, header)
	c.wrote = true
	if e == 0 && n == len(header) { // a new socket has room for 232 bytes, the longest header
		return true
	}
	c.state, c.wrote = connecting, false // no byte of the client was sent: another target may do
	cell := &c.target.cells[l.index]
	cell.connections.Add(^uint64(0))
	cell.active.Add(-1)
	l.failed(c)
	return false
}

// failed gives up the target that is tried and tries the next one.
func (l *loop) failed(c *conn) {
	c.target.cells[l.index].failed.Add(1)
	l.tryNext(c)
}

func (l *loop) tryNext(c *conn) {
	l.wheel.remove(&c.timer)
	sysAbort(c.side[server].fd)
	c.side[server] = side{}
	// The events of the old descriptor are gone with it, but those harvested already must not count.
	c.gen = l.conns.generation()
	if e := sysPeek(c.side[client].fd); e != 0 && e != unix.EAGAIN {
		l.reset(c) // the client has gone meanwhile
		return
	}
	l.dial(c)
}
