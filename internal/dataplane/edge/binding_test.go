package edge

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

type fakeSocket netip.AddrPort

func (s fakeSocket) address() netip.AddrPort { return netip.AddrPort(s) }

func TestListenerIsBoundAtTheNextBestPlace(t *testing.T) {
	privileged := func(at netip.AddrPort) error {
		if at.Port() < 1024 {
			return syscall.EACCES
		}
		return nil
	}
	taken := func(ports ...uint16) func(netip.AddrPort) error {
		return func(at netip.AddrPort) error {
			for _, p := range ports {
				if p == at.Port() {
					return syscall.EADDRINUSE
				}
			}
			return privileged(at)
		}
	}
	foreign := func(then func(netip.AddrPort) error) func(netip.AddrPort) error {
		return func(at netip.AddrPort) error {
			if !at.Addr().IsLoopback() {
				return syscall.EADDRNOTAVAIL
			}
			return then(at)
		}
	}
	always := func(err error) func(netip.AddrPort) error { return func(netip.AddrPort) error { return err } }
	for _, c := range []struct {
		what    string
		key     string
		system  func(netip.AddrPort) error
		bound   string // "" if nowhere
		problem observe.Problem
		detail  string
	}{
		{"nothing is wrong", "192.0.2.1:80", always(nil), "192.0.2.1:80", observe.NoProblem, ""},
		{"the port needs a privilege", "192.0.2.1:80", privileged, "192.0.2.1:8080", observe.PortMapped,
			"port 80 needs CAP_NET_BIND_SERVICE or root: served on 192.0.2.1:8080"},
		{"and the one that stands for it is taken", "192.0.2.1:80", taken(8080, 8081), "192.0.2.1:8082", observe.PortMapped,
			"port 80 needs CAP_NET_BIND_SERVICE or root: served on 192.0.2.1:8082"},
		{"the address is not here", "192.0.2.1:9999", foreign(always(nil)), "127.0.0.1:9999", observe.AddressMapped,
			"192.0.2.1 is not an address of this machine: served on 127.0.0.1:9999"},
		{"neither is one of IPv6", "[2001:db8::1]:9999", foreign(always(nil)), "[::1]:9999", observe.AddressMapped,
			"2001:db8::1 is not an address of this machine: served on [::1]:9999"},
		{"nor is the port allowed", "192.0.2.1:80", foreign(privileged), "127.0.0.1:8080", observe.AddressMapped,
			"192.0.2.1 is not an address of this machine: served on 127.0.0.1:8080"},
		{"or it is taken on loopback", "192.0.2.1:9999", foreign(taken(9999)), "127.0.0.1:17999", observe.AddressMapped,
			"192.0.2.1 is not an address of this machine: served on 127.0.0.1:17999"},
		{"the port is taken", "192.0.2.1:80", always(syscall.EADDRINUSE), "", observe.PortTaken, "192.0.2.1:80/TCP is in use already"},
		{"all ports are", "192.0.2.1:80", foreign(always(syscall.EADDRINUSE)), "", observe.PortTaken, "192.0.2.1:80/TCP is in use already"},
		{"something else", "192.0.2.1:80", always(syscall.ENOBUFS), "", observe.NotBound, "bind: no buffer space available"},
	} {
		at := netip.MustParseAddrPort(c.key)
		key := plan.ListenerKey{Address: at.Addr(), Port: at.Port(), Protocol: plan.TCP}
		s, got := bind(key, mapPort, func(at netip.AddrPort) (socket, error) {
			if err := c.system(at); err != nil {
				return nil, fmt.Errorf("bind: %w", err)
			}
			return fakeSocket(at), nil
		})
		want := observe.Binding{Key: key, Problem: c.problem, Detail: c.detail}
		if c.bound != "" {
			want.Bound = netip.MustParseAddrPort(c.bound)
		}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", c.what, got, want)
		}
		if (s != nil) != (c.bound != "") {
			t.Errorf("%s: the socket is %v", c.what, s)
		}
	}
}

func TestMappedPortsStayPorts(t *testing.T) {
	for port, want := range map[uint16]uint16{80: 8080, 443: 8443, 57535: 65535, 57536: 49536, 65535: 57535} {
		if got := mapPort(port); got != want {
			t.Errorf("%d is mapped to %d, want %d", port, got, want)
		}
	}
}

// notices collects what OnBinding is told.
type notices struct {
	mu  sync.Mutex
	all []observe.Binding
}

