package azure_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/dialect/azure"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/plan"
)

const prefix = "service.beta.kubernetes.io/"

// a names the annotations of a case: key and value by turns, the keys without the prefix.
func a(pairs ...string) []string { return pairs }

// service makes a Service with the ports 9999 (tcp-client), 8080 (health) and 53 (dns, UDP).
func service(annotations []string, change func(*corev1.ServiceSpec)) *corev1.Service {
	svc := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kimmap", Name: "backend", Annotations: map[string]string{}},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{
			{Name: "tcp-client", Port: 9999, Protocol: corev1.ProtocolTCP},
			{Name: "health", Port: 8080, Protocol: corev1.ProtocolTCP},
			{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP},
		}},
	}
	for i := 0; i < len(annotations); i += 2 {
		svc.Annotations[prefix+annotations[i]] = annotations[i+1]
	}
	if change != nil {
		change(&svc.Spec)
	}
	return svc
}

func ranges(s *corev1.ServiceSpec) { s.LoadBalancerSourceRanges = []string{"192.0.2.0/24"} }

func families(list ...corev1.IPFamily) func(*corev1.ServiceSpec) {
	return func(s *corev1.ServiceSpec) { s.IPFamilies = list }
}

func http(s *corev1.ServiceSpec) {
	text := "http"
	for i := range s.Ports {
		s.Ports[i].AppProtocol = &text
	}
}

func web(s *corev1.ServiceSpec) { s.Ports[0].Name = "web" }

func local(s *corev1.ServiceSpec) {
	s.ExternalTrafficPolicy, s.HealthCheckNodePort = corev1.ServiceExternalTrafficPolicyLocal, 32123
}

