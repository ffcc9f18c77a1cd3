package ipam

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/naru-lb/naru/internal/plan"
)

// world is a plain model of what an allocator is to guarantee: it looks at every address for every question. It knows
// who has what from the answers alone.
type world struct {
	pools    []Pool
	reserved []Reserved
	requests map[Owner]Request // the last granted ones
	has      map[Owner][2]netip.Addr
}

// may tells whether an owner may have an address by what pools and reserved addresses say. asks is true if it is the one
// that the owner asks for.
func (w *world) may(r Request, addr netip.Addr, asks bool) bool {
	p := w.poolOf(addr)
	if p != nil && r.Pool != "" && r.Pool != p.Name {
		return false
	}
	for _, res := range w.reserved {
		if res.Address == addr && asks {
			return res.Scope == r.Scope && res.allows(r.Subject.Namespace)
		}
	}
	return p != nil && p.Scope == r.Scope && p.admitsAll(r.Subject)
}

func (w *world) poolOf(addr netip.Addr) *Pool {
	for i, p := range w.pools {
		for _, rg := range p.Ranges {
			if !addr.Less(rg.First) && !rg.Last.Less(addr) {
				return &w.pools[i]
			}
		}
	}
	return nil
}

func (p *Pool) admitsAll(s Subject) bool { return p.Admits == nil || p.Admits(s) }

func (w *world) isReserved(addr netip.Addr) bool {
	return slices.ContainsFunc(w.reserved, func(r Reserved) bool { return r.Address == addr })
}

// together tells whether two owners may share an address.
func (w *world) together(r, o Request, addr netip.Addr) bool {
	for _, p := range r.Ports {
		if slices.Contains(o.Ports, p) {
			return false
		}
	}
	f := familyOf(addr)
	wish := r.ShareWanted && r.Wanted[f] == addr || o.ShareWanted && o.Wanted[f] == addr
	byKey := r.SharingKey != "" && r.SharingKey == o.SharingKey
	if r.Subject.Namespace == o.Subject.Namespace {
		return wish || byKey
	}
	for _, res := range w.reserved {
		if res.Address == addr && res.allows(r.Subject.Namespace) && res.allows(o.Subject.Namespace) {
			return wish || byKey
		}
	}
	return false
}

// free tells whether an owner gets along with all others who have an address.
func (w *world) free(r Request, addr netip.Addr) bool {
	for o, has := range w.has {
		if o != r.Owner && has[familyOf(addr)] == addr && !w.together(r, w.requests[o], addr) {
			return false
		}
	}
	return true
}

// sharesKey tells whether all others who have an address have the owner's sharing key: nobody is put together with others
// without having asked for it.
func (w *world) sharesKey(r Request, addr netip.Addr) bool {
	for o, has := range w.has {
		if o != r.Owner && has[familyOf(addr)] == addr && (r.SharingKey == "" || w.requests[o].SharingKey != r.SharingKey) {
			return false
		}
	}
	return true
}

// possible tells whether there is any address of a family that the owner could have.
func (w *world) possible(r Request, f int) bool {
	if r.Wanted[f].IsValid() {
		return w.may(r, r.Wanted[f], true) && w.free(r, r.Wanted[f])
	}
	for _, p := range w.pools {
		if !p.AutoAssign && r.Pool == "" {
			continue
		}
		for _, rg := range p.Ranges {
			for addr := rg.First; familyOf(addr) == f; addr = addr.Next() {
				if w.may(r, addr, false) && !w.isReserved(addr) && w.free(r, addr) && w.sharesKey(r, addr) {
					return true
				}
				if addr == rg.Last {
					break
				}
			}
		}
	}
	return false
}

// check compares an answer with what the model says.
func (w *world) check(t *testing.T, r Request, res Result) {
	t.Helper()
	had := w.has[r.Owner]
	gaveBack := func(f int) bool { return w.isReserved(had[f]) && w.requests[r.Owner].Wanted[f] == had[f] }
	keeps := func(f int) bool {
		return had[f].IsValid() && !r.Wanted[f].IsValid() && w.may(r, had[f], false) && w.free(r, had[f]) && !gaveBack(f)
	}
	if res.Err != nil {
		for _, v6 := range r.Families.Order {
			if f := family(v6); !w.possible(r, f) && !keeps(f) {
				return
			}
		}
		t.Fatalf("%v is refused (%s) and could have one: %v\n%+v", r, res.Err.Message, w.has, w.requests)
	}
	var now [2]netip.Addr
	for _, a := range res.Assigned {
		now[familyOf(a.Address)] = a.Address
	}
	for _, v6 := range r.Families.Order {
		f := family(v6)
		addr := now[f]
		switch {
		case !addr.IsValid():
			if r.Families.Required || len(r.Families.Order) == 1 {
				t.Fatalf("%v gets %v", r, res.Assigned)
			}
		case r.Wanted[f].IsValid() && addr != r.Wanted[f]:
			t.Fatalf("%v gets %v", r, addr)
		case !w.may(r, addr, addr == r.Wanted[f]):
			t.Fatalf("%v must not have %v", r, addr)
		case !w.free(r, addr):
			t.Fatalf("%v must not share %v: %v", r, addr, w.has)
		case addr != had[f] && addr != r.Wanted[f] && w.isReserved(addr):
			t.Fatalf("%v does not ask for %v, which is reserved", r, addr)
		}
		if keeps(f) && addr != had[f] && (r.Families.Required || len(r.Families.Order) == 1) {
			t.Fatalf("%v had %v, could keep it, and gets %v", r, had[f], addr)
		}
	}
	w.has[r.Owner], w.requests[r.Owner] = now, r
}

