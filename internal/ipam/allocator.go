package ipam

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/naru-lb/naru/internal/plan"
)

// Allocator holds the pools and who has which address. It is not for concurrent use.
type Allocator struct {
	pools    []*pool                  // in the order in which they are asked
	ranges   []poolRange              // of all pools, in order
	reserved map[netip.Addr]*Reserved // by address
	named    map[string][]*Reserved   // by name in lower case
	holders  map[Owner]*holder
	users    map[netip.Addr][]*holder
	sharers  map[string]*sharers // by sharing key
	released released
	edition  uint64 // see Edition
}

// holder is an owner that has addresses.
type holder struct {
	owner Owner
	has   [2]Assigned // by family; the zero value if it has none
	// known is false while all that is known of the owner is its record.
	known   bool
	request Request // the last one that was granted
	asked   [2]bool // for this very address, by name or address
	trace   []plan.Verdict
}

// New returns an Allocator without pools.
func New() *Allocator {
	return &Allocator{
		reserved: map[netip.Addr]*Reserved{},
		named:    map[string][]*Reserved{},
		holders:  map[Owner]*holder{},
		users:    map[netip.Addr][]*holder{},
		sharers:  map[string]*sharers{},
		released: newReleased(),
		edition:  1,
	}
}

// Adopt gives an owner the addresses that it had before, whatever pools there are. They stay the owner's until it asks
// for other ones, is refused the ones it was granted, or is released.
func (a *Allocator) Adopt(r Record) {
	a.Release(r.Owner)
	h := &holder{owner: r.Owner}
	for _, addr := range r.Addresses {
		if addr = addr.Unmap(); addr.IsValid() && addr.Zone() == "" && !h.has[familyOf(addr)].Address.IsValid() {
			h.has[familyOf(addr)] = Assigned{Address: addr}
		}
	}
	a.add(h)
	a.edition++
	if r.Released {
		a.Release(r.Owner)
	}
}

// Assign gives an owner the addresses that it asks for, in place of those that it has. What it has it keeps where it
// may. If it is refused, nothing changes.
func (a *Allocator) Assign(req Request) Result {
	s := a.search(&req)
	s.run()
	if s.err != nil {
		return Result{Trace: s.trace, Warnings: s.warnings, Err: s.err, Waits: s.waits()}
	}
	was := a.holders[req.Owner]
	next := &holder{owner: req.Owner, has: s.got, known: true, request: req, asked: s.asked, trace: s.trace}
	if was != nil && was.known && was.has == next.has {
		next.trace = was.trace
	}
	freed := false
	if was != nil {
		a.drop(was)
	}
	a.add(next)
	if was == nil || was.has != next.has {
		a.edition++
	}
	if was != nil {
		freed = a.remember(was) || !was.sharesLike(next)
	}
	return Result{Assigned: next.assigned(), Trace: next.trace, Warnings: s.warnings, Freed: freed, Waits: s.waits()}
}

// assigned lists what h has in the order in which it asked for it.
func (h *holder) assigned() []Assigned {
	var list []Assigned
	for _, v6 := range h.request.Families.Order {
		if has := h.has[family(v6)]; has.Address.IsValid() {
			list = append(list, has)
		}
	}
	return list
}

// Release takes away what an owner has, and tells whether others that wait may have a chance now. The owner gets the same
// addresses again if it comes back before somebody else needs them; see released.go.
func (a *Allocator) Release(o Owner) (freed bool) {
	h := a.holders[o]
	if h == nil {
		return false
	}
	a.drop(h)
	a.edition++
	return a.remember(h)
}

// add makes h the holder of what it has.
func (a *Allocator) add(h *holder) {
	a.holders[h.owner] = h
	for _, has := range h.has {
		if !has.Address.IsValid() {
			continue
		}
		a.released.remove(has.Address)
		if len(a.users[has.Address]) == 0 {
			a.count(has.Address, +1)
		}
		a.users[has.Address] = append(a.users[has.Address], h)
		a.addSharer(h, has.Address)
	}
}

// drop undoes add.
func (a *Allocator) drop(h *holder) {
	delete(a.holders, h.owner)
	for _, has := range h.has {
		if !has.Address.IsValid() {
			continue
		}
		users := slices.DeleteFunc(a.users[has.Address], func(u *holder) bool { return u == h })
		a.users[has.Address] = users
		if len(users) == 0 {
			delete(a.users, has.Address)
			a.count(has.Address, -1)
		}
		a.dropSharer(h, has.Address)
	}
}

// count notes that an address came into use, or is used no more.
func (a *Allocator) count(addr netip.Addr, by int) {
	if p := a.poolOf(addr); p != nil {
		p.used[familyOf(addr)] += by
	}
}

// Edition returns a number, never 0, that is another one whenever Records may say something else.
func (a *Allocator) Edition() uint64 { return a.edition }

// Records returns what every owner has, or had until it was released, in order of the owners.
func (a *Allocator) Records() []Record {
	all := map[Owner]Record{}
	for o, addrs := range a.released.of {
		all[o] = Record{Owner: o, Addresses: valid(addrs[:]), Released: true}
	}
	for o, h := range a.holders {
		all[o] = Record{Owner: o, Addresses: valid([]netip.Addr{h.has[0].Address, h.has[1].Address})}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b Record) int { return a.Owner.Compare(b.Owner) })
}

func valid(addrs []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return !a.IsValid() })
}
