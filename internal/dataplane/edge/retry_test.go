package edge

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// shortConnect is the connect timeout of tests in which targets do not answer.
const shortConnect = 100 * time.Millisecond

// newDeadPod returns an address where connections are refused.
func newDeadPod(t testing.TB) netip.AddrPort {
	t.Helper()
	return netip.AddrPortFrom(loop4, freePort(t, loop4))
}

// newSilentPod returns an address where nobody answers a SYN: a listening socket whose queue is full.
func newSilentPod(t testing.TB) netip.AddrPort {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	at := netip.AddrPortFrom(loop4, freePort(t, loop4))
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: int(at.Port()), Addr: loop4.As4()}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		c, err := net.DialTimeout("tcp", at.String(), 300*time.Millisecond)
		if err != nil {
			return at
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Skip("the system answers although the queue is full")
	return at
}

func TestRefusingTargetIsNotNoticedByClients(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		dead, live := newDeadPod(t), newPod(t, loop4, echo).at
		l := newListener(t, loop4, plan.TCP)
		g := newGroup(l, dead, live)
		r.set(l, g)
		counters := func(at netip.AddrPort) observe.TargetCounters {
			return r.TargetCounters(plan.TargetID{Group: g.ID, Address: at})
		}
		n := uint64(0)
		for ; counters(dead).Failed < 5; n++ {
			c := dial(t, addressOf(l))
			exchange(t, c, fmt.Sprintf("word %d", n))
			c.Close()
		}
		if got := counters(dead).Connections; got != 0 {
			t.Errorf("the dead target had %d connections", got)
		}
		if got := counters(live); got.Connections != n || got.Failed != 0 {
			t.Errorf("the living target: %+v, want %d connections", got, n)
		}
	})
}

func TestSilentTargetIsGivenUpAfterTheConnectTimeout(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		silent, live := newSilentPod(t), newPod(t, loop4, echo).at
		l := newListener(t, loop4, plan.TCP)
		g := newGroup(l, silent, live)
		g.ConnectTimeout = shortConnect
		r.set(l, g)
		for r.TargetCounters(plan.TargetID{Group: g.ID, Address: silent}).Failed < 3 {
			c := dial(t, addressOf(l))
			exchange(t, c, "hello")
			c.Close()
		}
	})
}

func TestClientIsResetWhenNoTargetAccepts(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.TCP)
		g := newGroup(l, newDeadPod(t), newDeadPod(t), newDeadPod(t))
		r.set(l, g)
		wantReset(t, addressOf(l))
		eventually(t, "nothing runs", func() bool { return r.Stats().Connections == 0 })
		if got := r.ListenerCounters(l.ListenerKey); got.NoTarget != 1 || got.Connections != 1 || got.Active != 0 {
			t.Errorf("counters are %+v", got)
		}
		for _, target := range g.Targets {
			if got := r.TargetCounters(plan.TargetID{Group: g.ID, Address: target.Address}); got.Failed != 1 {
				t.Errorf("%s was tried %d times, want once", target.Address, got.Failed)
			}
		}
	})
}

// wantReset connects and wants the connection reset before a byte came.
func wantReset(t *testing.T, to netip.AddrPort) {
	t.Helper()
	c, err := net.DialTimeout("tcp", to.String(), deadline)
	if err == nil {
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(deadline))
		_, err = io.ReadAll(c)
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("connecting to %s: %v, want a reset", to, err)
	}
}

func TestClientIsResetWhenThereIsNoTarget(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.TCP)
		r.set(l) // the group is not even known
		wantReset(t, addressOf(l))
		r.set(newGroup(l))
		wantReset(t, addressOf(l))
		r.set(newGroup(l, newPod(t, loop4, echo).at))
		exchange(t, dial(t, addressOf(l)), "hello")
	})
}
