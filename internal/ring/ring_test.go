package ring_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/ring"
)

// group has the targets 10.0.NODE.N:8080 on the given nodes.
func group(spread plan.Spread, nodes ...string) *plan.TargetGroup {
	g := &plan.TargetGroup{Spread: spread}
	for i, n := range nodes {
		addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i + 1)})
		g.Targets = append(g.Targets, plan.Target{Address: netip.AddrPortFrom(addr, 8080), Node: n, Readiness: plan.Ready})
	}
	return g
}

func build(g *plan.TargetGroup) *ring.Ring { return ring.Build(g, ring.Select(g, nil)) }

func percent(r *ring.Ring, i int) float64 { return 100 * float64(r.Slots()[i]) / float64(r.Size()) }

func TestSharesAreExactToASlot(t *testing.T) {
	for _, c := range []struct {
		name   string
		group  *plan.TargetGroup
		shares []float64
	}{
		{"one target", group(plan.ByPod, "a"), []float64{100}},
		{"by pod", group(plan.ByPod, "a", "b", "b"), []float64{100. / 3, 100. / 3, 100. / 3}},
		{"by node", group(plan.ByNode, "a", "b", "b"), []float64{50, 25, 25}},
		{"by node, three nodes", group(plan.ByNode, "a", "b", "b", "c", "c", "c"), []float64{100. / 3, 100. / 6, 100. / 6, 100. / 9, 100. / 9, 100. / 9}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := build(c.group)
			for i, want := range c.shares {
				if got := percent(r, i); math.Abs(got-want) > 100/float64(r.Size()) {
					t.Errorf("target %d has %.2f %%, want %.2f %%", i, got, want)
				}
			}
			total := 0
			for _, n := range r.Slots() {
				total += n
			}
			if total != r.Size() {
				t.Errorf("%d of %d slots are given out", total, r.Size())
			}
		})
	}
}

func TestTheSlotsArePickedAsOftenAsTheSharesSay(t *testing.T) {
	g := group(plan.ByNode, "a", "b", "b")
	r := build(g)
	counts := map[int]int{}
	const steps = 1 << 16
	for i := range uint64(steps) {
		counts[r.Pick(i*(math.MaxUint64/steps))]++
	}
	for i := range g.Targets {
		if got, want := 100*float64(counts[i])/steps, percent(r, i); math.Abs(got-want) > 0.2 {
			t.Errorf("target %d is picked in %.2f %% of cases, its slots say %.2f %%", i, got, want)
		}
	}
}

// One client's connections come from ports that follow one another, and a test with one client is what people do first.
func TestTheConnectionsOfOneClientAreSharedBetterThanByChance(t *testing.T) {
	key := plan.ListenerKey{Address: netip.MustParseAddr("192.0.2.1"), Port: 80, Protocol: plan.TCP}
	for _, spread := range []plan.Spread{plan.ByPod, plan.ByNode} {
		g := group(spread, "a", "b", "b")
		r := build(g)
		for stride := uint16(1); stride <= 3; stride++ {
			for client := range 50 {
				counts := map[int]int{}
				addr := netip.AddrFrom4([4]byte{198, 51, 100, byte(client)})
				for i := range uint16(3000) {
					counts[r.Pick(ring.FlowHash(netip.AddrPortFrom(addr, 32768+i*stride), key))]++
				}
				for i := range g.Targets {
					if got, want := float64(counts[i])/30, percent(r, i); math.Abs(got-want) > 1 {
						t.Errorf("by %s, stride %d, client %s: target %d got %.1f %%, want %.1f %%", spread, stride, addr, i, got, want)
					}
				}
			}
		}
	}
}

func TestDifferentClientsAreSharedByChance(t *testing.T) {
	key := plan.ListenerKey{Address: netip.MustParseAddr("192.0.2.1"), Port: 80, Protocol: plan.TCP}
	g := group(plan.ByPod, "a", "a", "a", "a")
	r := build(g)
	random := rand.New(rand.NewPCG(1, 1))
	const n = 40000
	for _, hash := range []func(netip.AddrPort) uint64{
		func(c netip.AddrPort) uint64 { return ring.FlowHash(c, key) },
		func(c netip.AddrPort) uint64 { return ring.ClientHash(c.Addr()) },
	} {
		counts := map[int]int{}
		for range n {
			c := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32())}), uint16(random.Uint32()))
			counts[r.Pick(hash(c))]++
		}
		for i := range g.Targets {
			if bound := 5 * math.Sqrt(n*0.25*0.75); math.Abs(float64(counts[i])-n/4) > bound {
				t.Errorf("target %d got %d of %d", i, counts[i], n)
			}
		}
	}
}

func TestTheRingDoesNotDependOnTheOrderOfTargets(t *testing.T) {
	g := group(plan.ByNode, "a", "b", "b", "c", "c", "c", "d")
	r := build(g)
	random := rand.New(rand.NewPCG(2, 2))
	for range 20 {
		h := *g
		h.Targets = append([]plan.Target(nil), g.Targets...)
		random.Shuffle(len(h.Targets), func(i, j int) { h.Targets[i], h.Targets[j] = h.Targets[j], h.Targets[i] })
		other := build(&h)
		for hash := uint64(0); hash < math.MaxUint64-golden(9973); hash += golden(9973) {
			if a, b := g.Targets[r.Pick(hash)].Address, h.Targets[other.Pick(hash)].Address; a != b {
				t.Fatalf("hash %x goes to %s in one order and to %s in another", hash, a, b)
			}
		}
	}
}

