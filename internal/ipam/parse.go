package ipam

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// ParseRanges reads a list of addresses as pools write them, separated by commas: prefixes ("198.51.100.0/28"), ranges
// ("192.0.2.10-192.0.2.20") and single addresses, IPv4 and IPv6. The ranges come in the order they are written in and
// may overlap; see MergeRanges. An IPv4 address written in IPv6 (::ffff:192.0.2.1) counts as IPv4.
//
// A prefix with bits set behind its length gives a *HostBitsError, any other mistake an error that names the entry.
func ParseRanges(s string) ([]Range, error) {
	var ranges []Range
	for entry := range strings.SplitSeq(s, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		r, err := parseRange(entry)
		if err != nil {
			return nil, err
		}
		ranges = append(ranges, r)
	}
	if len(ranges) == 0 {
		return nil, errors.New("the entry is blank, not an address, a prefix or a range")
	}
	return ranges, nil
}

// HostBitsError says that a prefix has bits set behind its length, so that either the address or the length is wrong.
type HostBitsError struct {
	Prefix netip.Prefix
}

func (e *HostBitsError) Error() string {
	return fmt.Sprintf("%s has bits set behind its prefix length; %s would be the whole prefix", e.Prefix, e.Prefix.Masked())
}

func parseRange(entry string) (Range, error) {
	if strings.Contains(entry, "/") {
		return parsePrefix(entry)
	}
	first, last, isRange := strings.Cut(entry, "-")
	if !isRange {
		last = first
	}
	a, err := parseAddr(first)
	if err != nil {
		return Range{}, err
	}
	b, err := parseAddr(last)
	if err != nil {
		return Range{}, err
	}
	switch {
	case a.Is4() != b.Is4():
		return Range{}, fmt.Errorf("%s mixes IPv4 and IPv6 in one range", clip(entry))
	case b.Less(a):
		return Range{}, fmt.Errorf("the range %s ends before it begins; %s-%s would be the right order", clip(entry), b, a)
	}
	return Range{First: a, Last: b}, nil
}

func parsePrefix(entry string) (Range, error) {
	p, err := netip.ParsePrefix(entry)
	if err != nil {
		return Range{}, fmt.Errorf("%q is not a prefix like 192.0.2.0/28", clip(entry))
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return Range{}, fmt.Errorf("%s mixes IPv4 and IPv6 in one prefix", p)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p != p.Masked() {
		return Range{}, &HostBitsError{Prefix: p}
	}
	return RangeOf(p), nil
}

func parseAddr(s string) (netip.Addr, error) {
	s = strings.TrimSpace(s)
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%q is not an IP address", clip(s))
	}
	if a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%s has a zone, which addresses of a pool cannot have", clip(s))
	}
	return a.Unmap(), nil
}

// clip shortens what came from outside so that it fits into a message.
func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}

// RangeOf returns all addresses of p. Bits behind the length of p do not count.
func RangeOf(p netip.Prefix) Range {
	p = p.Masked()
	last := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(last)*8; bit++ {
		last[bit/8] |= 1 << (7 - bit%8)
	}
	end, _ := netip.AddrFromSlice(last) // the length is that of an address
	return Range{First: p.Addr(), Last: end}
}

// MergeRanges joins ranges that overlap into one, which stands where the first of them stood, and tells whether there
// were any. Ranges that only touch stay apart.
func MergeRanges(ranges []Range) (merged []Range, overlapped bool) {
	type group struct {
		Range
		at int // where the first of them stood
	}
	var groups []group
	for i, r := range ranges {
		groups = append(groups, group{r, i})
	}
	slices.SortFunc(groups, func(a, b group) int { return a.First.Compare(b.First) })
	joined := groups[:0]
	for _, g := range groups {
		if n := len(joined); n > 0 && joined[n-1].overlaps(g.Range) {
			overlapped = true
			g = group{g.span(joined[n-1].Range), min(g.at, joined[n-1].at)}
			joined = joined[:n-1]
		}
		joined = append(joined, g)
	}
	slices.SortFunc(joined, func(a, b group) int { return a.at - b.at })
	for _, g := range joined {
		merged = append(merged, g.Range)
	}
	return merged, overlapped
}

func (r Range) overlaps(o Range) bool {
	return r.First.Is4() == o.First.Is4() && !r.Last.Less(o.First) && !o.Last.Less(r.First)
}

func (r Range) span(o Range) Range {
	if o.First.Less(r.First) {
		r.First = o.First
	}
	if r.Last.Less(o.Last) {
		r.Last = o.Last
	}
	return r
}
