package measure_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"math"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/measure"
	"github.com/naru-lb/naru/internal/plan"
)

func run(t *testing.T, o measure.Options) measure.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := measure.Run(ctx, o)
	if err != nil {
		t.Fatalf("%v (%+v)", err, out)
	}
	return out
}

// wantShares fails if what was got is not shared by node, 50/25/25, as exactly as chance allows in all but one of
// millions of runs.
func wantShares(t *testing.T, targets []plan.Target, got map[string]int, by func(plan.Target) string) {
	t.Helper()
	n := 0
	for _, g := range got {
		n += g
	}
	for i, share := range []float64{0.5, 0.25, 0.25} {
		measured := float64(got[by(targets[i])]) / float64(n)
		if off := math.Abs(measured - share); off > 6*math.Sqrt(share*(1-share)/float64(n)) {
			t.Errorf("%s got %.1f %% of %d, want %.1f %%", targets[i].Name, 100*measured, n, 100*share)
		}
	}
}

func byName(t plan.Target) string    { return t.Name }
func byAddress(t plan.Target) string { return t.Address.String() }

func TestPodsThatSayTheirNameAreToldApartByIt(t *testing.T) {
	for _, protocol := range []plan.Protocol{plan.TCP, plan.UDP} {
		t.Run(string(protocol), func(t *testing.T) {
			targets := echoPods(t)
			r := startRelay(t, targets)
			out := run(t, measure.Options{Address: r.address(protocol), Protocol: protocol, N: 600})
			if out.By != measure.ByName || out.Wanted != 600 || out.Answered != 600 || out.Failed != 0 || out.FirstError != "" {
				t.Fatalf("got %+v", out)
			}
			wantShares(t, targets, out.Got, byName)
		})
	}
}

func TestEveryConnectionHasAPortOfItsOwn(t *testing.T) {
	for _, protocol := range []plan.Protocol{plan.TCP, plan.UDP} {
		r := startRelay(t, echoPods(t))
		run(t, measure.Options{Address: r.address(protocol), Protocol: protocol, N: 500})
		r.mu.Lock()
		if len(r.ports) < 500 {
			t.Errorf("%s: 500 connections came from %d ports", protocol, len(r.ports))
		}
		r.mu.Unlock()
	}
}

func TestOtherServersAreToldApartByCounters(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"that speak first":          func(c net.Conn) { _, _ = io.WriteString(c, "220 mail\r\n"); _, _ = io.Copy(io.Discard, c) },
		"that wait for a request":   func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"that close at once":        func(net.Conn) {},
		"that reset at once":        func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
		"that say no whole line":    func(c net.Conn) { _, _ = io.WriteString(c, "pod"); _, _ = io.Copy(io.Discard, c) },
		"that say much":             func(c net.Conn) { _, _ = io.WriteString(c, strings.Repeat("x", 1<<16)); _, _ = io.Copy(io.Discard, c) },
		"that take the name of one": func(c net.Conn) { _, _ = io.WriteString(c, "pod web-1 is not here\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			targets := strangers(t, serve)
			r := startRelay(t, targets)
			out := run(t, measure.Options{Address: r.address(plan.TCP), Protocol: plan.TCP, N: 600, Counters: r.counters})
			if out.By != measure.ByCounters || out.Answered != 600 || out.Failed != 0 {
				t.Fatalf("got %+v", out)
			}
			wantShares(t, targets, out.Got, byAddress)
		})
	}
}

func TestAnUnknownServerIsSentNothing(t *testing.T) {
	var mu sync.Mutex
	var heard []byte
	r := startRelay(t, strangers(t, func(c net.Conn) {
		data, _ := io.ReadAll(c)
		mu.Lock()
		heard = append(heard, data...)
		mu.Unlock()
	}))
	run(t, measure.Options{Address: r.address(plan.TCP), Protocol: plan.TCP, N: 50, Counters: r.counters})
	mu.Lock()
	defer mu.Unlock()
	if len(heard) > 0 {
		t.Errorf("the servers were sent %q", heard)
	}
}

func TestUDPServersThatSayNoNameAreToldApartByCounters(t *testing.T) {
	var targets []plan.Target
	for _, node := range []string{"w1", "w2", "w2"} {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		at := c.LocalAddr().(*net.UDPAddr).AddrPort()
		targets = append(targets, plan.Target{Name: at.String(), Node: node, Address: at, Readiness: plan.Ready})
	}
	r := startRelay(t, targets)
	out := run(t, measure.Options{Address: r.address(plan.UDP), Protocol: plan.UDP, N: 400, Counters: r.counters})
	if out.By != measure.ByCounters || out.Answered != 400 || out.Failed != 0 {
		t.Fatalf("got %+v", out)
	}
	wantShares(t, targets, out.Got, byAddress)
}

func TestAServerThatNobodyCountsAndThatSaysNoNameIsAnError(t *testing.T) {
	r := startRelay(t, strangers(t, func(net.Conn) {}))
	_, err := measure.Run(t.Context(), measure.Options{Address: r.address(plan.TCP), Protocol: plan.TCP, N: 10})
	if err == nil || !strings.Contains(err.Error(), "does not say who it is") {
		t.Errorf("got %v", err)
	}
}

