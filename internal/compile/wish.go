package compile

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/dialect/azure"
	"github.com/naru-lb/naru/internal/dialect/metallb"
	"github.com/naru-lb/naru/internal/dialect/naru"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/plan"
)

// wish is what one version of a Service asks for, by its fields and its annotations.
type wish struct {
	svc      *corev1.Service
	intent   dialect.Intent
	families []bool // true is IPv6; one or two, in order
	required bool   // all families or none
	wanted   [2]dialect.WantedAddress
	ranges   []netip.Prefix // as in plan.Listener.SourceRanges
	findings []finding.Finding
	refused  bool
}

// read works out what the newest version of s asks for.
func (c *Compiler) read(s *service) *wish {
	w := &wish{svc: s.spec}
	w.intent, w.findings = dialect.Read(s.spec, []*dialect.Table{naru.Table(), metallb.Table(), azure.Table()}, c.opts.Env)
	w.refused = w.intent.Refused
	w.checkPorts()
	w.checkHeadless()
	w.readWanted()
	w.readFamilies()
	w.readRanges()
	return w
}

func (w *wish) refuse(f finding.Finding) {
	w.findings = append(w.findings, f)
	w.refused = true
}

// invalid refuses the Service for the value of a field.
func (w *wish) invalid(path, message, fix string) {
	f := finding.New(finding.FieldInvalid, message).With("The Service keeps what it had; a new one gets no address.", fix)
	f.Path = path
	w.refuse(f)
}

func (w *wish) checkPorts() {
	if len(w.svc.Spec.Ports) == 0 {
		w.invalid("spec.ports", "a Service of type LoadBalancer needs at least one port", "")
	}
	seen := map[plan.ListenerKey]bool{}
	for i, port := range w.svc.Spec.Ports {
		path := fmt.Sprintf("spec.ports[%d]", i)
		proto := protocolOf(port)
		key := plan.ListenerKey{Port: uint16(port.Port), Protocol: proto}
		switch {
		case port.Port < 1 || port.Port > 65535:
			w.invalid(path+".port", fmt.Sprintf("port %d is not between 1 and 65535", port.Port), "")
		case proto != plan.TCP && proto != plan.UDP:
			f := finding.New(finding.FieldUnsupported, fmt.Sprintf("protocol %s of port %d is not carried by this data plane", proto, port.Port)).
				With("The Service keeps what it had; a new one gets no address.", "protocol: TCP   or   protocol: UDP")
			f.Path = path + ".protocol"
			w.refuse(f)
		case seen[key]:
			w.invalid(path+".port", fmt.Sprintf("port %d/%s is listed twice", port.Port, proto), "")
		}
		seen[key] = true
	}
}

func (w *wish) checkHeadless() {
	if w.svc.Spec.ClusterIP == corev1.ClusterIPNone {
		w.invalid("spec.clusterIP", "a headless Service cannot be of type LoadBalancer", "Remove clusterIP: None, or use type: ClusterIP")
	}
}

// readWanted adds spec.loadBalancerIP to the addresses that the annotations want. Annotations win.
func (w *wish) readWanted() {
	w.wanted = w.intent.Address.Wanted
	text := strings.TrimSpace(w.svc.Spec.LoadBalancerIP)
	if text == "" {
		return
	}
	const path = "spec.loadBalancerIP"
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		w.invalid(path, fmt.Sprintf("%q is not an IP address", text), "loadBalancerIP: 192.0.2.10")
		return
	}
	addr = addr.Unmap()
	at := &w.wanted[family(addr.Is6())]
	if at.Address.IsValid() && at.Address != addr && !w.refused {
		f := finding.New(finding.AnnotationConflict, fmt.Sprintf("loadBalancerIP %s is overruled by %s from an annotation", addr, at.Address))
		f.Path = path
		w.findings = append(w.findings, f)
		return
	}
	if !at.Address.IsValid() {
		*at = dialect.WantedAddress{Address: addr, Path: path}
	}
}

// readFamilies applies ipFamilies and ipFamilyPolicy. Without them a Service is IPv4, unless what it has or wants is
// IPv6 only.
func (w *wish) readFamilies() {
	spec := w.svc.Spec
	for _, f := range spec.IPFamilies {
		w.families = append(w.families, f == corev1.IPv6Protocol)
	}
	w.families = slices.Compact(w.families)
	policy := corev1.IPFamilyPolicySingleStack
	if spec.IPFamilyPolicy != nil {
		policy = *spec.IPFamilyPolicy
	}
	if len(w.families) == 0 {
		cluster, err := netip.ParseAddr(spec.ClusterIP)
		v6 := err == nil && cluster.Is6() ||
			err != nil && w.wanted[1].Address.IsValid() && !w.wanted[0].Address.IsValid()
		w.families = []bool{v6}
	}
	switch {
	case policy == corev1.IPFamilyPolicySingleStack:
		w.families = w.families[:1]
	case len(w.families) == 1:
		w.families = append(w.families, !w.families[0])
	}
	w.required = policy == corev1.IPFamilyPolicyRequireDualStack
	for i, at := range w.wanted {
		if at.Address.IsValid() && !slices.Contains(w.families, i == 1) {
			w.outOfFamily(at)
		}
	}
}

func (w *wish) outOfFamily(at dialect.WantedAddress) {
	f := finding.New(finding.MisplacedAnnotation, fmt.Sprintf("%s is wanted, but the Service has no address of that family", at.Address)).
		With("The address is not used.", "ipFamilyPolicy: PreferDualStack")
	f.Path = at.Path
	w.findings = append(w.findings, f)
}

// readRanges joins loadBalancerSourceRanges and what annotations allow. One entry that is not understood refuses the
// whole: to leave it out would shut out or let in people without a word.
func (w *wish) readRanges() {
	t := w.intent.Traffic
	if t.RangesSet {
		w.ranges = append(make([]netip.Prefix, 0, len(t.SourceRanges)), t.SourceRanges...)
	}
	for i, text := range w.svc.Spec.LoadBalancerSourceRanges {
		text = strings.TrimSpace(text)
		prefix, err := netip.ParsePrefix(text)
		path := fmt.Sprintf("spec.loadBalancerSourceRanges[%d]", i)
		switch {
		case err != nil:
			w.invalid(path, fmt.Sprintf("%q is not an address range", text), rangeHint(text))
		case prefix != prefix.Masked():
			w.invalid(path, fmt.Sprintf("%s has bits set behind its prefix length", text), "- "+prefix.Masked().String())
		default:
			w.ranges = append(w.ranges, prefix)
		}
	}
	if t.NoFilter {
		w.ranges = nil
	}
}

func rangeHint(text string) string {
	if a, err := netip.ParseAddr(text); err == nil {
		return "- " + netip.PrefixFrom(a, a.BitLen()).String()
	}
	return "- 203.0.113.0/24"
}

func protocolOf(p corev1.ServicePort) plan.Protocol {
	if p.Protocol == "" {
		return plan.TCP
	}
	return plan.Protocol(p.Protocol)
}

// family is the index of an address family in the pairs of dialect.Intent and ipam.Request.
func family(v6 bool) int {
	if v6 {
		return 1
	}
	return 0
}
