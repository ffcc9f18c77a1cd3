package probe_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/probe"
)

func TestATargetIsKnownWithinHalfASecond(t *testing.T) {
	inBubble(t, probe.Options{}, func(b *bubble) {
		g := tcp(3)
		b.net.set("10.0.0.3:80", "refuses")
		b.Apply(use(g))
		synctest.Wait()
		b.want(id(g, 0), observe.Initial, observe.ReasonInitial)
		b.pass(520 * time.Millisecond)
		b.want(id(g, 0), observe.Healthy, "")
		b.want(id(g, 1), observe.Healthy, "")
		b.want(id(g, 2), observe.Unhealthy, observe.ReasonFailed)
		if h := b.Group(g.ID)[g.Targets[2].Address]; h.Detail != "connect: connection refused 10.0.0.3:80" || h.Result != observe.L4CON {
			b.Errorf("got %+v", h)
		}
	})
}

func TestATargetGoesDownAndComesBackByResultsInARow(t *testing.T) {
	inBubble(t, probe.Options{}, func(b *bubble) {
		g := tcp(1)
		b.Apply(use(g))
		b.pass(interval)
		b.want(id(g, 0), observe.Healthy, "")
		b.net.set("10.0.0.1:80", "silent")
		b.pass(2*interval + 2*time.Second)
		b.want(id(g, 0), observe.Healthy, "")
		b.pass(interval)
		b.want(id(g, 0), observe.Unhealthy, observe.ReasonTimeout)
		b.net.set("10.0.0.1:80", "")
		b.pass(2 * interval)
		b.want(id(g, 0), observe.Healthy, "")
		if n := len(b.seen); n != 4 {
			b.Errorf("%d transitions, want 4: %v", n, b.seen)
		}
	})
}

func TestProbesAreAnIntervalApart(t *testing.T) {
	inBubble(t, probe.Options{}, func(b *bubble) {
		b.Apply(use(tcp(20)))
		b.pass(101 * time.Second)
		for at, times := range b.net.dials {
			if n := len(times); n < 20 || n > 22 {
				b.Errorf("%s was probed %d times in 101 s", at, n)
			}
			for i := 2; i < len(times); i++ {
				if d := times[i].Sub(times[i-1]); d < interval-20*time.Millisecond || d > interval+20*time.Millisecond {
					b.Errorf("%s: probe %d came %s after the one before", at, i, d)
				}
			}
		}
	})
}

func TestManyTargetsAreSpreadOverTheInterval(t *testing.T) {
	inBubble(t, probe.Options{}, func(b *bubble) {
		const n = 2000
		b.Apply(use(tcp(n)))
		start := time.Now()
		b.pass(4 * interval)
		perSecond := map[int]int{}
		for at, times := range b.net.dials {
			if d := times[0].Sub(start); d > 2*time.Second+20*time.Millisecond {
				b.Errorf("%s was first probed after %s", at, d)
			}
			for _, at := range times {
				perSecond[int(at.Sub(start)/time.Second)]++
			}
		}
		if n := perSecond[0]; n < 800 || n > 1200 {
			b.Errorf("%d probes in the first second, which should be half", n)
		}
		for s := 10; s < 20; s++ { // after the first probes have been spread
			if k := perSecond[s]; k < n/10 || k > 3*n/10 {
				b.Errorf("%d probes in second %d, want about %d", k, s, n/5)
			}
		}
	})
}

func TestProbesAtTheSameTimeAreBounded(t *testing.T) {
	inBubble(t, probe.Options{MaxConcurrent: 10}, func(b *bubble) {
		g := tcp(100)
		for i := range g.Targets {
			b.net.set(g.Targets[i].Address.String(), "silent")
		}
		b.Apply(use(g))
		b.pass(5 * time.Minute)
		if most := b.net.most[""]; most != 10 {
			b.Errorf("up to %d probes ran at the same time, want 10", most)
		}
		for at, most := range b.net.most {
			if at != "" && most > 1 {
				b.Errorf("%d probes of %s ran at the same time", most, at)
			}
		}
		for i := range g.Targets {
			b.want(id(g, i), observe.Unhealthy, observe.ReasonTimeout)
		}
	})
}

func TestSilentTargetsDoNotHoldUpTheOthers(t *testing.T) {
	inBubble(t, probe.Options{MaxConcurrent: 10}, func(b *bubble) {
		g := tcp(101)
		for i := 1; i <= 100; i++ {
			b.net.set(g.Targets[i].Address.String(), "silent")
		}
		b.Apply(use(g))
		b.pass(2 * time.Minute) // until all are known
		before := b.net.dialled("10.0.0.1:80")
		b.pass(10 * interval)
		if n := b.net.dialled("10.0.0.1:80") - before; n < 9 || n > 11 {
			b.Errorf("the living target was probed %d times in 10 intervals", n)
		}
	})
}

