package dialect_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/dialect/azure"
	"github.com/naru-lb/naru/internal/dialect/metallb"
	"github.com/naru-lb/naru/internal/dialect/naru"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/plan"
)

const beta = "service.beta.kubernetes.io/"

// tables are all there are, the one that wins first.
func tables() []*dialect.Table {
	return []*dialect.Table{naru.Table(), metallb.Table(), azure.Table()}
}

// service makes a Service with the TCP ports 9999 (tcp-client) and 8080 (health), and annotations given as key, value.
func service(pairs ...string) *corev1.Service {
	svc := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kimmap", Name: "backend", Annotations: map[string]string{}},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer,
			Ports: []corev1.ServicePort{
				{Name: "tcp-client", Port: 9999, Protocol: corev1.ProtocolTCP},
				{Name: "health", Port: 8080, Protocol: corev1.ProtocolTCP},
			},
		},
	}
	for i := 0; i < len(pairs); i += 2 {
		svc.Annotations[pairs[i]] = pairs[i+1]
	}
	return svc
}

func read(svc *corev1.Service) (dialect.Intent, []finding.Finding) {
	return dialect.Read(svc, tables(), dialect.Env{})
}

func codes(fs []finding.Finding) []finding.Code {
	var list []finding.Code
	for _, f := range fs {
		list = append(list, f.Code)
	}
	return list
}

// only fails unless there is exactly one finding, of the code.
func only(t *testing.T, fs []finding.Finding, code finding.Code) finding.Finding {
	t.Helper()
	if len(fs) != 1 || fs[0].Code != code {
		t.Fatalf("got %+v, want one finding %s", fs, code)
	}
	return fs[0]
}

func TestAServiceWithoutAnnotationsAsksForNothing(t *testing.T) {
	intent, fs := read(service())
	if len(fs) != 0 || intent.Dialects != nil || intent.Refused {
		t.Errorf("got %+v, %v", intent, fs)
	}
}

func TestAnnotationsOfOthersAreLeftAlone(t *testing.T) {
	intent, fs := read(service(
		"kubectl.kubernetes.io/last-applied-configuration", strings.Repeat("x", 1000),
		"example.com/internal", "true", "example.com/pool", "x", "prometheus.io/port", "9102",
		"service.kubernetes.io/topology-mode", "Auto", "internal", "true", "meta.helm.sh/release-name", "web",
		"external-dns.alpha.kubernetes.io/hostname", "a.example.com", "networking.gke.io/neg-status", "{}"))
	if len(fs) != 0 || intent.Refused {
		t.Errorf("got %+v, %+v", intent, fs)
	}
}

func TestFindingsSayWhereAndWhat(t *testing.T) {
	key := beta + "azure-load-balancer-internal"
	_, fs := read(service(key, "maybe"))
	f := only(t, fs, finding.AnnotationInvalid)
	if f.Path != `metadata.annotations["`+key+`"]` || f.OnKey || f.Object.String() != "Service kimmap/backend" {
		t.Errorf("the place is %q, %v, %s", f.Path, f.OnKey, f.Object)
	}
	if f.Fix != key+`: "true"` || f.Effect == "" || f.Severity != finding.Error {
		t.Errorf("got %+v", f)
	}
}

func TestTypographicQuotesAreNamedAndNeverExpose(t *testing.T) {
	for _, value := range []string{"“true”", "‘true’", "«true»", "true”", "„true“"} {
		intent, fs := read(service(beta+"azure-load-balancer-internal", value))
		f := only(t, fs, finding.CurlyQuotes)
		if !intent.Refused || !f.Exposes || intent.Address.Internal || f.Fix != beta+`azure-load-balancer-internal: "true"` {
			t.Errorf("%s: got %+v, %+v", value, intent, f)
		}
	}
	intent, fs := read(service(beta+"azure-load-balancer-health-probe-interval", "“59”"))
	if f := only(t, fs, finding.CurlyQuotes); !intent.Refused || f.Exposes {
		t.Errorf("a quoted number: got %+v, %+v", intent, f)
	}
}

func TestStraightQuotesInsideTheValueAreTakenOff(t *testing.T) {
	intent, fs := read(service(beta+"azure-load-balancer-internal", `"true"`))
	if f := only(t, fs, finding.AnnotationCoerced); !intent.Address.Internal || f.Fix != beta+`azure-load-balancer-internal: "true"` {
		t.Errorf("got %+v, %+v", intent, f)
	}
}

