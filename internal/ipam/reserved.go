package ipam

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/nearest"
)

// String returns "resourceGroup/name".
func (r *Reserved) String() string { return show(r.ResourceGroup + "/" + r.Name) }

func (r *Reserved) allows(namespace string) bool {
	return len(r.AllowedNamespaces) == 0 || slices.Contains(r.AllowedNamespaces, namespace)
}

// defaultGroup is where a name is looked for that exists in several resource groups, if no group is given.
const defaultGroup = "default"

// byName finds the reserved address that is asked for by name, in any case. If it is not in the resource group that is
// asked for, one of another group does, if there is only one and it may be used.
func (s *search) byName(f int) (*Reserved, *Refusal) {
	name, group := s.req.Named[f], s.req.ResourceGroup
	all := s.Allocator.named[strings.ToLower(name)]
	in := func(group string) func(*Reserved) bool {
		return func(r *Reserved) bool { return strings.EqualFold(r.ResourceGroup, group) }
	}
	if i := slices.IndexFunc(all, in(cmp.Or(group, defaultGroup))); i >= 0 {
		return all[i], nil
	}
	if len(all) == 1 && group == "" {
		return all[0], nil
	}
	if len(all) == 1 && all[0].allows(s.req.Subject.Namespace) {
		s.warn(f, finding.NamedIPElsewhere, fmt.Sprintf("PublicIP %s is in resource group %s, not in %s", show(name), show(all[0].ResourceGroup), show(group)))
		return all[0], nil
	}
	r := &Refusal{Code: finding.NamedIPNotFound, IPv6: f == 1, Near: s.nearNames(name, all)}
	switch {
	case group != "":
		r.Message = fmt.Sprintf("there is no PublicIP %s in resource group %s", show(name), show(group))
	case len(all) > 1:
		r.Message = fmt.Sprintf("PublicIP %s is in more than one resource group", show(name))
	default:
		r.Message = "there is no PublicIP " + show(name)
	}
	return nil, r
}

// nearNames returns where else the name is, then names like it.
func (s *search) nearNames(name string, elsewhere []*Reserved) []string {
	const most = 3
	var near []string
	show := func(rs []*Reserved) {
		for _, r := range rs {
			if len(near) < most && r.allows(s.req.Subject.Namespace) {
				near = append(near, r.String())
			}
		}
	}
	show(elsewhere)
	if len(near) > 0 {
		return near
	}
	var names []string
	for n := range s.Allocator.named {
		names = append(names, n)
	}
	for _, n := range nearest.Words(name, names, most) {
		show(s.Allocator.named[n])
	}
	return near
}