func TestWhatThePlanSaysComesBeforeAnyProbe(t *testing.T) {
	inBubble(t, probe.Options{}, func(b *bubble) {
		g := tcp(4)
		g.Targets[1].Readiness = plan.NotReady
		g.Targets[2].Readiness = plan.Terminating
		g.Targets[3].Excluded = "its node is left out"
		b.Apply(use(g))
		b.pass(time.Second)
		b.want(id(g, 0), observe.Healthy, "")
		b.want(id(g, 1), observe.Unused, observe.ReasonNotReady)
		b.want(id(g, 2), observe.Draining, observe.ReasonDeregistering)
		b.want(id(g, 3), observe.Unused, observe.ReasonNotReady)
		if h, _ := b.Health(id(g, 3)); h.Detail != "its node is left out" {
			b.Errorf("got %+v", h)
		}
		for i := 1; i < 4; i++ {
			if n := b.net.dialled(g.Targets[i].Address.String()); n != 0 {
				b.Errorf("target %d was probed %d times", i, n)
			}
		}
		g = tcp(4) // all are ready now
		b.Apply(use(g))
		synctest.Wait()
		b.want(id(g, 1), observe.Initial, observe.ReasonInitial)
		b.pass(time.Second)
		b.want(id(g, 1), observe.Healthy, "")
		g.Probe = nil
		g.Targets[0].Readiness = plan.NotReady
		b.Apply(use(g))
		synctest.Wait()
		b.want(id(g, 0), observe.Unused, observe.ReasonNotReady)
		if h, _ := b.Health(id(g, 1)); h.State != observe.Healthy || h.Detail != "no probe, readiness decides" {
			b.Errorf("got %+v", h)
		}
		before := b.net.dialled("10.0.0.2:80")
		b.pass(2 * interval)
		if n := b.net.dialled("10.0.0.2:80"); n != before {
			b.Error("a target was probed without a probe")
		}
	})
}

func TestAGroupIsProbedWhileAListenerLeadsToIt(t *testing.T) {
	inBubble(t, probe.Options{}, func(b *bubble) {
		g := tcp(1)
		all := use(g)
		b.Apply(plan.Change{Groups: all.Groups})
		b.pass(2 * interval)
		b.want(id(g, 0), observe.Unused, observe.ReasonNotInUse)
		b.Apply(plan.Change{Listeners: all.Listeners})
		b.pass(interval)
		b.want(id(g, 0), observe.Healthy, "")
		var gone plan.Change
		for k := range all.Listeners.Set {
			gone.Listeners.Drop(k)
		}
		before := b.net.dialled("10.0.0.1:80")
		b.Apply(gone)
		b.pass(2 * interval)
		b.want(id(g, 0), observe.Unused, observe.ReasonNotInUse)
		if n := b.net.dialled("10.0.0.1:80"); n != before {
			b.Error("it is probed without a listener")
		}
	})
}

func TestAChangeKeepsTheHistoryOfWhoStays(t *testing.T) {
	inBubble(t, probe.Options{}, func(b *bubble) {
		g := tcp(3)
		b.Apply(use(g))
		b.pass(10 * interval)
		before, _ := b.Health(id(g, 0))
		removed := id(g, 2)
		h := tcp(2)
		h.Probe.DownAfter, h.Probe.From = 1, "another annotation"
		b.Apply(use(h))
		if after, _ := b.Health(id(g, 0)); after != before || after.InARow < 9 {
			b.Errorf("was %+v, is %+v", before, after)
		}
		if _, ok := b.Health(removed); ok {
			b.Error("a removed target is known")
		}
		n := b.net.dialled("10.0.0.3:80")
		b.net.set("10.0.0.1:80", "refuses")
		b.pass(interval + time.Second)
		b.want(id(g, 0), observe.Unhealthy, observe.ReasonFailed) // by the new threshold
		if b.net.dialled("10.0.0.3:80") != n {
			b.Error("a removed target is probed")
		}
		b.Apply(use(g))
		synctest.Wait()
		b.want(removed, observe.Initial, observe.ReasonInitial)
		var gone plan.Change
		gone.Groups.Drop(g.ID)
		b.Apply(gone)
		if b.Group(g.ID) != nil {
			b.Error("a removed group is known")
		}
	})
}

func TestARemovedTargetsProbeEndsAtOnce(t *testing.T) {
	inBubble(t, probe.Options{}, func(b *bubble) {
		g := tcp(1)
		b.net.set("10.0.0.1:80", "silent")
		b.Apply(use(g))
		b.pass(time.Second) // it runs
		if n := b.net.running["10.0.0.1:80"]; n != 1 {
			b.Fatalf("%d probes run", n)
		}
		empty := tcp(0)
		b.Apply(use(empty))
		synctest.Wait()
		if n := b.net.running["10.0.0.1:80"]; n != 0 {
			b.Error("the probe goes on")
		}
	})
}