func TestUnknownKeysNameWhatWasMeant(t *testing.T) {
	tests := []struct {
		key, value, meant string
	}{
		{beta + "port_health-probe_num-of-probe", "4", beta + "port_9999_health-probe_num-of-probe"},
		{beta + "load-balancer-health-probe-num-of-probe", "4", beta + "port_9999_health-probe_num-of-probe"},
		{beta + "port_health_health-probe_protocol", "tcp", beta + "port_8080_health-probe_protocol"},
		{beta + "port_09999_no_probe_rule", "true", beta + "port_9999_no_probe_rule"},
		{beta + "azure-load-balancer-health-probe-intervall", "5", beta + "azure-load-balancer-health-probe-interval"},
		{beta + "azure_load_balancer_tcp_idle_timeout", "5", beta + "azure-load-balancer-tcp-idle-timeout"},
		{beta + "Azure-PIP-Name", "x", beta + "azure-pip-name"},
		{beta + "azure-pip-names", "x", beta + "azure-pip-name"},
		{beta + "azure-load-balancer-idle-timeout", "5", beta + "azure-load-balancer-tcp-idle-timeout"},
		{beta + "load-balancer-tcp-idle-timeout", "5", beta + "azure-load-balancer-tcp-idle-timeout"},
		{"service.kubernetes.io/azure-pip-name", "x", beta + "azure-pip-name"},
		{"azure-pip-name", "x", beta + "azure-pip-name"},
		{"metallb.io/loadBalancerIP", "192.0.2.1", "metallb.io/loadBalancerIPs"},
		{"metallb.io/address-pools", "a", "metallb.io/address-pool"},
		{"metallb.org/address-pool", "a", "metallb.io/address-pool"},
		{"metalb.io/address-pool", "a", "metallb.io/address-pool"},
		{"metallb.universe.tf/allow-share-ip", "a", "metallb.io/allow-shared-ip"},
		{"naru.dev/proxy-protcol", "v2", "naru.dev/proxy-protocol"},
		{"naru.dev/probe-protocol", "http", "naru.dev/probe-kind"},
		{"naru.io/idle-timeout", "5m", "naru.dev/idle-timeout"},
		{"naru.dev/probe-kind.health", "tcp", "naru.dev/probe-kind.8080"},
	}
	for _, tt := range tests {
		intent, fs := read(service(tt.key, tt.value))
		f := only(t, fs, finding.AnnotationUnknown)
		if f.Fix != tt.meant+`: "`+tt.value+`"` || !strings.Contains(f.Effect, tt.meant) || !f.OnKey {
			t.Errorf("%s: got %+v, want %s", tt.key, f, tt.meant)
		}
		if intent.Refused || f.Exposes || f.Severity != finding.Warning {
			t.Errorf("%s: a slip that exposes nothing gave %+v", tt.key, f)
		}
	}
}

func TestUnknownKeysWithoutANeighbourAreStillNamed(t *testing.T) {
	_, fs := read(service(beta+"frobnicate", "x"))
	if f := only(t, fs, finding.AnnotationUnknown); f.Message != "nobody reads frobnicate" || f.Severity != finding.Warning {
		t.Errorf("got %+v", f)
	}
}

func TestANearMissOfWhatGuardsExposureFailsClosed(t *testing.T) {
	for key, value := range map[string]string{
		beta + "azure-load-balancer-internl":         "true",
		beta + "azure-load-balancer-Internal":        "yes",
		beta + "load-balancer-internal":              "“true”",
		beta + "azure-allowed-ip-range":              "203.0.113.0/24",
		beta + "loadbalancer-source-ranges":          "203.0.113.0/24",
		beta + "azure-allowed-service-tag":           "x",
		beta + "port_8080_no_lb_rul":                 "true",
		"service.kubernetes.io/port_8080_no_lb_rule": "true",
		"azure-load-balancer-internal":               "true",
		"naru.dev/internl":                           "true",
	} {
		intent, fs := read(service(key, value))
		f := only(t, fs, finding.AnnotationUnknown)
		if !intent.Refused || !f.Exposes || f.Severity != finding.Error {
			t.Errorf("%s: refused %v, %+v", key, intent.Refused, f)
		}
	}
	for _, value := range []string{"false", "no", ""} {
		intent, fs := read(service(beta+"azure-load-balancer-internl", value))
		if f := only(t, fs, finding.AnnotationUnknown); intent.Refused || f.Exposes {
			t.Errorf("%q limits nobody, but refused %v, %+v", value, intent.Refused, f)
		}
	}
}

