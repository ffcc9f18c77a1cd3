package ipam

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/plan"
)

// Two owners may share an address in two ways, and never a port of it:
//
// By key, as with MetalLB: both have the same sharing key, and the same backend key. Keys count within a namespace only,
// but for pools with StrictSharing.
//
// By wish, as on Azure: one of them asks for this very address, by name or by itself, and its dialect takes that for
// enough (Request.ShareWanted).
//
// Across namespaces a reserved address that allows both may be shared in either way.

// admit tells what an address would be for the request, or why the request may not have it. r is the reserved address
// that is asked for, nil if the address is to come from a pool.
func (s *search) admit(f int, addr netip.Addr, r *Reserved) (Assigned, *Refusal) {
	p := s.poolOf(addr)
	refuse := func(own bool, code finding.Code, format string, args ...any) (Assigned, *Refusal) {
		return Assigned{}, &Refusal{Code: code, Message: fmt.Sprintf(format, args...), IPv6: f == 1, own: own}
	}
	a := Assigned{Address: addr}
	switch {
	case r != nil:
		a.Scope, a.PublicIP = r.Scope, r.ResourceGroup+"/"+r.Name
	case p != nil:
		a.Scope = p.Scope
	default:
		_, refused := refuse(false, finding.AddressUnavailable, "%s is in no pool", addr)
		refused.Near = s.nearPools(f)
		return Assigned{}, refused
	}
	if p != nil {
		a.Pool = p.Name
	}
	switch byName := s.req.Named[f] != ""; {
	case familyOf(addr) != f:
		return refuse(true, finding.AddressUnavailable, "PublicIP %s is %s, which is no %s address", r, addr, familyName(f))
	case r != nil && !r.allows(s.req.Subject.Namespace):
		return refuse(false, finding.AddressUnavailable, "PublicIP %s (%s) is for other namespaces", r, addr)
	case a.Scope != s.req.Scope && a.Scope == plan.Internal:
		return refuse(true, finding.AddressUnavailable, "%s is internal, and this Service does not ask for internal", addr)
	case a.Scope != s.req.Scope:
		return refuse(true, finding.AddressUnavailable, "%s is public, and this Service asks for internal", addr)
	case !byName && p != nil && !s.named(p, []int{f}):
		return refuse(true, finding.AddressUnavailable, "%s is in pool %s, which is not the one that is asked for", addr, show(p.Name))
	case r == nil && !p.admits(s.req.Subject):
		return refuse(false, finding.AddressUnavailable, "%s is in pool %s, which is only for other namespaces or Services", addr, show(p.Name))
	case r == nil && p.leavesOut(addr):
		return refuse(false, finding.AddressUnavailable, "%s ends in .0 or .255, which pool %s leaves out", addr, show(p.Name))
	}
	if refused := s.conflict(f, addr); refused != nil {
		return Assigned{}, refused
	}
	return a, nil
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

// conflict says why the request may not have an address together with those who use it; nil if it may.
func (s *search) conflict(f int, addr netip.Addr) *Refusal {
	for _, u := range s.users[addr] {
		if u == s.me || !u.known && s.me != nil && s.me.has[f].Address == addr {
			continue // recorded together, so they could share it
		}
		if code, message := s.clash(f, addr, u); code != "" {
			return &Refusal{Code: code, Message: message, IPv6: f == 1}
		}
	}
	return nil
}

// clash says why the request cannot share an address with a user of it; the code is empty if it can.
func (s *search) clash(f int, addr netip.Addr, u *holder) (finding.Code, string) {
	if !u.known {
		return finding.AddressInUse, fmt.Sprintf("%s is kept for %s, which had it before", addr, u.owner)
	}
	r, o := s.req, &u.request
	across := r.Subject.Namespace != o.Subject.Namespace
	if res := s.reserved[addr]; across && res != nil {
		across = !res.allows(r.Subject.Namespace) || !res.allows(o.Subject.Namespace)
	}
	p := s.poolOf(addr)
	byWish := !across && (r.ShareWanted && s.asked[f] || o.ShareWanted && u.asked[f])
	byKey := (!across || p != nil && p.StrictSharing) && r.SharingKey != "" && r.SharingKey == o.SharingKey && r.BackendKey == o.BackendKey
	port, twice := common(r.Ports, o.Ports)
	switch {
	case (byWish || byKey) && !twice:
		return "", ""
	case byWish || byKey:
		key := plan.ListenerKey{Address: addr, Port: port.Number, Protocol: port.Protocol}
		return finding.PortConflict, fmt.Sprintf("%s is served by %s already", key, u.owner)
	case r.SharingKey == "" && !r.ShareWanted:
		return finding.AddressInUse, fmt.Sprintf("%s is in use by %s", addr, u.owner)
	case r.SharingKey != "" && r.SharingKey == o.SharingKey && r.BackendKey != o.BackendKey:
		return finding.SharingRefused, fmt.Sprintf("%s cannot be shared with %s: under Local both need the same selector", addr, u.owner)
	case across:
		return finding.SharingRefused, fmt.Sprintf("%s cannot be shared with %s, which is in another namespace", addr, u.owner)
	case r.SharingKey != "" && o.SharingKey != "":
		return finding.SharingRefused, fmt.Sprintf("%s cannot be shared with %s, which has another sharing key", addr, u.owner)
	case r.SharingKey != "":
		return finding.SharingRefused, fmt.Sprintf("%s cannot be shared with %s, which has no sharing key", addr, u.owner)
	}
	return finding.AddressInUse, fmt.Sprintf("%s is in use by %s", addr, u.owner)
}

// common returns a port that both lists have.
func common(a, b []Port) (Port, bool) {
	for _, p := range a {
		if slices.Contains(b, p) {
			return p, true
		}
	}
	return Port{}, false
}

// shareable returns the first address of a pool that the request may share by its key.
func (s *search) shareable(p *pool, f int) (netip.Addr, bool) {
	if s.req.SharingKey == "" {
		return netip.Addr{}, false
	}
	for _, addr := range s.sharers[s.req.SharingKey] {
		if familyOf(addr) == f && s.poolOf(addr) == p && s.reserved[addr] == nil && s.conflict(f, addr) == nil {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

func (a *Allocator) addSharer(key string, addr netip.Addr) {
	if i, there := slices.BinarySearchFunc(a.sharers[key], addr, netip.Addr.Compare); !there {
		a.sharers[key] = slices.Insert(a.sharers[key], i, addr)
	}
}

// dropSharer takes an address away from a key that none of its users has any more.
func (a *Allocator) dropSharer(key string, addr netip.Addr) {
	if key == "" || slices.ContainsFunc(a.users[addr], func(u *holder) bool { return u.request.SharingKey == key }) {
		return
	}
	if i, there := slices.BinarySearchFunc(a.sharers[key], addr, netip.Addr.Compare); there {
		a.sharers[key] = slices.Delete(a.sharers[key], i, i+1)
	}
	if len(a.sharers[key]) == 0 {
		delete(a.sharers, key)
	}
}

// uses tells whether an owner has an address.
func (a *Allocator) uses(o Owner, addr netip.Addr) bool {
	return slices.ContainsFunc(a.users[addr], func(u *holder) bool { return u.owner == o })
}

// sharesLike tells whether whoever may share an address with one may share it with the other.
func (h *holder) sharesLike(o *holder) bool {
	x, y := &h.request, &o.request
	return h.known == o.known && h.asked == o.asked && x.ShareWanted == y.ShareWanted && x.SharingKey == y.SharingKey &&
		x.BackendKey == y.BackendKey && slices.Equal(x.Ports, y.Ports)
}
