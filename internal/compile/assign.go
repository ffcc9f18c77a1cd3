package compile

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/ipam"
	"github.com/naru-lb/naru/internal/plan"
)

// ask gets the addresses that w wants for s. If that is refused, s keeps what it has.
func (p *pass) ask(s *service, w *wish) ipam.Result {
	res := p.c.alloc.Assign(p.c.request(s, w))
	if res.Err == nil {
		s.assigned = res.Assigned
		s.hear(w, res.Warnings)
		p.freed = p.freed || res.Freed
	}
	return res
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
		Pool:          a.Pool.Value,
		Subnet:        a.Subnet.Value,
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
	f.Path = w.addressPath(r.IPv6)
	f.Effect = "The Service gets no address from this; what it had it keeps."
	switch r.Code {
	case finding.NamedIPNotFound:
		f.Fix = "Create this PublicIP: it is used as soon as it exists." + near(" Or use one of: ", r.Near)
	case finding.NoPool:
		f.Fix = "Create an AddressPool that this Service may use." + near(" Or use one of: ", r.Near)
	case finding.AddressUnavailable:
		f.Fix = near("Pools that there are: ", r.Near)
	case finding.AddressInUse:
		f.Fix = "Choose another address, or let both Services share it: metallb.io/allow-shared-ip with one key, and different ports."
	}
	return f
}

// warning does the same for what goes with addresses that were given.
func warning(w *wish, r ipam.Warning) finding.Finding {
	f := finding.New(r.Code, r.Message)
	f.Path = w.addressPath(r.IPv6)
	return f
}

func near(intro string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return intro + strings.Join(names, ", ")
}

// addressPath returns the path of the annotation or field that decides about the address of a family; empty if none does.
func (w *wish) addressPath(v6 bool) string {
	f := family(v6)
	a := w.intent.Address
	return cmp.Or(a.PublicIP[f].Path, w.wanted[f].Path, a.Prefix[f].Path, a.Subnet.Path, a.Pool.Path)
}
