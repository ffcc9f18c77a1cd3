package edge

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// wantConnectionReset wants the next thing on a connection to be a reset.
func wantConnectionReset(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(deadline))
	if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ended with %v, want a reset", err)
	}
}

// leaveBy are the ways in which a target can leave.
var leaveBy = map[string]func(r *rig, l plan.Listener, g plan.TargetGroup, stay, leave *pod){
	"it is gone": func(r *rig, l plan.Listener, g plan.TargetGroup, stay, _ *pod) {
		g.Targets = newGroup(l, stay.at).Targets
		r.set(g)
	},
	"it terminates": func(r *rig, l plan.Listener, g plan.TargetGroup, stay, leave *pod) {
		g.Targets = newGroup(l, stay.at, leave.at).Targets
		for i := range g.Targets {
			if g.Targets[i].Address == leave.at {
				g.Targets[i].Readiness = plan.Terminating
			}
		}
		r.set(g)
	},
	"the group is gone": func(r *rig, l plan.Listener, g plan.TargetGroup, stay, _ *pod) {
		r.drop(g)
		g.Targets = newGroup(l, stay.at).Targets
		r.set(g)
	},
}

func TestTargetThatLeavesKeepsItsConnections(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		for how, leave := range leaveBy {
			t.Run(how, func(t *testing.T) {
				r := newRig(t, o)
				old, other := newNamedPod(t, loop4), newNamedPod(t, loop4)
				l := newListener(t, loop4, plan.TCP)
				g := newGroup(l, old.at)
				g.DeregistrationDelay = 0 // with no reset behind it, it means nothing
				r.set(l, g)
				c := dial(t, addressOf(l))
				readLine(t, c)
				leave(r, l, g, other, old)
				for range 10 {
					if got := readLine(t, dial(t, addressOf(l))); got != other.at.String() {
						t.Errorf("a new connection went to %s", got)
					}
				}
				exchange(t, c, "still here")
			})
		}
	})
}

func TestDeregistrationDelayEndsWithAResetIfAskedFor(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		for how, leave := range leaveBy {
			t.Run(how, func(t *testing.T) {
				r := newRig(t, o)
				old, other := newNamedPod(t, loop4), newNamedPod(t, loop4)
				l := newListener(t, loop4, plan.TCP)
				g := newGroup(l, old.at)
				g.DeregistrationDelay, g.ResetAfterDelay = 200*time.Millisecond, true
				r.set(l, g)
				c := dial(t, addressOf(l))
				readLine(t, c)
				leave(r, l, g, other, old)
				unrelated := dial(t, addressOf(l))
				readLine(t, unrelated)
				exchange(t, c, "within the delay")
				wantConnectionReset(t, c)
				exchange(t, unrelated, "of another target")
				eventually(t, "the reset is counted", func() bool {
					return r.TargetCounters(plan.TargetID{Group: g.ID, Address: old.at}).Active == 0
				})
			})
		}
	})
}

func TestTargetThatComesBackInTimeIsNotReset(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		p := newNamedPod(t, loop4)
		l := newListener(t, loop4, plan.TCP)
		g := newGroup(l, p.at)
		g.DeregistrationDelay, g.ResetAfterDelay = time.Hour, true
		r.set(l, g)
		c := dial(t, addressOf(l))
		readLine(t, c)
		gone := g
		gone.Targets = nil
		r.set(gone)
		r.set(g)
		r.tend(time.Now().Add(2 * time.Hour))
		exchange(t, c, "still here")
		readLine(t, dial(t, addressOf(l)))

		r.set(gone) // the delay begins anew
		r.tend(time.Now().Add(time.Minute))
		exchange(t, c, "within the delay")
		r.tend(time.Now().Add(2 * time.Hour))
		wantConnectionReset(t, c)
	})
}

// A connection that is being made to a target when its time is over goes to another one.
func TestConnectionBeingMadeToALeavingTargetGoesElsewhere(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		silent, other := newSilentPod(t), newNamedPod(t, loop4)
		l := newListener(t, loop4, plan.TCP)
		g := newGroup(l, silent)
		g.ConnectTimeout, g.DeregistrationDelay, g.ResetAfterDelay = 30*time.Second, 0, true
		r.set(l, g)
		c := dial(t, addressOf(l))
		eventually(t, "the connection is accepted", func() bool { return r.Stats().Connections == 1 })
		g.Targets = newGroup(l, other.at).Targets
		r.set(g)
		if got := readLine(t, c); got != other.at.String() {
			t.Errorf("went to %s", got)
		}
	})
}

func TestGoneTargetIsForgottenWhenNothingRunsToIt(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		p := newNamedPod(t, loop4)
		l := newListener(t, loop4, plan.TCP)
		g := newGroup(l, p.at)
		r.set(l, g)
		c := dial(t, addressOf(l))
		readLine(t, c)
		r.drop(g)
		r.tend(time.Now().Add(2 * forgetAfter))
		if got := r.TargetCounters(plan.TargetID{Group: g.ID, Address: p.at}).Active; got != 1 {
			t.Fatalf("%d connections run to the target, want 1", got)
		}
		c.Close()
		eventually(t, "nothing runs", func() bool { return r.Stats().Connections == 0 })
		r.tend(time.Now().Add(4 * forgetAfter))
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.targets) != 0 {
			t.Errorf("still there: %v", r.targets)
		}
	})
}

func TestUnhealthyTargetGetsNoNewConnectionsButKeepsThoseThatRun(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		sick, well := newNamedPod(t, loop4), newNamedPod(t, loop4)
		l := newListener(t, loop4, plan.TCP)
		g := newGroup(l, sick.at)
		g.Probe = &plan.Probe{Kind: plan.ProbeTCP, Explicit: true}
		r.set(l, g)
		r.health(g, sick.at, observe.Healthy)
		c := dial(t, addressOf(l))
		readLine(t, c)

		g.Targets = newGroup(l, sick.at, well.at).Targets
		r.set(g)
		r.health(g, well.at, observe.Healthy)
		r.health(g, sick.at, observe.Unhealthy)
		for range 10 {
			if got := readLine(t, dial(t, addressOf(l))); got != well.at.String() {
				t.Errorf("a new connection went to the unhealthy target")
			}
		}
		exchange(t, c, "still here")
	})
}

func TestWhenAllTargetsAreUnhealthyTheGroupFailsAsItSays(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		p := newNamedPod(t, loop4)
		l := newListener(t, loop4, plan.TCP)
		g := newGroup(l, p.at)
		g.Probe = &plan.Probe{Kind: plan.ProbeTCP, Explicit: true}
		g.WhenAllUnhealthy = plan.FailClosed
		r.set(l, g)
		r.health(g, p.at, observe.Unhealthy)
		wantReset(t, addressOf(l))
		if s, table := r.selected(g.ID); table != nil || s.Reason == "" {
			t.Errorf("selection is %+v, %v, want a reason and no ring", s, table)
		}

		g.WhenAllUnhealthy = plan.FailOpen
		r.set(g)
		c := dial(t, addressOf(l))
		readLine(t, c)
		if s, _ := r.selected(g.ID); !s.FailedOpen {
			t.Errorf("selection is %+v, want it to have failed open", s)
		}

		g.WhenAllUnhealthy = plan.FailClosed
		r.set(g)
		wantReset(t, addressOf(l))
		exchange(t, c, "still here")
	})
}
