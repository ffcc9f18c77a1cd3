package edge

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/naru-lb/naru/internal/plan"
)

// portable is the engine of goroutines: two for each TCP connection, one for each UDP session. It needs nothing but
// package net, so it serves where there are no event loops, and tells whether a doubt is about them where there are.
type portable struct {
	affinity       *affinity
	start          time.Time
	maxConnections int
	maxSessions    int
	goroutines     sync.WaitGroup // of flows and sessions
	pauses         atomic.Uint64
	evicted        atomic.Uint64
	lost           atomic.Uint64

	mu       sync.Mutex // guards what follows, and the sessions
	closed   bool
	quiet    bool // no new sessions, see quiesce
	flows    map[*flow]struct{}
	sessions list.List // of *portableSession, the one idle for longest first
}

func newPortable(o Options, known *affinity) *portable {
	return &portable{
		affinity: known, start: time.Now(),
		maxConnections: o.MaxConnections, maxSessions: o.MaxSessions,
		flows: map[*flow]struct{}{},
	}
}

func (p *portable) workers() int { return 1 }

// now is the clock of the affinity table.
func (p *portable) now() time.Duration { return time.Since(p.start) }

// portableSocket is a bound socket of the portable engine.
type portableSocket interface {
	socket
	// stop serves what waits in the socket, and closes it.
	stop()
}

func (p *portable) open(l *listener, at netip.AddrPort) (socket, error) {
	family := "6"
	if at.Addr().Unmap().Is4() {
		family = "4"
	}
	if l.key.Protocol == plan.UDP {
		c, err := net.ListenUDP("udp"+family, net.UDPAddrFromAddrPort(at))
		if err != nil {
			return nil, fmt.Errorf("bind UDP %s: %w", at, err)
		}
		_ = c.SetReadBuffer(udpBuffer) // bursts; a smaller one does too
		_ = c.SetWriteBuffer(udpBuffer)
		s := &portableUDP{p: p, l: l, conn: c, sessions: map[netip.AddrPort]*portableSession{}}
		s.done.Go(s.run)
		return s, nil
	}
	config := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAliveAfter}}
	config.SetMultipathTCP(false)
	n, err := config.Listen(context.Background(), "tcp"+family, at.String())
	if err != nil {
		return nil, fmt.Errorf("listen on TCP %s: %w", at, err)
	}
	s := &portableTCP{p: p, l: l, listener: n.(*net.TCPListener), stopping: make(chan struct{})}
	s.done.Go(s.run)
	return s, nil
}

func (p *portable) shut(ss []socket) {
	var all sync.WaitGroup
	for _, s := range ss {
		all.Go(s.(portableSocket).stop)
	}
	all.Wait()
}

func (p *portable) cut(ts map[*target]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for f := range p.flows {
		f.expel(ts)
	}
	for s := range p.each() {
		if ts[s.target] {
			s.end()
		}
	}
}

func (p *portable) retime(l *listener) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for f := range p.flows {
		if f.l == l {
			f.onIdle()
		}
	}
	for s := range p.each() {
		if s.u.l == l {
			s.look()
		}
	}
}

func (p *portable) quiesce() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quiet = true
	for s := range p.each() {
		s.look()
	}
}

// each yields the sessions; those that it has yielded may end meanwhile. p.mu is held.
func (p *portable) each() iter.Seq[*portableSession] {
	return func(yield func(*portableSession) bool) {
		for e := p.sessions.Front(); e != nil; {
			s := e.Value.(*portableSession)
			e = e.Next()
			if !yield(s) {
				return
			}
		}
	}
}

func (p *portable) running() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(len(p.flows) + p.sessions.Len())
}

func (p *portable) stats(s *Stats) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Connections, s.Sessions = int64(len(p.flows)), int64(p.sessions.Len())
	s.AcceptPauses, s.SessionsEvicted, s.DatagramsLost = p.pauses.Load(), p.evicted.Load(), p.lost.Load()
}

func (p *portable) close() {
	p.mu.Lock()
	p.closed = true
	for f := range p.flows {
		f.end()
	}
	for s := range p.each() {
		s.end()
	}
	p.mu.Unlock()
	p.goroutines.Wait()
}

// portableTCP accepts the connections of a listener.
type portableTCP struct {
	p        *portable
	l        *listener
	listener *net.TCPListener
	stopping chan struct{}
	done     sync.WaitGroup
}

func (s *portableTCP) address() netip.AddrPort { return addrPort(s.listener.Addr()) }

// lastAccepts is how long a socket is served that is about to be closed, so that what waits in its queue is accepted.
const lastAccepts = 20 * time.Millisecond

func (s *portableTCP) stop() {
	close(s.stopping)
	_ = s.listener.SetDeadline(time.Now().Add(lastAccepts)) // fails on a closed socket only
	s.done.Wait()
	_ = s.listener.Close()
}

func (s *portableTCP) run() {
	for {
		s.waitForRoom()
		c, err := s.listener.AcceptTCP()
		switch {
		case err == nil:
			s.p.serve(s.l, c)
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
			return
		default: // no descriptor, no memory
			s.pause()
		}
	}
}

// waitForRoom waits until there are fewer connections than there may be, or the socket is about to be closed.
func (s *portableTCP) waitForRoom() {
	for s.p.full() {
		select {
		case <-s.stopping:
			return
		default:
			s.pause()
		}
	}
}

// pause waits for 100 ms. The connections wait in the kernel's queue meanwhile.
func (s *portableTCP) pause() {
	s.p.pauses.Add(1)
	select {
	case <-s.stopping:
	case <-time.After(100 * time.Millisecond):
	}
}

func (p *portable) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.flows) >= p.maxConnections
}

func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.TCPAddr:
		ap = a.AddrPort()
	case *net.UDPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
