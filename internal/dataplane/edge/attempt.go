package edge

import (
	"net/netip"
	"slices"
	"time"

	"github.com/naru-lb/naru/internal/ring"
)

// attempt is the search for a target that accepts one connection. Each target is tried at most once. The search is
// over before the first byte of the client is sent to anybody, so that no target ever sees half a connection.
type attempt struct {
	client netip.AddrPort
	hash   uint64
	group  *group
	view   *view
	tried  []*target // in the order they were tried
}

// begin starts the search for a client's connection to l under the given terms. It tells whether there is anybody to
// try at all; next must be called for the first target.
func (a *attempt) begin(l *listener, t *terms, client netip.AddrPort) bool {
	a.client, a.tried = client, a.tried[:0]
	a.hash = ring.FlowHash(client, l.key)
	byClient := ring.ClientHash(client.Addr())
	if t.sticky() {
		a.group = t.choose(byClient)
	} else {
		a.group = t.choose(a.hash)
	}
	if a.group == nil {
		return false
	}
	a.view = a.group.current()
	if a.view.spec.Affinity > 0 {
		a.hash = byClient
	}
	return a.view.ring != nil
}

// next returns the next target to try, nil when there is none left.
func (a *attempt) next(known *affinity, now time.Duration) *target {
	a.view = a.group.current() // the search may have taken long, and targets may have left meanwhile
	i := -1
	if len(a.tried) == 0 {
		i = a.first(known, now)
	} else {
		i = a.view.ring.Next(a.hash, a.wasTried)
	}
	if i < 0 {
		return nil
	}
	t := a.view.targets[i]
	a.tried = append(a.tried, t)
	return t
}

func (a *attempt) first(known *affinity, now time.Duration) int {
	if timeout := a.view.spec.Affinity; timeout > 0 {
		addr, ok := known.find(a.group.serial, a.hash, a.client.Addr(), timeout, now)
		if i, eligible := a.view.eligible[addr]; ok && eligible {
			return i
		}
	}
	return a.view.ring.Pick(a.hash)
}

func (a *attempt) wasTried(i int) bool { return slices.Contains(a.tried, a.view.targets[i]) }

// accepted records that the target tried last has accepted.
func (a *attempt) accepted(known *affinity, now time.Duration) {
	if a.view.spec.Affinity > 0 {
		t := a.tried[len(a.tried)-1]
		known.put(a.group.serial, a.hash, a.client.Addr(), t.id.Address, now)
	}
}