func randomRequest(r *rand.Rand) Request {
	q := ask(fmt.Sprintf("%s/s%d", []string{"default", "default", "team"}[r.IntN(3)], r.IntN(8)), port(uint16(80+r.IntN(3))))
	q.Families = [...]Families{{Order: []bool{false}}, {Order: []bool{false}}, {Order: []bool{true}}, {Order: []bool{false, true}}, {Order: []bool{true, false}},
		{Order: []bool{false, true}, Required: true}}[r.IntN(6)]
	if r.IntN(4) == 0 {
		q.Scope = plan.Internal
	}
	if r.IntN(4) == 0 {
		q.Pool = string(rune('a' + r.IntN(3)))
	}
	if r.IntN(2) == 0 {
		q.SharingKey = string(rune('k' + r.IntN(2)))
	}
	q.ShareWanted = r.IntN(2) == 0
	if r.IntN(3) == 0 {
		q.Wanted[0] = netip.AddrFrom4([4]byte{192, 0, 2, byte(r.IntN(14))})
	}
	return q
}

func randomPools(r *rand.Rand) ([]Pool, []Reserved) {
	var pools []Pool
	for i, name := range []string{"a", "b", "c"} {
		if r.IntN(4) == 0 {
			continue
		}
		first := 4 * i
		p := public(name, fmt.Sprintf("192.0.2.%d-192.0.2.%d", first, first+r.IntN(4)))
		if r.IntN(2) == 0 {
			p.Ranges = append(p.Ranges, span(fmt.Sprintf("2001:db8::%d0", i), fmt.Sprintf("2001:db8::%d%d", i, r.IntN(3))))
		}
		if r.IntN(4) == 0 {
			p.Scope = plan.Internal
		}
		if r.IntN(4) == 0 {
			onlyFor("team")(&p)
		}
		p.AutoAssign, p.Priority = r.IntN(4) > 0, r.IntN(3)
		pools = append(pools, p)
	}
	var reserved []Reserved
	for range r.IntN(3) {
		reserved = append(reserved, pip("g", fmt.Sprint("r", len(reserved)), fmt.Sprintf("192.0.2.%d", r.IntN(14))))
		if r.IntN(2) == 0 {
			reserved[len(reserved)-1].AllowedNamespaces = []string{"team"}
		}
	}
	return pools, reserved
}

// Whatever is asked in whatever order, answers are right, the order of pools does not matter, and an allocator that starts
// from the records gives everybody the same addresses.
func TestAnswersAreRightAfterAnyHistory(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 7))
		one, other := New(), New()
		w := &world{requests: map[Owner]Request{}, has: map[Owner][2]netip.Addr{}}
		for step := range 60 {
			switch r.IntN(12) {
			case 0:
				pools, reserved := randomPools(r)
				_, displaced := one.SetPools(pools, reserved)
				slices.Reverse(pools)
				slices.Reverse(reserved)
				_, otherwise := other.SetPools(pools, reserved)
				if fmt.Sprint(displaced) != fmt.Sprint(otherwise) {
					t.Fatalf("seed %d, step %d: displaced %v and %v", seed, step, displaced, otherwise)
				}
				w.use(one, pools)
				for _, o := range displaced {
					w.again(t, one, other, o)
				}
			case 1, 2:
				o := randomRequest(r).Owner
				one.Release(o)
				other.Release(o)
				delete(w.has, o)
				delete(w.requests, o)
			default:
				q := randomRequest(r)
				res := one.Assign(q)
				if otherwise := other.Assign(q); otherwise.String() != res.String() {
					t.Fatalf("seed %d, step %d: %v and %v", seed, step, res, otherwise)
				}
				w.check(t, q, res)
			}
			for _, o := range w.owners() {
				w.again(t, one, other, o) // somebody may get a second address now
			}
			w.checkRestart(t, one)
		}
	}
}

// use takes over the pools, which do not overlap, and the reserved addresses that do not contradict.
func (w *world) use(a *Allocator, pools []Pool) {
	w.pools, w.reserved = pools, nil
	for _, r := range a.reserved {
		w.reserved = append(w.reserved, *r)
	}
}

func (w *world) owners() []Owner { return slices.SortedFunc(maps.Keys(w.requests), Owner.Compare) }

// again lets an owner ask for what it asked for before; if that is refused, it is released.
func (w *world) again(t *testing.T, one, other *Allocator, o Owner) {
	t.Helper()
	q := w.requests[o]
	res := one.Assign(q)
	if otherwise := other.Assign(q); otherwise.String() != res.String() {
		t.Fatalf("%v gets %v and %v", q, res, otherwise)
	}
	if w.check(t, q, res); res.Err != nil {
		one.Release(o)
		other.Release(o)
		delete(w.has, o)
		delete(w.requests, o)
	}
}

func (w *world) checkRestart(t *testing.T, a *Allocator) {
	t.Helper()
	fresh := New()
	for _, r := range a.Records() {
		fresh.Adopt(r)
	}
	fresh.SetPools(w.pools, w.reserved)
	for _, o := range w.owners() {
		var now [2]netip.Addr
		for _, has := range fresh.Assign(w.requests[o]).Assigned {
			now[familyOf(has.Address)] = has.Address
		}
		if now != w.has[o] {
			t.Fatalf("%s had %v, and has %v after a restart: %+v", o, w.has[o], now, w.requests[o])
		}
	}
}
