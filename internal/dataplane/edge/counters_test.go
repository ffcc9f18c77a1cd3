package edge

import (
	"io"
	"net"
	"testing"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

func TestBytesAndConnectionsAreCounted(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		for name, c := range map[string]struct{ in, out int64 }{
			"small": {5, 7}, "bulk in": {3 << 20, 7}, "bulk out": {5, 3 << 20}, "bulk both ways": {2 << 20, 3 << 20},
		} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t, o)
				p := newPod(t, loop4, func(conn *net.TCPConn) {
					_, _ = io.CopyN(io.Discard, conn, c.in)
					_, _ = io.Copy(conn, noise(1, c.out))
					_ = conn.CloseWrite()
					_, _ = io.Copy(io.Discard, conn)
				})
				l := newListener(t, loop4, plan.TCP)
				g := newGroup(l, p.at)
				r.set(l, g)
				id := plan.TargetID{Group: g.ID, Address: p.at}
				conn := dial(t, addressOf(l))
				_, _ = io.Copy(conn, noise(2, c.in))
				_, _ = io.Copy(io.Discard, conn)
				if got := r.ListenerCounters(l.ListenerKey).Active + r.TargetCounters(id).Active; got != 2 {
					t.Errorf("active is %d in both places together, want 1 in each", got)
				}
				conn.Close()
				eventually(t, "nothing runs", func() bool { return r.Stats().Connections == 0 })
				in, out := uint64(c.in), uint64(c.out)
				if got, want := r.ListenerCounters(l.ListenerKey), (observe.ListenerCounters{Connections: 1, BytesIn: in, BytesOut: out}); got != want {
					t.Errorf("listener: got %+v, want %+v", got, want)
				}
				if got, want := r.TargetCounters(id), (observe.TargetCounters{Connections: 1, BytesIn: in, BytesOut: out}); got != want {
					t.Errorf("target: got %+v, want %+v", got, want)
				}
			})
		}
	})
}

func TestCountersOfWhatIsUnknownAreZero(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		if got := r.ListenerCounters(plan.ListenerKey{}); got != (observe.ListenerCounters{}) {
			t.Errorf("listener: %+v", got)
		}
		if got := r.TargetCounters(plan.TargetID{}); got != (observe.TargetCounters{}) {
			t.Errorf("target: %+v", got)
		}
		r.SetHealth([]observe.Transition{{}})
		r.drop(plan.Listener{Routes: []plan.Route{{}}}, plan.TargetGroup{})
	})
}
