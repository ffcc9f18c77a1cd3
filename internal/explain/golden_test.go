package explain_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

var update = flag.Bool("update", false, "write what comes out into the golden files")

// golden compares a screen with testdata/NAME.txt.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

// screens are worlds and what is asked about a Service in them.
var screens = []struct {
	name    string
	service plan.ServiceName
	ask     explain.Options
	build   func(*world)
	measure func(*explain.Document)
}{
	{name: "planned", service: backend, build: func(w *world) { w.kimmap() }},
	{name: "cluster", service: backend, build: func(w *world) {
		w.healthy(w.kimmap())
		w.served()
	}},
	{name: "local", service: backend, build: func(w *world) {
		w.healthy(w.add(backend, "192.168.1.240:9999", byNode))
		w.Findings = []finding.Finding{
			about(finding.New(finding.UnevenByNode, "a pod on w1 gets 2 times the connections of one on w2"), backend),
			about(finding.New(finding.AnnotationIgnored, "not about this Service"), plan.ServiceName{Namespace: "kimmap", Name: "other"}),
		}
		w.served()
	}},
	{name: "local_excluded_node", service: backend, build: func(w *world) {
		w.healthy(w.add(backend, "192.168.1.240:9999", func(s *plan.Service, l *plan.Listener, g *plan.TargetGroup) {
			byNode(s, l, g)
			g.Targets[0].Excluded = "node w1 is labelled node.kubernetes.io/exclude-from-external-load-balancers"
		}))
		w.served()
	}},
	{name: "no_address", service: plan.ServiceName{Namespace: "qa", Name: "mysql-lb"}, build: func(w *world) {
		name := plan.ServiceName{Namespace: "qa", Name: "mysql-lb"}
		w.Plan.Services[name] = plan.Service{
			ServiceName: name, Policy: "Cluster", Pending: "no pool has a free IPv4 address",
			Trace: []plan.Verdict{
				{Pool: "default", Answer: "full: 11 of 11 addresses are used"},
				{Pool: "snet-lb", Answer: "internal; this Service does not ask for an internal address"},
				{Pool: "partner", Answer: "only for namespaces labelled team=partner"},
			},
		}
		f := about(finding.New(finding.NoFreeAddress, "no pool has a free IPv4 address").With("", "Enlarge a pool, or share an address: metallb.io/allow-shared-ip"), name)
		f.Place = finding.Place{File: "qa/mysql.yaml", Line: 3, Column: 3}
		w.Findings = []finding.Finding{f}
		w.served()
	}},
	{name: "one_unhealthy", service: backend, build: func(w *world) {
		id := w.kimmap()
		w.healthy(id)
		w.served()
		w.unhealthy(id, 1, 48)
	}},
	{name: "failed_attempts", service: backend, build: func(w *world) {
		w.healthy(w.kimmap())
		w.served()
		count := w.Target
		w.Target = func(id plan.TargetID) observe.TargetCounters {
			c := count(id)
			if id.Address.Addr() == netip.MustParseAddr("10.244.2.31") {
				c.Failed = 1512
			}
			return c
		}
	}},
	{name: "all_unhealthy", service: backend, build: func(w *world) {
		id := w.kimmap()
		w.served()
		for i := range 3 {
			w.unhealthy(id, i, 48)
		}
		w.Findings = []finding.Finding{about(finding.New(finding.AllTargetsUnhealthy, "none of the 3 ready targets passes the probe").
			With("", "nc -vz 10.244.1.17 8888"), backend)}
	}},
	{name: "failed_open", service: backend, build: func(w *world) {
		id := w.add(backend, "192.168.1.240:9999", func(_ *plan.Service, _ *plan.Listener, g *plan.TargetGroup) {
			g.Probe = &plan.Probe{Kind: plan.ProbeHTTP, Path: "/", Interval: 5 * time.Second, UpAfter: 2, DownAfter: 2, From: "appProtocol: http"}
		})
		w.served()
		for i := range 3 {
			w.unhealthy(id, i, 12)
		}
		w.Findings = []finding.Finding{about(finding.New(finding.FailedOpen, "all 3 targets fail an HTTP probe that nobody asked for"), backend)}
	}},
	{name: "not_probed_yet", service: backend, build: func(w *world) {
		w.kimmap()
		w.served()
	}},
	{name: "mixed_readiness", service: backend, build: func(w *world) {
		id := w.add(backend, "192.168.1.240:9999", func(_ *plan.Service, _ *plan.Listener, g *plan.TargetGroup) {
			g.Targets[1].Readiness, g.Targets[2].Readiness = plan.NotReady, plan.Terminating
		})
		w.healthy(id)
		w.served()
	}},
	{name: "only_terminating", service: backend, build: func(w *world) {
		w.add(backend, "192.168.1.240:9999", func(_ *plan.Service, _ *plan.Listener, g *plan.TargetGroup) {
			g.Probe = nil
			for i := range g.Targets {
				g.Targets[i].Readiness = plan.Terminating
			}
		})
		w.served()
	}},
	{name: "no_targets", service: backend, build: func(w *world) {
		w.add(backend, "192.168.1.240:9999", func(_ *plan.Service, _ *plan.Listener, g *plan.TargetGroup) { g.Targets = nil })
		w.Findings = []finding.Finding{about(finding.New(finding.NoEndpoints, "the Service has no endpoints"), backend)}
		w.served()
	}},
	{name: "mapped", service: backend, build: func(w *world) {
		w.healthy(w.add(backend, "192.168.1.240:80", nil))
		w.served()
		for key := range w.Bindings {
			w.Bindings[key] = observe.Binding{
				Key: key, Bound: netip.MustParseAddrPort("127.0.0.1:8080"), Problem: observe.AddressMapped,
				Detail: "192.168.1.240 is not an address of this machine: served on 127.0.0.1:8080",
			}
		}
	}},
	{name: "not_bound", service: backend, build: func(w *world) {
		w.healthy(w.add(backend, "192.168.1.240:80", nil))
		w.served()
		for key := range w.Bindings {
			w.Bindings[key] = observe.Binding{Key: key, Problem: observe.PortTaken, Detail: "another program has 192.168.1.240:80/TCP"}
		}
	}},
	{name: "measured", service: backend, build: func(w *world) {
		w.healthy(w.add(backend, "192.168.1.240:9999", byNode))
		w.served()
	}, measure: func(d *explain.Document) {
		d.SetMeasured(d.Listeners[0].ListenerKey, explain.Measurement{Wanted: 3000, By: "name"},
			map[string]int{"backend-7c9-4kq": 1504, "backend-7c9-9xz": 751, "backend-7c9-h2m": 745})
	}},
	{name: "measured_otherwise", service: backend, build: func(w *world) {
		w.healthy(w.add(backend, "192.168.1.240:9999", byNode))
		w.served()
	}, measure: func(d *explain.Document) {
		d.SetMeasured(d.Listeners[0].ListenerKey,
			explain.Measurement{Wanted: 3000, Failed: 3, FirstError: "connect: connection refused", By: "counters"},
			map[string]int{"10.244.1.17:8888": 1000, "10.244.2.31:8888": 1000, "10.244.2.40:8888": 993, "10.9.9.9:8888": 4})
	}},
	{name: "measured_by_little", service: backend, build: func(w *world) {
		w.healthy(w.add(backend, "192.168.1.240:9999", byNode))
		w.served()
	}, measure: func(d *explain.Document) {
		d.SetMeasured(d.Listeners[0].ListenerKey, explain.Measurement{Wanted: 3000, By: "name"},
			map[string]int{"backend-7c9-4kq": 1565, "backend-7c9-9xz": 730, "backend-7c9-h2m": 705})
	}},
	{name: "measured_nobody", service: backend, build: func(w *world) {
		w.healthy(w.kimmap())
		w.served()
	}, measure: func(d *explain.Document) {
		d.SetMeasured(d.Listeners[0].ListenerKey, explain.Measurement{Wanted: 3000, Failed: 3, FirstError: "connect: connection refused"}, nil)
	}},
	{name: "what_if_local", service: backend, ask: explain.Options{If: map[string]string{"externalTrafficPolicy": "Local"}}, build: func(w *world) {
		w.healthy(w.kimmap())
		w.served()
	}},
	{name: "from_client", service: backend, ask: explain.Options{From: netip.MustParseAddrPort("198.51.100.7:40312")}, build: func(w *world) {
		w.healthy(w.kimmap())
		w.served()
	}},
	{name: "from_any_port", service: backend, ask: explain.Options{From: netip.MustParseAddrPort("198.51.100.7:0")}, build: func(w *world) {
		w.healthy(w.kimmap())
		w.served()
	}},
	{name: "from_refused", service: backend, ask: explain.Options{From: netip.MustParseAddrPort("198.51.100.7:0")}, build: func(w *world) {
		w.healthy(w.add(backend, "192.168.1.240:9999", func(_ *plan.Service, l *plan.Listener, _ *plan.TargetGroup) {
			for _, r := range []string{"203.0.113.0/24", "10.0.0.0/8", "192.168.0.0/16"} {
				l.SourceRanges = append(l.SourceRanges, netip.MustParsePrefix(r))
			}
		}))
		w.served()
	}},
	{name: "source_ranges", service: backend, build: func(w *world) {
		w.healthy(w.add(backend, "192.168.1.240:9999", func(_ *plan.Service, l *plan.Listener, _ *plan.TargetGroup) {
			for _, r := range []string{"203.0.113.0/24", "10.0.0.0/8", "192.168.0.0/16", "172.16.0.0/12", "100.64.0.0/10", "2001:db8::/32"} {
				l.SourceRanges = append(l.SourceRanges, netip.MustParsePrefix(r))
			}
		}))
		w.served()
	}},
	{name: "affinity", service: backend, ask: explain.Options{From: netip.MustParseAddrPort("198.51.100.7:0")}, build: func(w *world) {
		w.healthy(w.add(backend, "192.168.1.240:9999", func(_ *plan.Service, _ *plan.Listener, g *plan.TargetGroup) { g.Affinity = 3 * time.Hour }))
		w.served()
	}},
	{name: "proxy", service: backend, build: func(w *world) {
		w.healthy(w.add(backend, "192.168.1.240:9999", func(s *plan.Service, l *plan.Listener, g *plan.TargetGroup) {
			s.Dialects, g.ProxyProtocol, l.ResetOnIdle = []string{"naru"}, plan.ProxyV2, false
		}))
		w.served()
	}},
	{name: "udp", service: backend, build: func(w *world) {
		w.add(backend, "192.168.1.240:53", func(_ *plan.Service, l *plan.Listener, g *plan.TargetGroup) {
			l.Protocol, l.IdleTimeout, l.ResetOnIdle, g.Probe = plan.UDP, 2*time.Minute, false, nil
		})
		w.served()
	}},
	{name: "two_listeners", service: backend, build: func(w *world) {
		w.healthy(w.add(backend, "192.168.1.240:443", func(_ *plan.Service, l *plan.Listener, g *plan.TargetGroup) { l.PortName = "https" }))
		w.healthy(w.add(backend, "[2001:db8::240]:443", func(_ *plan.Service, l *plan.Listener, g *plan.TargetGroup) {
			l.PortName, l.IdleTimeout = "https", 0
			g.Targets = []plan.Target{target("backend-7c9-4kq", "w1", "[fd00:1::17]:8443")}
		}))
		w.served()
	}},
	{name: "kept", service: backend, build: func(w *world) {
		w.healthy(w.add(backend, "192.168.1.240:9999", func(s *plan.Service, _ *plan.Listener, _ *plan.TargetGroup) {
			s.Kept, s.Pending = true, "the interval 60 times the threshold 2 is 120 s, which must be less than 120"
		}))
		f := about(finding.New(finding.AnnotationInvalid, "60 s x 2 = 120 s, must be less than 120"), backend)
		f.Place, f.Fix = finding.Place{File: "it's here/svc.yaml", Line: 8, Column: 70}, `service.beta.kubernetes.io/azure-load-balancer-health-probe-interval: "59"`
		w.Findings = []finding.Finding{f}
		w.served()
	}},
	{name: "many_pods", service: backend, build: func(w *world) {
		id := w.add(backend, "192.168.1.240:9999", func(_ *plan.Service, _ *plan.Listener, g *plan.TargetGroup) { g.Targets = manyPods(15, 4) })
		w.healthy(id)
		w.served()
		w.unhealthy(id, 7, 2)
	}},
	{name: "many_pods_unhealthy", service: backend, build: func(w *world) {
		id := w.add(backend, "192.168.1.240:9999", func(_ *plan.Service, _ *plan.Listener, g *plan.TargetGroup) { g.Targets = manyPods(30, 40) })
		w.healthy(id)
		w.served()
		for i := 100; i < 700; i++ {
			w.unhealthy(id, i, 2)
		}
	}},
	{name: "unknown_node", service: backend, build: func(w *world) {
		w.healthy(w.add(backend, "192.168.1.240:9999", func(_ *plan.Service, _ *plan.Listener, g *plan.TargetGroup) {
			g.Targets = []plan.Target{target("10.0.0.1", "", "10.0.0.1:80"), target("10.0.0.2", "", "10.0.0.2:8080")}
		}))
		w.served()
	}},
}

func TestScreensOfExplain(t *testing.T) {
	for _, s := range screens {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld()
			s.build(w)
			d, err := explain.Explain(w.View, s.service, s.ask)
			if err != nil {
				t.Fatal(err)
			}
			if s.measure != nil {
				s.measure(&d)
			}
			text := textOf(t, d)
			golden(t, s.name, text)
			if again := textOf(t, throughJSON(t, d)); again != text {
				t.Errorf("the document drawn from its JSON is another one:\n%s", again)
			}
		})
	}
}

func textOf(t *testing.T, d explain.Document) string {
	t.Helper()
	var b bytes.Buffer
	if err := d.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func throughJSON[D any](t *testing.T, d D) (back D) {
	t.Helper()
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	return back
}
