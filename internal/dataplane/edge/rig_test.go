package edge

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/ring"
)

// deadline is how long a test waits for something that must happen. It is generous: only a failure waits for it.
const deadline = time.Minute

// onBothEngines runs a test with the event loops, where the system has them, and with the portable engine, both at the
// same time.
func onBothEngines(t *testing.T, test func(*testing.T, Options)) {
	for name, o := range engines() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, o)
		})
	}
}

func engines() map[string]Options {
	return map[string]Options{"loops": {Loops: 2}, "portable": {Portable: true}}
}

// rig is an Edge with the plan that it serves.
type rig struct {
	*Edge
	t *testing.T
}

// selected returns who gets new connections of a group and the ring that they are chosen by, which is nil if there is
// nobody.
func (r *rig) selected(id plan.GroupID) (ring.Selection, *ring.Ring) {
	r.t.Helper()
	r.mu.Lock()
	g := r.groups[id]
	r.mu.Unlock()
	if g == nil {
		r.t.Fatalf("there is no group %v", id)
	}
	v := g.current()
	return v.selection, v.ring
}

// newRig starts an Edge that is closed with the test.
func newRig(t *testing.T, o Options) *rig {
	t.Helper()
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return &rig{Edge: e, t: t}
}

var serviceName = plan.ServiceName{Namespace: "default", Name: "web"}

// loop4 and loop6 are this machine's addresses for itself.
var (
	loop4 = netip.MustParseAddr("127.0.0.1")
	loop6 = netip.IPv6Loopback()
)

// newListener returns a listener of protocol on a free port, leading to the group of that protocol.
func newListener(t testing.TB, at netip.Addr, p plan.Protocol) plan.Listener {
	t.Helper()
	key := plan.ListenerKey{Address: at, Port: freePort(t, at), Protocol: p}
	return plan.Listener{
		ListenerKey: key, Service: serviceName,
		Routes: []plan.Route{{Group: groupID(key), Weight: 1}},
	}
}

func groupID(k plan.ListenerKey) plan.GroupID {
	return plan.GroupID{Service: serviceName, Port: k.Port, Protocol: k.Protocol, IPv6: k.Address.Is6()}
}

// newGroup returns the group that a listener leads to.
func newGroup(l plan.Listener, targets ...netip.AddrPort) plan.TargetGroup {
	g := plan.TargetGroup{
		ID: l.Routes[0].Group, Spread: plan.ByPod, WhenAllUnhealthy: plan.FailOpen,
		ConnectTimeout: 5 * time.Second, DeregistrationDelay: time.Hour,
	}
	slices.SortFunc(targets, netip.AddrPort.Compare)
	for _, a := range targets {
		g.Targets = append(g.Targets, plan.Target{Address: a, Name: a.String(), Readiness: plan.Ready})
	}
	return g
}

// freePort returns a port that neither TCP nor UDP uses, outside of the range that the system hands out.
func freePort(t testing.TB, at netip.Addr) uint16 {
	t.Helper()
	for range 1000 {
		a := netip.AddrPortFrom(at, uint16(12000+rand.IntN(18000)))
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(a))
		if err != nil {
			continue
		}
		l.Close()
		u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
		if err != nil {
			continue
		}
		u.Close()
		return a.Port()
	}
	t.Fatal("no free port")
	return 0
}

// set applies listeners and groups.
func (r *rig) set(values ...any) {
	r.t.Helper()
	var c plan.Change
	for _, v := range values {
		switch v := v.(type) {
		case plan.Listener:
			c.Listeners.Put(v.ListenerKey, v)
		case plan.TargetGroup:
			c.Groups.Put(v.ID, v)
		default:
			r.t.Fatalf("cannot set a %T", v)
		}
	}
	r.Apply(c)
}