func TestANewQuestionTakesNobodyOutOfServiceByItself(t *testing.T) {
	inBubble(t, probe.Options{}, func(b *bubble) {
		g := tcp(2)
		b.Apply(use(g))
		b.pass(interval)
		b.net.set("10.0.0.1:8080", "refuses")
		g.Probe = &plan.Probe{Kind: plan.ProbeTCP, Port: 8080, Interval: interval, Timeout: time.Second, UpAfter: 3, DownAfter: 3}
		b.Apply(use(g))
		synctest.Wait()
		b.want(id(g, 0), observe.Healthy, "")
		b.pass(time.Second)
		b.want(id(g, 0), observe.Unhealthy, observe.ReasonFailed) // by one answer
		b.want(id(g, 1), observe.Healthy, "")
		if n := b.net.dialled("10.0.0.2:8080"); n != 1 {
			b.Errorf("the other port was probed %d times", n)
		}
	})
}

func TestAnAnswerToAnOldQuestionDoesNotCount(t *testing.T) {
	inBubble(t, probe.Options{}, func(b *bubble) {
		g := tcp(1)
		b.net.set("10.0.0.1:80", "silent")
		b.Apply(use(g))
		b.pass(time.Second) // the probe runs
		b.net.set("10.0.0.1:80", "")
		g.Probe = &plan.Probe{Kind: plan.ProbeTCP, ProxyProtocol: plan.ProxyV2, Interval: interval, Timeout: 2 * time.Second, UpAfter: 1, DownAfter: 1}
		b.Apply(use(g))
		b.pass(time.Second)
		b.want(id(g, 0), observe.Healthy, "")
		for _, s := range b.seen {
			if s.Health.State == observe.Unhealthy {
				b.Errorf("it was unhealthy: %+v", s)
			}
		}
	})
}

func TestANodeIsProbedOnceForAllItsTargets(t *testing.T) {
	inBubble(t, probe.Options{}, func(b *bubble) {
		g := tcp(5)
		g.Probe.OnNode, g.Probe.Port = true, 10256
		for i := range 4 {
			g.Targets[i].NodeAddress = netip.AddrFrom4([4]byte{192, 168, 0, byte(i / 2)})
		}
		b.net.set("192.168.0.1:10256", "refuses")
		b.Apply(use(g))
		b.pass(time.Second)
		for i, want := range []observe.State{observe.Healthy, observe.Healthy, observe.Unhealthy, observe.Unhealthy} {
			b.want(id(g, i), want, map[observe.State]string{observe.Unhealthy: observe.ReasonFailed}[want])
		}
		if h, _ := b.Health(id(g, 4)); h.State != observe.Healthy || h.Detail != "the address of its node is not known, readiness decides" {
			b.Errorf("without an address: %+v", h)
		}
		if n := len(b.net.dials); n != 2 || b.net.dialled("192.168.0.0:10256") != 1 {
			b.Errorf("probes went to %v", b.net.dials)
		}
		g.Targets[0].Readiness = plan.NotReady // the other one on that node stays
		b.Apply(use(g))
		b.pass(2 * interval)
		b.want(id(g, 1), observe.Healthy, "")
		if h, _ := b.Health(id(g, 1)); h.InARow < 2 {
			b.Errorf("its history is gone: %+v", h)
		}
	})
}

func TestAProbeThatCannotBeRunChangesNothing(t *testing.T) {
	var counted sync.Map
	inBubble(t, probe.Options{OnProbe: func(k plan.ProbeKind, r observe.Result, _ time.Duration) { counted.Store(r, k) }}, func(b *bubble) {
		g := tcp(1)
		b.Apply(use(g))
		b.pass(interval)
		b.net.set("10.0.0.1:80", "fault")
		b.pass(10 * interval)
		b.want(id(g, 0), observe.Healthy, "")
		if h, _ := b.Health(id(g, 0)); h.Detail != "the probe could not be run: too many open files" {
			b.Errorf("got %+v", h)
		}
	})
	got := fmt.Sprintln(counted.Load(observe.L4OK))
	counted.Range(func(r, _ any) bool {
		if r != observe.L4OK {
			t.Errorf("a probe with the result %s was counted", r)
		}
		return true
	})
	if got != "TCP true\n" {
		t.Errorf("counted: %s", got)
	}
}

func TestCloseEndsWhatRuns(t *testing.T) {
	inBubble(t, probe.Options{}, func(b *bubble) {
		g := tcp(3)
		for i := range g.Targets {
			b.net.set(g.Targets[i].Address.String(), "silent")
		}
		b.Apply(use(g))
		b.pass(time.Second)
		start := time.Now()
		b.Close()
		if d := time.Since(start); d != 0 {
			b.Errorf("it took %s", d)
		}
		b.Close() // a second time does no harm
	})
}
