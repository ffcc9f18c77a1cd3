package ipam

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/plan"
)

// search works out which addresses a request gets. It changes nothing that anybody could see.
//
// What is asked for by name or address comes first, and is had exactly or not at all. Then the owner keeps what it has
// as far as it may, or gets back what it had before. What is missing then comes from the pools.
type search struct {
	*Allocator
	req *Request
	me  *holder // nil if the owner has nothing

	open     []int // families that may have any address
	got      [2]Assigned
	asked    [2]bool // got by name or address
	trace    []plan.Verdict
	warnings []Warning
	err      *Refusal
}

// loss is an address that the owner cannot keep, although it asks for no other one.
type loss struct {
	addr   netip.Addr
	reason string
}

func (a *Allocator) search(r *Request) *search {
	return &search{Allocator: a, req: r, me: a.holders[r.Owner]}
}

func (s *search) run() {
	for _, v6 := range s.req.Families.Order {
		f := family(v6)
		if s.req.Named[f] == "" && !s.req.Wanted[f].IsValid() {
			s.open = append(s.open, f)
		} else if s.err = s.demand(f); s.err != nil {
			return
		}
	}
	lost := s.keep()
	s.recover()
	missing := slices.DeleteFunc(slices.Clone(s.open), s.gotten)
	s.err = s.complete(missing)
	if len(lost) > 0 && len(missing) == 1 && s.err == nil && !s.gotten(missing[0]) {
		lost = append(lost, s.move()...)
	}
	for _, l := range lost {
		if s.err == nil {
			s.warn(familyOf(l.addr), finding.AddressChanged, "the address could not be kept: "+l.reason)
		}
	}
}

func (s *search) gotten(f int) bool { return s.got[f].Address.IsValid() }

func (s *search) warn(f int, code finding.Code, message string) {
	s.warnings = append(s.warnings, Warning{code, message, f == 1})
}

func (s *search) choose(f int, a Assigned, answer string) {
	from := a.PublicIP
	if from == "" {
		from = a.Pool
	}
	s.got[f] = a
	s.trace = append(s.trace, plan.Verdict{Pool: from, Answer: answer, Chosen: true})
}

// demand gets the address that is asked for by name or by itself.
func (s *search) demand(f int) *Refusal {
	addr, r, answer := s.req.Wanted[f], s.reserved[s.req.Wanted[f]], "chosen, asked for by address"
	if s.req.Named[f] != "" {
		var refused *Refusal
		if r, refused = s.byName(f); refused != nil {
			return refused
		}
		if addr.IsValid() && addr != r.Address {
			s.warn(f, finding.AnnotationConflict, fmt.Sprintf("%s is overruled by PublicIP %s, which is %s", addr, r, r.Address))
		}
		addr, answer = r.Address, "chosen, asked for by name"
	}
	s.asked[f] = true
	got, refused := s.admit(f, addr, r)
	if refused == nil {
		s.choose(f, got, answer)
	}
	return refused
}

// keep keeps what the owner has of the open families, and returns what it cannot. A reserved address that the owner asked
// for before, and asks for no more, it gives back; but who had an address before it was reserved keeps it.
func (s *search) keep() []loss {
	var lost []loss
	for _, f := range s.open {
		if s.me == nil || !s.me.has[f].Address.IsValid() {
			continue
		}
		addr := s.me.has[f].Address
		got, refused := s.admit(f, addr, nil)
		switch {
		case refused != nil && !refused.own:
			lost = append(lost, loss{addr, refused.Message})
		case refused == nil && (s.reserved[addr] == nil || !s.me.asked[f]):
			s.choose(f, got, "chosen, as before")
		}
	}
	return lost
}

// recover gets what the owner had before and nobody has had since, if it could get it from a pool now.
func (s *search) recover() {
	for _, f := range s.open {
		addr := s.released.of[s.req.Owner][f]
		if s.gotten(f) {
			continue
		}
		p := s.poolOf(addr)
		if p == nil || !p.AutoAssign && !s.asksForPool(f) {
			return
		}
		if other := s.got[1-f]; len(s.open) == 2 && !s.req.Families.Required && other.Address.IsValid() && other.Pool != p.Name {
			return
		}
		got, refused := s.admit(f, addr, nil)
		if refused != nil {
			return
		}
		s.choose(f, got, "chosen, as before")
	}
}

// move gets both families from another pool, if there is one, and returns what the owner loses by that.
func (s *search) move() []loss {
	was := s.got
	if !s.together(s.open) {
		return nil
	}
	var lost []loss
	for _, f := range s.open {
		if addr := was[f].Address; addr.IsValid() && s.got[f].Address != addr {
			lost = append(lost, loss{addr, fmt.Sprintf("%s is in a pool without %s addresses now", addr, familyName(1-f))})
		}
	}
	return lost
}

// complete gets the missing ones of the open families from the pools: both from one pool if there is such a pool. Where
// not all are required, one is enough, and a second one comes from the first one's pool or not at all, as in MetalLB.
func (s *search) complete(missing []int) *Refusal {
	required := s.req.Families.Required
	switch {
	case len(missing) == 0:
		return nil
	case len(missing) == 2 && s.together(missing):
		return nil
	case len(missing) == 2 && required:
		if err := s.one(missing[0], s.pools); err != nil {
			return err
		}
		return s.one(missing[1], s.pools)
	case len(missing) == 2:
		err := s.one(missing[0], s.pools)
		if err == nil || s.one(missing[1], s.pools) == nil {
			return nil
		}
		return err
	}
	f := missing[0]
	if err := s.one(f, s.poolsFor(f)); err != nil && (required || len(s.req.Families.Order) == 1) {
		return err
	}
	return nil
}

// poolsFor returns the pools that one missing family may come from: that of the other family first, or alone.
func (s *search) poolsFor(f int) []*pool {
	home := s.poolOf(s.got[1-f].Address)
	switch {
	case home == nil:
		return s.pools
	case len(s.open) == 2 && !s.req.Families.Required:
		return []*pool{home}
	}
	return slices.Concat([]*pool{home}, slices.DeleteFunc(slices.Clone(s.pools), func(p *pool) bool { return p == home }))
}

// waits tells whether the answer may be better when others release something.
func (s *search) waits() bool {
	if s.err != nil {
		switch s.err.Code {
		case finding.NoFreeAddress, finding.AddressInUse, finding.PortConflict, finding.SharingRefused:
			return true
		}
		return false
	}
	return slices.ContainsFunc(s.open, func(f int) bool {
		return !s.gotten(f) && slices.ContainsFunc(s.poolsFor(f), func(p *pool) bool { return p.size[f] > 0 })
	})
}

// together gets all families from one pool, false if no pool has them.
func (s *search) together(fs []int) bool {
	if len(fs) < 2 {
		return false
	}
	answers, from := s.ask(fs, s.pools)
	if from == nil {
		return false
	}
	s.trace = append(s.trace, verdicts(answers)...)
	return true
}

// one gets one family from the first of the pools that has it.
func (s *search) one(f int, pools []*pool) *Refusal {
	answers, from := s.ask([]int{f}, pools)
	s.trace = append(s.trace, verdicts(answers)...)
	if from == nil {
		return s.noPool(f, answers)
	}
	return nil
}
