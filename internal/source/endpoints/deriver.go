// Package endpoints makes EndpointSlices where manifests have none: from Pods, by the rules of Kubernetes' endpoint
// slice controller (k8s.io/endpointslice), and from legacy Endpoints, by those of its mirroring controller. Whoever
// reads objects behind it has to know EndpointSlices only.
//
// For each Service the first that exists counts: EndpointSlices of the manifests, Endpoints of the same name, Pods that
// its selector matches. The package is pure and incremental: the same objects give the same slices in whatever order
// they come, and the change of a Pod costs the Services that select it.
//
// It differs from the controllers where a folder of manifests differs from a cluster:
//   - A Pod whose Node is not in the set counts, without a zone; the controller leaves it out.
//   - A Pod with an address and no conditions at all counts as ready. A Pod without an address cannot be served.
//   - Endpoints are mirrored for Services with a selector too, since nobody else makes slices of their Pods.
//   - Labels of the Service are not copied to its slices.
package endpoints

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/object"
	"github.com/naru-lb/naru/internal/plan"
)

// Deriver holds the objects that slices are derived from, and the slices. It is not for concurrent use.
type Deriver struct {
	spaces map[string]*space // by namespace
	zones  map[string]string // of Nodes, by name
	onNode map[string]map[*pod]struct{}
	pods   int // in all namespaces
	// real are the EndpointSlices of the manifests, with the Service that each belongs to.
	real map[object.Key]plan.ServiceName
	// unmatched are the Services whose selector matches no Pod. What is said of them depends on all Pods.
	unmatched map[*service]struct{}
}

// service is one Service, or a name that Endpoints or EndpointSlices give to one.
type service struct {
	name   plan.ServiceName
	object object.Object
	spec   *corev1.Service // nil while there is none
	legacy *legacyEndpoints
	real   int // how many EndpointSlices the manifests have for it
	// pair is the part of the selector that the space finds it by; see space.byPair.
	pair    pair
	members map[string]*pod // that the selector matches, by name

	derived  map[string]*discoveryv1.EndpointSlice // as handed out, by name
	findings []finding.Finding                     // as handed out
}

// New returns a Deriver without objects.
func New() *Deriver {
	return &Deriver{
		spaces:    map[string]*space{},
		zones:     map[string]string{},
		onNode:    map[string]map[*pod]struct{}{},
		real:      map[object.Key]plan.ServiceName{},
		unmatched: map[*service]struct{}{},
	}
}

// Apply brings in a change of the objects. It returns the change with Endpoints replaced by EndpointSlices and derived
// slices added, and the findings of the Services whose findings changed: none if a Service has none any more. Keys that
// are both gone and set count as set. The objects are shared with the caller and not modified.
func (d *Deriver) Apply(u object.Update) (object.Update, map[plan.ServiceName][]finding.Finding) {
	p := &pass{
		d:        d,
		dirty:    map[*service]struct{}{},
		moved:    map[*pod]struct{}{},
		findings: map[plan.ServiceName][]finding.Finding{},
	}
	for _, k := range u.Gone {
		p.take(k, nil)
		if k.Kind != object.Endpoints {
			p.out.Gone = append(p.out.Gone, k)
		}
	}
	for _, o := range u.Set {
		if o.Kind != object.Service {
			p.take(o.Key, &o)
		}
		if o.Kind != object.Endpoints {
			p.out.Set = append(p.out.Set, o)
		}
	}
	for _, o := range u.Set { // behind the Pods, see register
		if o.Kind == object.Service {
			p.take(o.Key, &o)
		}
	}
	p.matchMoved()
	p.deriveDirty()
	return p.out, p.findings
}

// pass is one run of Apply.
type pass struct {
	d        *Deriver
	out      object.Update
	findings map[plan.ServiceName][]finding.Finding
	dirty    map[*service]struct{} // to derive anew
	moved    map[*pod]struct{}     // to match with selectors anew
	labels   bool                  // labels of Pods changed, so what is said of unmatched Services may have
}

// take stores an object, or removes it if o is nil.
func (p *pass) take(k object.Key, o *object.Object) {
	var value any
	if o != nil {
		value = o.Value
	}
	switch k.Kind {
	case object.Service:
		spec, _ := value.(*corev1.Service)
		p.takeService(k.ServiceName(), o, spec)
	case object.Endpoints:
		p.edit(k.ServiceName(), func(s *service) { s.legacy, _ = value.(*legacyEndpoints) })
	case object.EndpointSlice:
		slice, _ := value.(*discoveryv1.EndpointSlice)
		p.takeSlice(k, slice)
	case object.Pod:
		value, _ := value.(*corev1.Pod)
		p.takePod(k, value)
	case object.Node:
		node, _ := value.(*corev1.Node)
		p.takeNode(k.Name, node)
	}
}

