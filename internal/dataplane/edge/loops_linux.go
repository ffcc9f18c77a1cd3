//go:build amd64 || arm64

package edge

import (
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/naru-lb/naru/internal/plan"
)

// loops is the engine of event loops: one for each core, each with an epoll set, connections and counters of its own.
//
// All loops watch every TCP listening socket (EPOLLEXCLUSIVE wakes one of them). One socket in all sets was chosen over
// one per loop with SO_REUSEPORT, because two programs with SO_REUSEPORT share a port silently instead of one of them
// being told that it is taken, and because no queue of its own means that no connection is lost with a socket. What
// one loop has too much of is handed over when it is accepted (idlest). A UDP socket belongs to one loop.
type loops struct {
	log      *slog.Logger
	affinity *affinity
	all      []*loop
	serving  sync.WaitGroup
	start    time.Time

	maxConnections int64
	maxSessions    int // for each loop
	nextUDP        atomic.Uint32
	pauses         atomic.Uint64
	warned         atomic.Int64 // when descriptors last ran out, in seconds since start
}

func newEngine(o Options, known *affinity) (engine, error) {
	if o.Portable {
		return newPortable(o, known), nil
	}
	n := o.Loops
	if n <= 0 {
		n = min(runtime.GOMAXPROCS(0), runtime.NumCPU())
	}
	n = min(n, 64)
	if runtime.GOMAXPROCS(0) <= n {
		runtime.GOMAXPROCS(n + 1)
	}
	g := &loops{
		log: o.Logger, affinity: known, start: time.Now(),
		maxConnections: int64(o.MaxConnections), maxSessions: max(o.MaxSessions/n, 1),
	}
	g.warned.Store(-1 << 30)
	for i := range n {
		l, err := newLoop(g, i)
		if err != nil {
			for _, l := range g.all {
				l.free()
			}
			return nil, fmt.Errorf("start event loop %d of %d: %w", i+1, n, err)
		}
		g.all = append(g.all, l)
	}
	for _, l := range g.all {
		g.serving.Go(l.run)
	}
	return g, nil
}

func (g *loops) workers() int { return len(g.all) }

// loopSocket is a bound socket of the loops.
type loopSocket struct {
	fd    int32
	bound netip.AddrPort
	owner *loop // of a UDP socket
	l     *listener
}

func (s *loopSocket) address() netip.AddrPort { return s.bound }

func (g *loops) open(l *listener, at netip.AddrPort) (socket, error) {
	s := &loopSocket{l: l}
	var err error
	if l.key.Protocol == plan.UDP {
		if s.fd, s.bound, err = listenUDP(at); err != nil {
			return nil, err
		}
		s.owner = g.all[int(g.nextUDP.Add(1))%len(g.all)]
		s.owner.post(func(l *loop) { l.addUDP(s) })
		return s, nil
	}
	if s.fd, s.bound, err = listenTCP(at); err != nil {
		return nil, err
	}
	for _, lp := range g.all {
		lp.post(func(l *loop) { l.addAcceptor(s) })
	}
	return s, nil
}

// shut takes the sockets out of all loops, serves what waits in their queues, and closes them.
func (g *loops) shut(ss []socket) {
	if len(ss) == 0 {
		return
	}
	var tcp []*loopSocket
	for _, s := range ss {
		if s := s.(*loopSocket); s.owner == nil {
			tcp = append(tcp, s)
			// With no room in the queue the kernel drops new SYNs, so that nothing arrives behind the last accept.
			syscall.RawSyscall(unix.SYS_LISTEN, uintptr(s.fd), 0, 0)
		}
	}
	g.each(func(l *loop) {
		for _, s := range ss {
			if s := s.(*loopSocket); s.owner == nil {
				l.removeAcceptor(s)
			} else if s.owner == l {
				l.removeUDP(s)
			}
		}
	})
	if len(tcp) == 0 {
		return
	}
	g.all[0].call(func(l *loop) {
		for _, s := range tcp {
			l.drainQueue(s)
			sysClose(s.fd)
		}
	})
}

// each runs f in every loop and waits until all have.
func (g *loops) each(f func(*loop)) {
	var wait sync.WaitGroup
	for _, l := range g.all {
		wait.Add(1)
		if !l.post(func(l *loop) { defer wait.Done(); f(l) }) {
			wait.Done()
		}
	}
	wait.Wait()
}

func (g *loops) cut(ts map[*target]bool) {
	g.sweep(sweep{
		conn: func(l *loop, c *conn) {
			if ts[c.target] {
				l.expel(c)
			}
		},
		session: func(l *loop, s *session) {
			if ts[s.target] {
				l.endSession(s)
			}
		},
	})
}

func (g *loops) retime(x *listener) {
	g.sweep(sweep{
		conn: func(l *loop, c *conn) {
			if c.listener == x && c.state == relaying {
				l.armIdle(c)
			}
		},
		session: func(l *loop, s *session) {
			if s.u.socket.l == x {
				l.armSession(s)
			}
		},
	})
}

func (g *loops) sweep(s sweep) {
	for _, l := range g.all {
		l.post(func(l *loop) { l.sweeps = append(l.sweeps, s) })
	}
}

func (g *loops) quiesce() {
	g.each(func(l *loop) { l.quiesce() })
}

func (g *loops) running() (n int64) {
	for _, l := range g.all {
		n += l.active.Load() + l.sessionCount.Load()
	}
	return n
}

func (g *loops) stats(s *Stats) {
	s.Loops = len(g.all)
	s.AcceptPauses = g.pauses.Load()
	for _, l := range g.all {
		s.Connections += l.active.Load()
		s.Sessions += l.sessionCount.Load()
		s.SessionsEvicted += l.evicted.Load()
		s.DatagramsLost += l.lost.Load()
	}
}

func (g *loops) close() {
	for _, l := range g.all {
		l.post(func(l *loop) { l.stop = true })
	}
	g.serving.Wait()
	for _, l := range g.all {
		l.free()
	}
}

// outOfDescriptors counts that no descriptor was free, and says so once a minute.
func (g *loops) outOfDescriptors(e syscall.Errno) {
	g.pauses.Add(1)
	now := int64(time.Since(g.start).Seconds())
	if last := g.warned.Load(); now-last >= 60 && g.warned.CompareAndSwap(last, now) {
		g.log.Warn("no room for new connections: accepting waits 100 ms at a time", "cause", e.Error(),
			"connections", g.running(), "maximum", g.maxConnections)
	}
}
