package dialect

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/plan"
)

// otherProtocols are words in the names of ports that say that what listens there is no HTTP server.
var otherProtocols = []string{
	"tcp", "grpc", "mysql", "mariadb", "postgres", "postgresql", "pgsql", "redis", "mongo", "mongodb", "memcached", "cassandra",
	"kafka", "amqp", "mqtt", "nats", "zookeeper", "smtp", "imap", "pop3", "ldap", "ssh", "sftp", "ftp", "dns", "sip", "rtmp",
}

// doubtProbes warns of HTTP probes that were asked for on ports whose names say that they speak something else. Whether
// such a probe fits is known only once a target was probed.
func (r *Reading) doubtProbes() {
	warned := map[string]bool{}
	for _, p := range r.Service.Spec.Ports {
		at := r.Intent.Ports[uint16(p.Port)]
		probe := at.Probe
		if probe.Kind == "" && p.AppProtocol == nil {
			probe.Kind, probe.From = r.Intent.Probe.Kind, r.Intent.Probe.From
		}
		probed, ok := r.probedPort(p, at.Probe)
		if !ok || p.Protocol != corev1.ProtocolTCP || at.NotServed || at.NoProbe || warned[probe.From] ||
			probe.Kind != plan.ProbeHTTP && probe.Kind != plan.ProbeHTTPS {
			continue
		}
		if word := speaksOther(probed); word != "" {
			warned[probe.From] = true
			r.doubtProbe(probe, probed, word)
		}
	}
}

// probedPort returns the port of the Service that a probe is for; false if it is a port of the node.
func (r *Reading) probedPort(own corev1.ServicePort, probe ProbeIntent) (corev1.ServicePort, bool) {
	if probe.PortName == "" && probe.PortNumber == 0 {
		return own, true
	}
	i := slices.IndexFunc(r.Service.Spec.Ports, func(p corev1.ServicePort) bool {
		return p.Protocol == corev1.ProtocolTCP && (p.Port == int32(probe.PortNumber) || probe.PortName != "" && p.Name == probe.PortName)
	})
	if i < 0 {
		return own, false
	}
	return r.Service.Spec.Ports[i], true
}

// speaksOther returns the word of a port's name that says that it does not speak HTTP; "" if anything says that it does,
// or nothing that it does not.
func speaksOther(p corev1.ServicePort) string {
	if p.AppProtocol != nil && strings.HasPrefix(strings.ToLower(*p.AppProtocol), "http") {
		return ""
	}
	words := strings.Split(p.Name, "-")
	if slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "http") || w == "web" }) {
		return ""
	}
	for _, w := range words {
		if slices.Contains(otherProtocols, w) {
			return w
		}
	}
	return ""
}

func (r *Reading) doubtProbe(probe ProbeIntent, port corev1.ServicePort, word string) {
	fix := "Probe with the protocol that the server speaks."
	for key := range r.Service.Annotations {
		if PathOf(key) == probe.From {
			fix = line(key, "tcp")
		}
	}
	f := finding.New(finding.ProbeDoubtful, fmt.Sprintf("an %s probe on port %d, whose name %q says %s", probe.Kind, port.Port, Clip(port.Name, 20), word)).
		With("If the server does not answer HTTP, no target becomes healthy, and the Service gets no traffic.", fix)
	r.Add(f, probe.From)
}
