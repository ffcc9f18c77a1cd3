//go:build amd64 || arm64

package edge

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// acceptor is a TCP listening socket as one loop sees it.
type acceptor struct {
	timer  timer // set while the loop does not accept, for want of descriptors
	socket *loopSocket
	gen    uint32
	burst  int // how many connections are accepted at once
	streak int // how many bursts in a row were full
}

// guest is an accepted connection on its way to the loop that serves it.
type guest struct {
	fd     int32
	l      *listener
	client netip.AddrPort
}

const maxBurst = 32

// listenTCP returns a listening socket. Accepted connections inherit TCP_NODELAY and keep-alive, which saves calls.
func listenTCP(at netip.AddrPort) (fd int32, bound netip.AddrPort, err error) {
	fd, bound, err = bindSocket(unix.SOCK_STREAM, at, func(fd int32) {
		sysSetInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		sysSetInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		sysSetInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
		sysSetInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepAliveAfter.Seconds()))
	})
	if err != nil {
		return 0, bound, fmt.Errorf("TCP: %w", err)
	}
	if err := unix.Listen(int(fd), 65535); err != nil { // the kernel takes less (net.core.somaxconn)
		sysClose(fd)
		return 0, bound, fmt.Errorf("listen on TCP %s: %w", at, err)
	}
	return fd, bound, nil
}

func (l *loop) addAcceptor(s *loopSocket) {
	a := &acceptor{socket: s, burst: 1}
	i := slices.Index(l.acceptors, nil)
	if i < 0 {
		i = len(l.acceptors)
		l.acceptors = append(l.acceptors, nil)
	}
	l.acceptors[i] = a
	a.gen = l.conns.generation()
	a.timer.owner, a.timer.kind = uint32(i), kindAcceptor
	l.watchAcceptor(a)
}

func (l *loop) watchAcceptor(a *acceptor) {
	if e := l.watch(a.socket.fd, unix.EPOLLIN|epollExclusive, kindAcceptor, a.timer.owner, a.gen); e != 0 {
		l.group.log.Error("watch a listening socket", "listener", a.socket.l.key, "error", e)
	}
}

func (l *loop) removeAcceptor(s *loopSocket) {
	i := slices.IndexFunc(l.acceptors, func(a *acceptor) bool { return a != nil && a.socket == s })
	if i < 0 {
		return
	}
	l.wheel.remove(&l.acceptors[i].timer)
	l.acceptors[i] = nil
	// It is not in the set while accepting is paused.
	_ = sysEpollCtl(l.ep, unix.EPOLL_CTL_DEL, s.fd, nil)
}

// accept takes new connections: one at a time while they come slowly, so that no call is spent on an empty queue,
// more when bursts are always full.
func (l *loop) accept(a *acceptor) {
	for range a.burst {
		if l.full() {
			l.pause(a, unix.EMFILE)
			return
		}
		switch e := l.acceptOne(a.socket); e {
		case 0, unix.ECONNABORTED, unix.EINTR, unix.EPROTO, unix.EPERM:
		case unix.EAGAIN:
			a.burst, a.streak = 1, 0
			return
		default: // EMFILE, ENFILE, ENOBUFS, ENOMEM
			l.pause(a, e)
			return
		}
	}
	if a.streak++; a.streak >= 4 {
		a.burst, a.streak = min(2*a.burst, maxBurst), 0
	}
}

// drainQueue serves what waits in the accept queue of a socket that is about to be closed, be there room or not.
func (l *loop) drainQueue(s *loopSocket) {
	for range 1 << 16 {
		if e := l.acceptOne(s); e != 0 && e != unix.ECONNABORTED && e != unix.EINTR {
			return
		}
	}
}

// acceptOne takes one connection and starts to serve it, here or in a loop that has less to do.
func (l *loop) acceptOne(s *loopSocket) syscall.Errno {
	fd, e := sysAccept(s.fd, &l.address)
	if e != 0 {
		return e
	}
	g := guest{fd, s.l, l.address.get()}
	if to := l.idlest(); to != l && to.invite(g) {
		return 0
	}
	l.serve(g)
	return 0
}

// full tells whether there are as many connections as there may be.
func (l *loop) full() bool {
	var n int64
	for _, o := range l.group.all {
		n += o.active.Load()
	}
	return n >= l.group.maxConnections
}

// idlest returns the loop that should serve a new connection: this one, unless another has notably fewer.
func (l *loop) idlest() *loop {
	mine := l.active.Load()
	best, least := l, mine
	for _, o := range l.group.all {
		if n := o.active.Load(); n < least {
			best, least = o, n
		}
	}
	if mine > least+4+least/8 {
		return best
	}
	return l
}

// invite hands a connection to the loop; it is false if the loop has stopped.
func (l *loop) invite(g guest) bool {
	l.inbox.Lock()
	defer l.inbox.Unlock()
	if l.inbox.closed {
		return false
	}
	l.inbox.guests = append(l.inbox.guests, g)
	l.ring()
	return true
}

// pause stops accepting from one socket for 100 ms. The connections wait in the kernel's queue meanwhile.
func (l *loop) pause(a *acceptor, e syscall.Errno) {
	l.group.outOfDescriptors(e)
	if e := sysEpollCtl(l.ep, unix.EPOLL_CTL_DEL, a.socket.fd, nil); e == 0 {
		l.wheel.add(&a.timer, l.now+pauseTicks)
	}
}

func (l *loop) unpause(a *acceptor) {
	if a != nil {
		l.watchAcceptor(a)
	}
}

// serve decides about a new connection.
func (l *loop) serve(g guest) {
	cell := &g.l.cells[l.index]
	t := g.l.terms.Load()
	if !t.admits(g.client.Addr()) {
		cell.refused.Add(1)
		sysAbort(g.fd)
		return
	}
	cell.connections.Add(1)
	a := l.newAttempt()
	if !a.begin(g.l, t, g.client) {
		cell.noTarget.Add(1)
		l.reuse(a)
		sysAbort(g.fd)
		return
	}
	c := l.conns.get()
	c.listener, c.attempt, c.state = g.l, a, connecting
	c.side[client] = side{fd: g.fd, can: writable}
	l.active.Add(1)
	cell.active.Add(1)
	l.dial(c)
}

func (l *loop) newAttempt() *attempt {
	if n := len(l.attempts); n > 0 {
		a := l.attempts[n-1]
		l.attempts = l.attempts[:n-1]
		return a
	}
	return &attempt{}
}

// reuse keeps an attempt that is over for the next connection. It holds on to nothing meanwhile.
func (l *loop) reuse(a *attempt) {
	clear(a.tried)
	*a = attempt{tried: a.tried[:0]}
	l.attempts = append(l.attempts, a)
}
