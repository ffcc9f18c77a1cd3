package probe_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/probe"
)

// network is a network in memory: who is not said to be down accepts connections.
type network struct {
	mu            sync.Mutex
	down          map[string]string // address to "refuses", "silent" or "fault"
	dials         map[string][]time.Time
	running, most map[string]int // connection attempts at the same time, "" for all together
}

func newNetwork() *network {
	return &network{down: map[string]string{}, dials: map[string][]time.Time{}, running: map[string]int{}, most: map[string]int{}}
}

func (n *network) set(at, how string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down[at] = how
}

func (n *network) dialled(at string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.dials[at])
}

func (n *network) count(at string, by int) {
	for _, k := range []string{at, ""} {
		n.running[k] += by
		n.most[k] = max(n.most[k], n.running[k])
	}
}

func (n *network) dial(ctx context.Context, _, at string) (net.Conn, error) {
	n.mu.Lock()
	n.dials[at] = append(n.dials[at], time.Now())
	n.count(at, 1)
	how := n.down[at]
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.count(at, -1)
	}()
	switch how {
	case "refuses":
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	case "fault":
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", syscall.EMFILE)}
	case "silent":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	client, server := net.Pipe()
	go func() {
		_, _ = io.Copy(io.Discard, server) // ends with the client
	}()
	return client, nil
}

// bubble is a manager on a network in memory, in time that passes at once.
type bubble struct {
	*testing.T
	*probe.Manager
	net  *network
	mu   sync.Mutex
	seen []observe.Transition
}

// Health returns what is known of a target. It is false if there is no such target.
func (b *bubble) Health(id plan.TargetID) (observe.Health, bool) {
	h, ok := b.Group(id.Group)[id.Address]
	return h, ok
}

func inBubble(t *testing.T, o probe.Options, f func(*bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{T: t, net: newNetwork()}
		o.Dial = b.net.dial
		o.Logger = slog.New(slog.DiscardHandler)
		o.OnTransition = func(ts []observe.Transition) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.seen = append(b.seen, ts...)
		}
		b.Manager = probe.New(o)
		defer b.Close()
		f(b)
	})
}

// pass lets time pass.
func (b *bubble) pass(d time.Duration) {
	time.Sleep(d) // in the bubble
	synctest.Wait()
}

// want compares the state of a target and what was told last of it.
func (b *bubble) want(id plan.TargetID, state observe.State, reason string) {
	b.Helper()
	h, ok := b.Health(id)
	if !ok || h.State != state || h.Reason != reason {
		b.Errorf("%s is %+v (known: %v), want %s %s", id.Address, h, ok, state, reason)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.seen) - 1; i >= 0; i-- {
		if b.seen[i].Target == id {
			if got := b.seen[i].Health; got.State != state || got.Reason != reason {
				b.Errorf("%s was last told to be %+v, want %s %s", id.Address, got, state, reason)
			}
			return
		}
	}
	b.Errorf("nobody was told of %s", id.Address)
}

const interval = 5 * time.Second

// tcp is a group of the targets 10.0.0.1:80 and so on, up to n.
func tcp(n int) plan.TargetGroup {
	g := plan.TargetGroup{
		ID:    plan.GroupID{Service: plan.ServiceName{Namespace: "shop", Name: "web"}, Port: 80, Protocol: plan.TCP},
		Probe: &plan.Probe{Kind: plan.ProbeTCP, Interval: interval, Timeout: 2 * time.Second, UpAfter: 2, DownAfter: 3},
	}
	for i := range n {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte((i + 1) >> 8), byte(i + 1)}), 80)
		g.Targets = append(g.Targets, plan.Target{Address: at, Readiness: plan.Ready})
	}
	return g
}

func id(g plan.TargetGroup, i int) plan.TargetID {
	return plan.TargetID{Group: g.ID, Address: g.Targets[i].Address}
}
