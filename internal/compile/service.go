package compile

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/ipam"
	"github.com/naru-lb/naru/internal/object"
	"github.com/naru-lb/naru/internal/plan"
)

// service is one Service and what became of it.
type service struct {
	name   plan.ServiceName
	object object.Object
	spec   *corev1.Service

	now  *wish // what the newest version asks for; nil until it is read
	good *wish // what the last version that could be served asked for

	assigned []ipam.Assigned
	heard    []finding.Finding // warnings about the addresses
	unit     unit
	onNodes  map[string]bool
}

// compileService works out everything about one Service anew.
//
// A version that has to be refused changes nothing: the last good one is served on, with its addresses, and with the
// endpoints as they are now. A Service that never had a good version stays without an address.
func (p *pass) compileService(s *service) {
	c := p.c
	delete(c.waiting, s.name)
	delete(c.refused, s.name)
	delete(c.additional, s.name)
	if note, ours := c.ours(s.spec); !ours {
		p.withdraw(s)
		p.publish(s, unit{})
		p.report(s, note)
		return
	}
	if s.now == nil {
		s.now = c.read(s)
	}
	found := slices.Clone(s.now.findings)
	served, outcome := p.settle(s, &found)
	shown := s.now
	if served != nil {
		shown = served
	}
	u := unit{service: plan.Service{
		ServiceName: s.name,
		Dialects:    shown.intent.Dialects,
		Policy:      string(policyOf(shown.svc)),
		Pending:     outcome.pending,
		Kept:        served != nil && served != s.now,
		Trace:       outcome.trace,
	}}
	if served != nil {
		found = append(found, s.heard...)
		p.build(s, served, &u, &found)
	}
	p.publish(s, u)
	p.report(s, found)
}

// outcome is what came of asking for addresses.
type outcome struct {
	pending string
	trace   []plan.Verdict
}

// settle decides which version of s is served and gets its addresses: the newest, or else the last good one, or none.
func (p *pass) settle(s *service, found *[]finding.Finding) (*wish, outcome) {
	var out outcome
	if s.now.refused {
		out.pending = firstError(*found)
	} else {
		res := p.ask(s, s.now)
		out.trace = res.Trace
		if res.Waits {
			p.c.waiting[s.name] = true
		}
		if res.Err == nil {
			s.good = s.now
			return s.now, out
		}
		p.c.refused[s.name] = true
		out.pending = res.Err.Message
		*found = append(*found, refusal(s.now, res.Err))
	}
	switch {
	case s.good == nil:
		// What was recorded of it stays its own until it is served again or gone.
		return nil, out
	case s.good != s.now && p.ask(s, s.good).Err == nil:
		return s.good, out
	}
	p.withdraw(s)
	return nil, out
}

// hear notes the warnings about the addresses of s. That one was changed holds until there is a new version of s: when s
// is compiled again for another reason, the change is not undone.
func (s *service) hear(w *wish, warnings []ipam.Warning) {
	s.heard = slices.DeleteFunc(s.heard, func(f finding.Finding) bool { return f.Code != finding.AddressChanged })
	for _, r := range warnings {
		s.heard = append(s.heard, warning(w, r))
	}
}

// withdraw gives back everything that s holds.
func (p *pass) withdraw(s *service) {
	s.assigned, s.heard, s.good = nil, nil, nil
	p.freed = p.c.alloc.Release(s.name) || p.freed
}

func (p *pass) report(s *service, found []finding.Finding) {
	for i := range found {
		found[i].Object = s.object.Finding()
		found[i] = s.object.Locate(found[i])
	}
	finding.Sort(found)
	p.findings[serviceOwner(s.name)] = found
}

func serviceOwner(n plan.ServiceName) string {
	return ownerOf(object.Key{Kind: object.Service, Namespace: n.Namespace, Name: n.Name})
}

// ownerOf names the owner of the findings about an object, for finding.Store.
func ownerOf(k object.Key) string { return k.String() }

// ours tells whether the Service is one that Naru has to serve, and if not, what to say about that.
func (c *Compiler) ours(svc *corev1.Service) ([]finding.Finding, bool) {
	if svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return nil, false
	}
	class := svc.Spec.LoadBalancerClass
	switch {
	case class != nil && slices.Contains(c.classes, *class), class == nil && !c.opts.OnlyClass:
		return nil, true
	case class == nil:
		return []finding.Finding{finding.New(finding.NotOurClass, "a Service without loadBalancerClass is left alone, as configured")}, false
	}
	f := finding.New(finding.NotOurClass, fmt.Sprintf("loadBalancerClass %s is another load balancer's", *class))
	f.Path = "spec.loadBalancerClass"
	return []finding.Finding{f}, false
}

func policyOf(svc *corev1.Service) corev1.ServiceExternalTrafficPolicy {
	if svc.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
		return corev1.ServiceExternalTrafficPolicyLocal
	}
	return corev1.ServiceExternalTrafficPolicyCluster
}

func firstError(found []finding.Finding) string {
	for _, f := range found {
		if f.Severity == finding.Error {
			return f.Message
		}
	}
	return "refused"
}