// drop removes listeners and groups.
func (r *rig) drop(values ...any) {
	r.t.Helper()
	var c plan.Change
	for _, v := range values {
		switch v := v.(type) {
		case plan.Listener:
			c.Listeners.Drop(v.ListenerKey)
		case plan.TargetGroup:
			c.Groups.Drop(v.ID)
		default:
			r.t.Fatalf("cannot drop a %T", v)
		}
	}
	r.Apply(c)
}

// health says what a probe found about a target of a group.
func (r *rig) health(g plan.TargetGroup, at netip.AddrPort, s observe.State) {
	r.SetHealth([]observe.Transition{{
		Target: plan.TargetID{Group: g.ID, Address: at},
		Health: observe.Health{State: s, Since: time.Now()},
	}})
}

// pod is a TCP target.
type pod struct {
	at netip.AddrPort
	l  *net.TCPListener

	mu    sync.Mutex
	conns map[*net.TCPConn]bool
	serve sync.WaitGroup
}

// newPod starts a target that handles each connection in a goroutine. What is still open is reset with the test.
func newPod(t testing.TB, at netip.Addr, handle func(*net.TCPConn)) *pod {
	t.Helper()
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(at, 0)))
	if err != nil {
		t.Fatal(err)
	}
	p := &pod{at: addrPort(l.Addr()), l: l, conns: map[*net.TCPConn]bool{}}
	p.serve.Go(func() {
		for {
			c, err := l.AcceptTCP()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				t.Errorf("the target cannot accept: %v", err)
				return
			}
			p.mu.Lock()
			p.conns[c] = true
			p.mu.Unlock()
			p.serve.Go(func() {
				defer p.close(c)
				handle(c)
			})
		}
	})
	t.Cleanup(p.stop)
	return p
}

// stop closes the target with all its connections.
func (p *pod) stop() {
	p.l.Close()
	p.mu.Lock()
	for c := range p.conns {
		abort(c)
	}
	p.mu.Unlock()
	p.serve.Wait()
}

func (p *pod) close(c *net.TCPConn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// open returns how many connections the target has.
func (p *pod) open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// echo sends back what it gets, and ends when its client does. It copies through a buffer, because package net would
// keep a pipe for each connection.
func echo(c *net.TCPConn) {
	_, _ = io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{c}, make([]byte, 16<<10))
}

// sayName says the name of the server and then echoes.
func sayName(name string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		fmt.Fprintln(c, name)
		echo(c)
	}
}

// newNamedPod starts a target that says its own address first.
func newNamedPod(t testing.TB, at netip.Addr) *pod {
	t.Helper()
	return newPod(t, at, func(c *net.TCPConn) { sayName(c.LocalAddr().String())(c) })
}

// dial connects a client, which is closed with the test.
func dial(t testing.TB, to netip.AddrPort) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", to.String(), deadline)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(deadline)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// exchange sends a word and wants it back.
func exchange(t testing.TB, c net.Conn, word string) {
	t.Helper()
	if _, err := io.WriteString(c, word); err != nil {
		t.Fatalf("send %q: %v", word, err)
	}
	got := make([]byte, len(word))
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("want %q back: %v", word, err)
	}
	if string(got) != word {
		t.Fatalf("sent %q, got %q", word, got)
	}
}

// readLine reads up to the end of a line, byte by byte, so that nothing behind it is taken.
func readLine(t testing.TB, c net.Conn) string {
	t.Helper()
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatalf("read a line, got %q: %v", line, err)
		}
		if b[0] == '\n' {
			return string(line)
		}
		line = append(line, b[0])
	}
}

// eventually waits until something is true.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", deadline, what)
		}
	}
}

// addressOf is where clients find a listener.
func addressOf(l plan.Listener) netip.AddrPort { return netip.AddrPortFrom(l.Address, l.Port) }

// loopbacks returns an address for each family that the machine has.
func loopbacks(t testing.TB) []netip.Addr {
	t.Helper()
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Logf("without IPv6: %v", err)
		return []netip.Addr{loop4}
	}
	l.Close()
	return []netip.Addr{loop4, loop6}
}
