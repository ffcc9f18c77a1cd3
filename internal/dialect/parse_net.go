package dialect

import (
	"fmt"
	"net/netip"
	"strings"
)

// Addresses reads a list of IP addresses, separated by commas. An IPv4 address written in IPv6 counts as IPv4.
func Addresses(set func(*Value, []netip.Addr)) Reader {
	return func(v *Value) {
		var addrs []netip.Addr
		for _, item := range Items(v.Text) {
			a, why := parseAddress(item)
			if why != "" {
				v.Bad(why, v.Line("192.0.2.10"))
				return
			}
			addrs = append(addrs, a)
		}
		if len(addrs) == 0 {
			v.Bad("the list has no address", v.Line("192.0.2.10"))
			return
		}
		set(v, addrs)
	}
}

// Address reads one IP address of a family.
func Address(v6 bool, set func(*Value, netip.Addr)) Reader {
	example, family := "192.0.2.10", "IPv4"
	if v6 {
		example, family = "2001:db8::10", "IPv6"
	}
	return func(v *Value) {
		a, why := parseAddress(v.Text)
		switch {
		case why != "":
			v.Bad(why, v.Line(example))
		case a.Is6() != v6:
			v.Bad(fmt.Sprintf("%s is not an %s address", a, family), v.Line(example))
		default:
			set(v, a)
		}
	}
}

// parseAddress reads an address that a Service can have, or says why it cannot.
func parseAddress(text string) (netip.Addr, string) {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, Quoted(text) + " is not an IP address"
	}
	a = a.Unmap()
	switch {
	case a.Zone() != "":
		return netip.Addr{}, Quoted(text) + " has a zone, which a Service's address cannot have"
	case a.IsUnspecified(), a.IsMulticast():
		return netip.Addr{}, a.String() + " is not an address that a Service can have"
	}
	return a, ""
}

// Prefixes reads a list of address ranges, separated by commas. One that is not understood refuses the whole list: to
// leave it out would shut out somebody without a word.
func Prefixes(set func(*Value, []netip.Prefix)) Reader {
	return func(v *Value) {
		items := Items(v.Text)
		prefixes := make([]netip.Prefix, 0, len(items))
		mended := make([]string, 0, len(items))
		var complaints []string
		for _, item := range items {
			p, mend, why := parsePrefix(item)
			if why != "" {
				complaints = append(complaints, why)
			}
			if mend != "" {
				mended = append(mended, mend)
			}
			prefixes = append(prefixes, p)
		}
		if len(items) == 0 {
			complaints = []string{"the list has no address range"}
		}
		if len(mended) == 0 {
			mended = []string{"203.0.113.0/24"}
		}
		if len(complaints) > 0 {
			fix := v.Line(strings.Join(mended, ","))
			for _, why := range complaints[:min(len(complaints), mostComplaints)] {
				v.Bad(why, fix)
			}
			return
		}
		set(v, prefixes)
	}
}

// mostComplaints limits the findings about one value.
const mostComplaints = 5

// parsePrefix reads an address range. For one that cannot be used it returns how it was probably meant, if that can be
// told, and why it cannot be used.
func parsePrefix(text string) (p netip.Prefix, mend, why string) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
			a = a.Unmap()
			return netip.Prefix{}, netip.PrefixFrom(a, a.BitLen()).String(), Clip(text, 50) + " lacks its prefix length"
		}
		return netip.Prefix{}, "", Quoted(text) + " is not an address range"
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, "", p.String() + " mixes IPv4 and IPv6"
		}
		v4 := netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96).Masked()
		return netip.Prefix{}, v4.String(), p.String() + " is an IPv4 range written as IPv6"
	}
	if p != p.Masked() {
		return netip.Prefix{}, p.Masked().String(), p.String() + " has bits set behind its prefix length"
	}
	return p, p.String(), ""
}
