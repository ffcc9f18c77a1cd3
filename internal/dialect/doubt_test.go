package dialect_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/finding"
)

func TestAnHTTPProbeIsDoubtedWhereThePortSaysOtherwise(t *testing.T) {
	const own, all = beta + "port_9999_health-probe_protocol", beta + "azure-load-balancer-health-probe-protocol"
	text := func(s string) *string { return &s }
	for _, c := range []struct {
		name        string
		annotations []string
		port        corev1.ServicePort // 9999
		doubted     bool
	}{
		{"a name that says TCP", []string{own, "HTTP"}, corev1.ServicePort{Name: "tcp-client"}, true},
		{"the same for all ports", []string{all, "https"}, corev1.ServicePort{Name: "tcp-client"}, true},
		{"a database", []string{"naru.dev/probe-kind", "http"}, corev1.ServicePort{Name: "mysql"}, true},
		{"a TCP probe", []string{own, "tcp"}, corev1.ServicePort{Name: "tcp-client"}, false},
		{"a name that says nothing", []string{own, "http"}, corev1.ServicePort{Name: "api"}, false},
		{"no name", []string{own, "http"}, corev1.ServicePort{}, false},
		{"a name that says both", []string{own, "http"}, corev1.ServicePort{Name: "tcp-http"}, false},
		{"appProtocol says HTTP", []string{own, "http"}, corev1.ServicePort{Name: "tcp-client", AppProtocol: text("http")}, false},
		{"appProtocol says that nothing is asked", []string{all, "http"}, corev1.ServicePort{Name: "tcp-client", AppProtocol: text("x")}, false},
		{"another port is probed", []string{own, "http", beta + "port_9999_health-probe_port", "health"}, corev1.ServicePort{Name: "tcp-client"}, false},
		{"a port of the node is probed", []string{own, "http", beta + "port_9999_health-probe_port", "10256"}, corev1.ServicePort{Name: "tcp-client"}, false},
		{"the port is not probed", []string{own, "http", beta + "port_9999_no_probe_rule", "true"}, corev1.ServicePort{Name: "tcp-client"}, false},
	} {
		svc := service(c.annotations...)
		c.port.Port, c.port.Protocol = 9999, corev1.ProtocolTCP
		svc.Spec.Ports[0] = c.port
		_, fs := dialect.Read(svc, tables(), dialect.Env{})
		if !c.doubted {
			if len(fs) != 0 {
				t.Errorf("%s: got %+v", c.name, fs)
			}
			continue
		}
		f := only(t, fs, finding.ProbeDoubtful)
		if f.Fix != c.annotations[0]+`: "tcp"` || f.Path != dialect.PathOf(c.annotations[0]) {
			t.Errorf("%s: got %+v", c.name, f)
		}
	}
}
