package compile

import (
	"fmt"
	"maps"
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
	good    map[object.Key]definition // the last version without an error
	changed bool
	metallb map[string]bool // names of the pools that MetalLB's objects define
}

func newPoolObjects() poolObjects {
	return poolObjects{
		byKey:   map[object.Key]object.Object{},
		good:    map[object.Key]definition{},
		metallb: map[string]bool{},
	}
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
		delete(o.good, k)
		o.changed = true
	}
}

// rebuildPools gives the allocator the pools as they are now. Whoever would get something else now than it has, or was
// refused, asks again.
func (p *pass) rebuildPools() {
	c := p.c
	c.pools.changed = false
	d := p.readPools()
	problems, displaced := c.alloc.SetPools(d.pools, d.reserved)
	for _, pr := range problems {
		o, f := d.at(pr), finding.New(pr.Code, pr.Message)
		f.Path = addressesPath(o)
		if pr.Kept {
			f.Effect = usedAsBefore
		}
		p.reportPool(o, append(p.findings[ownerOf(o.Key)], f))
	}
	for _, owner := range displaced {
		p.dirty[owner] = true
	}
	maps.Copy(p.dirty, c.refused)
	maps.Copy(p.dirty, c.additional)
	if !maps.Equal(c.pools.metallb, d.metallb) {
		p.markUsers(d.metallb)
	}
	c.pools.metallb = d.metallb
}

// definitions are the pools and reserved addresses that objects define, with the object of each.
type definitions struct {
	pools      []ipam.Pool
	reserved   []ipam.Reserved
	poolAt     []object.Object
	reservedAt []object.Object
	metallb    map[string]bool // as in poolObjects
}

func (d *definitions) at(p ipam.Problem) object.Object {
	if p.Pool >= 0 {
		return d.poolAt[p.Pool]
	}
	return d.reservedAt[p.Reserved]
}

// addressesPath returns the path of the addresses that an object defines.
func addressesPath(o object.Object) string {
	switch o.Kind {
	case object.ConfigMap:
		return "data"
	case object.PublicIP:
		return "spec.address"
	}
	return "spec.addresses"
}

const usedAsBefore = "Addresses come from it as before this change."

// readPools reads all objects that define addresses, in order of their kinds and names. Of pools with one name the first
// counts.
func (p *pass) readPools() *definitions {
	d := &definitions{metallb: map[string]bool{}}
	definedBy := map[string]object.Key{}
	for _, o := range sortedObjects(p.c.pools.byKey) {
		def := p.c.pools.read(o)
		for _, pool := range def.pools {
			if other, twice := definedBy[pool.Name]; twice {
				f := finding.New(finding.PoolInvalid, fmt.Sprintf("a pool with the name %s is defined by %s already", pool.Name, other))
				f.Path = "metadata.name"
				def.found = append(def.found, f)
				continue
			}
			definedBy[pool.Name] = o.Key
			d.metallb[pool.Name] = o.Kind != object.AddressPool
			d.pools, d.poolAt = append(d.pools, pool), append(d.poolAt, o)
		}
		for _, r := range def.reserved {
			d.reserved, d.reservedAt = append(d.reserved, r), append(d.reservedAt, o)
		}
		p.reportPool(o, def.found)
	}
	return d
}

// read reads one object. One with an error defines what it did before, so that a mistake in it does not take addresses
// away from those who have them.
func (o *poolObjects) read(obj object.Object) definition {
	def := readPools(obj)
	isError := func(f finding.Finding) bool { return f.Severity == finding.Error }
	if !slices.ContainsFunc(def.found, isError) {
		o.good[obj.Key] = def
		return def
	}
	before, ok := o.good[obj.Key]
	if !ok {
		return def
	}
	for i := range def.found {
		if isError(def.found[i]) {
			def.found[i].Effect = usedAsBefore
		}
	}
	before.found = def.found
	return before
}

// markUsers marks the Services with an address of a pool that MetalLB's objects define now and did not before, or the
// other way round: what they get by default is different.
func (p *pass) markUsers(metallb map[string]bool) {
	for name, s := range p.c.services {
		if slices.ContainsFunc(s.assigned, func(a ipam.Assigned) bool { return metallb[a.Pool] != p.c.pools.metallb[a.Pool] }) {
			p.dirty[name] = true
		}
	}
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
