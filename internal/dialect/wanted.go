package dialect

import (
	"fmt"
	"net/netip"
)

// SetWanted asks for the very addresses of a list, at most one of each family.
func SetWanted(v *Value, addrs []netip.Addr) {
	var wanted [2]netip.Addr
	for _, a := range addrs {
		i := familyOf(a)
		if wanted[i].IsValid() {
			v.Bad(fmt.Sprintf("%s and %s are of one family; a Service has one address of each", wanted[i], a), v.Line(wanted[i].String()))
			return
		}
		wanted[i] = a
	}
	for i, topic := range []Topic{WantedIPv4, WantedIPv6} {
		if wanted[i].IsValid() && v.Claim(topic, wanted[i].String()) {
			v.Intent.Address.Wanted[i] = WantedAddress{Address: wanted[i], Path: v.Path()}
		}
	}
}

func familyOf(a netip.Addr) int {
	if a.Is6() {
		return 1
	}
	return 0
}

// SettleFamilies fits the names of reserved addresses to the families that the Service has: for a Service with IPv6
// only, the annotation without a family names the IPv6 address, and one for IPv6 does nothing on a Service without it.
// Either may be nil.
func SettleFamilies(r *Reading, plain, forIPv6 *Value) {
	names := &r.Intent.Address.PublicIP
	v4, v6 := Families(r.Service)
	if forIPv6 != nil && !v6 {
		names[1] = Name{}
		forIPv6.Misplaced("the Service has no IPv6 address to name", "The annotation does nothing.", "ipFamilyPolicy: PreferDualStack")
	}
	if plain != nil && !v4 {
		if names[1].Value == "" {
			names[1] = names[0]
		}
		names[0] = Name{}
	}
}
