package compile

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/ipam"
	"github.com/naru-lb/naru/internal/plan"
)

// ask gets the addresses that w wants for s. If only try is set and it is refused, s keeps what it has.
func (p *pass) ask(s *service, w *wish, try bool) ipam.Result {
	req := p.c.request(s, w)
	if try {
		if res := p.c.alloc.Try(req); res.Err != nil {
			return res
		}
	}
	had := s.assigned
	res := p.c.alloc.Assign(req)
	s.assigned = res.Assigned
	if lost(had, res.Assigned) {
		p.freed = true
	}
	return res
}

func lost(had, has []ipam.Assigned) bool {
	return slices.ContainsFunc(had, func(a ipam.Assigned) bool { return !slices.Contains(has, a) })
}

func (c *Compiler) request(s *service, w *wish) ipam.Request {
	a := w.intent.Address
	r := ipam.Request{
		Owner: s.name,
		Subject: ipam.Subject{
			Namespace:       s.name.Namespace,
			NamespaceLabels: c.namespaces[s.name.Namespace],
			ServiceLabels:   w.svc.Labels,
		},
		Families:      ipam.Families{Order: w.families, Required: w.required},
		Scope:         plan.Public,
		Pool:          a.Pool,
		Subnet:        a.Subnet,
		ResourceGroup: a.ResourceGroup,
		SharingKey:    a.SharingKey,
		ShareWanted:   slices.Contains(w.intent.Dialects, "azure"),
		Ports:         w.ports(),
	}
	if a.Internal {
		r.Scope = plan.Internal
	}
	for i := range 2 {
		r.Prefix[i], r.Named[i] = a.Prefix[i].Value, a.PublicIP[i].Value
		r.Wanted[i] = w.wanted[i].Address
	}
	if policyOf(w.svc) == corev1.ServiceExternalTrafficPolicyLocal {
		r.BackendKey = labels.Set(w.svc.Spec.Selector).String()
	}
	return r
}

func (w *wish) ports() []ipam.Port {
	var ports []ipam.Port
	for _, p := range w.svc.Spec.Ports {
		if !w.intent.Ports[uint16(p.Port)].NotServed {
			ports = append(ports, ipam.Port{Protocol: protocolOf(p), Number: uint16(p.Port)})
		}
	}
	return ports
}

// refusal turns the allocator's answer into a finding at the annotation or field that caused it.
func refusal(w *wish, r *ipam.Refusal) finding.Finding {
	f := finding.New(r.Code, r.Message)
	f.Effect = "The Service gets no address from this; what it had it keeps."
	a := w.intent.Address
	switch r.Code {
	case finding.NamedIPNotFound:
		f.Path = firstPath(a.PublicIP[:])
		f.Fix = near("Use one of: ", r.Near, "Create a PublicIP with this name; it is used as soon as it exists.")
	case finding.NoPool:
		f.Path = firstPath(a.Prefix[:])
		f.Fix = near("Pools that there are: ", r.Near, "Create an AddressPool.")
	default:
		f.Path = wantedPath(w.wanted)
		f.Fix = near("Nearest: ", r.Near, "")
	}
	return f
}

func near(intro string, names []string, otherwise string) string {
	if len(names) == 0 {
		return otherwise
	}
	return intro + strings.Join(names, ", ")
}

func firstPath(names []dialect.Name) string {
	for _, n := range names {
		if n.Value != "" {
			return n.Path
		}
	}
	return ""
}

func wantedPath(wanted [2]dialect.WantedAddress) string {
	for _, w := range wanted {
		if w.Path != "" {
			return w.Path
		}
	}
	return ""
}