func (n *notices) add(b observe.Binding) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, b)
}

// last returns the last notice about a listener, and how many there were.
func (n *notices) last(key plan.ListenerKey) (last observe.Binding, count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, b := range n.all {
		if b.Key == key {
			last, count = b, count+1
		}
	}
	return last, count
}

func TestTakenPortIsTriedAgainUntilItIsFree(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		var told notices
		o.OnBinding = told.add
		r := newRig(t, o)
		for _, protocol := range []plan.Protocol{plan.TCP, plan.UDP} {
			l := newListener(t, loop4, protocol)
			var free func() error
			if protocol == plan.TCP {
				other, err := net.Listen("tcp", addressOf(l).String())
				if err != nil {
					t.Fatal(err)
				}
				free = other.Close
			} else {
				other, err := net.ListenPacket("udp", addressOf(l).String())
				if err != nil {
					t.Fatal(err)
				}
				free = other.Close
			}
			r.set(l)
			if got, n := told.last(l.ListenerKey); got.Problem != observe.PortTaken || n != 1 || got.Bound.IsValid() {
				t.Errorf("%s: told %d times, last %+v", protocol, n, got)
			}
			_ = free()
			eventually(t, "it is bound", func() bool {
				got, _ := told.last(l.ListenerKey)
				return got == observe.Binding{Key: l.ListenerKey, Bound: addressOf(l)}
			})
			if _, n := told.last(l.ListenerKey); n != 2 {
				t.Errorf("%s: told %d times, want when it failed and when it was bound", protocol, n)
			}
		}
	})
}

func TestAddressOfAnotherMachineIsServedOnLoopback(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.TCP)
		l.Address = netip.MustParseAddr("192.0.2.1") // TEST-NET-1, RFC 5737
		r.set(l, newGroup(l, newPod(t, loop4, echo).at))
		bs := r.Bindings()
		if len(bs) != 1 || bs[0].Problem != observe.AddressMapped || bs[0].Bound != netip.AddrPortFrom(loop4, l.Port) {
			t.Fatalf("bindings are %+v", bs)
		}
		exchange(t, dial(t, bs[0].Bound), "hello")
	})
}

// A listener that stands where another one belongs makes room.
func TestMappedListenerMakesRoom(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		var told notices
		o.OnBinding = told.add
		r := newRig(t, o)
		own := newListener(t, loop4, plan.TCP)
		guest := own
		guest.Address = netip.MustParseAddr("192.0.2.1")
		guest.Routes = []plan.Route{{Group: groupID(guest.ListenerKey), Weight: 1}}
		r.set(guest, newGroup(guest, newNamedPod(t, loop4).at))
		running := dial(t, addressOf(own))
		readLine(t, running)

		p := newNamedPod(t, loop4)
		g := newGroup(own, p.at)
		g.ID.Service.Name = "own"
		own.Routes = []plan.Route{{Group: g.ID, Weight: 1}}
		r.set(own, g)
		if got := readLine(t, dial(t, addressOf(own))); got != p.at.String() {
			t.Errorf("the place is still the guest's")
		}
		moved, n := told.last(guest.ListenerKey)
		if n != 2 || moved.Problem != observe.AddressMapped || moved.Bound == addressOf(own) {
			t.Fatalf("told %d times about the guest, last %+v", n, moved)
		}
		readLine(t, dial(t, moved.Bound))
		exchange(t, running, "still here")
	})
}

func TestAddressThatComesLaterIsMovedTo(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.TCP)
		r.set(l, newGroup(l, newPod(t, loop4, echo).at))
		// As if the address had not been there.
		r.mu.Lock()
		for _, x := range r.listeners {
			r.engine.shut([]socket{x.socket})
			s, err := r.engine.open(x, netip.AddrPortFrom(loop4, 0))
			if err != nil {
				t.Error(err)
			}
			x.socket, x.binding = s, observe.Binding{Key: x.key, Bound: s.address(), Problem: observe.AddressMapped}
			r.unsettled[x] = true
		}
		r.mu.Unlock()
		elsewhere := r.Bindings()[0].Bound
		c := dial(t, elsewhere)
		exchange(t, c, "hello")
		r.tend(time.Now().Add(time.Hour))
		if got := r.Bindings()[0]; got != (observe.Binding{Key: l.ListenerKey, Bound: addressOf(l)}) {
			t.Errorf("the binding is %+v", got)
		}
		exchange(t, dial(t, addressOf(l)), "hello")
		exchange(t, c, "still here")
	})
}
