package ipam

import (
	"container/list"
	"net/netip"
)

// An address that nobody holds any more is the last one that somebody else gets: first come those that were never in
// use, then the one that was released longest ago. Until then whoever had it gets it again when it asks for an address
// and names none. So a Service that is deleted and created again keeps its address, and clients that still use an old
// address are not soon sent to a stranger. There is no clock in it: the time is up when the address is needed.

// reuse is how many released addresses a pool holds back at most, for each family. It bounds the memory that owners who
// come and go take in pools that are never full.
const reuse = 1024

// released are the addresses that nobody holds any more.
type released struct {
	at map[netip.Addr]*list.Element // of a *release
	of map[Owner][2]netip.Addr      // the last addresses of owners, as far as they are still here
	// elsewhere lists those that are in no pool at the moment.
	elsewhere list.List
}

// release is one address that was released.
type release struct {
	addr  netip.Addr
	owner Owner
	in    *list.List
}

func newReleased() released {
	return released{at: map[netip.Addr]*list.Element{}, of: map[Owner][2]netip.Addr{}}
}

// remember keeps in mind what was h's and is nobody's now, and tells whether there was anything. Reserved addresses have
// a name to be asked for by.
func (a *Allocator) remember(h *holder) bool {
	freed := false
	for _, has := range h.has {
		addr := has.Address
		if !addr.IsValid() || a.uses(h.owner, addr) {
			continue
		}
		freed = true
		if len(a.users[addr]) > 0 || a.reserved[addr] != nil {
			continue
		}
		a.released.add(release{addr: addr, owner: h.owner, in: a.releasedList(addr)})
		if l := &a.released.elsewhere; l.Len() > reuse && a.pools != nil {
			a.released.remove(l.Front().Value.(*release).addr)
		}
	}
	return freed
}

// releasedList returns the list for a released address.
func (a *Allocator) releasedList(addr netip.Addr) *list.List {
	if p := a.poolOf(addr); p != nil {
		return &p.released[familyOf(addr)]
	}
	return &a.released.elsewhere
}

func (r *released) add(e release) {
	r.at[e.addr] = e.in.PushBack(&e)
	last := r.of[e.owner]
	last[familyOf(e.addr)] = e.addr
	r.of[e.owner] = last
}

func (r *released) remove(addr netip.Addr) {
	element := r.at[addr]
	if element == nil {
		return
	}
	e := element.Value.(*release)
	e.in.Remove(element)
	delete(r.at, addr)
	last := r.of[e.owner]
	if last[familyOf(addr)] != addr {
		return
	}
	last[familyOf(addr)] = netip.Addr{}
	if last == ([2]netip.Addr{}) {
		delete(r.of, e.owner)
	} else {
		r.of[e.owner] = last
	}
}

// rehome moves the released addresses to the lists of the pools as they are now.
func (a *Allocator) rehome(old []*pool) {
	var all []*release
	collect := func(l *list.List) {
		for e := l.Front(); e != nil; e = e.Next() {
			all = append(all, e.Value.(*release))
		}
	}
	collect(&a.released.elsewhere)
	for _, p := range old {
		collect(&p.released[0])
		collect(&p.released[1])
	}
	for _, e := range all {
		if a.reserved[e.addr] != nil {
			a.released.remove(e.addr)
			a.edition++
			continue
		}
		e.in.Remove(a.released.at[e.addr])
		e.in = a.releasedList(e.addr)
		a.released.at[e.addr] = e.in.PushBack(e)
	}
}
