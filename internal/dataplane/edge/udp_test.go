package edge

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// udpPod is a UDP target that sends every datagram back, behind its own address.
type udpPod struct {
	at   netip.AddrPort
	conn *net.UDPConn

	mu      sync.Mutex
	sources map[netip.AddrPort]int // where datagrams came from
}

func newUDPPod(t testing.TB, at netip.AddrPort) *udpPod {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	p := &udpPod{at: addrPort(c.LocalAddr()), conn: c, sources: map[netip.AddrPort]int{}}
	go p.run()
	return p
}

func (p *udpPod) run() {
	b := make([]byte, 64<<10)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.sources[from]++
		p.mu.Unlock()
		_, _ = p.conn.WriteToUDPAddrPort(b[:n], from)
	}
}

// sessions returns how many sockets have sent something.
func (p *udpPod) sessions() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sources)
}

func anyPort(a netip.Addr) netip.AddrPort { return netip.AddrPortFrom(a, 0) }

// dialUDP connects a client, which is closed with the test.
func dialUDP(t testing.TB, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ask sends a datagram until it comes back: datagrams may be lost.
func ask(t testing.TB, c *net.UDPConn, datagram []byte) {
	t.Helper()
	got := make([]byte, 64<<10)
	for end := time.Now().Add(deadline); time.Now().Before(end); {
		if _, err := c.Write(datagram); err != nil {
			continue // ECONNREFUSED of the one before
		}
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		for {
			n, err := c.Read(got)
			if err != nil {
				break
			}
			if bytes.Equal(got[:n], datagram) {
				return
			}
		}
	}
	t.Fatalf("%d bytes did not come back", len(datagram))
}

func TestDatagramsOfEverySizeGoThereAndBack(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		for _, at := range loopbacks(t) {
			r := newRig(t, o)
			l := newListener(t, at, plan.UDP)
			r.set(l, newGroup(l, newUDPPod(t, anyPort(at)).at))
			c := dialUDP(t, addressOf(l))
			for i, size := range []int64{1, 0, 100, 1472, 9000, 65507 - 40} {
				datagram, _ := io.ReadAll(noise(uint64(i), size))
				ask(t, c, datagram)
			}
			if got := r.Stats(); got.Sessions != 1 || got.DatagramsLost != 0 {
				t.Errorf("stats are %+v, want one session and nothing lost", got)
			}
		}
	})
}

// A client that did not connect its socket sees where the answer comes from.
func TestAnswerComesFromTheAddressThatTheClientSentTo(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		for _, at := range loopbacks(t) {
			r := newRig(t, o)
			l := newListener(t, at, plan.UDP)
			r.set(l, newGroup(l, newUDPPod(t, anyPort(at)).at))
			c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(anyPort(at)))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(deadline))
			_, _ = c.WriteToUDPAddrPort([]byte("hello"), addressOf(l))
			_, from, err := c.ReadFromUDPAddrPort(make([]byte, 100))
			if got := netip.AddrPortFrom(from.Addr().Unmap(), from.Port()); err != nil || got != addressOf(l) {
				t.Errorf("the answer came from %s, %v, want %s", got, err, addressOf(l))
			}
		}
	})
}

func TestEachUDPClientHasASessionOfItsOwn(t *testing.T) {
	const clients, words = 50, 20
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		a, b := newUDPPod(t, anyPort(loop4)), newUDPPod(t, anyPort(loop4))
		l := newListener(t, loop4, plan.UDP)
		g := newGroup(l, a.at, b.at)
		r.set(l, g)
		var all sync.WaitGroup
		for i := range clients {
			c := dialUDP(t, addressOf(l))
			all.Go(func() {
				for w := range words {
					ask(t, c, fmt.Appendf(nil, "word %d of client %d", w, i))
				}
			})
		}
		all.Wait()
		if got := a.sessions() + b.sessions(); got != clients || a.sessions() == 0 || b.sessions() == 0 {
			t.Errorf("the targets saw %d and %d sessions, want %d in all", a.sessions(), b.sessions(), clients)
		}
		if got := r.ListenerCounters(l.ListenerKey); got.Connections != clients || got.Active != clients {
			t.Errorf("counters are %+v", got)
		}
		eventually(t, "as much came back as was sent", func() bool {
			got := r.ListenerCounters(l.ListenerKey)
			return got.BytesIn == got.BytesOut && got.BytesIn > 0
		})
	})
}

func TestQuietSessionEnds(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.UDP)
		l.IdleTimeout = time.Second
		g := newGroup(l, newUDPPod(t, anyPort(loop4)).at)
		r.set(l, g)
		ask(t, dialUDP(t, addressOf(l)), []byte("hello"))
		eventually(t, "the session ends", func() bool { return r.Stats().Sessions == 0 })
		if got := r.ListenerCounters(l.ListenerKey); got.IdleClosed != 1 || got.Active != 0 {
			t.Errorf("counters are %+v", got)
		}
		if got := r.TargetCounters(plan.TargetID{Group: g.ID, Address: g.Targets[0].Address}).Active; got != 0 {
			t.Errorf("%d sessions run to the target", got)
		}
	})
}

