package plan

import (
	"maps"
	"net/netip"
	"reflect"
)

// Plan is the whole of what has to be served. Its values are never modified in place: a change replaces them.
type Plan struct {
	Frontends map[netip.Addr]Frontend
	Listeners map[ListenerKey]Listener
	Groups    map[GroupID]TargetGroup
	Services  map[ServiceName]Service
}

// New returns an empty plan.
func New() *Plan {
	return &Plan{
		Frontends: map[netip.Addr]Frontend{},
		Listeners: map[ListenerKey]Listener{},
		Groups:    map[GroupID]TargetGroup{},
		Services:  map[ServiceName]Service{},
	}
}

// Change is the difference between two plans: what is new or different, whole, and what is gone. Executors apply
// changes and never compare plans, so that their cost grows with the change and not with the plan.
type Change struct {
	Frontends Delta[netip.Addr, Frontend]
	Listeners Delta[ListenerKey, Listener]
	Groups    Delta[GroupID, TargetGroup]
	Services  Delta[ServiceName, Service]
}

// Delta is the change of one kind of value.
type Delta[K comparable, V any] struct {
	Set  map[K]V
	Gone map[K]struct{}
}

// Put records that k now has the value v.
func (d *Delta[K, V]) Put(k K, v V) {
	if d.Set == nil {
		d.Set = map[K]V{}
	}
	d.Set[k] = v
	delete(d.Gone, k)
}

// Drop records that k is gone.
func (d *Delta[K, V]) Drop(k K) {
	if d.Gone == nil {
		d.Gone = map[K]struct{}{}
	}
	d.Gone[k] = struct{}{}
	delete(d.Set, k)
}

// Empty tells whether nothing changed.
func (c *Change) Empty() bool {
	return c.Frontends.empty() && c.Listeners.empty() && c.Groups.empty() && c.Services.empty()
}

func (d *Delta[K, V]) empty() bool { return len(d.Set) == 0 && len(d.Gone) == 0 }

// Apply makes the change to p. It does not modify values that p holds, so copies made by Clone stay as they are.
func (p *Plan) Apply(c Change) {
	apply(p.Frontends, c.Frontends)
	apply(p.Listeners, c.Listeners)
	apply(p.Groups, c.Groups)
	apply(p.Services, c.Services)
}

func apply[K comparable, V any](m map[K]V, d Delta[K, V]) {
	for k := range d.Gone {
		delete(m, k)
	}
	maps.Copy(m, d.Set)
}

// Clone returns a plan that further changes to p do not reach.
func (p *Plan) Clone() *Plan {
	return &Plan{
		Frontends: maps.Clone(p.Frontends),
		Listeners: maps.Clone(p.Listeners),
		Groups:    maps.Clone(p.Groups),
		Services:  maps.Clone(p.Services),
	}
}

// Equal tells whether two plans say the same.
func (p *Plan) Equal(q *Plan) bool { return reflect.DeepEqual(p, q) }

// Diff returns the change that turns old into p. It costs as much as the plans are large; executors use the
// changes that the compiler emits instead.
func (p *Plan) Diff(old *Plan) Change {
	return Change{
		Frontends: diff(old.Frontends, p.Frontends),
		Listeners: diff(old.Listeners, p.Listeners),
		Groups:    diff(old.Groups, p.Groups),
		Services:  diff(old.Services, p.Services),
	}
}

func diff[K comparable, V any](old, now map[K]V) Delta[K, V] {
	var d Delta[K, V]
	for k, v := range now {
		if was, ok := old[k]; !ok || !reflect.DeepEqual(was, v) {
			d.Put(k, v)
		}
	}
	for k := range old {
		if _, ok := now[k]; !ok {
			d.Drop(k)
		}
	}
	return d
}