// said writes findings as severity and code each, EXPOSES behind those that do.
func said(fs []finding.Finding) string {
	var words []string
	for _, f := range fs {
		word := string(f.Severity) + " " + string(f.Code)
		if f.Exposes {
			word += " EXPOSES"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// asks writes what an Intent asks for, but for what is zero.
func asks(in dialect.Intent) string {
	var words []string
	add := func(set bool, format string, args ...any) {
		if set {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	at := in.Address
	add(in.Refused, "refused")
	add(at.Internal, "internal")
	add(at.Subnet.Value != "", "subnet %s", at.Subnet.Value)
	for i, family := range []string{"v4", "v6"} {
		add(at.Wanted[i].Address.IsValid(), "%s %s", family, at.Wanted[i].Address)
		add(at.PublicIP[i].Value != "", "%s pip %s", family, at.PublicIP[i].Value)
		add(at.Prefix[i].Value != "", "%s prefix %s", family, at.Prefix[i].Value)
	}
	add(at.ResourceGroup != "", "group %s", at.ResourceGroup)
	for _, extra := range at.Additional {
		add(true, "also %s", extra.Address)
	}
	add(in.Tags != nil, "tags %v", in.Tags)
	add(in.DNSLabel.Value != "", "label %s", in.DNSLabel.Value)
	add(in.Probe != (dialect.ProbeIntent{}), "probe%s", probe(in.Probe))
	for _, port := range []uint16{9999, 8080, 53} {
		p, ok := in.Ports[port]
		add(ok && p.NotServed, "%d not served", port)
		add(ok && p.NoProbe, "%d no probe", port)
		add(ok && p.Probe != (dialect.ProbeIntent{}), "%d probe%s", port, probe(p.Probe))
	}
	t := in.Traffic
	add(t.IdleTimeout != 0, "idle %s", t.IdleTimeout)
	add(t.SilentIdle, "silent")
	add(t.NoFilter, "no filter")
	add(t.RangesSet, "only %v", t.SourceRanges)
	add(t.ProxyProtocol != "", "%s", t.ProxyProtocol)
	return strings.Join(words, ", ")
}

func probe(p dialect.ProbeIntent) string {
	var b strings.Builder
	if p.Kind != "" {
		fmt.Fprintf(&b, " %s", p.Kind)
	}
	if p.PortName != "" || p.PortNumber != 0 {
		fmt.Fprintf(&b, " port %s%d", p.PortName, p.PortNumber)
	}
	if p.Path != "" {
		fmt.Fprintf(&b, " path %s", p.Path)
	}
	if p.Interval != 0 {
		fmt.Fprintf(&b, " every %s", p.Interval)
	}
	if p.Threshold != 0 {
		fmt.Fprintf(&b, " times %d", p.Threshold)
	}
	return b.String()
}

// A verdict is what becomes of an annotation with a certain value: what it asks for, and what is said about it.
type verdict struct {
	annotations []string
	on          func(*corev1.ServiceSpec)
	asks, said  string
}

const (
	invalid  = "error NR1102"
	exposing = "error NR1102 EXPOSES"
	coerced  = "warning NR1106"
	ignored  = "note NR1201"
	unused   = "warning NR1202"
)

// verdicts has every annotation that Azure's provider reads or read, and most of what can be written into it.
var verdicts = []verdict{
	// Address, public IP, DNS.
	{a("azure-load-balancer-ipv4", "198.51.100.9"), nil, "v4 198.51.100.9", ""},
	{a("azure-load-balancer-ipv4", " 10.0.0.7 "), nil, "v4 10.0.0.7", ""},
	{a("azure-load-balancer-ipv4", ""), nil, "", coerced},
	{a("azure-load-balancer-ipv4", "198.51.100"), nil, "refused", invalid},
	{a("azure-load-balancer-ipv4", "2001:db8::9"), nil, "refused", invalid},
	{a("azure-load-balancer-ipv4", "0.0.0.0"), nil, "refused", invalid},
	{a("azure-load-balancer-ipv4", "“198.51.100.9”"), nil, "refused", "error NR1103"},
	{a("azure-load-balancer-ipv6", "2001:db8::9"), nil, "v6 2001:db8::9", ""},
	{a("azure-load-balancer-ipv6", "198.51.100.9"), nil, "refused", invalid},
	{a("azure-load-balancer-ipv6", "fe80::1%eth0"), nil, "refused", invalid},
	{a("azure-pip-name", "kimmap-tcp-pip"), nil, "v4 pip kimmap-tcp-pip", ""},
	{a("azure-pip-name", "pip6"), families(corev1.IPv6Protocol), "v6 pip pip6", ""},
	{a("azure-pip-name", "pip", "azure-load-balancer-ipv4", "198.51.100.9"), nil, "v4 pip pip", "warning NR1105"},
	{a("azure-pip-name-ipv6", "pip6"), families(corev1.IPv4Protocol, corev1.IPv6Protocol), "v6 pip pip6", ""},
	{a("azure-pip-name-ipv6", "pip6"), families(corev1.IPv6Protocol), "v6 pip pip6", ""},
	{a("azure-pip-name-ipv6", "pip6"), nil, "", unused},
	{a("azure-pip-prefix-id", "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/publicIPPrefixes/partners"), nil, "v4 prefix partners", ""},
	{a("azure-pip-prefix-id", "/"), nil, "refused", invalid},
	{a("azure-pip-prefix-id-ipv6", "partners6"), families(corev1.IPv6Protocol), "v6 prefix partners6", ""},
	{a("azure-pip-name", "pip", "azure-pip-prefix-id", "partners"), nil, "v4 pip pip", "warning NR1105"},
	{a("azure-load-balancer-resource-group", " rg-network "), nil, "group rg-network", ""},
	{a("azure-load-balancer-resource-group", " "), nil, "", coerced},
	{a("azure-additional-public-ips", "203.0.113.4, 203.0.113.5"), nil, "also 203.0.113.4, also 203.0.113.5", ""},
	{a("azure-additional-public-ips", "203.0.113.4,x"), nil, "refused", invalid},
	{a("azure-pip-tags", "owner=team-a,stage=prod"), nil, "tags map[owner:team-a stage:prod]", ""},
	{a("azure-pip-tags", "owner=team-a,x,k8s-azure-service=y"), nil, "tags map[owner:team-a]", "warning NR1102, warning NR1102"},
	{a("azure-pip-ip-tags", "RoutingPreference=Internet"), nil, "", ignored},
	{a("azure-dns-label-name", "kimmap"), nil, "label kimmap", ""},
	{a("azure-dns-label-name", ""), nil, "", ""},
	{a("azure-dns-label-name", "-x"), nil, "", "warning NR1102"},

	// Placement and exposure.
	{a("azure-load-balancer-internal", "true"), nil, "internal", ""},
	{a("azure-load-balancer-internal", "false"), nil, "", ""},
	{a("azure-load-balancer-internal", "False"), nil, "", ""},
	{a("azure-load-balancer-internal", "True"), nil, "internal", coerced},
	{a("azure-load-balancer-internal", "TRUE"), nil, "internal", coerced},
	{a("azure-load-balancer-internal", "1"), nil, "internal", coerced},
	{a("azure-load-balancer-internal", "yes"), nil, "internal", coerced},
	{a("azure-load-balancer-internal", " true"), nil, "internal", coerced},
	{a("azure-load-balancer-internal", "“true”"), nil, "refused", "error NR1103 EXPOSES"},
	{a("azure-load-balancer-internal", "ture"), nil, "refused", exposing},
	{a("azure-load-balancer-internal", "on"), nil, "refused", exposing},
	{a("azure-load-balancer-internal", ""), nil, "", coerced},
	{a("azure-load-balancer-internal", "true", "azure-load-balancer-internal-subnet", "snet"), nil, "internal, subnet snet", ""},
	{a("azure-load-balancer-internal-subnet", "snet"), nil, "", unused},
	{a("azure-load-balancer-mode", "auto"), nil, "", ignored},
	{a("azure-load-balancer-configurations", "lb1, lb2"), nil, "", ignored},
	{a("Azure-Load-Balancer-Configurations", "lb1"), nil, "", ignored},
	{a("azure-load-balancer-internal", "true", "azure-load-balancer-enable-high-availability-ports", "true"), nil, "refused, internal", "error NR1203"},
	{a("azure-load-balancer-enable-high-availability-ports", "true"), nil, "", unused},
	{a("azure-load-balancer-enable-high-availability-ports", "false"), nil, "", ""},
	{a("azure-disable-load-balancer-floating-ip", "true"), nil, "", ignored},
	{a("azure-disable-load-balancer-nsg-rule", "true"), nil, "no filter", ""},
	{a("azure-disable-load-balancer-nsg-rule", "TRUE"), ranges, "no filter", "warning NR1105 EXPOSES"},
	{a("azure-shared-securityrule", "true"), nil, "", ""},
	{a("azure-load-balancer-mixed-protocols", "true"), nil, "", unused},

	// Health probe for all ports.
	{a("azure-load-balancer-health-probe-protocol", "tcp"), nil, "probe TCP", ""},
	{a("azure-load-balancer-health-probe-protocol", " Http "), web, "probe HTTP", ""},
	{a("azure-load-balancer-health-probe-protocol", "HTTPS"), web, "probe HTTPS", ""},
	{a("azure-load-balancer-health-probe-protocol", "http"), nil, "probe HTTP", "warning NR3102"},
	{a("azure-load-balancer-health-probe-protocol", "grpc"), nil, "probe TCP", "warning NR1102"},
	{a("azure-load-balancer-health-probe-protocol", ""), nil, "", coerced},
	{a("azure-load-balancer-health-probe-interval", "59"), nil, "probe every 59s", ""},
	{a("azure-load-balancer-health-probe-interval", "60"), nil, "refused, probe every 1m0s", invalid},
	{a("azure-load-balancer-health-probe-interval", "4"), nil, "refused", invalid},
	{a("azure-load-balancer-health-probe-interval", "5s"), nil, "refused", invalid},
	{a("azure-load-balancer-health-probe-interval", "2147483647"), nil, "refused, probe every 596523h14m7s", invalid},
	{a("azure-load-balancer-health-probe-interval", ""), nil, "", coerced},
	{a("azure-load-balancer-health-probe-num-of-probe", "4"), nil, "probe times 4", ""},
	{a("azure-load-balancer-health-probe-num-of-probe", "1"), nil, "refused", invalid},
	{a("azure-load-balancer-health-probe-num-of-probe", "5", "azure-load-balancer-health-probe-interval", "24"), nil, "refused, probe every 24s times 5", invalid},
	{a("azure-load-balancer-health-probe-request-path", "/ready"), http, "probe path /ready", ""},
	{a("azure-load-balancer-health-probe-request-path", "ready"), http, "probe path /ready", coerced},
	{a("azure-load-balancer-health-probe-request-path", ""), http, "", coerced},
	{a("azure-load-balancer-health-probe-request-path", "/ready"), nil, "probe path /ready", unused},

	// For one port.
	{a("port_9999_no_lb_rule", "true"), nil, "9999 not served", ""},
	{a("port_9999_no_lb_rule", "TRUE"), nil, "9999 not served", ""},
	{a("port_9999_no_lb_rule", "yes"), nil, "9999 not served", coerced},
	{a("port_9999_no_lb_rule", "“true”"), nil, "refused", "error NR1103 EXPOSES"},
	{a("port_9999_no_probe_rule", "true"), nil, "9999 no probe", ""},
	{a("port_9999_no_probe_rule", "x"), nil, "refused", invalid},
	{a("port_9999_health-probe_protocol", "TCP"), nil, "9999 probe TCP", ""},
	{a("port_9999_health-probe_protocol", "kubernetes.io/h2c"), nil, "9999 probe TCP", "warning NR1102"},
	{a("port_9999_health-probe_port", "HEALTH"), nil, "9999 probe port health0", ""},
	{a("port_9999_health-probe_port", "8080"), nil, "9999 probe port 8080", ""},
	{a("port_9999_health-probe_port", "10256"), nil, "9999 probe port 10256", ""},
	{a("port_9999_health-probe_port", " 8080"), nil, "9999 probe port 8080", ""},
	{a("port_9999_health-probe_port", "0"), nil, "refused", invalid},
	{a("port_9999_health-probe_port", "65536"), nil, "refused", invalid},
	{a("port_9999_health-probe_port", "admin"), nil, "refused", invalid},
	{a("port_9999_health-probe_interval", "10"), nil, "9999 probe every 10s", ""},
	{a("port_9999_health-probe_interval", "10"), local, "9999 probe every 10s", ""},
	{a("port_9999_health-probe_interval", "3"), nil, "refused", invalid},
	{a("port_9999_health-probe_interval", "x", "azure-load-balancer-health-probe-interval", "10"), nil, "refused, probe every 10s", invalid},
	{a("port_32123_health-probe_interval", "10"), local, "9999 probe every 10s, 8080 probe every 10s, 53 probe every 10s", ""},
	{a("port_32123_health-probe_interval", "10", "port_9999_health-probe_interval", "20"), local, "9999 probe every 20s, 8080 probe every 10s, 53 probe every 10s", ""},
	{a("port_32123_health-probe_interval", "10"), nil, "", "warning NR1101"},
	{a("port_9999_health-probe_num-of-probe", "4"), nil, "9999 probe times 4", ""},
	{a("port_9999_health-probe_num-of-probe", "4"), local, "9999 probe times 4", ""},
	{a("port_9999_health-probe_num-of-probe", "24"), nil, "refused, 9999 probe times 24", invalid},
	{a("port_9999_health-probe_request-path", "/x"), http, "9999 probe path /x", ""},
	{a("port_9999_health-probe_request-path", "x"), http, "9999 probe path /x", coerced},
	{a("port_1234_health-probe_interval", "abc"), nil, "", "warning NR1101"},
	{a("port_health-probe_num-of-probe", "2"), nil, "", "warning NR1101"},
	{a("load-balancer-health-probe-num-of-probe", "2"), nil, "", "warning NR1101"},

	// Connections.
	{a("azure-load-balancer-tcp-idle-timeout", "4"), nil, "idle 4m0s", ""},
	{a("azure-load-balancer-tcp-idle-timeout", "100"), nil, "idle 1h40m0s", ""},
	{a("azure-load-balancer-tcp-idle-timeout", "3"), nil, "refused", invalid},
	{a("azure-load-balancer-tcp-idle-timeout", "101"), nil, "refused", invalid},
	{a("azure-load-balancer-tcp-idle-timeout", "30m"), nil, "refused", invalid},
	{a("azure-load-balancer-disable-tcp-reset", "True"), nil, "silent", ""},

	// Who gets in.
	{a("load-balancer-source-ranges", "203.0.113.0/24, 2001:db8::/32"), nil, "only [203.0.113.0/24 2001:db8::/32]", ""},
	{a("load-balancer-source-ranges", "10.0.0.1/8"), nil, "refused", exposing},
	{a("load-balancer-source-ranges", "203.0.113.0/24,10.0.0.1"), nil, "refused", exposing},
	{a("load-balancer-source-ranges", ""), nil, "", coerced},
	{a("azure-allowed-ip-ranges", "203.0.113.0/24"), nil, "only [203.0.113.0/24]", ""},
	{a("azure-allowed-ip-ranges", "203.0.113.0/24"), ranges, "only [203.0.113.0/24]", "warning NR1105"},
	{a("azure-allowed-ip-ranges", "203.0.113.0/24", "load-balancer-source-ranges", "198.51.100.0/24"), nil, "only [203.0.113.0/24 198.51.100.0/24]", ""},
	{a("azure-allowed-ip-ranges", " "), nil, "", coerced},
	{a("azure-allowed-service-tags", "AzureFrontDoor.Backend"), nil, "only [203.0.113.0/24]", ""},
	{a("azure-allowed-service-tags", "Internet"), nil, "refused", exposing},
	{a("azure-allowed-service-tags", ""), nil, "", coerced},
	{a("azure-deny-all-except-load-balancer-source-ranges", "true"), nil, "", ignored},

	// Private Link.
	{a("azure-pls-create", "true", "azure-pls-name", "x", "azure-pls-resource-group", "x", "azure-pls-ip-configuration-subnet", "x",
		"azure-pls-ip-configuration-ip-address-count", "1", "azure-pls-ip-configuration-ip-address", "10.0.0.7", "azure-pls-fqdns", "x",
		"azure-pls-visibility", "*", "azure-pls-auto-approval", "x"), nil, "", ignored},
	{a("azure-pls-proxy-protocol", "true"), nil, string(plan.ProxyV2), ""},
	{a("azure-pls-proxy-protocol", "false"), nil, "", ""},
}

func TestEveryAnnotationHasItsVerdict(t *testing.T) {
	env := dialect.Env{DNSZone: "lb.example.net", ServiceTags: map[string][]netip.Prefix{"AzureFrontDoor.Backend": {netip.MustParsePrefix("203.0.113.0/24")}}}
	for _, v := range verdicts {
		intent, fs := dialect.Read(service(v.annotations, v.on), []*dialect.Table{azure.Table()}, env)
		if asks(intent) != v.asks || said(fs) != v.said {
			t.Errorf("%q\nasks %q, want %q\nsaid %q, want %q: %+v", v.annotations, asks(intent), v.asks, said(fs), v.said, fs)
		}
	}
}

func TestEveryRowIsInTheTestOfVerdicts(t *testing.T) {
	tested := map[string]bool{}
	for _, v := range verdicts {
		for i := 0; i < len(v.annotations); i += 2 {
			tested[strings.ReplaceAll(v.annotations[i], "9999", "{port}")] = true
		}
	}
	for _, row := range azure.Table().Rows {
		if !tested[row.Name] {
			t.Errorf("%s is not tested", row.Name)
		}
	}
}

func TestWithoutADNSZoneTheLabelIsOnlyNoted(t *testing.T) {
	intent, fs := dialect.Read(service(a("azure-dns-label-name", "kimmap"), nil), []*dialect.Table{azure.Table()}, dialect.Env{})
	if asks(intent) != "" || said(fs) != ignored {
		t.Errorf("asks %q, said %+v", asks(intent), fs)
	}
}

func TestTheLargestIntervalThatFitsIsShown(t *testing.T) {
	_, fs := dialect.Read(service(a("azure-load-balancer-health-probe-interval", "60"), nil), []*dialect.Table{azure.Table()}, dialect.Env{})
	if len(fs) != 1 || fs[0].Message != "60 s × 2 = 120 s, must be < 120; use ≤ 59 or lower num-of-probe" ||
		fs[0].Fix != prefix+`azure-load-balancer-health-probe-interval: "59"` {
		t.Errorf("got %+v", fs)
	}
	if d := 59 * time.Second; d*2 >= 120*time.Second {
		t.Error("59 s do not fit")
	}
}