func TestAPortThatTheServiceDoesNotHaveIsNamedWithThoseItHas(t *testing.T) {
	for _, key := range []string{beta + "port_1234_health-probe_interval", "naru.dev/probe-interval.1234"} {
		intent, fs := read(service(key, "abc"))
		f := only(t, fs, finding.AnnotationUnknown)
		if f.Message != "the Service has no port 1234" || !strings.Contains(f.Effect, "9999 (tcp-client), 8080 (health)") || intent.Refused {
			t.Errorf("%s: got %+v", key, f)
		}
	}
}

func TestTheNearerDialectWinsAndSaysSo(t *testing.T) {
	svc := service("naru.dev/pool", "a", "metallb.io/address-pool", "b", "metallb.universe.tf/address-pool", "c")
	intent, fs := read(svc)
	if intent.Address.Pool.Value != "a" || intent.Refused {
		t.Errorf("got %+v", intent)
	}
	want := []finding.Code{finding.AnnotationConflict, finding.AnnotationConflict, finding.AnnotationDeprecated}
	if got := codes(fs); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !slices.Equal(intent.Dialects, []string{"metallb", "naru"}) {
		t.Errorf("dialects are %v", intent.Dialects)
	}
	intent, fs = read(service("naru.dev/pool", "a", "metallb.io/address-pool", "a"))
	if intent.Address.Pool.Value != "a" || len(fs) != 0 {
		t.Errorf("the same twice gave %v", fs)
	}
	intent, _ = read(service("metallb.io/loadBalancerIPs", "192.0.2.1", beta+"azure-load-balancer-ipv4", "192.0.2.2", beta+"azure-load-balancer-ipv6", "2001:db8::1"))
	if a := intent.Address.Wanted; a[0].Address.String() != "192.0.2.1" || a[1].Address.String() != "2001:db8::1" {
		t.Errorf("wanted %v", a)
	}
}

func TestASettingForAllPortsOfTheNearerDialectWinsOverOnePortsOfAnother(t *testing.T) {
	intent, fs := read(service("naru.dev/probe-interval", "7s", beta+"port_9999_health-probe_interval", "20"))
	if intent.Ports[9999].Probe.Interval != 0 || intent.Probe.Interval.Seconds() != 7 {
		t.Errorf("got %+v", intent)
	}
	only(t, fs, finding.AnnotationConflict)
}

func TestOverrulingAWishToBeInternalIsShownAsExposing(t *testing.T) {
	intent, fs := read(service("naru.dev/internal", "false", beta+"azure-load-balancer-internal", "true"))
	if f := only(t, fs, finding.AnnotationConflict); intent.Address.Internal || intent.Refused || !f.Exposes {
		t.Errorf("got %+v, %+v", intent, f)
	}
	intent, fs = read(service("naru.dev/internal", "true", beta+"azure-load-balancer-internal", "false"))
	if f := only(t, fs, finding.AnnotationConflict); !intent.Address.Internal || f.Exposes {
		t.Errorf("got %+v, %+v", intent, f)
	}
}

func TestForeignAnnotationsAreNamedOncePerVendor(t *testing.T) {
	intent, fs := read(service(
		beta+"aws-load-balancer-type", "nlb", beta+"aws-load-balancer-scheme", "internet-facing", beta+"aws-load-balancer-name", "x",
		"kube-vip.io/loadbalancerIPs", "192.0.2.1"))
	if len(fs) != 2 || intent.Refused {
		t.Fatalf("got %+v, %+v", intent, fs)
	}
	for _, f := range fs {
		if f.Code != finding.AnnotationIgnored || f.Severity != finding.Warning {
			t.Errorf("got %+v", f)
		}
	}
}

