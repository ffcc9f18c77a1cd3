package edge

import (
	"net/netip"
	"slices"
)

// filter says which client addresses a listener lets in. A nil *filter lets everybody in; an empty one nobody.
type filter struct {
	v4, v6 []span
}

// span is the addresses from first to last.
type span struct{ first, last netip.Addr }

// newFilter returns the filter for ranges, as plan.Listener.SourceRanges has them. Overlapping and touching ranges
// are joined, so that a look-up is one binary search.
func newFilter(ranges []netip.Prefix) *filter {
	if ranges == nil {
		return nil
	}
	f := &filter{}
	for _, p := range ranges {
		if !p.IsValid() {
			continue
		}
		p = unmapPrefix(p.Masked())
		s := span{p.Addr(), lastOf(p)}
		if p.Addr().Is4() {
			f.v4 = append(f.v4, s)
		} else {
			f.v6 = append(f.v6, s)
		}
	}
	f.v4, f.v6 = join(f.v4), join(f.v6)
	return f
}

// unmapPrefix turns ::ffff:10.0.0.0/104 into 10.0.0.0/8.
func unmapPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b) // always 4 or 16 bytes
	return last
}

func join(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return a.first.Compare(b.first) })
	joined := spans[:0]
	for _, s := range spans {
		if n := len(joined); n > 0 && s.first.Compare(after(joined[n-1].last)) <= 0 {
			if s.last.Compare(joined[n-1].last) > 0 {
				joined[n-1].last = s.last
			}
			continue
		}
		joined = append(joined, s)
	}
	return slices.Clip(joined)
}

// after returns the address behind a, or a itself if it is the last one.
func after(a netip.Addr) netip.Addr {
	if next := a.Next(); next.IsValid() {
		return next
	}
	return a
}

// admits tells whether the filter lets a in. The address must not be an IPv4 address in an IPv6 one.
func (f *filter) admits(a netip.Addr) bool {
	if f == nil {
		return true
	}
	spans := f.v6
	if a.Is4() {
		spans = f.v4
	} else {
		a = a.WithZone("")
	}
	lo, hi := 0, len(spans)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if spans[mid].last.Less(a) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(spans) && !a.Less(spans[lo].first)
}
