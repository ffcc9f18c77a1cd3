// Package naru reads Naru's own annotations. They win over those of all other dialects.
package naru

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/plan"
)

const prefix = "naru.dev/"

const intro = "Naru's own annotations do what no field of a Service can say. They win over those of all other dialects. An " +
	"annotation that ends in `.{port}` is for one port of `spec.ports`, by its number, and wins over the one for all ports."

var table = dialect.NewTable(dialect.Table{
	Name:     "naru",
	Title:    "Naru's annotations of a Service",
	Intro:    intro,
	Prefixes: []dialect.Prefix{{Text: prefix}},
	Rows:     slices.Concat(addressRows(), connectionRows(), probeRows()),
	Finish:   finish,
})

// Table returns Naru's own vocabulary.
func Table() *dialect.Table { return table }

const trueFalse = "`true`, `false`"

func addressRows() []dialect.Row {
	const section = "Address"
	return []dialect.Row{
		{Name: "internal", Section: section, Verdict: dialect.Honour, Values: trueFalse, Default: "`false`", Example: "true", Guards: true,
			Doc: "Takes the address from an internal pool.", Mistaken: []string{"private", "scope"},
			Read: dialect.Bool(func(v *dialect.Value, b bool) {
				if v.Claim(dialect.Exposure, strconv.FormatBool(b)) {
					v.Intent.Address.Internal = b
				}
			})},
		{Name: "pool", Section: section, Verdict: dialect.Honour, Values: "name of a pool", Default: "any pool", Example: "default",
			Doc: "Takes the address from this pool.", Mistaken: []string{"address-pool"},
			Read: dialect.Text(func(v *dialect.Value, name string) {
				if v.Claim(dialect.PoolName, name) {
					v.Intent.Address.Pool = dialect.Name{Value: name, Path: v.Path()}
				}
			})},
		{Name: "addresses", Section: section, Verdict: dialect.Honour, Values: "one IPv4 and one IPv6 address at most, separated by commas", Default: "any free address",
			Example: "192.0.2.10,2001:db8::10", Doc: "Asks for exactly these addresses of pools or PublicIPs.",
			Mistaken: []string{"ip", "loadBalancerIP", "loadBalancerIPs"},
			Read:     dialect.Addresses(dialect.SetWanted)},
		{Name: "public-ip", Section: section, Verdict: dialect.Honour, Values: "`name` or `resourceGroup/name`", Example: "web",
			Doc:  "Binds the reserved address (PublicIP) with this name. For an IPv6-only Service it names the IPv6 address.",
			Read: publicIP(0, dialect.ReservedIPv4)},
		{Name: "public-ip-ipv6", Section: section, Verdict: dialect.Honour, Values: "`name` or `resourceGroup/name`", Example: "web-v6",
			Doc: "The reserved IPv6 address.", Read: publicIP(1, dialect.ReservedIPv6)},
	}
}

func publicIP(family int, topic dialect.Topic) dialect.Reader {
	return dialect.Text(func(v *dialect.Value, text string) {
		group, name, hasGroup := strings.Cut(text, "/")
		if !hasGroup {
			group, name = "", text
		}
		if name == "" || hasGroup && group == "" || strings.Contains(name, "/") {
			v.Bad("the value is neither name nor resourceGroup/name", v.Line("my-address"))
			return
		}
		if !v.Claim(topic, text) || group != "" && !v.Claim(dialect.ResourceGroup, group) {
			return
		}
		if prior := v.Intent.Address.ResourceGroup; group != "" && prior != "" && !strings.EqualFold(prior, group) {
			v.Bad("both reserved addresses must be in one resource group", v.Line(prior+"/"+name))
			return
		}
		if group != "" {
			v.Intent.Address.ResourceGroup = group
		}
		v.Intent.Address.PublicIP[family] = dialect.Name{Value: name, Path: v.Path()}
	})
}

