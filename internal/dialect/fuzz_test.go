package dialect_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/dialect/azure"
	"github.com/naru-lb/naru/internal/dialect/metallb"
	"github.com/naru-lb/naru/internal/dialect/naru"
	"github.com/naru-lb/naru/internal/finding"
)

var frontDoor = map[string][]netip.Prefix{"AzureFrontDoor.Backend": {netip.MustParsePrefix("203.0.113.0/24")}}

func FuzzReadAzure(f *testing.F)   { fuzzTable(f, azure.Table()) }
func FuzzReadMetalLB(f *testing.F) { fuzzTable(f, metallb.Table()) }
func FuzzReadNaru(f *testing.F)    { fuzzTable(f, naru.Table()) }

// fuzzTable reads one annotation of a table, and another one of any kind.
func fuzzTable(f *testing.F, table *dialect.Table) {
	for i, row := range table.Rows {
		for _, value := range []string{row.Example, "", "“" + row.Example + "”", "x y", "-5"} {
			f.Add(byte(i), value, row.Name, value, i%2 == 0)
		}
	}
	f.Add(byte(0), "a", "service.beta.kubernetes.io/port_9999_no_lb_rul", "true", true)
	f.Add(byte(0), "a", "port__health-probe", "2147483647", false)
	f.Fuzz(func(t *testing.T, n byte, value, key, other string, local bool) {
		row := table.Rows[int(n)%len(table.Rows)]
		own := table.Prefixes[0].Text + strings.ReplaceAll(row.Name, "{port}", "9999")
		svc := fitting(row, own, value)
		if key != own && key != "" {
			svc.Annotations[key] = other
		}
		if local {
			svc.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
			svc.Spec.HealthCheckNodePort = 32123
		}
		intent, fs := dialect.Read(svc, tables(), env)
		checkFindings(t, fs)
		checkIntent(t, intent, fs)

		alone := fitting(row, own, value)
		intent, fs = dialect.Read(alone, tables(), env)
		delete(alone.Annotations, own)
		without, _ := dialect.Read(alone, tables(), env)
		intent.Dialects, without.Dialects = nil, nil
		if len(fs) == 0 && reflect.DeepEqual(intent, without) && !saysNothing(row, value) {
			t.Errorf("%s: %q is passed over", own, value)
		}
	})
}

// saysNothing tells whether a value is one that asks for what holds anyhow, or the row needs no reading.
func saysNothing(row dialect.Row, value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "false", "none":
		return true
	}
	return row.Read == nil && row.Note == "" || row.BlankIsValue && strings.TrimSpace(value) == ""
}

func checkFindings(t *testing.T, fs []finding.Finding) {
	t.Helper()
	for _, f := range fs {
		if _, ok := finding.Lookup(f.Code); !ok || f.Object.Name != "backend" || !strings.HasPrefix(f.Path, "metadata.annotations[") || f.Message == "" || f.Effect == "" {
			t.Errorf("got %+v", f)
		}
		if len([]rune(f.Message)) > 200 || strings.ContainsAny(f.Message, "\n\x00") {
			t.Errorf("the message does not fit a line: %q", f.Message)
		}
	}
}

// checkIntent checks the ranges that the compiler relies on.
func checkIntent(t *testing.T, intent dialect.Intent, fs []finding.Finding) {
	t.Helper()
	errors := 0
	for _, f := range fs {
		if f.Severity == finding.Error {
			errors++
		}
	}
	if intent.Refused != (errors > 0) {
		t.Errorf("refused is %v with %d errors", intent.Refused, errors)
	}
	for port, p := range intent.Ports {
		if port != 9999 && port != 8080 {
			t.Errorf("asks for port %d, which the Service does not have", port)
		}
		checkProbe(t, p.Probe)
	}
	checkProbe(t, intent.Probe)
	tr := intent.Traffic
	if d := tr.IdleTimeout; d != 0 && (d < time.Second || d > 100*time.Minute) || tr.DeregistrationDelay < 0 || tr.DeregistrationDelay > time.Hour ||
		tr.ConnectTimeout != 0 && (tr.ConnectTimeout < 100*time.Millisecond || tr.ConnectTimeout > 30*time.Second) {
		t.Errorf("times are out of range: %+v", tr)
	}
	for _, p := range tr.SourceRanges {
		if !p.IsValid() || p != p.Masked() {
			t.Errorf("source range %v", p)
		}
	}
	for i, w := range intent.Address.Wanted {
		if w.Address.IsValid() && (w.Address.Is6() != (i == 1) || w.Address.Is4In6() || w.Path == "") {
			t.Errorf("wants %+v", w)
		}
	}
}

func checkProbe(t *testing.T, p dialect.ProbeIntent) {
	t.Helper()
	if p.Interval != 0 && p.Interval < time.Second || p.Threshold < 0 || strings.ContainsAny(p.Path+p.Host, " \r\n\x00") {
		t.Errorf("probe %+v", p)
	}
	if p != (dialect.ProbeIntent{}) && p.From == "" {
		t.Errorf("nothing says where the probe comes from: %+v", p)
	}
}
