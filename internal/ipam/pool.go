package ipam

import (
	"container/list"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
)

// pool is a Pool and what is free in it.
type pool struct {
	Pool
	size [2]uint64 // how many addresses may be given out, at most MaxUint64
	used [2]int    // how many are in use
	next [2]cursor
	// released are those that were in use, the one longest free first.
	released [2]list.List
}

// cursor walks over the addresses of one family. It passes addresses that cannot be given out, and never comes back to
// them: those that are released are found in a list, and whatever else changes makes new pools.
type cursor struct {
	ranges []Range // what is left; the first one begins where the cursor stands
}

func newPool(p Pool) *pool {
	made := &pool{Pool: p}
	for _, r := range p.Ranges {
		f := familyOf(r.First)
		made.next[f].ranges = append(made.next[f].ranges, r)
		made.size[f] = addSaturated(made.size[f], r.size()-made.buggyIn(r))
	}
	return made
}

// free returns an address that nobody has, false if there is none. Never used ones come first, in order of the ranges,
// then the one that was released longest ago.
func (p *pool) free(f int, a *Allocator) (netip.Addr, bool) {
	longest := p.released[f].Front()
	if p.released[f].Len() > reuse {
		return longest.Value.(*release).addr, true
	}
	c := &p.next[f]
	for len(c.ranges) > 0 {
		addr := c.ranges[0].First
		if len(a.users[addr]) == 0 && a.reserved[addr] == nil && a.released.at[addr] == nil && !p.leavesOut(addr) {
			return addr, true
		}
		c.pass()
	}
	if longest != nil {
		return longest.Value.(*release).addr, true
	}
	return netip.Addr{}, false
}

func (c *cursor) pass() {
	r := c.ranges[0]
	if r.First == r.Last {
		c.ranges = c.ranges[1:]
		return
	}
	c.ranges[0].First = r.First.Next()
}

// leavesOut tells whether the pool does not give out an address although it has it.
func (p *pool) leavesOut(addr netip.Addr) bool {
	if !p.AvoidBuggyIPs || !addr.Is4() {
		return false
	}
	last := addr.As4()[3]
	return last == 0 || last == 255
}

// buggyIn counts the addresses of r that the pool leaves out.
func (p *pool) buggyIn(r Range) uint64 {
	if !p.AvoidBuggyIPs || !r.First.Is4() {
		return 0
	}
	below := func(n uint64) uint64 { return (n+255)/256 + n/256 } // how many below n end in .0 or .255
	first, last := number(r.First), number(r.Last)
	return below(last+1) - below(first)
}

// size counts the addresses of r, at most MaxUint64.
func (r Range) size() uint64 {
	if r.First.Is4() {
		return number(r.Last) - number(r.First) + 1
	}
	first, last := r.First.As16(), r.Last.As16()
	if !slices.Equal(first[:8], last[:8]) {
		return math.MaxUint64
	}
	return addSaturated(number(r.Last)-number(r.First), 1)
}

// number returns an IPv4 address, or the lower half of an IPv6 address, as a number.
func number(a netip.Addr) uint64 {
	var n uint64
	b := a.AsSlice()
	for _, octet := range b[max(0, len(b)-8):] {
		n = n<<8 | uint64(octet)
	}
	return n
}

func addSaturated(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}

// has tells whether the pool goes by a name that may be an alias.
func (p *pool) has(name string) bool {
	return strings.EqualFold(p.Name, name) || slices.ContainsFunc(p.Aliases, func(alias string) bool { return strings.EqualFold(alias, name) })
}

func (p *pool) admits(s Subject) bool { return p.Admits == nil || p.Admits(s) }

// fullness says how full the pool is when it has no free address.
func (p *pool) fullness(f int) string {
	text := fmt.Sprintf("matches, but full: %d of %d used", p.used[f], p.size[f])
	if uint64(p.used[f]) < p.size[f] {
		text += ", the rest reserved"
	}
	return text
}

// String describes the pool by its name and ranges: "public (198.51.100.0-198.51.100.15)".
func (p *pool) String() string {
	const most = 3
	var parts []string
	for i, r := range p.Ranges {
		if i == most {
			parts = append(parts, "...")
			break
		}
		parts = append(parts, r.String())
	}
	return show(p.Name) + " (" + strings.Join(parts, ", ") + ")"
}

// String returns "first-last", or the address if there is only one.
func (r Range) String() string {
	if r.First == r.Last {
		return r.First.String()
	}
	return r.First.String() + "-" + r.Last.String()
}
