package dialect

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/plan"
)

// ReadProbePort reads the port that is probed: the name (in any case) or number of a port of the Service, or the number
// of a port of the node.
func ReadProbePort(v *Value) {
	ports := v.Service.Spec.Ports
	fix := ""
	if len(ports) > 0 {
		fix = v.Line(strconv.Itoa(int(ports[0].Port)))
	}
	if isNumeric(v.Text) {
		n, err := strconv.ParseUint(strings.TrimLeft(v.Text, "+"), 10, 16)
		if err != nil || n == 0 {
			v.Bad(Clip(v.Text, 30)+" is not a port: ports are 1 to 65535", fix)
			return
		}
		if v.Claim(ProbePort, strconv.FormatUint(n, 10)) {
			v.EditProbe(func(p *ProbeIntent) { p.PortNumber = uint16(n) })
		}
		return
	}
	for _, p := range ports {
		if p.Name != "" && strings.EqualFold(p.Name, v.Text) {
			if v.Claim(ProbePort, p.Name) {
				v.EditProbe(func(at *ProbeIntent) { at.PortName = p.Name })
			}
			return
		}
	}
	v.Bad("the Service has no port "+Quoted(v.Text)+"; it has "+v.portList(), fix)
}

// ReadProbePath reads the path of an HTTP probe. One without its first slash gets it, with a warning.
func ReadProbePath(v *Value) {
	path := v.Text
	if i := strings.IndexFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7F }); i >= 0 {
		r, _ := firstRune(path[i:])
		v.Bad(fmt.Sprintf("the path has a character that a request cannot have: %q", r), v.Line((&url.URL{Path: path}).EscapedPath()))
		return
	}
	if u, err := url.Parse(path); err == nil && u.Host != "" {
		v.Bad(Quoted(path)+" is an address, not a path", v.Line("/"+strings.TrimLeft(u.RequestURI(), "/")))
		return
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
		v.Coerced(path)
	}
	if v.Claim(ProbePath, path) {
		v.EditProbe(func(p *ProbeIntent) { p.Path = path })
	}
}

// SetProbeKind sets what a probe speaks.
func SetProbeKind(v *Value, kind plan.ProbeKind) {
	if v.Claim(ProbeKind, string(kind)) {
		v.EditProbe(func(p *ProbeIntent) { p.Kind, p.From = kind, v.Path() })
	}
}

// SpeaksTCPOnly tells whether the probe of a port has neither path nor host, as far as annotations and appProtocol say.
func (r *Reading) SpeaksTCPOnly(port corev1.ServicePort) bool {
	kind := r.Intent.Ports[uint16(port.Port)].Probe.Kind
	if kind == "" && port.AppProtocol != nil {
		switch strings.ToLower(*port.AppProtocol) {
		case "http", "https":
			return false
		}
	}
	if kind == "" {
		kind = r.Intent.Probe.Kind
	}
	return kind == "" || kind == plan.ProbeTCP
}

// WarnUnusedPath warns of a path that no probe uses, because those that it is for only connect.
func (v *Value) WarnUnusedPath() {
	var found bool
	for _, p := range v.Service.Spec.Ports {
		if v.Port != 0 && p.Port != int32(v.Port) || p.Protocol == corev1.ProtocolUDP {
			continue
		}
		if !v.SpeaksTCPOnly(p) {
			return
		}
		found = true
	}
	if found {
		v.Report(finding.MisplacedAnnotation, "a path means nothing to a TCP probe", "The probe only connects.",
			"Set the probe's protocol to http, or remove the path.")
	}
}

// Families tells which address families a Service has, as far as its fields say: IPv4 if they say nothing.
func Families(svc *corev1.Service) (v4, v6 bool) {
	for _, f := range svc.Spec.IPFamilies {
		v4 = v4 || f == corev1.IPv4Protocol
		v6 = v6 || f == corev1.IPv6Protocol
	}
	if !v4 && !v6 {
		v6 = strings.Contains(svc.Spec.ClusterIP, ":")
		v4 = !v6
	}
	if p := svc.Spec.IPFamilyPolicy; p != nil && *p != corev1.IPFamilyPolicySingleStack {
		return true, true
	}
	return v4, v6
}
