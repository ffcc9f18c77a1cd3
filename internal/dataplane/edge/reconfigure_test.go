package edge

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// load makes connections to a listener until stopped, and keeps some open for the whole time. Any that fails, or that
// is cut, is an error.
type load struct {
	t    *testing.T
	l    plan.Listener
	stop chan struct{}
	all  sync.WaitGroup
	made atomic.Int64
}

func startLoad(t *testing.T, l plan.Listener, short, long int) *load {
	t.Helper()
	x := &load{t: t, l: l, stop: make(chan struct{})}
	for range short {
		x.all.Go(func() { x.run(1) })
	}
	for range long {
		x.all.Go(func() { x.run(1 << 30) })
	}
	return x
}

// end stops the load and returns how many connections were made.
func (x *load) end() int64 {
	close(x.stop)
	x.all.Wait()
	return x.made.Load()
}

func (x *load) stopped() bool {
	select {
	case <-x.stop:
		return true
	default:
		return false
	}
}

// run makes connections that each exchange so many words.
func (x *load) run(words int) {
	for !x.stopped() && !x.t.Failed() {
		if err := x.connect(words); err != nil {
			x.t.Errorf("a connection failed: %v", err)
			return
		}
		x.made.Add(1)
	}
}

func (x *load) connect(words int) error {
	c, err := net.DialTimeout("tcp", addressOf(x.l).String(), deadline)
	if err != nil {
		return err
	}
	defer c.Close()
	got := make([]byte, 5)
	for range words {
		_ = c.SetDeadline(time.Now().Add(deadline))
		if _, err := io.WriteString(c, "hello"); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
			return fmt.Errorf("got %q: %w", got, err)
		}
		if words > 1 {
			time.Sleep(time.Millisecond)
		}
		if x.stopped() {
			break
		}
	}
	return nil
}

func TestChangesOfOthersAreNotNoticed(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.TCP)
		p := newPod(t, loop4, echo)
		r.set(l, newGroup(l, p.at))
		traffic := startLoad(t, l, 4, 8)
		var others []plan.Listener
		for range 60 {
			for _, protocol := range []plan.Protocol{plan.TCP, plan.UDP} {
				other := newListener(t, loop4, protocol)
				others = append(others, other)
				r.set(other, newGroup(other, p.at))
			}
			if len(others) > 20 {
				for _, other := range others[:10] {
					r.drop(other, plan.TargetGroup{ID: other.Routes[0].Group})
				}
				others = slices.Delete(others, 0, 10)
			}
		}
		if n := traffic.end(); n < 12 {
			t.Errorf("only %d connections were made", n)
		}
	})
}

// The listener's own settings change, its routes, and all of its targets but for one at a time: nobody is refused or cut.
func TestTargetsComeAndGoUnderLoad(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.TCP)
		pods := make([]*pod, 6)
		for i := range pods {
			pods[i] = newPod(t, loop4, echo)
		}
		g := newGroup(l, pods[0].at)
		g.Probe, g.DeregistrationDelay = &plan.Probe{Kind: plan.ProbeTCP}, time.Hour
		r.set(l, g)
		traffic := startLoad(t, l, 4, 8)
		for i := range 200 {
			here := newGroup(l, pods[i%6].at, pods[(i+1)%6].at)
			g.Targets, g.Affinity = here.Targets, time.Duration(i%3)*time.Minute
			g.Targets[rand.IntN(2)].Readiness = []plan.Readiness{plan.Ready, plan.NotReady, plan.Terminating}[rand.IntN(3)]
			l.IdleTimeout = time.Duration(i%2) * time.Minute
			l.SourceRanges = nil
			if i%2 == 1 {
				l.SourceRanges = prefixes("127.0.0.0/8")
			}
			r.set(l, g)
			r.health(g, g.Targets[rand.IntN(2)].Address, []observe.State{observe.Healthy, observe.Unhealthy}[rand.IntN(2)])
			time.Sleep(time.Millisecond)
		}
		if n := traffic.end(); n < 12 {
			t.Errorf("only %d connections were made", n)
		}
	})
}

func TestListenerIsRemovedAndAddedAgainUnderLoad(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		p := newPod(t, loop4, echo)
		l, other := newListener(t, loop4, plan.TCP), newListener(t, loop4, plan.TCP)
		r.set(l, newGroup(l, p.at), other, newGroup(other, p.at))
		running := dial(t, addressOf(l))
		exchange(t, running, "hello")
		unrelated := startLoad(t, other, 2, 4)
		var knocking sync.WaitGroup
		stop := make(chan struct{})
		var served atomic.Int64
		for range 4 { // these may be refused: their listener is away at times
			knocking.Go(func() {
				x := &load{t: t, l: l, stop: stop}
				for !x.stopped() {
					if x.connect(1) == nil {
						served.Add(1)
					}
				}
			})
		}
		for range 40 {
			r.drop(l)
			if c, err := net.Dial("tcp", addressOf(l).String()); err == nil {
				t.Error("a removed listener still accepts")
				c.Close()
			}
			r.set(l)
			c := dial(t, addressOf(l))
			exchange(t, c, "hello")
			c.Close()
		}
		close(stop)
		knocking.Wait()
		unrelated.end()
		exchange(t, running, "still here")
		if served.Load() == 0 {
			t.Error("no connection was served")
		}
	})
}

func TestSocketOfAListenerThatChangesIsKept(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.TCP)
		r.set(l)
		socket := func() socket {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.listeners[l.ListenerKey].socket
		}
		before := socket()
		l.IdleTimeout, l.SourceRanges = time.Minute, prefixes("127.0.0.0/8")
		r.set(l, newGroup(l, newPod(t, loop4, echo).at))
		if socket() != before {
			t.Error("it was bound anew")
		}
		exchange(t, dial(t, addressOf(l)), "hello")
	})
}
