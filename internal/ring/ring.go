package ring

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/naru-lb/naru/internal/plan"
)

// sizes are the primes that a table may have as its size.
var sizes = [...]int{1021, 2039, 4093, 8191, 16381, 32749, 65537}

// slotsPerTarget is how many slots a target has on average at least: shares are then exact to 1 %, and by the quotas
// of Build much better.
const slotsPerTarget = 100

// maxTargets is how many targets a ring can name: as many as 16 bits can, less the mark of a free slot.
const maxTargets = free

// free marks a slot that nobody has taken yet.
const free = ^uint16(0)

// Ring says which target of a group a hash belongs to. It is a Maglev table (Eisenbud et al., NSDI 2016) with weights:
// each target has exactly its share of the slots, rounded to whole ones, and a change of one target moves hardly any
// slot of the others. It does not depend on the order of the targets. A Ring is immutable; a nil one is empty.
type Ring struct {
	slots   []uint16 // indices into member; nil if there are fewer than two targets
	member  []int    // indices into plan.TargetGroup.Targets, in order of their addresses
	quota   []int    // slots of each member
	targets int      // of the group
}

// Build makes the ring of the targets that s selects from g. Of more than 65,535 targets the ring has those with the
// lowest addresses.
func Build(g *plan.TargetGroup, s Selection) *Ring {
	if len(s.Shares) == 0 {
		return &Ring{}
	}
	r := &Ring{targets: len(g.Targets)}
	shares := inOrder(g, s.Shares)
	r.member = make([]int, len(shares))
	for i, sh := range shares {
		r.member[i] = sh.Index
	}
	if len(shares) < 2 {
		r.quota = slices.Repeat([]int{1}, len(shares))
		return r
	}
	size := sizeFor(len(shares))
	r.quota = quotas(shares, size)
	r.slots = fill(g, r.member, r.quota, size)
	return r
}

// inOrder returns the shares that have a weight in order of their targets' addresses, maxTargets at most.
func inOrder(g *plan.TargetGroup, shares []Share) []Share {
	shares = slices.DeleteFunc(slices.Clone(shares), func(s Share) bool { return s.Weight == 0 })
	slices.SortFunc(shares, func(a, b Share) int {
		return g.Targets[a.Index].Address.Compare(g.Targets[b.Index].Address)
	})
	return shares[:min(len(shares), int(maxTargets))]
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

// walker is a target on its way through the slots, in the order of its own permutation.
type walker struct {
	at, skip      int
	quota, credit int // credit is what it is behind its quota's part, in slots times the largest quota
}

// fill gives out the slots. The targets take turns, each as often as its quota demands, and take the first free slot
// of their own permutation, which depends on nothing but their address.
func fill(g *plan.TargetGroup, member, quota []int, size int) []uint16 {
	slots := make([]uint16, size)
	for i := range slots {
		slots[i] = free
	}
	walkers := make([]walker, len(member))
	for i, m := range member {
		offset, skip := hashTarget(g.Targets[m].Address)
		walkers[i] = walker{at: int(offset % uint64(size)), skip: int(skip%uint64(size-1)) + 1, quota: quota[i]}
	}
	// After round n every target has n/largest of its quota, rounded up, so that turns interleave evenly whatever the
	// weights are.
	largest := slices.Max(quota)
	for range largest {
		for i := range walkers {
			w := &walkers[i]
			if w.credit += w.quota; w.credit <= 0 {
				continue
			}
			w.credit -= largest
			at := w.at
			for slots[at] != free {
				if at += w.skip; at >= size {
					at -= size
				}
			}
			slots[at], w.at = uint16(i), at
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
	for _, part := range [...][]uint16{r.slots[start:], r.slots[:start]} {
		last := free // neighbours in the ring are often the same target
		for _, s := range part {
			if m := r.member[s]; s != last && !tried(m) {
				return m
			}
			last = s
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

// Slots returns how many slots each of the group's targets has, in their order; 0 for those that get no new
// connections. Divided by Size that is the share of new connections that the target gets. It is nil if the ring is empty.
func (r *Ring) Slots() []int {
	if r == nil || len(r.member) == 0 {
		return nil
	}
	out := make([]int, r.targets)
	for i, m := range r.member {
		out[m] = r.quota[i]
	}
	return out
}
