package compile

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	metallbv1beta1 "github.com/naru-lb/naru/api/metallb/v1beta1"
	"github.com/naru-lb/naru/api/v1alpha1"
	"github.com/naru-lb/naru/internal/dialect/metallb"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/ipam"
	"github.com/naru-lb/naru/internal/object"
	"github.com/naru-lb/naru/internal/plan"
)

// definition is what one object says of addresses, and what is wrong with it.
type definition struct {
	pools    []ipam.Pool
	reserved []ipam.Reserved
	found    []finding.Finding
}

// readPools returns the pools and reserved addresses that an object defines. A pool with an error has no ranges.
func readPools(o object.Object) definition {
	switch v := o.Value.(type) {
	case *v1alpha1.AddressPool:
		pool, found := nativePool(v)
		return definition{pools: []ipam.Pool{pool}, found: found}
	case *v1alpha1.PublicIP:
		r, found := publicIP(v)
		if len(found) > 0 {
			return definition{found: found}
		}
		return definition{reserved: []ipam.Reserved{r}}
	case *metallbv1beta1.IPAddressPool:
		pool, found := metallb.Pool(v)
		return definition{pools: []ipam.Pool{pool}, found: found}
	case *corev1.ConfigMap:
		pools, found := metallb.ConfigMapPools(v)
		return definition{pools: pools, found: found}
	}
	return definition{}
}

func nativePool(v *v1alpha1.AddressPool) (ipam.Pool, []finding.Finding) {
	var found []finding.Finding
	bad := func(path, message, fix string) {
		f := finding.New(finding.PoolInvalid, message).With("No address comes from this pool.", fix)
		f.Path = path
		found = append(found, f)
	}
	pool := ipam.Pool{
		Name:          v.Name,
		Subnet:        v.Spec.Subnet,
		Aliases:       v.Spec.Aliases,
		AutoAssign:    v.Spec.AutoAssign == nil || *v.Spec.AutoAssign,
		AvoidBuggyIPs: v.Spec.AvoidBuggyIPs,
		Priority:      int(v.Spec.Priority),
	}
	for i, text := range v.Spec.Addresses {
		ranges, err := ipam.ParseRanges(text)
		if err != nil {
			bad(fmt.Sprintf("spec.addresses[%d]", i), err.Error(), "- 192.0.2.10-192.0.2.20   or   - 192.0.2.0/28")
		}
		pool.Ranges = append(pool.Ranges, ranges...)
	}
	if len(v.Spec.Addresses) == 0 {
		bad("spec.addresses", "the pool has no addresses", "addresses: [192.0.2.0/28]")
	}
	var ok bool
	if pool.Scope, ok = scopeOf(v.Spec.Scope); !ok {
		bad("spec.scope", fmt.Sprintf("scope %q is neither public nor internal", v.Spec.Scope), "scope: internal")
	}
	admits, err := admission(v.Spec.Allocation)
	if err != nil {
		bad("spec.serviceAllocation", err.Error(), "")
	}
	pool.Admits, pool.Pinned = admits, admits != nil
	if len(found) > 0 {
		pool.Ranges = nil
	}
	return pool, found
}

func scopeOf(text string) (plan.Scope, bool) {
	switch s := plan.Scope(cmp.Or(text, string(plan.Public))); s {
	case plan.Public, plan.Internal:
		return s, true
	}
	return plan.Internal, false
}

// admission turns an allocation into a function, nil if it admits everybody.
func admission(a *v1alpha1.Allocation) (func(ipam.Subject) bool, error) {
	if a == nil || len(a.Namespaces)+len(a.NamespaceSelectors)+len(a.ServiceSelectors) == 0 {
		return nil, nil
	}
	spaces, err := selectors(a.NamespaceSelectors)
	if err != nil {
		return nil, fmt.Errorf("namespaceSelectors: %w", err)
	}
	services, err := selectors(a.ServiceSelectors)
	if err != nil {
		return nil, fmt.Errorf("serviceSelectors: %w", err)
	}
	return func(s ipam.Subject) bool {
		inSpace := len(a.Namespaces)+len(spaces) == 0 || slices.Contains(a.Namespaces, s.Namespace) || anyMatches(spaces, s.NamespaceLabels)
		return inSpace && (len(services) == 0 || anyMatches(services, s.ServiceLabels))
	}, nil
}

func selectors(in []metav1.LabelSelector) ([]labels.Selector, error) {
	var out []labels.Selector
	for i := range in {
		s, err := metav1.LabelSelectorAsSelector(&in[i])
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func anyMatches(ss []labels.Selector, set map[string]string) bool {
	return slices.ContainsFunc(ss, func(s labels.Selector) bool { return s.Matches(labels.Set(set)) })
}

func publicIP(v *v1alpha1.PublicIP) (ipam.Reserved, []finding.Finding) {
	var found []finding.Finding
	bad := func(path, message, fix string) {
		f := finding.New(finding.PoolInvalid, message).With("Nobody gets this address.", fix)
		f.Path = path
		found = append(found, f)
	}
	r := ipam.Reserved{
		Name:              cmp.Or(v.Spec.Name, v.Name),
		ResourceGroup:     cmp.Or(v.Spec.ResourceGroup, "default"),
		AllowedNamespaces: v.Spec.AllowedNamespaces,
	}
	addr, err := netip.ParseAddr(v.Spec.Address)
	if err != nil || addr.Zone() != "" {
		bad("spec.address", fmt.Sprintf("%q is not an IP address", v.Spec.Address), "address: 192.0.2.10")
	}
	r.Address = addr.Unmap()
	var ok bool
	if r.Scope, ok = scopeOf(v.Spec.Scope); !ok {
		bad("spec.scope", fmt.Sprintf("scope %q is neither public nor internal", v.Spec.Scope), "scope: internal")
	}
	return r, found
}
