package ipam

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/naru-lb/naru/internal/finding"
)

// Problem is a pool or a reserved address that is not used, and why.
type Problem struct {
	// Pool and Reserved are the index in the list that was given; the other one is -1.
	Pool, Reserved int
	Code           finding.Code
	Message        string
	// Kept is true if the pool is used as it was before.
	Kept bool
}

// poolRange is a range and the pool that it belongs to.
type poolRange struct {
	Range
	pool *pool
}

// SetPools replaces all pools and reserved addresses. It takes away nothing: displaced are the owners that would now get
// something else than they have, and have to ask again, in order.
//
// Of pools that overlap the one stays that was there before, then the one with more addresses in use, then the first by
// name, so that a pool that is added or changed by mistake does not take the addresses of those that are served. The
// others are used as they were before, if that is possible, or not at all.
func (a *Allocator) SetPools(pools []Pool, reserved []Reserved) (problems []Problem, displaced []Owner) {
	old := a.pools
	problems = a.setRanges(pools)
	problems = append(problems, a.setReserved(reserved)...)
	a.rehome(old)
	for addr := range a.users {
		a.count(addr, +1)
	}
	for _, o := range slices.SortedFunc(maps.Keys(a.holders), Owner.Compare) {
		h := a.holders[o]
		if !h.known {
			continue
		}
		s := a.search(&h.request)
		if s.run(); s.err != nil || s.got != h.has {
			displaced = append(displaced, o)
		}
	}
	return problems, displaced
}

// setRanges takes the pools one after the other. One that overlaps with those taken before stays as it was, or gets no
// ranges.
func (a *Allocator) setRanges(pools []Pool) []Problem {
	var problems []Problem
	before := map[string]*pool{}
	for _, p := range a.pools {
		before[p.Name] = p
	}
	a.pools, a.ranges = make([]*pool, 0, len(pools)), nil
	for _, i := range a.precedence(pools, before) {
		if problem := a.insert(newPool(pools[i])); problem != "" {
			problems = append(problems, Problem{Pool: i, Reserved: -1, Code: finding.PoolOverlap, Message: problem})
		}
	}
	for i := range problems {
		bad := pools[problems[i].Pool]
		was := before[bad.Name]
		problems[i].Kept = was != nil && len(was.Ranges) > 0 && a.insert(newPool(was.Pool)) == ""
		if !problems[i].Kept {
			bad.Ranges = nil
			a.insert(newPool(bad))
		}
	}
	slices.SortFunc(a.pools, comparePools)
	return problems
}

// comparePools orders pools as they are asked.
func comparePools(a, b *pool) int {
	return cmp.Or(-compareBool(a.Pinned, b.Pinned), cmp.Compare(a.rank(), b.rank()), strings.Compare(a.Name, b.Name))
}

func (p *pool) rank() int {
	if p.Priority == 0 {
		return math.MaxInt
	}
	return p.Priority
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// precedence returns the order in which pools are taken.
func (a *Allocator) precedence(pools []Pool, before map[string]*pool) []int {
	inUse := slices.SortedFunc(maps.Keys(a.users), netip.Addr.Compare)
	below := func(addr netip.Addr) int {
		i, _ := slices.BinarySearchFunc(inUse, addr, netip.Addr.Compare)
		return i
	}
	order, weight, changed := make([]int, len(pools)), make([]int, len(pools)), make([]bool, len(pools))
	for i, p := range pools {
		order[i] = i
		changed[i] = before[p.Name] == nil || !slices.Equal(before[p.Name].Ranges, p.Ranges)
		for _, r := range p.Ranges {
			weight[i] += below(r.Last) - below(r.First)
			if len(a.users[r.Last]) > 0 {
				weight[i]++
			}
		}
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return cmp.Or(compareBool(changed[i], changed[j]), cmp.Compare(weight[j], weight[i]), strings.Compare(pools[i].Name, pools[j].Name))
	})
	return order
}

