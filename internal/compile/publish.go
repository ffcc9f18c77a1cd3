package compile

import (
	"maps"
	"reflect"
	"slices"

	"github.com/naru-lb/naru/internal/plan"
)

// publish makes u what s contributes to the plan, and records what is different from before.
func (p *pass) publish(s *service, u unit) {
	c, old := p.c, s.unit
	s.unit = u
	record(&p.change.Groups, old.groups, u.groups)
	record(&p.change.Listeners, old.listeners, u.listeners)
	for k := range old.listeners {
		if _, still := u.listeners[k]; !still {
			delete(c.servedBy, k)
			p.freed = true
		}
	}
	for k := range u.listeners {
		c.servedBy[k] = s.name
	}
	if was, now := old.service.DNSLabel, u.service.DNSLabel; was != now {
		delete(c.labels, was)
		p.freed = true
		if now != "" {
			c.labels[now] = s.name
		}
	}
	for a := range old.frontends {
		p.touched[a] = true
		delete(c.users[a], s.name)
	}
	for a, f := range u.frontends {
		p.touched[a] = true
		if c.users[a] == nil {
			c.users[a] = map[plan.ServiceName]plan.Frontend{}
		}
		c.users[a][s.name] = f
	}
	switch {
	case u.service.Name == "" && old.service.Name != "":
		p.change.Services.Drop(s.name)
	case u.service.Name != "" && !reflect.DeepEqual(old.service, u.service):
		p.change.Services.Put(s.name, u.service)
	}
	c.indexNodes(s)
}

func record[K comparable, V any](d *plan.Delta[K, V], old, now map[K]V) {
	for k := range old {
		if _, still := now[k]; !still {
			d.Drop(k)
		}
	}
	for k, v := range now {
		if was, ok := old[k]; !ok || !reflect.DeepEqual(was, v) {
			d.Put(k, v)
		}
	}
}

// indexNodes notes on which nodes s has targets, so that a change of a node reaches it.
func (c *Compiler) indexNodes(s *service) {
	now := map[string]bool{}
	for _, g := range s.unit.groups {
		for _, t := range g.Targets {
			now[t.Node] = true
		}
	}
	for n := range s.onNodes {
		if !now[n] {
			deleteFrom(c.onNode, n, s.name)
		}
	}
	for n := range now {
		if c.onNode[n] == nil {
			c.onNode[n] = map[plan.ServiceName]bool{}
		}
		c.onNode[n][s.name] = true
	}
	s.onNodes = now
}

// deleteFrom takes a Service out of one of the sets of an index.
func deleteFrom(index map[string]map[plan.ServiceName]bool, key string, name plan.ServiceName) {
	if delete(index[key], name); len(index[key]) == 0 {
		delete(index, key)
	}
}

// publishFrontends works out the frontends of the addresses that somebody started or stopped using.
func (p *pass) publishFrontends() {
	for a := range p.touched {
		users := p.c.users[a]
		was, had := p.c.plan.Frontends[a]
		if len(users) == 0 {
			delete(p.c.users, a)
			if had {
				p.change.Frontends.Drop(a)
			}
			continue
		}
		owners := slices.SortedFunc(maps.Keys(users), plan.ServiceName.Compare)
		f := users[owners[0]]
		for _, o := range owners {
			if users[o].Announce { // an owner that was given the address knows more than one that only uses it
				f = users[o]
				break
			}
		}
		f.Owners = owners
		if !had || !reflect.DeepEqual(was, f) {
			p.change.Frontends.Put(a, f)
		}
	}
}
