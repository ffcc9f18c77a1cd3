package azure

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/naru-lb/naru/internal/dialect"
)

func accessRows() []dialect.Row {
	guard := func(r dialect.Row) dialect.Row {
		r.Section, r.Verdict, r.Guards = secAccess, dialect.Honour, true
		return r
	}
	return []dialect.Row{
		guard(dialect.Row{Name: keyRanges, Values: "address ranges, separated by commas", Default: "everybody", Example: "203.0.113.0/24,2001:db8::/32",
			Doc:  "Lets only these clients in, and those of `spec.loadBalancerSourceRanges`. An entry that is not understood refuses the whole list.",
			Read: dialect.Prefixes(addRanges)}),
		guard(dialect.Row{Name: keyIPRanges, Values: "address ranges, separated by commas", Default: "everybody", Example: "203.0.113.0/24",
			Doc: "The same. Azure refuses it together with `spec.loadBalancerSourceRanges`; here both count, with a warning.", Read: dialect.Prefixes(addRanges)}),
		guard(dialect.Row{Name: keyServiceTags, Values: "names, separated by commas", Default: "everybody", Example: "AzureFrontDoor.Backend",
			Doc: "Lets the address ranges in that are configured for these service tags. A tag that is not configured is rejected.", Read: readServiceTags}),
		accepted(secAccess, "azure-deny-all-except-load-balancer-source-ranges", "Always so here: whoever is not in the ranges is kept out.", "true",
			"clients outside the source ranges are always kept out"),
	}
}

func addRanges(v *dialect.Value, ranges []netip.Prefix) {
	v.Intent.Traffic.RangesSet = true
	for _, p := range ranges {
		if !slices.Contains(v.Intent.Traffic.SourceRanges, p) {
			v.Intent.Traffic.SourceRanges = append(v.Intent.Traffic.SourceRanges, p)
		}
	}
}

func readServiceTags(v *dialect.Value) {
	var ranges []netip.Prefix
	tags := dialect.Items(v.Text)
	if len(tags) == 0 {
		v.Bad("the list has no service tag", v.Line("AzureFrontDoor.Backend"))
	}
	for _, tag := range tags {
		known, ok := serviceTag(v.Env.ServiceTags, tag)
		if !ok {
			fix := "Configure the address ranges of this tag, or list them in spec.loadBalancerSourceRanges."
			if names := slices.Sorted(maps.Keys(v.Env.ServiceTags)); len(names) > 0 {
				fix = "Configured tags: " + strings.Join(names, ", ")
			}
			v.Bad("unknown service tag "+dialect.Clip(tag, 40), fix)
			return
		}
		ranges = append(ranges, known...)
	}
	if len(tags) > 0 {
		addRanges(v, ranges)
	}
}

// serviceTag finds a tag, in any case if it is not there as written.
func serviceTag(tags map[string][]netip.Prefix, name string) ([]netip.Prefix, bool) {
	if ranges, ok := tags[name]; ok {
		return ranges, true
	}
	for known, ranges := range tags {
		if strings.EqualFold(known, name) {
			return ranges, true
		}
	}
	return nil, false
}
