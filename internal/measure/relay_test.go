package measure_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/naru-lb/naru/internal/echo"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/ring"
)

// relay is the smallest load balancer: it asks the real ring for each connection, and counts.
type relay struct {
	group   plan.TargetGroup
	ring    *ring.Ring
	tcp     net.Listener
	udp     *net.UDPConn
	serving sync.WaitGroup

	mu     sync.Mutex
	closed bool
	got    map[netip.AddrPort]uint64
	ports  map[uint16]int // connections by port of the client
	open   map[io.Closer]struct{}
}

var loopback = netip.MustParseAddr("127.0.0.1")

// startRelay serves targets that share by node.
func startRelay(t *testing.T, targets []plan.Target) *relay {
	t.Helper()
	r := &relay{
		group: plan.TargetGroup{Spread: plan.ByNode, Targets: targets},
		got:   map[netip.AddrPort]uint64{}, ports: map[uint16]int{}, open: map[io.Closer]struct{}{},
	}
	r.ring = ring.Build(&r.group, ring.Select(&r.group, func(netip.AddrPort) observe.State { return observe.Healthy }))
	var err error
	if r.tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if r.udp, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	r.serving.Go(r.accept)
	r.serving.Go(r.datagrams)
	t.Cleanup(r.close)
	return r
}

func (r *relay) close() {
	r.tcp.Close()
	r.udp.Close()
	r.mu.Lock()
	r.closed = true
	for c := range r.open {
		c.Close()
	}
	r.mu.Unlock()
	r.serving.Wait()
}

func (r *relay) address(p plan.Protocol) netip.AddrPort {
	if p == plan.UDP {
		return r.udp.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	return r.tcp.Addr().(*net.TCPAddr).AddrPort()
}

// choose returns the target of a client, and counts it; false if there is none.
func (r *relay) choose(client netip.AddrPort, p plan.Protocol) (netip.AddrPort, bool) {
	at := r.address(p)
	i := r.ring.Pick(ring.FlowHash(client, plan.ListenerKey{Address: at.Addr(), Port: at.Port(), Protocol: p}))
	if i < 0 {
		return netip.AddrPort{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	target := r.group.Targets[i].Address
	r.got[target]++
	r.ports[client.Port()]++
	return target, true
}

func (r *relay) counters(context.Context) (map[netip.AddrPort]uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.got), nil
}

// track has c closed with the relay, at once if that is closed already.
func (r *relay) track(c io.Closer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		c.Close()
		return
	}
	r.open[c] = struct{}{}
}

func (r *relay) forget(c io.Closer) {
	r.mu.Lock()
	delete(r.open, c)
	r.mu.Unlock()
	c.Close()
}

func (r *relay) accept() {
	for {
		client, err := r.tcp.Accept()
		if err != nil {
			return
		}
		r.track(client)
		r.serving.Go(func() {
			defer r.forget(client)
			r.relay(client.(*net.TCPConn))
		})
	}
}

func (r *relay) relay(client *net.TCPConn) {
	target, ok := r.choose(client.RemoteAddr().(*net.TCPAddr).AddrPort(), plan.TCP)
	if !ok {
		_ = client.SetLinger(0)
		return
	}
	server, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(target))
	if err != nil {
		_ = client.SetLinger(0)
		return
	}
	r.track(server)
	defer r.forget(server)
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.CloseWrite()
	})
	if _, err = io.Copy(server, client); err == nil {
		err = server.CloseWrite()
	}
	if err != nil { // the client is gone by RST
		server.Close()
	}
	back.Wait()
}

// datagrams keeps one session for each client.
func (r *relay) datagrams() {
	sessions := map[netip.AddrPort]*net.UDPConn{}
	buf := make([]byte, 2048)
	for {
		n, from, err := r.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		s := sessions[from]
		if s == nil {
			target, ok := r.choose(from, plan.UDP)
			if !ok {
				continue
			}
			if s, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(target)); err != nil {
				continue
			}
			r.track(s)
			sessions[from] = s
			r.serving.Go(func() { r.replies(s, from) })
		}
		_, _ = s.Write(buf[:n])
	}
}

func (r *relay) replies(s *net.UDPConn, to netip.AddrPort) {
	buf := make([]byte, 2048)
	for {
		n, err := s.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			_, _ = r.udp.WriteToUDPAddrPort(buf[:n], to)
		}
	}
}

// echoPods starts one pod on w1 and two on w2.
func echoPods(t *testing.T) []plan.Target {
	t.Helper()
	var targets []plan.Target
	for _, p := range []struct{ name, node string }{{"web-1", "w1"}, {"web-2", "w2"}, {"web-3", "w2"}} {
		s, err := echo.Listen(t.Context(), netip.AddrPortFrom(loopback, 0), echo.Options{Name: p.name, Node: p.node})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		targets = append(targets, plan.Target{Name: p.name, Node: p.node, Address: s.Address(), Readiness: plan.Ready})
	}
	return targets
}

// strangers starts servers that do with every connection what serve does, and answer datagrams by "who?".
func strangers(t *testing.T, serve func(net.Conn)) []plan.Target {
	t.Helper()
	var targets []plan.Target
	for _, node := range []string{"w1", "w2", "w2"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var serving sync.WaitGroup
		serving.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				serving.Go(func() {
					defer conn.Close()
					serve(conn)
				})
			}
		})
		t.Cleanup(func() {
			l.Close()
			serving.Wait()
		})
		at := l.Addr().(*net.TCPAddr).AddrPort()
		targets = append(targets, plan.Target{Name: at.String(), Node: node, Address: at, Readiness: plan.Ready})
	}
	return targets
}
