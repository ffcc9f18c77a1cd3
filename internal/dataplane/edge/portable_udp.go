package edge

import (
	"container/list"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// portableUDP receives the datagrams of a listener.
type portableUDP struct {
	p        *portable
	l        *listener
	conn     *net.UDPConn
	sessions map[netip.AddrPort]*portableSession // guarded by portable.mu
	done     sync.WaitGroup
}

// portableSession is what one client and one UDP listener have with a target. It is guarded by portable.mu.
type portableSession struct {
	course
	u      *portableUDP
	client netip.AddrPort
	conn   *net.UDPConn // connected to the target; nil if there is none
	last   time.Duration
	idle   *time.Timer
	ended  bool
	place  *list.Element // in portable.sessions
}

func (u *portableUDP) address() netip.AddrPort { return addrPort(u.conn.LocalAddr()) }

func (u *portableUDP) stop() {
	_ = u.conn.Close() // fails on a closed socket only
	u.done.Wait()
	u.p.mu.Lock()
	defer u.p.mu.Unlock()
	for _, s := range u.sessions {
		s.end()
	}
}

func (u *portableUDP) run() {
	buffer := make([]byte, 64<<10)
	for {
		n, from, err := u.conn.ReadFromUDPAddrPort(buffer)
		switch {
		case err == nil:
			u.forward(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), buffer[:n])
		case errors.Is(err, net.ErrClosed):
			return
		}
		// Other errors are of replies that went out, which is of no use here.
	}
}

// forward sends a datagram of a client to its target. If that refuses, and says so by ICMP, others are tried.
func (u *portableUDP) forward(from netip.AddrPort, datagram []byte) {
	for {
		s, conn, to := u.route(from)
		if s == nil {
			return
		}
		n, err := conn.Write(datagram)
		switch {
		case err == nil:
			u.l.cells[0].bytesIn.Add(uint64(n))
			to.cells[0].bytesIn.Add(uint64(n))
			return
		case !hasRefused(err) && !errors.Is(err, net.ErrClosed):
			u.p.lost.Add(1)
			return
		case !s.moveOn(conn):
			return
		}
	}
}

// route returns the session of a client, the socket to send by, and the target behind it; nothing if the datagram is
// dropped.
func (u *portableUDP) route(from netip.AddrPort) (*portableSession, *net.UDPConn, *target) {
	u.p.mu.Lock()
	defer u.p.mu.Unlock()
	t, s, cell := u.l.terms.Load(), u.sessions[from], &u.l.cells[0]
	if !t.admits(from.Addr()) {
		cell.refused.Add(1)
		if s != nil {
			s.end()
		}
		return nil, nil, nil
	}
	if s == nil {
		if u.p.quiet || u.p.closed {
			return nil, nil, nil
		}
		s = u.newSession(from)
	}
	s.last = u.p.now()
	u.p.sessions.MoveToBack(s.place)
	if !s.holds(t) {
		s.refusing = s.refusing[:0]
		if !s.choose(t) {
			cell.noTarget.Add(1)
			s.end()
			return nil, nil, nil
		}
	}
	return s, s.conn, s.target
}

// newSession makes a session without a target, ending the one idle for longest if there are too many.
func (u *portableUDP) newSession(from netip.AddrPort) *portableSession {
	if u.p.sessions.Len() >= u.p.maxSessions {
		u.p.evicted.Add(1)
		u.p.sessions.Front().Value.(*portableSession).end()
	}
	s := &portableSession{u: u, client: from, last: u.p.now()}
	s.place = u.p.sessions.PushBack(s)
	u.sessions[from] = s
	u.l.cells[0].connections.Add(1)
	u.l.cells[0].active.Add(1)
	if idle := s.idleAfter(); idle > 0 {
		s.idle = time.AfterFunc(idle, s.onIdle)
	}
	return s
}

// choose connects the session to a target that has not refused it.
func (s *portableSession) choose(t *terms) bool {
	s.leaveTarget()
	p := s.u.p
	found := s.search(&attempt{}, s.u.l, t, s.client, p.affinity, p.now(), func(to *target) bool {
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to.id.Address))
		if err != nil {
			to.cells[0].failed.Add(1)
			return false
		}
		s.conn = c
		return true
	})
	if found {
		s.target.cells[0].connections.Add(1)
		s.target.cells[0].active.Add(1)
		conn, to := s.conn, s.target
		p.goroutines.Go(func() { s.reply(conn, to) })
	}
	return found
}

// moveOn leaves the target that conn is connected to, since it refused. It is false if there is no other.
func (s *portableSession) moveOn(conn *net.UDPConn) bool {
	s.u.p.mu.Lock()
	defer s.u.p.mu.Unlock()
	switch {
	case s.ended:
		return false
	case s.conn != conn:
		return true // somebody else has moved it on
	}
	s.target.cells[0].failed.Add(1)
	s.refusing = append(s.refusing, s.target)
	if s.choose(s.u.l.terms.Load()) {
		return true
	}
	s.u.l.cells[0].noTarget.Add(1)
	s.end()
	return false
}

// reply passes what a target has sent on to the client, from the address that the client sent to.
func (s *portableSession) reply(conn *net.UDPConn, from *target) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buffer)
		switch {
		case err == nil:
			s.answered(conn)
			if _, err := s.u.conn.WriteToUDPAddrPort(buffer[:n], s.client); err != nil {
				s.u.p.lost.Add(1)
				continue
			}
			s.u.l.cells[0].bytesOut.Add(uint64(n))
			from.cells[0].bytesOut.Add(uint64(n))
		case errors.Is(err, net.ErrClosed):
			return
		case hasRefused(err):
			s.moveOn(conn)
			return
		}
	}
}

func hasRefused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}

func (s *portableSession) answered(conn *net.UDPConn) {
	s.u.p.mu.Lock()
	defer s.u.p.mu.Unlock()
	if s.conn == conn {
		s.last = s.u.p.now()
		s.refusing = s.refusing[:0]
	}
}

// idleAfter is how long the session may be quiet; 0 means for ever.
func (s *portableSession) idleAfter() time.Duration {
	if s.u.p.quiet {
		return time.Second
	}
	return s.u.l.terms.Load().idle
}

func (s *portableSession) onIdle() {
	s.u.p.mu.Lock()
	defer s.u.p.mu.Unlock()
	s.look()
}

// look ends the session if it was quiet for long enough, or sets the time to look again.
func (s *portableSession) look() {
	idle := s.idleAfter()
	if s.ended || idle == 0 {
		return
	}
	left := idle - (s.u.p.now() - s.last)
	switch {
	case left <= 0:
		s.u.l.cells[0].idleClosed.Add(1)
		s.end()
	case s.idle == nil:
		s.idle = time.AfterFunc(left, s.onIdle)
	default:
		s.idle.Reset(left)
	}
}

func (s *portableSession) leaveTarget() {
	if s.target == nil {
		return
	}
	s.target.cells[0].active.Add(-1)
	s.target = nil
	_ = s.conn.Close() // ends reply
	s.conn = nil
}

func (s *portableSession) end() {
	if s.ended {
		return
	}
	s.ended = true
	s.leaveTarget()
	if s.idle != nil {
		s.idle.Stop()
	}
	s.u.p.sessions.Remove(s.place)
	delete(s.u.sessions, s.client)
	s.u.l.cells[0].active.Add(-1)
}