func connectionRows() []dialect.Row {
	const section = "Connections"
	versions := map[string]plan.ProxyProtocol{"none": plan.ProxyNone, "v1": plan.ProxyV1, "v2": plan.ProxyV2, "v2-aws": plan.ProxyV2AWS}
	return []dialect.Row{
		{Name: "proxy-protocol", Section: section, Verdict: dialect.Honour, Values: "`v1`, `v2`, `v2-aws`, `none`", Default: "`none`", Example: "v2",
			Doc: "Tells the pods the client's address in a PROXY protocol header, before the first byte. `v2-aws` is the 100-byte form of AWS.",
			Read: dialect.Word([]string{"v1", "v2", "v2-aws", "none"}, versions, func(v *dialect.Value, p plan.ProxyProtocol) {
				if v.Claim(dialect.PROXYProtocol, string(p)) {
					v.Intent.Traffic.ProxyProtocol = p
				}
			})},
		{Name: "idle-timeout", Section: section, Verdict: dialect.Honour, Values: "`1s` to `100m`", Default: "`4m`", Example: "30m",
			Doc: "Ends a TCP connection that carried nothing for so long.",
			Read: dialect.Duration(time.Second, 100*time.Minute, func(v *dialect.Value, d time.Duration) {
				if v.Claim(dialect.IdleTimeout, d.String()) {
					v.Intent.Traffic.IdleTimeout = d
				}
			})},
		{Name: "connect-timeout", Section: section, Verdict: dialect.Honour, Values: "`100ms` to `30s`", Default: "`5s`", Example: "2s",
			Doc: "How long a target may take to accept a connection before another one is tried.",
			Read: dialect.Duration(100*time.Millisecond, 30*time.Second, func(v *dialect.Value, d time.Duration) {
				v.Intent.Traffic.ConnectTimeout = d
			})},
		{Name: "deregistration-delay", Section: section, Verdict: dialect.Honour, Values: "`0s` to `1h`", Default: "`5m`", Example: "30s",
			Doc: "How long the running connections of a target that left may go on.",
			Read: dialect.Duration(0, time.Hour, func(v *dialect.Value, d time.Duration) {
				v.Intent.Traffic.DeregistrationDelay, v.Intent.Traffic.DelaySet = d, true
			})},
	}
}

// probeRows lists every row of a probe twice: for all ports and for one.
func probeRows() []dialect.Row {
	rows := probeSettings()
	for _, r := range probeSettings() {
		r.Name += ".{port}"
		r.Section = "Health probe of one port"
		r.Default = "what holds for all ports"
		r.Mistaken = nil
		rows = append(rows, r)
	}
	return rows
}

func probeSettings() []dialect.Row {
	kinds := map[string]plan.ProbeKind{"tcp": plan.ProbeTCP, "http": plan.ProbeHTTP, "https": plan.ProbeHTTPS, "grpc": plan.ProbeGRPC, "none": ""}
	rows := []dialect.Row{
		{Name: "probe-kind", Values: "`tcp`, `http`, `https`, `grpc`, `none`", Default: "`tcp`, or what `appProtocol` says", Example: "grpc",
			Doc:      "What the probe speaks. `grpc` asks grpc.health.v1.Health/Check. With `none` readiness alone decides.",
			Mistaken: []string{"probe-protocol", "probe-type", "probe"},
			Read:     dialect.Word([]string{"tcp", "http", "https", "grpc", "none"}, kinds, setKind)},
		{Name: "probe-path", Values: "a path", Default: "`/`", Example: "/healthz", Doc: "The path of an HTTP probe; the answer must be 200.",
			Mistaken: []string{"probe-request-path"}, Read: dialect.ReadProbePath},
		{Name: "probe-service", Values: "name of a gRPC service", Default: "the whole server", Example: "shop.v1.Cart",
			Doc: "The service that a gRPC probe asks about.", Read: dialect.Text(setService)},
		{Name: "probe-host", Values: "a host name", Default: "the target's address", Example: "www.example.com",
			Doc: "Host header and TLS server name of an HTTP probe.", Read: dialect.Text(setHost)},
		{Name: "probe-port", Values: "name or number of a port of the Service, or a port of the node", Default: "the port itself", Example: "8080",
			Doc: "Probes another port. A port of the Service stands for the pods' port behind it; any other number for a port of the node.", Read: dialect.ReadProbePort},
		{Name: "probe-interval", Values: "`1s` to `1h`", Default: "`5s`", Example: "10s", Doc: "Time from one probe to the next.",
			Read: dialect.Duration(time.Second, time.Hour, func(v *dialect.Value, d time.Duration) {
				if v.Claim(dialect.ProbeInterval, d.String()) {
					v.EditProbe(func(p *dialect.ProbeIntent) { p.Interval = d })
				}
			})},
		{Name: "probe-threshold", Values: "1 to 100", Default: "2", Example: "3", Doc: "How many results in a row turn a target healthy or unhealthy.",
			Mistaken: []string{"probe-count", "probe-num-of-probe"},
			Read: dialect.Int(1, 100, "", func(v *dialect.Value, n int64) {
				if v.Claim(dialect.ProbeThreshold, strconv.FormatInt(n, 10)) {
					v.EditProbe(func(p *dialect.ProbeIntent) { p.Threshold = int(n) })
				}
			})},
	}
	for i := range rows {
		rows[i].Section, rows[i].Verdict = "Health probe of all ports", dialect.Honour
	}
	return rows
}

