package endpoints

import (
	"maps"

	corev1 "k8s.io/api/core/v1"

	"github.com/naru-lb/naru/internal/object"
)

// space is one namespace.
type space struct {
	services map[string]*service
	pods     map[string]*pod
	// labels finds Pods by each of their labels.
	labels map[pair]map[*pod]struct{}
	// values counts the Pods with each value of a label, by its key.
	values map[string]map[string]int
	// byPair finds Services by one part of their selector, so that a Pod is only compared with selectors that it has
	// something in common with.
	byPair map[pair]map[*service]struct{}
	// frequent are the labels that most Pods have; nil after a change of labels.
	frequent []pair
}

// pair is one label, or one part of a selector.
type pair struct{ key, value string }

// pod is one Pod and the Services that select it.
type pod struct {
	key         object.Key
	*corev1.Pod // nil once it is gone
	of          map[*service]struct{}
}

func (d *Deriver) space(name string) *space {
	sp := d.spaces[name]
	if sp == nil {
		sp = &space{
			services: map[string]*service{},
			pods:     map[string]*pod{},
			labels:   map[pair]map[*pod]struct{}{},
			values:   map[string]map[string]int{},
			byPair:   map[pair]map[*service]struct{}{},
		}
		d.spaces[name] = sp
	}
	return sp
}

// takePod stores a Pod, or removes it if value is nil.
func (p *pass) takePod(k object.Key, value *corev1.Pod) {
	sp := p.d.space(k.Namespace)
	had := sp.pods[k.Name]
	if had == nil {
		if value == nil {
			return
		}
		had = &pod{key: k, Pod: &corev1.Pod{}, of: map[*service]struct{}{}}
		sp.pods[k.Name] = had
		p.d.pods++
		p.labels = true
	}
	p.moved[had] = struct{}{}
	remove(p.d.onNode, had.Spec.NodeName, had)
	if value == nil {
		sp.unlabel(had)
		had.Pod = nil
		delete(sp.pods, k.Name)
		p.d.pods--
		p.labels = true
		return
	}
	if !maps.Equal(had.Labels, value.Labels) {
		sp.unlabel(had)
		sp.label(had, value.Labels)
		p.labels = true
	}
	had.Pod = value
	if value.Spec.NodeName != "" {
		insert(p.d.onNode, value.Spec.NodeName, had)
	}
}

func (sp *space) label(p *pod, labels map[string]string) {
	sp.frequent = nil
	for k, v := range labels {
		insert(sp.labels, pair{k, v}, p)
		if sp.values[k] == nil {
			sp.values[k] = map[string]int{}
		}
		sp.values[k][v]++
	}
}

func (sp *space) unlabel(p *pod) {
	sp.frequent = nil
	for k, v := range p.Labels {
		remove(sp.labels, pair{k, v}, p)
		if sp.values[k][v]--; sp.values[k][v] == 0 {
			delete(sp.values[k], v)
		}
		if len(sp.values[k]) == 0 {
			delete(sp.values, k)
		}
	}
}

// register makes a Service found by the part of its selector that the fewest Pods have, and collects its Pods.
func (sp *space) register(s *service) {
	selector := selectorOf(s.spec)
	if len(selector) == 0 {
		return
	}
	s.pair = sp.rarest(selector)
	insert(sp.byPair, s.pair, s)
	s.members = map[string]*pod{}
	for p := range sp.labels[s.pair] {
		if selects(selector, p.Labels) {
			s.members[p.key.Name] = p
			p.of[s] = struct{}{}
		}
	}
}

// rarest returns the part of a selector, which is not empty, that the fewest Pods have.
func (sp *space) rarest(selector map[string]string) pair {
	var best pair
	least := -1
	for k, v := range selector {
		at := pair{k, v}
		if n := len(sp.labels[at]); least < 0 || n < least || n == least && k < best.key {
			best, least = at, n
		}
	}
	return best
}

// candidates returns Pods among which are all that a selector matches.
func (sp *space) candidates(selector map[string]string) map[*pod]struct{} {
	return sp.labels[sp.rarest(selector)]
}

func (sp *space) unregister(s *service) {
	if s.members == nil {
		return
	}
	remove(sp.byPair, s.pair, s)
	for _, p := range s.members {
		delete(p.of, s)
	}
	s.members, s.pair = nil, pair{}
}

// matchMoved finds the Services of all Pods that changed, those from before and those of now.
func (p *pass) matchMoved() {
	for moved := range p.moved {
		for s := range moved.of {
			p.dirty[s] = struct{}{}
			if moved.Pod == nil || !selects(s.spec.Spec.Selector, moved.Labels) {
				delete(moved.of, s)
				if s.members[moved.key.Name] == moved {
					delete(s.members, moved.key.Name)
				}
			}
		}
		if moved.Pod == nil {
			continue
		}
		sp := p.d.space(moved.key.Namespace)
		for k, v := range moved.Labels {
			for s := range sp.byPair[pair{k, v}] {
				if selects(s.spec.Spec.Selector, moved.Labels) {
					s.members[moved.key.Name] = moved
					moved.of[s] = struct{}{}
					p.dirty[s] = struct{}{}
				}
			}
		}
	}
}

func selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}

func insert[K, V comparable](m map[K]map[V]struct{}, k K, v V) {
	if m[k] == nil {
		m[k] = map[V]struct{}{}
	}
	m[k][v] = struct{}{}
}

func remove[K, V comparable](m map[K]map[V]struct{}, k K, v V) {
	delete(m[k], v)
	if len(m[k]) == 0 {
		delete(m, k)
	}
}
