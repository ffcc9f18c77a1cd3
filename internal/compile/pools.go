package compile

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	metallbv1beta1 "github.com/naru-lb/naru/api/metallb/v1beta1"
	"github.com/naru-lb/naru/api/v1alpha1"
	"github.com/naru-lb/naru/internal/dialect/metallb"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/ipam"
	"github.com/naru-lb/naru/internal/object"
)

// poolObjects are the objects that addresses come from.
type poolObjects struct {
	byKey   map[object.Key]object.Object
	changed bool
	metallb map[string]bool // names of the pools that MetalLB's objects define
}

func newPoolObjects() poolObjects {
	return poolObjects{byKey: map[object.Key]object.Object{}, metallb: map[string]bool{}}
}

func (o *poolObjects) store(obj object.Object) {
	switch v := obj.Value.(type) {
	case *v1alpha1.AddressPool, *v1alpha1.PublicIP, *metallbv1beta1.IPAddressPool:
	case *corev1.ConfigMap:
		if !metallb.IsConfigMap(v) {
			o.remove(obj.Key) // it may have been one before
			return
		}
	default:
		return
	}
	o.byKey[obj.Key] = obj
	o.changed = true
}

func (o *poolObjects) remove(k object.Key) {
	if _, ok := o.byKey[k]; ok {
		delete(o.byKey, k)
		o.changed = true
	}
}

// rebuildPools gives the allocator the pools as they are now. Whoever lost an address, or waits for one, asks again.
func (p *pass) rebuildPools() {
	c := p.c
	c.pools.changed = false
	clear(c.pools.metallb)
	var pools []ipam.Pool
	var reserved []ipam.Reserved
	definedBy := map[string]object.Object{}
	for _, o := range sortedObjects(c.pools.byKey) {
		ps, rs, found := readPools(o)
		for _, pool := range ps {
			if other, twice := definedBy[pool.Name]; twice {
				found = append(found, finding.New(finding.PoolInvalid,
					fmt.Sprintf("a pool with the name %s is defined by %s already", pool.Name, other.Key)))
				continue
			}
			definedBy[pool.Name] = o
			c.pools.metallb[pool.Name] = o.Kind != object.AddressPool
			pools = append(pools, pool)
		}
		for _, r := range rs {
			definedBy[r.ResourceGroup+"/"+r.Name] = o
		}
		reserved = append(reserved, rs...)
		p.reportPool(o, found)
	}
	problems, displaced := c.alloc.SetPools(pools, reserved)
	for _, pr := range problems {
		o := definedBy[pr.Name]
		f := finding.New(pr.Code, pr.Message)
		p.reportPool(o, append(p.findings[ownerOf(o.Key)], f))
	}
	for _, owner := range displaced {
		p.dirty[owner] = true
	}
	for name, s := range c.services {
		if len(s.assigned) < len(s.families()) {
			p.dirty[name] = true
		}
	}
}

// families returns the address families that s wants at most.
func (s *service) families() []bool {
	if s.now == nil {
		return []bool{false}
	}
	return s.now.families
}

func (p *pass) reportPool(o object.Object, found []finding.Finding) {
	for i := range found {
		found[i].Object = o.Finding()
		found[i] = o.Locate(found[i])
	}
	p.findings[ownerOf(o.Key)] = found
}

func sortedObjects(m map[object.Key]object.Object) []object.Object {
	all := make([]object.Object, 0, len(m))
	for _, o := range m {
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b object.Object) int { return a.Compare(b.Key) })
	return all
}
