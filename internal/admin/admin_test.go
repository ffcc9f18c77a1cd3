package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/naru-lb/naru/internal/admin"
	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

var (
	web  = plan.ServiceName{Namespace: "shop", Name: "web"}
	id   = plan.GroupID{Service: web, Port: 80, Protocol: plan.TCP}
	keys = []plan.ListenerKey{
		{Address: netip.MustParseAddr("192.0.2.1"), Port: 80, Protocol: plan.TCP},
		{Address: netip.MustParseAddr("192.0.2.2"), Port: 80, Protocol: plan.TCP},
	}
)

// view is of one Service with two addresses and two targets, one of them unhealthy.
func view() explain.View {
	p := plan.New()
	g := plan.TargetGroup{ID: id, Spread: plan.ByPod, Probe: &plan.Probe{Kind: plan.ProbeTCP, Interval: 5 * time.Second, UpAfter: 2, DownAfter: 2}}
	for i := range 2 {
		g.Targets = append(g.Targets, plan.Target{
			Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 8080),
			Name:    []string{"a", "b"}[i], Node: "w1", Readiness: plan.Ready,
		})
	}
	p.Groups[id] = g
	svc := plan.Service{ServiceName: web, Policy: "Cluster"}
	for _, k := range keys {
		p.Frontends[k.Address] = plan.Frontend{Address: k.Address, Scope: plan.Public, Pool: "p", Owners: []plan.ServiceName{web}}
		p.Listeners[k] = plan.Listener{ListenerKey: k, Service: web, Routes: []plan.Route{{Group: id, Weight: 1}}}
		svc.Addresses = append(svc.Addresses, k.Address)
		svc.Listeners = append(svc.Listeners, k)
	}
	p.Services[web] = svc
	return explain.View{
		Plan: p,
		Health: func(plan.GroupID) map[netip.AddrPort]observe.Health {
			return map[netip.AddrPort]observe.Health{
				g.Targets[0].Address: {State: observe.Healthy},
				g.Targets[1].Address: {State: observe.Unhealthy, Reason: observe.ReasonTimeout, Detail: "timeout"},
			}
		},
		Bindings: map[plan.ListenerKey]observe.Binding{
			keys[0]: {Key: keys[0], Bound: netip.MustParseAddrPort("192.0.2.1:80")},
			keys[1]: {Key: keys[1], Bound: netip.MustParseAddrPort("127.0.0.1:80"), Problem: observe.AddressMapped},
		},
		Listener: func(k plan.ListenerKey) observe.ListenerCounters {
			return observe.ListenerCounters{Connections: 3, Active: 1, Refused: 2, NoTarget: 4, IdleClosed: 5, BytesIn: 10, BytesOut: 20}
		},
		Target:    func(plan.TargetID) observe.TargetCounters { return observe.TargetCounters{Connections: 7} },
		PoolSizes: map[string]uint64{"p": 16, "q": 4},
		Findings: []finding.Finding{
			finding.New(finding.TargetUnhealthy, "b is unhealthy").At(finding.Object{Kind: "Service", Namespace: "shop", Name: "web"}, ""),
		},
		Now: time.Unix(1, 0).UTC(),
	}
}

type pods struct{ killed string }

func (p *pods) Names() []string { return []string{"web-1"} }
func (p *pods) Kill(name string) error {
	if name != "web-1" {
		return errors.New("there is no pod " + name)
	}
	p.killed = name
	return nil
}
func (p *pods) Revive(string) error { p.killed = ""; return nil }