func setKind(v *dialect.Value, kind plan.ProbeKind) {
	if kind != "" {
		dialect.SetProbeKind(v, kind)
		return
	}
	if !v.Claim(dialect.ProbeKind, "none") {
		return
	}
	if v.Port != 0 {
		v.EditPort(v.Port, func(p *dialect.PortIntent) { p.NoProbe = true })
	}
}

func setService(v *dialect.Value, name string) {
	if strings.ContainsAny(name, " /") || len(name) > 253 {
		v.Bad("the value is not the name of a gRPC service", v.Line("shop.v1.Cart"))
		return
	}
	if v.Claim(dialect.ProbePath, name) {
		v.EditProbe(func(p *dialect.ProbeIntent) { p.Path = name })
	}
}

func setHost(v *dialect.Value, host string) {
	_, notAddr := netip.ParseAddr(host)
	if notAddr != nil && !isHostName(host) {
		v.Bad("the value is not a host name", v.Line("www.example.com"))
		return
	}
	v.EditProbe(func(p *dialect.ProbeIntent) { p.Host = host })
}

// isHostName follows RFC 1123, with the underscores that DNS names have in practice.
func isHostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.ToLower(s), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// finish applies the rules that join several annotations.
func finish(r *dialect.Reading) {
	dialect.SettleFamilies(r, r.Given("public-ip", 0), r.Given("public-ip-ipv6", 0))
	kindForAll(r)
	pathOrService(r, 0)
	ports := map[uint16]bool{}
	for _, p := range r.Service.Spec.Ports {
		ports[uint16(p.Port)] = true
	}
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		pathOrService(r, port)
	}
}

// kindForAll gives every port the kind that probe-kind asks for, so that it wins over appProtocol as well.
func kindForAll(r *dialect.Reading) {
	v := r.Given("probe-kind", 0)
	if v == nil {
		return
	}
	for _, p := range r.Service.Spec.Ports {
		port := uint16(p.Port)
		if p.Protocol == corev1.ProtocolUDP || r.Given("probe-kind.{port}", port) != nil {
			continue
		}
		r.EditPort(port, func(at *dialect.PortIntent) {
			if kind := r.Intent.Probe.Kind; kind == "" {
				at.NoProbe = true
			} else if at.Probe.Kind == "" {
				at.Probe.Kind, at.Probe.From = kind, v.Path()
			}
		})
	}
}

// pathOrService tells apart what an HTTP probe and a gRPC probe have in place of each other.
func pathOrService(r *dialect.Reading, port uint16) {
	suffix := ""
	if port != 0 {
		suffix = ".{port}"
	}
	path, service := r.Given("probe-path"+suffix, port), r.Given("probe-service"+suffix, port)
	kind := r.Intent.Probe.Kind
	if port != 0 {
		kind = r.Intent.Ports[port].Probe.Kind
	}
	switch {
	case path != nil && service != nil:
		service.Refuse(finding.AnnotationConflict, "a probe has either a path or a gRPC service, not both", "Remove one of the two.")
	case path != nil && kind == plan.ProbeGRPC:
		path.Bad("a gRPC probe asks about a service, not a path", "Use "+path.Key[:len(prefix)]+"probe-service"+strings.TrimPrefix(path.Key, prefix+"probe-path"))
	case service != nil && kind != plan.ProbeGRPC:
		service.Refuse(finding.MisplacedAnnotation, "only a gRPC probe asks about a service", `Set naru.dev/probe-kind: "grpc"`)
	case path != nil:
		path.WarnUnusedPath()
	}
}