func golden(parts uint64) uint64 { return math.MaxUint64 / parts }

func TestAChangeMovesHardlyAnySlotOfTheOthers(t *testing.T) {
	for _, n := range []int{3, 10, 50, 200} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			g := group(plan.ByPod, make([]string, n)...)
			before := build(g)
			g.Targets[n/2].Readiness = plan.NotReady
			after := build(g)
			moved, kept := 0, 0
			const steps = 100003
			for i := range uint64(steps) {
				hash := i * (math.MaxUint64 / steps)
				was := before.Pick(hash)
				if was == n/2 {
					continue
				}
				kept++
				if after.Pick(hash) != was {
					moved++
				}
			}
			if share := float64(moved) / float64(kept); share > 0.12 {
				t.Errorf("%.1f %% of the survivors' slots moved", 100*share)
			}
		})
	}
}

func TestNextNamesEveryTargetOnce(t *testing.T) {
	for _, n := range []int{1, 2, 7} {
		r := build(group(plan.ByPod, make([]string, n)...))
		tried := map[int]bool{}
		for range n {
			i := r.Next(12345, func(i int) bool { return tried[i] })
			if i < 0 || tried[i] {
				t.Fatalf("of %d targets, Next names %d after %v", n, i, tried)
			}
			tried[i] = true
		}
		if i := r.Next(12345, func(i int) bool { return tried[i] }); i != -1 {
			t.Errorf("Next names %d although all were tried", i)
		}
	}
}

func TestAnEmptyRingPicksNobody(t *testing.T) {
	var none *ring.Ring
	for _, r := range []*ring.Ring{none, build(group(plan.ByPod))} {
		if r.Pick(1) != -1 || r.Next(1, func(int) bool { return false }) != -1 || r.Size() != 0 {
			t.Error("an empty ring names a target")
		}
	}
}

func TestWhoMayGetNewConnections(t *testing.T) {
	states := map[byte]observe.State{1: observe.Healthy, 2: observe.Unhealthy, 3: observe.Initial}
	health := func(a netip.AddrPort) observe.State { return states[a.Addr().As4()[3]] }
	implicit, explicit := &plan.Probe{}, &plan.Probe{Explicit: true}
	for _, c := range []struct {
		name      string
		probe     *plan.Probe
		mode      plan.FailMode
		readiness []plan.Readiness
		excluded  int // index, or -1
		want      []int
		open      bool
		fallback  bool
	}{
		{"without a probe readiness decides", nil, plan.FailOpen, []plan.Readiness{plan.Ready, plan.NotReady, plan.Ready}, -1, []int{0, 2}, false, false},
		{"an implicit probe lets in who was not probed yet", implicit, plan.FailOpen, []plan.Readiness{plan.Ready, plan.Ready, plan.Ready}, -1, []int{0, 2}, false, false},
		{"an explicit one does not", explicit, plan.FailClosed, []plan.Readiness{plan.Ready, plan.Ready, plan.Ready}, -1, []int{0}, false, false},
		{"all unhealthy, fail open", implicit, plan.FailOpen, []plan.Readiness{plan.NotReady, plan.Ready, plan.NotReady}, -1, []int{1}, true, false},
		{"all unhealthy, fail closed", explicit, plan.FailClosed, []plan.Readiness{plan.NotReady, plan.Ready, plan.Ready}, -1, nil, false, false},
		{"terminating ones serve when none is ready", explicit, plan.FailClosed, []plan.Readiness{plan.NotReady, plan.Terminating, plan.NotReady}, -1, []int{1}, false, true},
		{"but not while one is ready and unhealthy", explicit, plan.FailClosed, []plan.Readiness{plan.Terminating, plan.Ready, plan.NotReady}, -1, nil, false, false},
		{"an excluded target takes no part", nil, plan.FailOpen, []plan.Readiness{plan.Ready, plan.Ready, plan.Ready}, 0, []int{1, 2}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := group(plan.ByPod, "a", "b", "c")
			g.Probe, g.WhenAllUnhealthy = c.probe, c.mode
			for i, r := range c.readiness {
				g.Targets[i].Readiness = r
			}
			if c.excluded >= 0 {
				g.Targets[c.excluded].Excluded = "its node is left out"
			}
			s := ring.Select(g, health)
			var got []int
			for _, sh := range s.Shares {
				got = append(got, sh.Index)
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) || s.FailedOpen != c.open || s.Fallback != c.fallback {
				t.Errorf("got %v, open %v, fallback %v", got, s.FailedOpen, s.Fallback)
			}
			if (len(got) == 0) != (s.Reason != "") {
				t.Errorf("reason %q for %v", s.Reason, got)
			}
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{3, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g := group(plan.ByPod, make([]string, n)...)
			for b.Loop() {
				build(g)
			}
		})
	}
}

func BenchmarkFlowHash(b *testing.B) {
	key := plan.ListenerKey{Address: netip.MustParseAddr("192.0.2.1"), Port: 80, Protocol: plan.TCP}
	client := netip.MustParseAddrPort("198.51.100.7:50000")
	for b.Loop() {
		ring.FlowHash(client, key)
	}
}