func listen(t *testing.T, address string, o admin.Options) *admin.Server {
	t.Helper()
	o.View, o.Logger = view, slog.New(slog.DiscardHandler)
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	s, err := admin.Listen(address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

func get(t *testing.T, s *admin.Server, path string, change func(*http.Request)) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Address()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestEveryDocumentIsAnswered(t *testing.T) {
	s := listen(t, "127.0.0.1:0", admin.Options{Metrics: admin.NewMetrics("v1", view), Pods: &pods{}})
	for path, want := range map[string]string{
		"/v1/plan":              `"address": "192.0.2.1"`,
		"/v1/health":            `"reason": "Target.Timeout"`,
		"/v1/findings":          `"NR3107"`,
		"/v1/status":            `"kind": "Status"`,
		"/v1/frontends":         `"192.0.2.1`,
		"/v1/services/shop/web": `"kind": "Explanation"`,
		"/v1/services/shop/web?from=192.0.2.9&if=externalTrafficPolicy=Local": `"whatIf"`,
		"/v1/pods": `"web-1"`,
	} {
		status, body := get(t, s, path, nil)
		var document struct{ APIVersion, Kind string }
		if err := json.Unmarshal([]byte(body), &document); err != nil || status != 200 ||
			document.APIVersion != explain.APIVersion || document.Kind == "" || !strings.Contains(body, want) {
			t.Errorf("%s: status %d, %v, want %s in\n%s", path, status, err, want, body)
		}
	}
	for path, want := range map[string]int{
		"/": 404, "/v1/services/shop/wep": 404, "/v1/services/shop/web?from=x": 400, "/v1/services/shop/web?if=x": 400, "/healthz": 200, "/readyz": 200, "/metrics": 200,
	} {
		if status, body := get(t, s, path, nil); status != want {
			t.Errorf("%s: status %d, want %d: %s", path, status, want, body)
		}
	}
}

func TestWhoIsNotReadySaysWhy(t *testing.T) {
	s := listen(t, "127.0.0.1:0", admin.Options{Ready: func() error { return errors.New("still reading") }})
	if status, body := get(t, s, "/readyz", nil); status != 503 || body != "still reading\n" {
		t.Errorf("status %d: %s", status, body)
	}
	if status, _ := get(t, s, "/healthz", nil); status != 200 {
		t.Errorf("who is not ready is alive nevertheless, but gets %d", status)
	}
}

func TestWebPagesCannotAsk(t *testing.T) {
	p := &pods{}
	s := listen(t, "127.0.0.1:0", admin.Options{Pods: p})
	_, port, err := net.SplitHostPort(s.Address())
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		"evil.example": 403, "evil.example:" + port: 403, "localhost:" + port: 200, "[::1]:" + port: 200, "127.0.0.1": 200,
	} {
		if status, _ := get(t, s, "/v1/plan", func(r *http.Request) { r.Host = host }); status != want {
			t.Errorf("as %s: status %d, want %d", host, status, want)
		}
	}
	status, _ := get(t, s, "/v1/pods/web-1/kill", func(r *http.Request) { r.Method = http.MethodPost })
	if status != 403 || p.killed != "" {
		t.Errorf("a change without the header: status %d, killed %q", status, p.killed)
	}
}

func TestTheClientAsksOverTCPAndOverASocket(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", filepath.Join(t.TempDir(), "admin.sock")} {
		p := &pods{}
		s := listen(t, address, admin.Options{Pods: p})
		c := admin.NewClient(s.Address())
		d, err := c.Explain(t.Context(), web, explain.Options{From: netip.MustParseAddrPort("192.0.2.9:0"), If: map[string]string{"externalTrafficPolicy": "Local"}})
		if err != nil || d.Service != web || len(d.WhatIf) != 1 || d.Listeners[0].From == nil {
			t.Errorf("%s: %+v, %v", address, d, err)
		}
		if status, err := c.Status(t.Context()); err != nil || status.Frontends != 2 {
			t.Errorf("%s: %+v, %v", address, status, err)
		}
		if table, err := c.Frontends(t.Context()); err != nil || len(table.Frontends) != 2 || table.Frontends[0].Service != web {
			t.Errorf("%s: %+v, %v", address, table, err)
		}
		if err := c.Kill(t.Context(), "web-1"); err != nil || p.killed != "web-1" {
			t.Errorf("%s: %v, killed %q", address, err, p.killed)
		}
		if err := c.Revive(t.Context(), "web-1"); err != nil || p.killed != "" {
			t.Errorf("%s: %v, killed %q", address, err, p.killed)
		}
		if err := c.Kill(t.Context(), "a/b"); !errors.Is(err, admin.ErrRefused) || !strings.Contains(err.Error(), "there is no pod a/b") {
			t.Errorf("%s: %v", address, err)
		}
		_, err = c.Explain(t.Context(), plan.ServiceName{Namespace: "shop", Name: "wep"}, explain.Options{})
		if !errors.Is(err, admin.ErrRefused) || !strings.Contains(err.Error(), "shop/wep") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestTheClientTellsWhenNobodyAnswers(t *testing.T) {
	for _, address := range []string{"127.0.0.1:1", filepath.Join(t.TempDir(), "none.sock")} {
		if _, err := admin.NewClient(address).Status(t.Context()); !errors.Is(err, admin.ErrNobody) || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestASecondProcessIsToldToGoElsewhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	for _, address := range []string{listen(t, "127.0.0.1:0", admin.Options{}).Address(), listen(t, path, admin.Options{}).Address()} {
		_, err := admin.Listen(address, admin.Options{View: view, Logger: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), "--admin") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestASocketThatAKilledProcessLeftIsTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	listen(t, path, admin.Options{})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
	file := filepath.Join(t.TempDir(), "a-file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Listen(file, admin.Options{View: view, Logger: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("a file that is no socket was taken")
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "precious" {
		t.Errorf("the file says %q, %v", data, err)
	}
}

func TestMetricsSayWhatIsKnown(t *testing.T) {
	m := admin.NewMetrics("v1", view)
	m.Probed(plan.ProbeTCP, observe.L4OK, time.Millisecond)
	m.Changed([]observe.Transition{{Health: observe.Health{State: observe.Healthy}}})
	m.Applied(time.Millisecond)
	s := listen(t, "127.0.0.1:0", admin.Options{Metrics: m})
	status, body := get(t, s, "/metrics", nil)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	if _, err := parser.TextToMetricFamilies(strings.NewReader(body)); err != nil || status != 200 {
		t.Fatalf("status %d, %v", status, err)
	}
	port := `namespace="shop",port="80",protocol="TCP"`
	for _, want := range []string{
		`naru_build_info{version="v1"} 1`,
		`naru_findings{code="NR3107",severity="warning"} 1`,
		`naru_plan_objects{kind="listener"} 2`,
		`naru_l4_connections_total{` + port + `,service="web"} 6`,
		`naru_l4_flows{` + port + `,service="web"} 2`,
		`naru_l4_bytes_total{direction="out",` + port + `,service="web"} 40`,
		`naru_l4_drops_total{` + port + `,reason="no-target",service="web"} 8`,
		`naru_listener_up{` + port + `,service="web"} 0`,
		`naru_targets{` + port + `,service="web",state="healthy"} 1`,
		`naru_targets{` + port + `,service="web",state="unhealthy"} 1`,
		`naru_targets{` + port + `,service="web",state="draining"} 0`,
		`naru_pool_addresses{pool="p"} 16`,
		`naru_pool_addresses_used{pool="p"} 2`,
		`naru_pool_addresses_used{pool="q"} 0`,
		`naru_services_without_address 0`,
		`naru_probes_total{protocol="TCP",result="L4OK"} 1`,
		`naru_probe_duration_seconds_count{protocol="TCP"} 1`,
		`naru_target_state_changes_total{to="healthy"} 1`,
		`naru_apply_delay_seconds_count 1`,
		"go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(body, "\n"+want) {
			t.Errorf("no %s", want)
		}
	}
	if t.Failed() {
		t.Log(body)
	}
}
