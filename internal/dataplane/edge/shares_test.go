package edge

import (
	"math"
	"net/netip"
	"sync"
	"testing"

	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/ring"
)

// connect makes n connections, a few at a time, each of which is answered. It returns where they came from.
func connect(t *testing.T, l plan.Listener, n int) (from []netip.AddrPort) {
	t.Helper()
	from = make([]netip.AddrPort, n)
	work := make(chan int, n)
	for i := range n {
		work <- i
	}
	close(work)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range work {
				c := dial(t, addressOf(l))
				exchange(t, c, "x")
				from[i] = addrPort(c.LocalAddr())
				c.Close()
			}
		})
	}
	all.Wait()
	return from
}

// connections returns how many connections each target of a group got.
func (r *rig) connections(g plan.TargetGroup) (n []int) {
	for _, target := range g.Targets {
		n = append(n, int(r.TargetCounters(plan.TargetID{Group: g.ID, Address: target.Address}).Connections))
	}
	return n
}

// wantShares compares percentages. That connections are hashed makes them differ by chance; six standard deviations
// are allowed.
func wantShares(t *testing.T, got []int, total int, want ...float64) {
	t.Helper()
	for i, n := range got {
		sigma := math.Sqrt(want[i] * (100 - want[i]) / float64(total))
		if got := 100 * float64(n) / float64(total); math.Abs(got-want[i]) > 6*sigma {
			t.Errorf("target %d got %.1f %% of the connections, want %.0f %%", i, got, want[i])
		}
	}
}

func TestConnectionsGoWhereTheRingSays(t *testing.T) {
	const n = 800
	for name, c := range map[string]struct {
		spread plan.Spread
		want   []float64
	}{
		"cluster, even by pod":             {plan.ByPod, []float64{33.3, 33.3, 33.3}},
		"local, first by node then by pod": {plan.ByNode, []float64{50, 25, 25}},
	} {
		t.Run(name, func(t *testing.T) {
			onBothEngines(t, func(t *testing.T, o Options) {
				r := newRig(t, o)
				l := newListener(t, loop4, plan.TCP)
				g := newGroup(l, newPod(t, loop4, echo).at, newPod(t, loop4, echo).at, newPod(t, loop4, echo).at)
				g.Spread = c.spread
				for i, node := range []string{"w1", "w2", "w2"} {
					g.Targets[i].Node = node
				}
				r.set(l, g)
				_, table := r.selected(g.ID)
				predicted := make([]int, len(g.Targets))
				for _, client := range connect(t, l, n) {
					predicted[table.Pick(ring.FlowHash(client, l.ListenerKey))]++
				}
				got := r.connections(g)
				for i := range got {
					if got[i] != predicted[i] {
						t.Errorf("target %d got %d connections, the ring says %d", i, got[i], predicted[i])
					}
				}
				wantShares(t, got, n, c.want...)
			})
		})
	}
}

func TestRoutesAreWeighted(t *testing.T) {
	const n = 800
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.TCP)
		other := newListener(t, loop4, plan.TCP)
		idle := newListener(t, loop4, plan.TCP)
		l.Routes = []plan.Route{{Group: groupID(l.ListenerKey), Weight: 80}, {Group: groupID(other.ListenerKey), Weight: 20},
			{Group: groupID(idle.ListenerKey), Weight: 0}}
		a, b, none := newGroup(l, newPod(t, loop4, echo).at), newGroup(other, newPod(t, loop4, echo).at),
			newGroup(idle, newPod(t, loop4, echo).at)
		r.set(l, a, b, none)
		connect(t, l, n)
		wantShares(t, r.connections(a), n, 80)
		wantShares(t, r.connections(b), n, 20)
		wantShares(t, r.connections(none), n, 0)
	})
}

func TestListenerWhoseRoutesAllHaveNoWeightTakesNobody(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.TCP)
		other := newListener(t, loop4, plan.TCP)
		l.Routes = []plan.Route{{Group: groupID(l.ListenerKey)}, {Group: groupID(other.ListenerKey)}}
		r.set(l, newGroup(l, newPod(t, loop4, echo).at), newGroup(other, newPod(t, loop4, echo).at))
		wantReset(t, addressOf(l))
	})
}
