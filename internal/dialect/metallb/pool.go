package metallb

import (
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	metallbv1beta1 "github.com/naru-lb/naru/api/metallb/v1beta1"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/ipam"
	"github.com/naru-lb/naru/internal/plan"
)

// Annotations of an IPAddressPool that say what MetalLB has no field for.
const (
	scopeAnnotation  = "naru.dev/scope"
	subnetAnnotation = "naru.dev/subnet"
)

const noAddress = "No address comes from this pool."

// Pool turns an IPAddressPool into a pool with the same name. Its addresses are public unless the annotation
// naru.dev/scope says internal; naru.dev/subnet names its subnet. If one of the findings is an error, the pool has no
// ranges: no address may come from it.
//
// As in MetalLB a pool that limits who may have its addresses, or has a priority, is asked before all others, and
// Services of different namespaces share an address by key alone. Unlike there, namespaceSelectors that match no
// namespace admit nobody.
func Pool(o *metallbv1beta1.IPAddressPool) (ipam.Pool, []finding.Finding) {
	p := poolReader{pool: ipam.Pool{
		Name:          o.Name,
		Scope:         plan.Public,
		Subnet:        o.Annotations[subnetAnnotation],
		AutoAssign:    o.Spec.AutoAssign == nil || *o.Spec.AutoAssign,
		AvoidBuggyIPs: o.Spec.AvoidBuggyIPs,
		StrictSharing: true,
	}}
	switch scope := o.Annotations[scopeAnnotation]; plan.Scope(scope) {
	case "", plan.Public:
	case plan.Internal:
		p.pool.Scope = plan.Internal
	default:
		p.bad(fmt.Sprintf("metadata.annotations[%q]", scopeAnnotation), fmt.Sprintf("scope %q is neither public nor internal", scope), scopeAnnotation+": internal")
	}
	p.addresses("spec.addresses", o.Spec.Addresses)
	p.allocation(o.Spec.AllocateTo)
	return p.done(finding.Object{Kind: "IPAddressPool", Namespace: o.Namespace, Name: o.Name})
}

// poolReader collects a pool and what is wrong with it.
type poolReader struct {
	pool   ipam.Pool
	found  []finding.Finding
	broken bool
}

func (p *poolReader) bad(path, message, fix string) {
	p.add(finding.New(finding.PoolInvalid, message).With(noAddress, fix), path)
	p.broken = true
}

func (p *poolReader) add(f finding.Finding, path string) {
	f.Path = path
	p.found = append(p.found, f)
}

func (p *poolReader) done(o finding.Object) (ipam.Pool, []finding.Finding) {
	if p.broken {
		p.pool.Ranges = nil
	}
	for i := range p.found {
		p.found[i].Object = o
	}
	return p.pool, p.found
}

// addresses reads the ranges of the pool. MetalLB takes a prefix with bits set behind its length for the whole prefix,
// so that is done here too, with a warning.
func (p *poolReader) addresses(path string, texts []string) {
	if len(texts) == 0 {
		p.bad(path, "the pool has no addresses", "addresses: [192.168.1.240-192.168.1.250]")
	}
	for i, text := range texts {
		at := fmt.Sprintf("%s[%d]", path, i)
		ranges, err := ipam.ParseRanges(text)
		var hostBits *ipam.HostBitsError
		switch {
		case errors.As(err, &hostBits):
			whole := hostBits.Prefix.Masked()
			p.add(finding.New(finding.PoolInvalid, hostBits.Prefix.String()+" is taken for the whole of "+whole.String()).As(finding.Warning).
				With("All its addresses may be given out, as MetalLB does.", "- "+whole.String()), at)
			ranges = []ipam.Range{ipam.RangeOf(whole)}
		case err != nil:
			p.bad(at, err.Error(), "- 192.168.1.240-192.168.1.250   or   - 192.168.1.240/28")
			continue
		}
		p.pool.Ranges = append(p.pool.Ranges, ranges...)
	}
	merged, overlapped := ipam.MergeRanges(p.pool.Ranges)
	p.pool.Ranges = merged
	if overlapped {
		p.add(finding.New(finding.PoolInvalid, "ranges of this pool overlap").As(finding.Warning).
			With("Each address counts once.", "Make the ranges disjoint."), path)
	}
}

// allocation reads whom the pool admits: Services in a listed or selected namespace that a Service selector matches.
func (p *poolReader) allocation(a *metallbv1beta1.ServiceAllocation) {
	if a == nil {
		return
	}
	const path = "spec.serviceAllocation"
	if a.Priority < 0 {
		p.bad(path+".priority", fmt.Sprintf("priority %d is below 0", a.Priority), "priority: 1")
	}
	p.pool.Priority = a.Priority
	spaces := p.selectors(path+".namespaceSelectors", a.NamespaceSelectors)
	services := p.selectors(path+".serviceSelectors", a.ServiceSelectors)
	limited := len(a.Namespaces)+len(a.NamespaceSelectors)+len(a.ServiceSelectors) > 0
	p.pool.Pinned = limited || a.Priority != 0
	if !limited {
		return
	}
	names := slices.Clone(a.Namespaces)
	bySpace := len(names)+len(a.NamespaceSelectors) > 0
	byService := len(a.ServiceSelectors) > 0
	p.pool.Admits = func(s ipam.Subject) bool {
		return (!bySpace || slices.Contains(names, s.Namespace) || anyMatches(spaces, s.NamespaceLabels)) &&
			(!byService || anyMatches(services, s.ServiceLabels))
	}
}

func (p *poolReader) selectors(path string, list []metav1.LabelSelector) []labels.Selector {
	var all []labels.Selector
	for i := range list {
		s, err := metav1.LabelSelectorAsSelector(&list[i])
		if err != nil {
			p.bad(fmt.Sprintf("%s[%d]", path, i), "the selector cannot be used: "+err.Error(), "matchLabels: {team: a}")
			continue
		}
		all = append(all, s)
	}
	return all
}

func anyMatches(selectors []labels.Selector, set map[string]string) bool {
	return slices.ContainsFunc(selectors, func(s labels.Selector) bool { return s.Matches(labels.Set(set)) })
}
