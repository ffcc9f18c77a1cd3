//go:build amd64 || arm64

package edge

import (
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// session is what one client and one UDP listener have with a target: a socket that is connected to the target.
type session struct {
	timer   timer
	u       *udpSocket
	client  netip.AddrPort
	address sockaddr // of the client
	fd      int32
	course
	last         uint32 // in ticks
	index, gen   uint32
	newer, older *session // ring by the last datagram from the client
}

// forward sends the datagrams first to end of the batch, which are of one client, to its target.
func (l *loop) forward(u *udpSocket, t *terms, first, end int) {
	b := l.udp.batch
	from := b.names[first].get()
	s := u.sessions[from]
	if s == nil || s.terms != t {
		if !t.admits(from.Addr()) {
			u.socket.l.cells[l.index].refused.Add(uint64(end - first))
			if s != nil {
				l.endSession(s)
			}
			return
		}
	}
	if s == nil {
		if l.udp.quiet {
			return
		}
		s = l.newSession(u, from, &b.names[first])
	}
	s.last = l.now
	l.touch(s)
	if !s.timer.set() {
		l.armSession(s)
	}
	if !l.settle(s, t) {
		u.socket.l.cells[l.index].noTarget.Add(uint64(end - first))
		l.endSession(s)
		return
	}
	l.sendTo(s, t, first, end)
}

// sendTo sends datagrams to the target of a session. If that refuses, and says so by ICMP, others get what is left.
func (l *loop) sendTo(s *session, t *terms, first, end int) {
	b := l.udp.batch
	for first < end {
		n, e := b.send(s.fd, first, end, nil)
		sent := b.size(first, first+n)
		s.u.socket.l.cells[l.index].bytesIn.Add(sent)
		s.target.cells[l.index].bytesIn.Add(sent)
		first += n
		switch {
		case e == 0:
			return
		case refused(e):
			if !l.moveOn(s, t) {
				s.u.socket.l.cells[l.index].noTarget.Add(uint64(end - first))
				l.endSession(s)
				return
			}
		default: // EAGAIN, ENOBUFS, EMSGSIZE: a network may lose datagrams
			l.lost.Add(1)
			first++
		}
	}
}

// refused tells whether a target, or the network on its behalf, has refused a datagram by ICMP.
func refused(e syscall.Errno) bool {
	return e == unix.ECONNREFUSED || e == unix.EHOSTUNREACH || e == unix.ENETUNREACH
}

// newSession makes a session without a target, ending the one idle for longest if there are too many.
func (l *loop) newSession(u *udpSocket, from netip.AddrPort, address *sockaddr) *session {
	if oldest := l.udp.recent.newer; l.udp.count >= l.group.maxSessions && oldest != &l.udp.recent {
		l.evicted.Add(1)
		l.endSession(oldest)
	}
	s := &session{u: u, client: from, address: *address, fd: -1, gen: l.conns.generation()}
	if from.Addr().Is4() {
		s.address.len = unix.SizeofSockaddrInet4
	} else {
		s.address.len = unix.SizeofSockaddrInet6
	}
	if n := len(l.udp.unused); n > 0 {
		s.index = l.udp.unused[n-1]
		l.udp.unused = l.udp.unused[:n-1]
	} else {
		s.index = uint32(len(l.udp.sessions))
		l.udp.sessions = append(l.udp.sessions, nil)
	}
	l.udp.sessions[s.index] = s
	l.udp.count++
	s.timer.owner, s.timer.kind = s.index, kindSession
	u.sessions[from] = s
	l.sessionCount.Add(1)
	cell := &u.socket.l.cells[l.index]
	cell.connections.Add(1)
	cell.active.Add(1)
	return s
}

// settle makes sure that the session has a target that may get datagrams now. It is false if there is none.
func (l *loop) settle(s *session, t *terms) bool {
	if s.holds(t) {
		return true
	}
	s.refusing = s.refusing[:0]
	return l.choose(s, t)
}

// moveOn leaves a target that refused.
func (l *loop) moveOn(s *session, t *terms) bool {
	s.target.cells[l.index].failed.Add(1)
	s.refusing = append(s.refusing, s.target)
	return l.choose(s, t)
}

// choose connects the session to a target that has not refused it.
func (l *loop) choose(s *session, t *terms) bool {
	l.leaveTarget(s)
	a := l.newAttempt()
	defer l.reuse(a)
	now := time.Duration(l.now) * tick
	found := s.search(a, s.u.socket.l, t, s.client, l.group.affinity, now, func(to *target) bool {
		e := l.connectSession(s, to)
		switch {
		case e == 0:
		case isShortage(e):
			l.group.outOfDescriptors(e)
		default:
			to.cells[l.index].failed.Add(1)
		}
		return e == 0
	})
	if found {
		s.target.cells[l.index].connections.Add(1)
		s.target.cells[l.index].active.Add(1)
	}
	return found
}

func (l *loop) connectSession(s *session, to *target) syscall.Errno {
	fd, e := sysSocket(familyOf(to.id.Address.Addr()), unix.SOCK_DGRAM)
	if e != 0 {
		return e
	}
	l.address.put(to.id.Address)
	if e = sysConnect(fd, &l.address); e == 0 {
		s.gen = l.conns.generation()
		e = l.watch(fd, unix.EPOLLIN, kindSession, s.index, s.gen)
	}
	if e != 0 {
		sysClose(fd)
		return e
	}
	s.fd = fd
	return 0
}

// armSession sets the timer for the idle timeout that the listener has now.
func (l *loop) armSession(s *session) {
	l.wheel.remove(&s.timer)
	if idle := l.sessionIdle(s); idle > 0 {
		l.wheel.add(&s.timer, s.last+ticks(idle))
	}
}

func (l *loop) sessionIdle(s *session) time.Duration {
	if l.udp.quiet {
		return time.Second
	}
	return s.u.socket.l.terms.Load().idle
}

func (l *loop) onSessionTimer(index uint32) {
	s := l.udp.sessions[index]
	idle := l.sessionIdle(s)
	if idle == 0 {
		return
	}
	if due := s.last + ticks(idle); int32(due-l.now) > 0 {
		l.wheel.add(&s.timer, due)
		return
	}
	s.u.socket.l.cells[l.index].idleClosed.Add(1)
	l.endSession(s)
}

// onReplies passes what a target has sent on to the client, from the address that the client sent to.
func (l *loop) onReplies(index, gen uint32) {
	s := l.udp.sessions[index]
	if s == nil || s.gen != gen {
		return
	}
	b := l.udp.batch
	n, e := b.receive(s.fd)
	if e != 0 {
		if refused(e) && !l.moveOn(s, s.u.socket.l.terms.Load()) {
			l.endSession(s)
		}
		return
	}
	s.last = l.now
	s.refusing = s.refusing[:0]
	for first := 0; first < n; {
		m, e := b.send(s.u.socket.fd, first, n, &s.address)
		sent := b.size(first, first+m)
		s.u.socket.l.cells[l.index].bytesOut.Add(sent)
		s.target.cells[l.index].bytesOut.Add(sent)
		if first += m; e != 0 {
			l.lost.Add(1)
			first++
		}
	}
}

func (l *loop) leaveTarget(s *session) {
	if s.target == nil {
		return
	}
	s.target.cells[l.index].active.Add(-1)
	sysClose(s.fd)
	s.fd, s.target = -1, nil
}

func (l *loop) endSession(s *session) {
	l.leaveTarget(s)
	l.wheel.remove(&s.timer)
	s.unlinkRecent()
	delete(s.u.sessions, s.client)
	l.udp.sessions[s.index] = nil
	l.udp.unused = append(l.udp.unused, s.index)
	l.udp.count--
	l.sessionCount.Add(-1)
	s.u.socket.l.cells[l.index].active.Add(-1)
}

// touch makes a session the most recent one.
func (l *loop) touch(s *session) {
	s.unlinkRecent()
	head := &l.udp.recent
	s.newer, s.older = head, head.older
	head.older.newer = s
	head.older = s
}

func (s *session) unlinkRecent() {
	if s.newer == nil {
		return
	}
	s.newer.older, s.older.newer = s.older, s.newer
	s.newer, s.older = nil, nil
}

// quiesce ends UDP sessions as soon as they are quiet for a second.
func (l *loop) quiesce() {
	l.udp.quiet = true
	for _, s := range l.udp.sessions {
		if s != nil {
			l.armSession(s)
		}
	}
}

func (l *loop) closeUDP() {
	for _, s := range l.udp.sessions {
		if s != nil {
			l.endSession(s)
		}
	}
	for _, u := range l.udp.sockets {
		if u != nil {
			sysClose(u.socket.fd)
		}
	}
}
