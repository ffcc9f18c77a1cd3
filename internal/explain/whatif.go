package explain

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/naru-lb/naru/internal/nearest"
	"github.com/naru-lb/naru/internal/plan"
)

// policies are the values of externalTrafficPolicy, with the way to share that each stands for.
var policies = map[string]plan.Spread{"Cluster": plan.ByPod, "Local": plan.ByNode}

// assume redraws the document as it would be if fields had other values.
func (d *Document) assume(v View, fields map[string]string) error {
	const policy = "externalTrafficPolicy"
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if field != policy {
			return unknown("field", field, []string{policy})
		}
		to := fields[field]
		if _, ok := policies[to]; !ok {
			return unknown(policy, to, slices.Sorted(maps.Keys(policies)))
		}
		d.WhatIf = append(d.WhatIf, Difference{field, d.Policy, to})
		d.Policy = to
	}
	if len(d.WhatIf) == 0 {
		return nil
	}
	groups := d.groups(v)
	for i := range d.Listeners {
		was := d.Listeners[i]
		d.Listeners[i] = describe(v, v.Plan.Listeners[was.ListenerKey], groups)
		for j := range d.Listeners[i].Targets {
			d.Listeners[i].Targets[j].Was = &was.Targets[j].Share
		}
	}
	return nil
}

// groups returns the target groups of the Service as the document assumes them to be. Which nodes would be excluded under
// Local is not in a plan that says Cluster, and none is excluded under Cluster.
func (d *Document) groups(v View) map[plan.GroupID]plan.TargetGroup {
	if len(d.WhatIf) == 0 {
		return v.Plan.Groups
	}
	groups := map[plan.GroupID]plan.TargetGroup{}
	for _, l := range d.Listeners {
		for _, r := range v.Plan.Listeners[l.ListenerKey].Routes {
			g := v.Plan.Groups[r.Group]
			g.Spread = policies[d.Policy]
			if g.Spread == plan.ByPod {
				g.Targets = slices.Clone(g.Targets)
				for i := range g.Targets {
					g.Targets[i].Excluded = ""
				}
			}
			groups[r.Group] = g
		}
	}
	return groups
}

func unknown(what, got string, known []string) error {
	hint := "it can be " + strings.Join(known, " or ")
	if near := nearest.Word(got, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	return fmt.Errorf("assume another %s: %q is not known: %s", what, got, hint)
}