// edit changes a Service and has it derived anew.
func (p *pass) edit(name plan.ServiceName, change func(*service)) {
	sp := p.d.space(name.Namespace)
	s := sp.services[name.Name]
	if s == nil {
		s = &service{name: name}
		sp.services[name.Name] = s
	}
	change(s)
	p.dirty[s] = struct{}{}
}

func (p *pass) takeService(name plan.ServiceName, o *object.Object, spec *corev1.Service) {
	p.edit(name, func(s *service) {
		sp := p.d.space(name.Namespace)
		if s.spec != nil && spec != nil && maps.Equal(selectorOf(s.spec), selectorOf(spec)) {
			s.object, s.spec = *o, spec
			return
		}
		sp.unregister(s)
		s.object, s.spec = object.Object{}, spec
		if o != nil {
			s.object = *o
		}
		sp.register(s)
	})
}

// takeSlice counts an EndpointSlice for its Service. A derived slice of the same name must step aside.
func (p *pass) takeSlice(k object.Key, slice *discoveryv1.EndpointSlice) {
	was, had := p.d.real[k]
	now := plan.ServiceName{Namespace: k.Namespace}
	if slice != nil {
		now.Name = slice.Labels[discoveryv1.LabelServiceName]
	}
	if had && slice != nil && was == now {
		return
	}
	if had && was.Name != "" {
		p.edit(was, func(s *service) { s.real-- })
	}
	delete(p.d.real, k)
	if slice != nil {
		p.d.real[k] = now
		if now.Name != "" {
			p.edit(now, func(s *service) { s.real++ })
		}
	}
	if i := max(strings.LastIndex(k.Name, derivedMark), strings.LastIndex(k.Name, mirroredMark)); i > 0 {
		p.edit(plan.ServiceName{Namespace: k.Namespace, Name: k.Name[:i]}, func(*service) {})
	}
}

func (p *pass) takeNode(name string, node *corev1.Node) {
	zone := ""
	if node != nil {
		zone = node.Labels[corev1.LabelTopologyZone]
	}
	if p.d.zones[name] == zone {
		return
	}
	p.d.zones[name] = zone
	if zone == "" {
		delete(p.d.zones, name)
	}
	for pod := range p.d.onNode[name] {
		for s := range pod.of {
			p.dirty[s] = struct{}{}
		}
	}
}

// deriveDirty derives the slices of all Services that the change concerns, in order of their names.
func (p *pass) deriveDirty() {
	if p.labels {
		for s := range p.d.unmatched {
			p.dirty[s] = struct{}{}
		}
	}
	dirty := slices.SortedFunc(maps.Keys(p.dirty), func(a, b *service) int { return a.name.Compare(b.name) })
	for _, s := range dirty {
		derived, findings := p.d.derive(s)
		p.publish(s, derived)
		if len(findings)+len(s.findings) > 0 && !reflect.DeepEqual(findings, s.findings) {
			p.findings[s.name] = append([]finding.Finding{}, findings...)
		}
		s.findings = findings
		if s.spec == nil && s.legacy == nil && s.real == 0 {
			delete(p.d.unmatched, s)
			delete(p.d.spaces[s.name.Namespace].services, s.name.Name)
		}
	}
}

// derive returns the slices of a Service by name, and what there is to say about its selector and ports.
func (d *Deriver) derive(s *service) (map[string]*discoveryv1.EndpointSlice, []finding.Finding) {
	delete(d.unmatched, s)
	switch {
	case s.real > 0:
		return nil, nil
	case s.legacy != nil && mirrored(s.legacy):
		return d.mirror(s), nil
	case s.spec == nil || len(selectorOf(s.spec)) == 0:
		return nil, nil
	case len(s.members) == 0:
		d.unmatched[s] = struct{}{}
		return nil, d.noPodsMatch(s)
	}
	return d.fromPods(s), portFindings(s)
}

// publish hands out what is different from the slices that were handed out before.
func (p *pass) publish(s *service, derived map[string]*discoveryv1.EndpointSlice) {
	for _, name := range slices.Sorted(maps.Keys(s.derived)) {
		k := object.Key{Kind: object.EndpointSlice, Namespace: s.name.Namespace, Name: name}
		if _, real := p.d.real[k]; derived[name] == nil && !real {
			p.out.Gone = append(p.out.Gone, k)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(derived)) {
		if was := s.derived[name]; was != nil && reflect.DeepEqual(was, derived[name]) {
			derived[name] = was
			continue
		}
		k := object.Key{Kind: object.EndpointSlice, Namespace: s.name.Namespace, Name: name}
		p.out.Set = append(p.out.Set, object.Object{Key: k, Value: derived[name]})
	}
	s.derived = derived
}

// selectorOf returns the selector of a Service that gets endpoints by one, else nil.
func selectorOf(svc *corev1.Service) map[string]string {
	if svc == nil || svc.Spec.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	return svc.Spec.Selector
}

func protocolOf(p corev1.Protocol) corev1.Protocol { return cmp.Or(p, corev1.ProtocolTCP) }
