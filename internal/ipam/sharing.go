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

// conflict says why the request may not have an address together with those who use it; nil if it may.
func (s *search) conflict(f int, addr netip.Addr) *Refusal {
	for _, u := range s.users[addr] {
		if !s.agrees(f, addr, u) {
			code, message := s.clash(f, addr, u)
			return &Refusal{Code: code, Message: message, IPv6: f == 1}
		}
	}
	return nil
}

// agrees tells whether the request can share an address with a user of it.
func (s *search) agrees(f int, addr netip.Addr, u *holder) bool {
	switch {
	case u == s.me:
		return true
	case !u.known:
		return s.me != nil && s.me.has[f].Address == addr // recorded together, so they could share it
	}
	_, twice := common(s.req.Ports, u.request.Ports)
	return !twice && s.mayShare(f, addr, u)
}

// mayShare tells whether the request and a user of an address may share it, but for their ports.
func (s *search) mayShare(f int, addr netip.Addr, u *holder) bool {
	r, o, across := s.req, &u.request, s.across(addr, u)
	if !across && (r.ShareWanted && s.asked[f] || o.ShareWanted && u.asked[f]) {
		return true
	}
	if r.SharingKey == "" || r.SharingKey != o.SharingKey || r.BackendKey != o.BackendKey {
		return false
	}
	if !across {
		return true
	}
	p := s.poolOf(addr)
	return p != nil && p.StrictSharing
}

// across tells whether a user of an address is in another namespace, and the address is not reserved for both.
func (s *search) across(addr netip.Addr, u *holder) bool {
	mine, theirs := s.req.Subject.Namespace, u.request.Subject.Namespace
	if mine == theirs {
		return false
	}
	r := s.reserved[addr]
	return r == nil || !r.allows(mine) || !r.allows(theirs)
}

// clash says why the request cannot share an address with a user of it.
func (s *search) clash(f int, addr netip.Addr, u *holder) (finding.Code, string) {
	r, o := s.req, &u.request
	refuse := func(why string) (finding.Code, string) {
		return finding.SharingRefused, fmt.Sprintf("%s cannot be shared with %s%s", addr, u.owner, why)
	}
	switch {
	case !u.known:
		return finding.AddressInUse, fmt.Sprintf("%s is kept for %s, which had it before", addr, u.owner)
	case s.mayShare(f, addr, u):
		port, _ := common(r.Ports, o.Ports)
		key := plan.ListenerKey{Address: addr, Port: port.Number, Protocol: port.Protocol}
		return finding.PortConflict, fmt.Sprintf("%s is served by %s already", key, u.owner)
	case r.SharingKey == "" && !r.ShareWanted:
		return finding.AddressInUse, fmt.Sprintf("%s is in use by %s", addr, u.owner)
	case r.SharingKey != "" && r.SharingKey == o.SharingKey && r.BackendKey != o.BackendKey:
		return refuse(": under Local both need the same selector")
	case s.across(addr, u):
		return refuse(", which is in another namespace")
	case r.SharingKey != "" && o.SharingKey != "":
		return refuse(", which has another sharing key")
	case r.SharingKey != "":
		return refuse(", which has no sharing key")
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

// sharers are the addresses of those who have one sharing key, and which ports they serve on them.
type sharers struct {
	addrs []netip.Addr // in order
	ports map[plan.ListenerKey]bool
	taken map[Port]int // on how many addresses a port is served
}

// shareable returns the first address of a pool that the request may share by its key.
func (s *search) shareable(p *pool, f int) (netip.Addr, bool) {
	k := s.sharers[s.req.SharingKey]
	if k == nil || slices.ContainsFunc(s.req.Ports, func(p Port) bool { return k.taken[p] == len(k.addrs) }) {
		return netip.Addr{}, false
	}
	for _, addr := range k.addrs {
		if familyOf(addr) == f && s.poolOf(addr) == p && s.reserved[addr] == nil && !k.serves(addr, s.req.Ports) &&
			!slices.ContainsFunc(s.users[addr], func(u *holder) bool { return !s.agrees(f, addr, u) }) {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

func (k *sharers) serves(addr netip.Addr, ports []Port) bool {
	return slices.ContainsFunc(ports, func(p Port) bool {
		return k.ports[plan.ListenerKey{Address: addr, Port: p.Number, Protocol: p.Protocol}]
	})
}

// addSharer notes that h has an address, if it has a sharing key.
func (a *Allocator) addSharer(h *holder, addr netip.Addr) {
	key := h.request.SharingKey
	if key == "" {
		return
	}
	k := a.sharers[key]
	if k == nil {
		k = &sharers{ports: map[plan.ListenerKey]bool{}, taken: map[Port]int{}}
		a.sharers[key] = k
	}
	if i, there := slices.BinarySearchFunc(k.addrs, addr, netip.Addr.Compare); !there {
		k.addrs = slices.Insert(k.addrs, i, addr)
	}
	for _, p := range h.request.Ports {
		if at := (plan.ListenerKey{Address: addr, Port: p.Number, Protocol: p.Protocol}); !k.ports[at] {
			k.ports[at] = true
			k.taken[p]++
		}
	}
}

// dropSharer undoes addSharer.
func (a *Allocator) dropSharer(h *holder, addr netip.Addr) {
	key := h.request.SharingKey
	if key == "" {
		return
	}
	k := a.sharers[key]
	for _, p := range h.request.Ports {
		if at := (plan.ListenerKey{Address: addr, Port: p.Number, Protocol: p.Protocol}); k.ports[at] {
			delete(k.ports, at)
			k.taken[p]--
		}
	}
	if slices.ContainsFunc(a.users[addr], func(u *holder) bool { return u.request.SharingKey == key }) {
		return
	}
	if i, there := slices.BinarySearchFunc(k.addrs, addr, netip.Addr.Compare); there {
		k.addrs = slices.Delete(k.addrs, i, i+1)
	}
	if len(k.addrs) == 0 {
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