func TestSessionIdleForLongestMakesRoom(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		o.Loops, o.MaxSessions = 1, 3
		r := newRig(t, o)
		p := newUDPPod(t, anyPort(loop4))
		l := newListener(t, loop4, plan.UDP)
		r.set(l, newGroup(l, p.at))
		var cs []*net.UDPConn
		for range 3 {
			cs = append(cs, dialUDP(t, addressOf(l)))
			ask(t, cs[len(cs)-1], []byte("first"))
		}
		ask(t, cs[0], []byte("again")) // now the second one is idle for longest
		ask(t, dialUDP(t, addressOf(l)), []byte("one more"))
		if got := r.Stats(); got.Sessions != 3 || got.SessionsEvicted != 1 {
			t.Fatalf("stats are %+v", got)
		}
		before := p.sessions()
		ask(t, cs[0], []byte("again"))
		ask(t, cs[2], []byte("again"))
		if got := p.sessions(); got != before {
			t.Errorf("a session that was used lately was ended")
		}
		ask(t, cs[1], []byte("again"))
		if got := p.sessions(); got != before+1 {
			t.Errorf("the session that was idle for longest was not the one that was ended")
		}
	})
}

func TestSessionMovesWhenItsTargetMayGetNothingNew(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		for how, leave := range map[string]func(*rig, plan.TargetGroup, int){
			"it is unhealthy": func(r *rig, g plan.TargetGroup, i int) { r.health(g, g.Targets[i].Address, observe.Unhealthy) },
			"it is gone": func(r *rig, g plan.TargetGroup, i int) {
				g.Targets = []plan.Target{g.Targets[1-i]}
				r.set(g)
			},
		} {
			t.Run(how, func(t *testing.T) {
				r := newRig(t, o)
				a, b := newUDPPod(t, anyPort(loop4)), newUDPPod(t, anyPort(loop4))
				l := newListener(t, loop4, plan.UDP)
				g := newGroup(l, a.at, b.at)
				g.Probe = &plan.Probe{Kind: plan.ProbeTCP}
				r.set(l, g)
				c := dialUDP(t, addressOf(l))
				ask(t, c, []byte("hello"))
				first := 0
				if r.connections(g)[1] == 1 {
					first = 1
				}
				leave(r, g, first)
				ask(t, c, []byte("again"))
				if got := r.connections(g); got[1-first] != 1 {
					t.Errorf("the targets had %v sessions, want the other one to have one", got)
				}
				if got := r.Stats().Sessions; got != 1 {
					t.Errorf("%d sessions run, want 1", got)
				}
			})
		}
	})
}

func TestSessionMovesWhenItsTargetRefuses(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		dead := newDeadPod(t)
		l := newListener(t, loop4, plan.UDP)
		g := newGroup(l, dead, newUDPPod(t, anyPort(loop4)).at)
		r.set(l, g)
		for range 16 { // some are sent to the dead one first
			ask(t, dialUDP(t, addressOf(l)), []byte("hello"))
		}
		if got := r.TargetCounters(plan.TargetID{Group: g.ID, Address: dead}); got.Failed == 0 || got.Active != 0 {
			t.Errorf("counters of the dead target are %+v", got)
		}
	})
}

func TestTargetThatRefusedIsTriedAgain(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		at := newDeadPod(t)
		l := newListener(t, loop4, plan.UDP)
		r.set(l, newGroup(l, at))
		c := dialUDP(t, addressOf(l))
		for range 5 {
			_, _ = c.Write([]byte("anybody?"))
		}
		newUDPPod(t, at)
		ask(t, c, []byte("hello"))
	})
}

func TestUDPClientOutsideTheSourceRangesIsNotServed(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		p := newUDPPod(t, anyPort(loop4))
		l := newListener(t, loop4, plan.UDP)
		r.set(l, newGroup(l, p.at))
		c := dialUDP(t, addressOf(l))
		ask(t, c, []byte("hello"))
		l.SourceRanges = prefixes("192.0.2.0/24")
		r.set(l)
		_, _ = c.Write([]byte("hello"))
		eventually(t, "it is refused", func() bool { return r.ListenerCounters(l.ListenerKey).Refused == 1 })
		if got := r.Stats().Sessions; got != 0 {
			t.Errorf("%d sessions run", got)
		}
		l.SourceRanges = nil
		r.set(l)
		ask(t, c, []byte("hello"))
	})
}

func TestRemovedUDPListenerEndsItsSessions(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		p := newUDPPod(t, anyPort(loop4))
		l, other := newListener(t, loop4, plan.UDP), newListener(t, loop4, plan.UDP)
		r.set(l, newGroup(l, p.at), other, newGroup(other, p.at))
		c, d := dialUDP(t, addressOf(l)), dialUDP(t, addressOf(other))
		ask(t, c, []byte("hello"))
		ask(t, d, []byte("hello"))
		r.drop(l)
		if got := r.Stats().Sessions; got != 1 {
			t.Errorf("%d sessions run, want that of the other listener", got)
		}
		before := p.sessions()
		ask(t, d, []byte("hello"))
		if p.sessions() != before {
			t.Error("the other listener's session was not kept")
		}
		r.set(l)
		ask(t, c, []byte("hello"))
	})
}

// The queue of the listener's socket holds what comes at once; order is kept.
func TestDatagramsOfOneClientKeepTheirOrder(t *testing.T) {
	const n = 200
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		pod, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(anyPort(loop4)))
		if err != nil {
			t.Fatal(err)
		}
		defer pod.Close()
		_ = pod.SetReadBuffer(4 << 20)
		l := newListener(t, loop4, plan.UDP)
		r.set(l, newGroup(l, addrPort(pod.LocalAddr())))
		c := dialUDP(t, addressOf(l))
		for i := range n {
			_, _ = fmt.Fprintf(c, "%06d", i)
		}
		_ = pod.SetDeadline(time.Now().Add(deadline))
		last, b := "", make([]byte, 100)
		for last != fmt.Sprintf("%06d", n-1) {
			m, err := pod.Read(b)
			if err != nil {
				t.Fatalf("after %q: %v", last, err)
			}
			if got := string(b[:m]); got <= last {
				t.Fatalf("%q came after %q", got, last)
			} else {
				last = got
			}
		}
	})
}
