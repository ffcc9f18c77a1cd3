package compile

import (
	"maps"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/naru-lb/naru/internal/object"
	"github.com/naru-lb/naru/internal/plan"
)

// node is what compilation needs of a Node.
type node struct {
	zone      string
	addresses [2]netip.Addr // IPv4 and IPv6; zero if unknown
	excluded  bool
}

// ingest stores the objects of u and marks the Services that they concern.
func (p *pass) ingest(u object.Update) {
	for _, k := range u.Gone {
		p.remove(k)
	}
	for _, o := range u.Set {
		p.store(o)
	}
}

func (p *pass) store(o object.Object) {
	c := p.c
	switch v := o.Value.(type) {
	case *corev1.Service:
		p.storeService(o, v)
	case *discoveryv1.EndpointSlice:
		p.storeSlice(o, v)
	case *corev1.Node:
		p.setNode(o.Name, readNode(v))
	case *corev1.Namespace:
		if !maps.Equal(c.namespaces[o.Name], v.Labels) {
			c.namespaces[o.Name] = v.Labels
			p.markNamespace(o.Name)
		}
	default:
		c.pools.store(o)
	}
}

func (p *pass) remove(k object.Key) {
	c := p.c
	switch k.Kind {
	case object.Service:
		p.removeService(k.ServiceName())
	case object.EndpointSlice:
		p.dropSlice(k)
	case object.Node:
		p.setNode(k.Name, node{})
		delete(c.nodes, k.Name)
	case object.Namespace:
		delete(c.namespaces, k.Name)
		p.markNamespace(k.Name)
	default:
		p.findings[ownerOf(k)] = nil
		c.pools.remove(k)
	}
}

func (p *pass) storeService(o object.Object, svc *corev1.Service) {
	c, name := p.c, o.ServiceName()
	s := c.services[name]
	if s == nil {
		s = &service{name: name}
		c.services[name] = s
		c.comings++
		if c.inSpace[name.Namespace] == nil {
			c.inSpace[name.Namespace] = map[plan.ServiceName]bool{}
		}
		c.inSpace[name.Namespace][name] = true
		if c.since[name].IsZero() {
			c.since[name] = svc.CreationTimestamp.UTC()
		}
		if c.since[name].IsZero() {
			c.since[name] = p.now
		}
	}
	s.object, s.spec = o, svc
	s.now, s.heard = nil, nil
	p.dirty[name] = true
}

func (p *pass) removeService(name plan.ServiceName) {
	s := p.c.services[name]
	if s == nil {
		return
	}
	p.withdraw(s)
	p.publish(s, unit{})
	p.findings[serviceOwner(name)] = nil
	delete(p.c.services, name)
	p.c.comings++
	deleteFrom(p.c.inSpace, name.Namespace, name)
	delete(p.c.since, name)
	delete(p.c.recorded, name)
	delete(p.c.waiting, name)
	delete(p.c.refused, name)
	delete(p.c.additional, name)
	delete(p.dirty, name)
}

func (p *pass) storeSlice(o object.Object, slice *discoveryv1.EndpointSlice) {
	svc := plan.ServiceName{Namespace: o.Namespace, Name: slice.Labels[discoveryv1.LabelServiceName]}
	if p.c.sliceOf[o.Key] != svc {
		p.dropSlice(o.Key)
	}
	if svc.Name == "" {
		return
	}
	if p.c.slices[svc] == nil {
		p.c.slices[svc] = map[string]*discoveryv1.EndpointSlice{}
	}
	p.c.slices[svc][o.Name] = slice
	p.c.sliceOf[o.Key] = svc
	p.dirty[svc] = true
}

func (p *pass) dropSlice(k object.Key) {
	svc, ok := p.c.sliceOf[k]
	if !ok {
		return
	}
	delete(p.c.sliceOf, k)
	delete(p.c.slices[svc], k.Name)
	if len(p.c.slices[svc]) == 0 {
		delete(p.c.slices, svc)
	}
	p.dirty[svc] = true
}

func (p *pass) setNode(name string, n node) {
	if p.c.nodes[name] == n {
		return
	}
	p.c.nodes[name] = n
	for svc := range p.c.onNode[name] {
		p.dirty[svc] = true
	}
}

func (p *pass) markNamespace(name string) {
	for svc := range p.c.inSpace[name] {
		p.dirty[svc] = true
	}
}

func readNode(n *corev1.Node) node {
	r := node{zone: n.Labels[corev1.LabelTopologyZone]}
	_, r.excluded = n.Labels[corev1.LabelNodeExcludeBalancers]
	for _, a := range n.Status.Addresses {
		addr, err := netip.ParseAddr(a.Address)
		if a.Type != corev1.NodeInternalIP || err != nil {
			continue
		}
		if at := &r.addresses[family(addr.Is6())]; !at.IsValid() {
			*at = addr
		}
	}
	return r
}
