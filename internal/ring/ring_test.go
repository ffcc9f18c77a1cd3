package ring_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"

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

func TestRandomPortsOfOneClientAreSharedByChance(t *testing.T) {
	key := plan.ListenerKey{Address: netip.MustParseAddr("192.0.2.1"), Port: 80, Protocol: plan.TCP}
	random := rand.New(rand.NewPCG(3, 3))
	for _, spread := range []plan.Spread{plan.ByPod, plan.ByNode} {
		g := group(spread, "a", "b", "b")
		r := build(g)
		for client := range 20 {
			counts := map[int]int{}
			addr := netip.AddrFrom4([4]byte{198, 51, 100, byte(client)})
			const n = 3000
			for range n {
				counts[r.Pick(ring.FlowHash(netip.AddrPortFrom(addr, uint16(1024+random.IntN(64512))), key))]++
			}
			for i := range g.Targets {
				p := percent(r, i) / 100
				if bound := 5 * math.Sqrt(n*p*(1-p)); math.Abs(float64(counts[i])-n*p) > bound {
					t.Errorf("by %s, client %s: target %d got %d of %d, want %.0f within %.0f", spread, addr, i, counts[i], n, n*p, bound)
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

// The numbers are what Maglev promises for 100 slots a target, with some room; plain modulo would move 67 to 99 %.
func TestAChangeMovesHardlyAnySlotOfTheOthers(t *testing.T) {
	for _, c := range []struct {
		targets int
		most    float64 // percent of the survivors' slots, on average over who leaves
	}{{3, 2}, {10, 4}, {50, 5}, {100, 3}} {
		t.Run(fmt.Sprint(c.targets), func(t *testing.T) {
			g := group(plan.ByPod, make([]string, c.targets)...)
			before := build(g)
			moved, kept := 0, 0
			for gone := range min(c.targets, 10) {
				g.Targets[gone].Readiness = plan.NotReady
				after := build(g)
				g.Targets[gone].Readiness = plan.Ready
				const steps = 20011
				for i := range uint64(steps) {
					hash := i * golden(steps)
					was := before.Pick(hash)
					if was == gone {
						continue
					}
					kept++
					if after.Pick(hash) != was {
						moved++
					}
				}
			}
			percent := 100 * float64(moved) / float64(kept)
			t.Logf("%.2f %% of the survivors' slots moved", percent)
			if percent > c.most {
				t.Errorf("%.2f %% of the survivors' slots moved, want %.0f %% at most", percent, c.most)
			}
		})
	}
}

func TestHashesStayWhatTheyAre(t *testing.T) {
	tcp := plan.ListenerKey{Address: netip.MustParseAddr("192.0.2.1"), Port: 80, Protocol: plan.TCP}
	udp := plan.ListenerKey{Address: netip.MustParseAddr("2001:db8::1"), Port: 53, Protocol: plan.UDP}
	for _, c := range []struct {
		client string
		key    plan.ListenerKey
		want   uint64
	}{
		{"198.51.100.7:50000", tcp, 0x344ca5c633330f66},
		{"[::ffff:198.51.100.7]:50000", tcp, 0x344ca5c633330f66},
		{"[2001:db8::7]:50000", udp, 0xe16c880d616f09c8},
	} {
		if got := ring.FlowHash(netip.MustParseAddrPort(c.client), c.key); got != c.want {
			t.Errorf("%s to %s: %#x, want %#x", c.client, c.key, got, c.want)
		}
	}
	if got, want := ring.ClientHash(netip.MustParseAddr("198.51.100.7")), uint64(0xf4a49e518d132a06); got != want {
		t.Errorf("the client's hash is %#x, want %#x", got, want)
	}
}

func TestATargetWithoutWeightGetsNothing(t *testing.T) {
	g := group(plan.ByPod, "a", "b", "c")
	r := ring.Build(g, ring.Selection{Shares: []ring.Share{{Index: 0, Weight: 1}, {Index: 1}, {Index: 2, Weight: 3}}})
	if s := r.Slots(); s[1] != 0 || s[0] != 255 || s[2] != 766 {
		t.Errorf("slots are %v of %d", s, r.Size())
	}
	if r := ring.Build(g, ring.Selection{Shares: []ring.Share{{Index: 1}}}); r.Pick(1) != -1 {
		t.Error("a ring of one target without weight names it")
	}
}

func TestManyTargetsFitTheLargestTable(t *testing.T) {
	g := group(plan.ByPod, make([]string, 20000)...)
	for i := range g.Targets {
		g.Targets[i].Address = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 80)
	}
	r := build(g)
	if r.Size() != 65537 {
		t.Fatalf("the table has %d slots", r.Size())
	}
	for i, n := range r.Slots() {
		if n != 3 && n != 4 {
			t.Fatalf("target %d has %d slots, want 3 or 4", i, n)
		}
	}
}

// Counts of targets a node with a common multiple beyond 64 bits.
func TestSharesByNodeStayRightWhereCountsHaveNoSmallMultiple(t *testing.T) {
	var nodes []string
	primes := []int{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53}
	for _, n := range primes {
		for range n {
			nodes = append(nodes, fmt.Sprint(n))
		}
	}
	g := group(plan.ByNode, nodes...)
	for i := range g.Targets {
		g.Targets[i].Address = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 80)
	}
	r := build(g)
	got := map[string]int{}
	for i, n := range r.Slots() {
		got[g.Targets[i].Node] += n
	}
	for node, n := range got {
		want := float64(r.Size()) / float64(len(primes))
		if math.Abs(float64(n)-want) > 0.02*want {
			t.Errorf("node %s has %d slots, want %.0f", node, n, want)
		}
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
