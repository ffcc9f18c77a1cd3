package demo

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/measure"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/run"
)

// The manifests are what naru run would be given: they must say what the demo promises, in every layout.
func TestTheManifestsSayWhatTheDemoPromises(t *testing.T) {
	for i, l := range layouts() {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			dir := t.TempDir()
			if err := l.write(dir); err != nil {
				t.Fatal(err)
			}
			loaded, err := run.Load([]string{dir}, run.Compile{})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range loaded.Findings {
				if f.Severity != finding.Note {
					t.Errorf("%s:%d: %s %s: %s", f.File, f.Line, f.Severity, f.Code, f.Message)
				}
			}
			for service, want := range map[plan.ServiceName][]float64{
				{Namespace: webNamespace, Name: webCluster}: {1. / 3, 1. / 3, 1. / 3},
				{Namespace: webNamespace, Name: webLocal}:   {0.5, 0.25, 0.25},
				{Namespace: webNamespace, Name: webProxy}:   {1. / 3, 1. / 3, 1. / 3},
				{Namespace: tcpNamespace, Name: tcpService}: {0.5, 0.5},
			} {
				l.check(t, loaded.Plan, service, want)
			}
		})
	}
}

func (l layout) check(t *testing.T, p *plan.Plan, service plan.ServiceName, shares []float64) {
	t.Helper()
	d, err := explain.Explain(explain.View{Plan: p}, service, explain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Listeners) != 1 || len(d.Listeners[0].Targets) != len(shares) {
		t.Fatalf("%s has the listeners %+v (%s)", service, d.Listeners, d.Pending)
	}
	listener := d.Listeners[0]
	at := netip.AddrPortFrom(listener.Address, listener.Port)
	if listener.Port != l.ports[service.Name] || listener.Port < 1024 || !at.Addr().IsLoopback() {
		t.Errorf("%s is at %s, want a loopback address and port %d", service, at, l.ports[service.Name])
	}
	if service.Name == tcpService && (at.Addr() != l.PublicIP || !listener.Probe.Explicit || listener.PublicIP != "rg-network/kimmap-tcp-pip") {
		t.Errorf("%s has %s as %q, and the probe %+v", service, at, listener.PublicIP, listener.Probe)
	}
	if proxy := listener.ProxyProtocol == plan.ProxyV2; proxy != (service.Name == webProxy) {
		t.Errorf("%s has the PROXY protocol %q", service, listener.ProxyProtocol)
	}
	slices.SortFunc(listener.Targets, func(a, b explain.Target) int { return a.Address.Compare(b.Address) })
	for i, target := range listener.Targets {
		j := slices.IndexFunc(l.pods, func(p Pod) bool { return p.Name == target.Name })
		if j < 0 || l.pods[j].Address != target.Address || l.pods[j].Node != target.Node {
			t.Errorf("%s: the target %+v is no pod of the layout", service, target)
		}
		if math.Abs(target.Share-shares[i]) > 0.002 {
			t.Errorf("%s: %s has the share %.3f, want %.3f", service, target.Name, target.Share, shares[i])
		}
	}
}

func TestNoAddressOfALayoutIsUsedTwice(t *testing.T) {
	for _, l := range layouts() {
		used := map[netip.AddrPort]string{}
		claim := func(at netip.AddrPort, who string) {
			if other, taken := used[at]; taken {
				t.Errorf("%s and %s are both at %s", who, other, at)
			}
			used[at] = who
		}
		for _, p := range l.pods {
			claim(p.Address, p.Name)
		}
		if l.OneAddress {
			for name, port := range l.ports {
				claim(netip.AddrPortFrom(l.PublicIP, port), name)
			}
		}
	}
}

// Where 127.0.0.1 is the only address the Services share it, by way of the PublicIP.
func TestTheNarrowLayoutIsServed(t *testing.T) {
	var narrowOnly []layout
	for i := range tries {
		narrowOnly = append(narrowOnly, narrow(i))
	}
	dir := t.TempDir()
	d, err := startIn(t.Context(), Options{Dir: filepath.Join(dir, "manifests")}, narrowOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx, end := context.WithCancel(t.Context())
	ready, ended := make(chan explain.View, 1), make(chan error, 1)
	go func() {
		ended <- run.Run(ctx, nil, run.Options{
			Paths: []string{filepath.Join(dir, "manifests")}, State: filepath.Join(dir, "state"), Admin: filepath.Join(dir, "admin"),
			Logger: slog.New(slog.DiscardHandler), Ready: func(s run.Started) { ready <- s.View },
		})
	}()
	select {
	case v := <-ready:
		for key := range v.Plan.Listeners {
			b := v.Bindings[key]
			out, err := measure.Run(ctx, measure.Options{Address: b.Bound, Protocol: key.Protocol, N: 100})
			if err != nil || b.Problem != observe.NoProblem || b.Bound.Addr() != netip.MustParseAddr("127.0.0.1") || out.Answered != 100 {
				t.Errorf("%s is bound as %+v, and measured as %+v, %v", key, b, out, err)
			}
		}
		if len(v.Plan.Listeners) != 4 {
			t.Errorf("got %d listeners, want 4", len(v.Plan.Listeners))
		}
	case err := <-ended:
		t.Fatalf("it ended: %v", err)
	}
	end()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