func TestConnectionsThatFindNoTargetHaveFailed(t *testing.T) {
	for name, counted := range map[string]bool{"by name": false, "by counters": true} {
		t.Run(name, func(t *testing.T) {
			r := startRelay(t, nil)
			o := measure.Options{Address: r.address(plan.TCP), Protocol: plan.TCP, N: 2000}
			if counted {
				o.Counters = r.counters
			}
			out := run(t, o)
			if out.Answered != 0 || out.Failed == 0 || out.Failed == 2000 || out.FirstError == "" || len(out.Got) != 0 {
				t.Errorf("got %+v, want that it gave up soon", out)
			}
		})
	}
}

func TestARefusedAddressIsGivenUpSoon(t *testing.T) {
	r := startRelay(t, nil)
	at := r.address(plan.TCP)
	r.close()
	out := run(t, measure.Options{Address: at, Protocol: plan.TCP, N: 100_000, Counters: r.counters})
	if out.Answered != 0 || out.Failed == 0 || out.Failed > 10 || !strings.Contains(out.FirstError, "refused") {
		t.Errorf("got %+v", out)
	}
}

func TestATargetThatDiesMeanwhileIsNoError(t *testing.T) {
	targets := echoPods(t)
	targets[0].Address = netip.AddrPortFrom(loopback, 1) // nobody listens there
	r := startRelay(t, targets)
	var out measure.Outcome
	for out.By == "" { // the introduction may meet the dead one three times
		out = run(t, measure.Options{Address: r.address(plan.TCP), Protocol: plan.TCP, N: 300, Workers: 8})
	}
	if out.Answered == 0 || out.Failed == 0 || out.Answered+out.Failed != 300 || out.FirstError == "" || out.Got["web-1"] != 0 {
		t.Errorf("got %+v", out)
	}
}

func TestCountersOfOthersAreNotTakenForOnesOwn(t *testing.T) {
	targets := echoPods(t)
	r := startRelay(t, targets)
	for range 100 {
		conn, err := net.Dial("tcp", r.address(plan.TCP).String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	out := run(t, measure.Options{Address: r.address(plan.TCP), Protocol: plan.TCP, N: 200, Counters: r.counters})
	if out.By != measure.ByName || out.Answered != 200 {
		t.Errorf("got %+v", out)
	}
}

func TestTheEndOfTheContextEndsAMeasurementWithWhatIsKnown(t *testing.T) {
	for name, counted := range map[string]bool{"by name": false, "by counters": true} {
		t.Run(name, func(t *testing.T) {
			targets := echoPods(t)
			if counted {
				targets = strangers(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
			}
			r := startRelay(t, targets)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() { // as soon as some connections are through
				for ctx.Err() == nil {
					counts, _ := r.counters(ctx)
					n := uint64(0)
					for c := range maps.Values(counts) {
						n += c
					}
					if n > 300 {
						cancel()
					}
					time.Sleep(time.Millisecond)
				}
			}()
			out, err := measure.Run(ctx, measure.Options{
				Address: r.address(plan.TCP), Protocol: plan.TCP, N: measure.MaxN, Counters: r.counters,
			})
			if !errors.Is(err, context.Canceled) || out.Answered == 0 || out.Answered == measure.MaxN || out.Failed != 0 {
				t.Errorf("got %+v, %v", out, err)
			}
		})
	}
}

func TestAnEndedContextMeasuresNothing(t *testing.T) {
	r := startRelay(t, echoPods(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, p := range []plan.Protocol{plan.TCP, plan.UDP} {
		out, err := measure.Run(ctx, measure.Options{Address: r.address(p), Protocol: p, N: 10, Counters: r.counters})
		if !errors.Is(err, context.Canceled) || out.Answered != 0 {
			t.Errorf("%s: got %+v, %v", p, out, err)
		}
	}
}

func TestCountersThatFailEndTheMeasurement(t *testing.T) {
	broken := errors.New("no admin address")
	r := startRelay(t, strangers(t, func(net.Conn) {}))
	backwards := uint64(1 << 40)
	for name, counters := range map[string]func(context.Context) (map[netip.AddrPort]uint64, error){
		"cannot be read": func(context.Context) (map[netip.AddrPort]uint64, error) { return nil, broken },
		"go backwards": func(context.Context) (map[netip.AddrPort]uint64, error) {
			backwards /= 2
			return map[netip.AddrPort]uint64{r.group.Targets[0].Address: backwards}, nil
		},
	} {
		_, err := measure.Run(t.Context(), measure.Options{Address: r.address(plan.TCP), Protocol: plan.TCP, N: 10, Counters: counters})
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestWhatCannotBeMeasuredIsRefused(t *testing.T) {
	good := measure.Options{Address: netip.MustParseAddrPort("127.0.0.1:1"), Protocol: plan.TCP, N: 1}
	for name, change := range map[string]func(*measure.Options){
		"no address":       func(o *measure.Options) { o.Address = netip.AddrPort{} },
		"no port":          func(o *measure.Options) { o.Address = netip.AddrPortFrom(loopback, 0) },
		"no protocol":      func(o *measure.Options) { o.Protocol = "" },
		"SCTP":             func(o *measure.Options) { o.Protocol = "SCTP" },
		"no connection":    func(o *measure.Options) { o.N = 0 },
		"too many":         func(o *measure.Options) { o.N = measure.MaxN + 1 },
		"negative workers": func(o *measure.Options) { o.Workers = -1 },
		"too many of them": func(o *measure.Options) { o.Workers = 1025 },
	} {
		o := good
		change(&o)
		if _, err := measure.Run(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
