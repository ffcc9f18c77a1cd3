package ring

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/naru-lb/naru/internal/plan"
)

// sizes are the primes that a table may have as its size. The last is the largest that 16 bits can index.
var sizes = [...]int{1021, 2039, 4093, 8191, 16381, 32749, 65521}

// slotsPerTarget is how many slots a target has on average at least: shares are then exact to 1 %, and by the quotas
// of Build much better.
const slotsPerTarget = 100

// Ring says which target of a group a hash belongs to. It is a Maglev table (Eisenbud et al., NSDI 2016) with weights:
// each target has exactly its share of the slots, rounded to whole ones, and a change of one target moves hardly any
// slot of the others. It does not depend on the order of the targets. A Ring is immutable.
type Ring struct {
	slots  []uint16 // indices into targets; nil if there are fewer than two targets
	member []int    // indices into plan.TargetGroup.Targets, in order of their addresses
	quota  []int
}

// Build makes the ring of the targets that s selects from g.
func Build(g *plan.TargetGroup, s Selection) *Ring {
	r := &Ring{}
	shares := slices.Clone(s.Shares)
	slices.SortFunc(shares, func(a, b Share) int {
		return g.Targets[a.Index].Address.Compare(g.Targets[b.Index].Address)
	})
	for _, sh := range shares {
		r.member = append(r.member, sh.Index)
	}
	if len(shares) < 2 {
		for range shares {
			r.quota = append(r.quota, 1)
		}
		return r
	}
	size := sizeFor(len(shares))
	r.quota = quotas(shares, size)
	r.slots = fill(g, r.member, r.quota, size)
	return r
}

func sizeFor(targets int) int {
	for _, n := range sizes {
		if n >= targets*slotsPerTarget {
			return n
		}
	}
	return sizes[len(sizes)-1]
}

// quotas divides the slots by weight. What is left over after rounding down goes to the largest remainders; of equal
// ones to the first.
func quotas(shares []Share, size int) []int {
	var total uint64
	for _, s := range shares {
		total += s.Weight
	}
	out := make([]int, len(shares))
	rest := make([]uint64, len(shares))
	left := size
	for i, s := range shares {
		hi, lo := bits.Mul64(uint64(size), s.Weight)
		q, r := bits.Div64(hi, lo, total)
		out[i], rest[i] = int(q), r
		left -= int(q)
	}
	order := make([]int, len(shares))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	for _, i := range order[:left] {
		out[i]++
	}
	return out
}

// fill gives out the slots. The targets take turns, each as often as its quota demands, and take the first free slot
// of their own permutation, which depends on nothing but their address.
func fill(g *plan.TargetGroup, member, quota []int, size int) []uint16 {
	const free = ^uint16(0)
	slots := make([]uint16, size)
	for i := range slots {
		slots[i] = free
	}
	type walker struct{ at, skip, taken int }
	walkers := make([]walker, len(member))
	for i, m := range member {
		h1, h2 := hashTarget(g.Targets[m].Address)
		walkers[i] = walker{at: int(h1 % uint64(size)), skip: int(h2%uint64(size-1)) + 1}
	}
	largest := slices.Max(quota)
	for round := 1; round <= largest; round++ {
		for i := range walkers {
			w := &walkers[i]
			// After each round every target has its quota's part of what the largest has, so that turns interleave
			// evenly whatever the weights are.
			for due := (round*quota[i] + largest - 1) / largest; w.taken < due; w.taken++ {
				for slots[w.at] != free {
					w.at = (w.at + w.skip) % size
				}
				slots[w.at] = uint16(i)
			}
		}
	}
	return slots
}

// Pick returns the index, in the group's targets, of the one that the hash belongs to, -1 if the ring is empty.
func (r *Ring) Pick(hash uint64) int {
	switch {
	case r == nil || len(r.member) == 0:
		return -1
	case len(r.slots) == 0:
		return r.member[0]
	}
	return r.member[r.slots[r.slot(hash)]]
}

// slot spreads hashes over the slots without a division: the hash is taken as a fraction of 2^64.
func (r *Ring) slot(hash uint64) int {
	hi, _ := bits.Mul64(hash, uint64(len(r.slots)))
	return int(hi)
}

// Next returns a target for another attempt: the first one behind the hash's slot that was not tried, -1 if all were.
func (r *Ring) Next(hash uint64, tried func(int) bool) int {
	if r == nil {
		return -1
	}
	if len(r.slots) == 0 {
		for _, m := range r.member {
			if !tried(m) {
				return m
			}
		}
		return -1
	}
	start := r.slot(hash)
	for i := range r.slots {
		if m := r.member[r.slots[(start+i)%len(r.slots)]]; !tried(m) {
			return m
		}
	}
	return -1
}

// Size returns the number of slots; a ring with one target counts as one slot.
func (r *Ring) Size() int {
	if r == nil {
		return 0
	}
	return max(len(r.slots), len(r.member))
}

// Slots returns how many slots each target has, by its index in the group's targets. Divided by Size that is the share
// of new connections that the target gets.
func (r *Ring) Slots() map[int]int {
	out := map[int]int{}
	if r != nil {
		for i, m := range r.member {
			out[m] = r.quota[i]
		}
	}
	return out
}
