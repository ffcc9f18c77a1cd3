//go:build linux

package main

import (
	"context"
	"net/netip"
	"testing"
	"time"
)

// The load talks to its own servers here, without a proxy between them.
func direct(t *testing.T) (*load, netip.AddrPort) {
	l, err := newLoad()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l, netip.AddrPortFrom(servers()[0], serverPort)
}

func TestEveryWorkloadBringsSomethingAndLeavesNothing(t *testing.T) {
	l, at := direct(t)
	for _, w := range workloads() {
		t.Run(w.name, func(t *testing.T) {
			some := func() bool { return l.count.done > 100 || l.count.bytes > 1<<20 || l.count.failed > 0 }
			if err := l.begin(w, at); err != nil {
				t.Fatal(err)
			}
			if err := l.run(t.Context(), 20*time.Second, some); err != nil {
				t.Fatal(err)
			}
			if l.count.failed > 0 || !some() {
				t.Errorf("got %+v, want connections or bytes", l.count)
			}
			if (l.count.bytes > 0) != (w.streams > 0) || len(l.delays) != l.count.done {
				t.Errorf("got %+v and %d delays from %+v", l.count, len(l.delays), w)
			}
			if err := l.finish(t.Context()); err != nil {
				t.Fatal(err)
			}
			if left := len(l.ends) - len(l.unused); left != serverCount {
				t.Errorf("%d ends are left, want only the %d listeners", left, serverCount)
			}
		})
	}
}

func TestIdleConnectionsStayUntilTheyAreEnded(t *testing.T) {
	l, at := direct(t)
	l.aim(at)
	if err := l.settle(t.Context(), 300); err != nil {
		t.Fatal(err)
	}
	if ends := len(l.ends) - len(l.unused); ends != serverCount+2*300 {
		t.Errorf("there are %d ends, want %d listeners and both of 300 connections", ends, serverCount)
	}
	if err := l.finish(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAConnectionThatIsRefusedIsCounted(t *testing.T) {
	l, at := direct(t)
	if err := l.probe(t.Context(), netip.AddrPortFrom(at.Addr(), 1)); err == nil {
		t.Error("nobody listens there, and it answers")
	}
	if err := l.probe(t.Context(), at); err != nil {
		t.Error(err)
	}
}

func TestTheLoadStopsWhenItIsTold(t *testing.T) {
	l, at := direct(t)
	ctx, cancel := context.WithCancel(t.Context())
	if err := l.begin(workload{clients: 1}, at); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := l.run(ctx, time.Hour, nil); err != context.Canceled {
		t.Errorf("run returns %v, want %v", err, context.Canceled)
	}
}
