package edge

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/ring"
)

// targetOf connects from an address of this machine and returns the target that the connection went to.
func targetOf(t *testing.T, from netip.Addr, l plan.Listener) string {
	t.Helper()
	d := net.Dialer{Timeout: deadline, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	c, err := d.Dial("tcp", addressOf(l).String())
	if err != nil {
		t.Skipf("clients with different addresses: %v", err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(deadline))
	return readLine(t, c)
}

// clients are addresses that all belong to this machine, on Linux.
func clients(n int) (all []netip.Addr) {
	for i := range n {
		all = append(all, netip.AddrFrom4([4]byte{127, 77, 0, byte(i + 1)}))
	}
	return all
}

func TestClientComesBackToItsTargetWhateverItsPort(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.TCP)
		g := newGroup(l, newNamedPod(t, loop4).at, newNamedPod(t, loop4).at, newNamedPod(t, loop4).at)
		g.Affinity = time.Hour
		r.set(l, g)
		seen := map[string]int{}
		for _, client := range clients(40) {
			first := targetOf(t, client, l)
			seen[first]++
			for range 4 {
				if got := targetOf(t, client, l); got != first {
					t.Errorf("%s went to %s, then to %s", client, first, got)
				}
			}
		}
		if len(seen) != 3 {
			t.Errorf("40 clients were sent to %v, want all 3 targets", seen)
		}
	})
}

// The table remembers: a group that grows would send clients elsewhere by its ring alone.
func TestClientStaysWithItsTargetWhenOthersCome(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		first := newNamedPod(t, loop4)
		l := newListener(t, loop4, plan.TCP)
		r.set(l) // the group comes after the listener
		g := newGroup(l, first.at)
		g.Affinity = time.Hour
		r.set(g)
		old, young := clients(40)[:20], clients(40)[20:]
		for _, client := range old {
			targetOf(t, client, l)
		}
		g.Targets = newGroup(l, first.at, newNamedPod(t, loop4).at, newNamedPod(t, loop4).at, newNamedPod(t, loop4).at).Targets
		r.set(g)
		for _, client := range old {
			if got := targetOf(t, client, l); got != first.at.String() {
				t.Errorf("%s was moved to %s", client, got)
			}
		}
		elsewhere := 0
		for _, client := range young {
			if targetOf(t, client, l) != first.at.String() {
				elsewhere++
			}
		}
		if elsewhere == 0 {
			t.Error("all new clients went to the first target as well")
		}
		if got := r.Stats().AffinityEntries; got != 40 {
			t.Errorf("%d clients are remembered, want 40", got)
		}
	})
}

func TestClientOfAnUnhealthyTargetMovesAndStaysThere(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		a, b := newNamedPod(t, loop4), newNamedPod(t, loop4)
		l := newListener(t, loop4, plan.TCP)
		g := newGroup(l, a.at, b.at)
		g.Affinity, g.Probe = time.Hour, &plan.Probe{Kind: plan.ProbeTCP}
		r.set(l, g)
		client := clients(1)[0]
		first := netip.MustParseAddrPort(targetOf(t, client, l))
		r.health(g, first, observe.Unhealthy)
		second := targetOf(t, client, l)
		if second == first.String() {
			t.Fatal("the client was sent to the unhealthy target")
		}
		r.health(g, first, observe.Healthy)
		if got := targetOf(t, client, l); got != second {
			t.Errorf("the client was moved once more, to %s", got)
		}
	})
}

func TestAffinityTableForgets(t *testing.T) {
	const timeout = 10 * time.Second
	client := netip.MustParseAddr("192.0.2.1")
	hash := ring.ClientHash(client)
	target := netip.MustParseAddrPort("[2001:db8::1]:80")
	a := newAffinity(1 << 10)
	a.put(1, hash, client, target, time.Minute)
	for _, c := range []struct {
		what  string
		group uint64
		at    time.Duration
		want  bool
	}{
		{"at once", 1, time.Minute, true},
		{"just within the timeout", 1, time.Minute + timeout, true},
		{"after the timeout", 1, time.Minute + timeout + 1, false},
		{"in another group", 2, time.Minute, false},
	} {
		got, ok := a.find(c.group, hash, client, timeout, c.at)
		if ok != c.want || ok && got != target {
			t.Errorf("%s: found %v, %v", c.what, got, ok)
		}
	}
}

func TestFullAffinityTableForgetsWhoWasNotSeenForLongest(t *testing.T) {
	const perShard = 4
	a := newAffinity(perShard * 64)
	target := netip.MustParseAddrPort("192.0.2.9:80")
	client := func(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", i)) }
	const hash = 0 // all in one shard
	for i := 1; i <= perShard; i++ {
		a.put(1, hash, client(i), target, 0)
	}
	a.put(1, hash, client(1), target, 1) // seen again
	a.put(1, hash, client(9), target, 2)
	for i, want := range map[int]bool{1: true, 2: false, 3: true, 4: true, 9: true} {
		if _, ok := a.find(1, hash, client(i), time.Hour, 2); ok != want {
			t.Errorf("client %d is remembered: %v", i, ok)
		}
	}
	if got := a.size(); got != perShard {
		t.Errorf("size is %d, want %d", got, perShard)
	}
}