func TestForeignWishesForAnInternalLoadBalancerFailClosed(t *testing.T) {
	for key, value := range map[string]string{
		beta + "aws-load-balancer-internal":                                  "true",
		beta + "aws-load-balancer-scheme":                                    "internal",
		beta + "aws-load-balancer-type":                                      "external",
		beta + "aws-load-balancer-security-groups":                           "sg-1",
		beta + "aws-load-balancer-ssl-cert":                                  "arn:aws:acm:x",
		"networking.gke.io/load-balancer-type":                               "Internal",
		"cloud.google.com/load-balancer-type":                                "internal",
		beta + "openstack-internal-load-balancer":                            "true",
		beta + "do-loadbalancer-network":                                     "INTERNAL",
		beta + "alibaba-cloud-loadbalancer-address-type":                     "intranet",
		beta + "oci-load-balancer-internal":                                  "true",
		"oci-network-load-balancer.oraclecloud.com/internal":                 "true",
		"service.kubernetes.io/qcloud-loadbalancer-internal-subnetid":        "subnet-1",
		"service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type":     "private",
		beta + "cce-load-balancer-internal-vpc":                              "true",
		beta + "scw-loadbalancer-private":                                    "true",
		"load-balancer.hetzner.cloud/disable-public-network":                 "true",
		"yandex.cloud/load-balancer-type":                                    "internal",
		"service.beta.kubernetes.io/aws-load-balancer-extra-security-groups": "sg-2",
	} {
		intent, fs := read(service(key, value))
		f := only(t, fs, finding.AnnotationUnsupported)
		if !intent.Refused || !f.Exposes || f.Severity != finding.Error {
			t.Errorf("%s: refused %v, %+v", key, intent.Refused, f)
		}
	}
}

func TestForeignWishesToBePublicAreNoHarm(t *testing.T) {
	for key, value := range map[string]string{
		beta + "aws-load-balancer-internal":       "false",
		beta + "aws-load-balancer-type":           "nlb",
		"networking.gke.io/load-balancer-type":    "External",
		beta + "openstack-internal-load-balancer": "false",
		beta + "aws-load-balancer-ssl-cert":       "",
	} {
		intent, fs := read(service(key, value))
		if only(t, fs, finding.AnnotationIgnored); intent.Refused {
			t.Errorf("%s is refused", key)
		}
	}
}

func TestNarusOwnWordSettlesWhatForeignAnnotationsAskFor(t *testing.T) {
	for own, internal := range map[string]bool{"true": true, "false": false} {
		intent, _ := read(service("naru.dev/internal", own, beta+"aws-load-balancer-internal", "true", beta+"aws-load-balancer-type", "external"))
		if intent.Refused || intent.Address.Internal != internal {
			t.Errorf("naru.dev/internal: %s gave %+v", own, intent)
		}
	}
	intent, _ := read(service(beta+"azure-load-balancer-internal", "false", beta+"aws-load-balancer-internal", "true"))
	if !intent.Refused {
		t.Error("Azure's false settles AWS' true")
	}
}

func TestAcceptedAnnotationsAreNotedTogether(t *testing.T) {
	intent, fs := read(service(beta+"azure-pls-create", "true", beta+"azure-pls-name", "x", beta+"azure-pls-visibility", "*"))
	f := only(t, fs, finding.AnnotationIgnored)
	if f.Severity != finding.Note || !strings.Contains(f.Effect, "azure-pls-name, azure-pls-visibility") || intent.Refused {
		t.Errorf("got %+v", f)
	}
	if _, fs := read(service(beta+"azure-shared-securityrule", "true", "metallb.universe.tf/ip-allocated-from-pool", "x")); len(fs) != 0 {
		t.Errorf("what nobody needs to know gave %v", fs)
	}
}

func TestReadingIsTheSameEveryTime(t *testing.T) {
	svc := service(beta+"azure-pip-name", "a", "naru.dev/probe-kind", "grpc", "metallb.io/pol", "x", beta+"aws-x", "y",
		beta+"azure-pls-name", "x", beta+"azure-load-balancer-mode", "y", beta+"port_9999_health-probe_protocol", "http")
	intent, fs := read(svc)
	for range 20 {
		again, more := read(svc)
		if !slices.Equal(fs, more) || !reflect.DeepEqual(intent, again) {
			t.Fatalf("got %+v and %+v", fs, more)
		}
	}
	if intent.Ports[9999].Probe.Kind != plan.ProbeGRPC {
		t.Errorf("got %+v", intent.Ports)
	}
}