// insert adds a pool and its ranges, unless they overlap with others; then it says with which.
func (a *Allocator) insert(p *pool) (problem string) {
	all := slices.Clone(a.ranges)
	for _, r := range p.Ranges {
		all = append(all, poolRange{r, p})
	}
	slices.SortFunc(all, func(x, y poolRange) int { return x.First.Compare(y.First) })
	for i := 1; i < len(all); i++ {
		x, y := all[i-1], all[i]
		if !x.overlaps(y.Range) {
			continue
		}
		other := x
		if x.pool == p {
			other = y
		}
		if other.pool == p {
			return fmt.Sprintf("%s and %s overlap", x.Range, y.Range)
		}
		return fmt.Sprintf("%s of this pool overlaps with pool %s", x.common(y.Range), show(other.pool.Name))
	}
	a.pools, a.ranges = append(a.pools, p), all
	return ""
}

// common returns what two overlapping ranges have in common.
func (r Range) common(o Range) Range {
	if r.First.Less(o.First) {
		r.First = o.First
	}
	if o.Last.Less(r.Last) {
		r.Last = o.Last
	}
	return r
}

// Source names the pool or the PublicIP that gives out an address; empty if nobody does.
func (a *Allocator) Source(addr netip.Addr) string {
	if r := a.reserved[addr]; r != nil {
		return "PublicIP " + r.String()
	}
	if p := a.poolOf(addr); p != nil {
		return "pool " + show(p.Name)
	}
	return ""
}

// poolOf returns the pool that has an address, nil if none has.
func (a *Allocator) poolOf(addr netip.Addr) *pool {
	i, exact := slices.BinarySearchFunc(a.ranges, addr, func(r poolRange, addr netip.Addr) int { return r.First.Compare(addr) })
	if !exact {
		i--
	}
	if i < 0 || a.ranges[i].Last.Less(addr) || !addr.IsValid() {
		return nil
	}
	return a.ranges[i].pool
}

// setReserved takes the reserved addresses, those in use first, then in order of group, name and address, and leaves out
// those that contradict one taken before, or the scope of the pool that they are in.
func (a *Allocator) setReserved(list []Reserved) []Problem {
	var problems []Problem
	clear(a.reserved)
	clear(a.named)
	order := make([]int, len(list))
	for i := range list {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		x, y := list[i], list[j]
		return cmp.Or(-compareBool(len(a.users[x.Address]) > 0, len(a.users[y.Address]) > 0),
			strings.Compare(x.ResourceGroup, y.ResourceGroup), strings.Compare(x.Name, y.Name), x.Address.Compare(y.Address))
	})
	for _, i := range order {
		if problem := a.reserve(list[i]); problem != "" {
			problems = append(problems, Problem{Pool: -1, Reserved: i, Code: finding.PoolInvalid, Message: problem})
		}
	}
	return problems
}

func (a *Allocator) reserve(r Reserved) (problem string) {
	name := strings.ToLower(r.Name)
	for _, other := range a.named[name] {
		if strings.EqualFold(other.ResourceGroup, r.ResourceGroup) {
			return fmt.Sprintf("there is another PublicIP %s, which is %s", other, other.Address)
		}
	}
	if other := a.reserved[r.Address]; other != nil {
		return fmt.Sprintf("%s is PublicIP %s already", r.Address, other)
	}
	if p := a.poolOf(r.Address); p != nil && p.Scope != r.Scope {
		return fmt.Sprintf("%s is in the %s pool %s, and this PublicIP is %s", r.Address, p.Scope, show(p.Name), r.Scope)
	}
	a.reserved[r.Address] = &r
	a.named[name] = append(a.named[name], &r)
	return ""
}

// Sizes returns how many addresses each pool may give out, of both families together, at most MaxUint64.
func (a *Allocator) Sizes() map[string]uint64 {
	sizes := make(map[string]uint64, len(a.pools))
	for _, p := range a.pools {
		sizes[p.Name] = addSaturated(p.size[0], p.size[1])
	}
	return sizes
}
