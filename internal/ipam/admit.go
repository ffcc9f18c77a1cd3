package ipam

import (
	"fmt"
	"net/netip"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/plan"
)

// admit tells what an address would be for the request, or why the request may not have it. r is the reserved address
// that is asked for, nil if the address is to come from a pool.
func (s *search) admit(f int, addr netip.Addr, r *Reserved) (Assigned, *Refusal) {
	a, p := Assigned{Address: addr}, s.poolOf(addr)
	if p != nil {
		a.Pool, a.Scope = p.Name, p.Scope
	}
	if r != nil {
		a.PublicIP, a.Scope = r.ResourceGroup+"/"+r.Name, r.Scope
	}
	why, own := s.objection(f, a, p, r)
	if why == "" {
		return a, s.conflict(f, addr)
	}
	refused := &Refusal{Code: finding.AddressUnavailable, Message: why, IPv6: f == 1, own: own}
	if p == nil && r == nil {
		refused.Near = s.nearPools(f)
	}
	return Assigned{}, refused
}

// objection says what speaks against an address, whoever else may have it; own is true if it is the request itself, and
// not the state of pools and reserved addresses.
func (s *search) objection(f int, a Assigned, p *pool, r *Reserved) (why string, own bool) {
	addr, byName := a.Address, s.req.Named[f] != ""
	switch {
	case p == nil && r == nil:
		return fmt.Sprintf("%s is in no pool", addr), false
	case familyOf(addr) != f:
		return fmt.Sprintf("PublicIP %s is %s, which is no %s address", r, addr, familyName(f)), true
	case r != nil && !r.allows(s.req.Subject.Namespace):
		return fmt.Sprintf("PublicIP %s (%s) is for other namespaces", r, addr), false
	case a.Scope != s.req.Scope && a.Scope == plan.Internal:
		return fmt.Sprintf("%s is internal, and this Service does not ask for internal", addr), true
	case a.Scope != s.req.Scope:
		return fmt.Sprintf("%s is public, and this Service asks for internal", addr), true
	case !byName && p != nil && !s.named(p, []int{f}):
		return fmt.Sprintf("%s is in pool %s, which is not the one that is asked for", addr, show(p.Name)), true
	case r == nil && !p.admits(s.req.Subject):
		return fmt.Sprintf("%s is in pool %s, which is only for other namespaces or Services", addr, show(p.Name)), false
	case r == nil && p.leavesOut(addr):
		return fmt.Sprintf("%s ends in .0 or .255, which pool %s leaves out", addr, show(p.Name)), false
	}
	return "", false
}

// nearPools lists the pools that an address could be of.
func (s *search) nearPools(f int) []string {
	const most = 5
	var near []string
	for _, p := range s.pools {
		if p.Scope == s.req.Scope && p.size[f] > 0 && len(near) < most {
			near = append(near, p.String())
		}
	}
	return near
}
