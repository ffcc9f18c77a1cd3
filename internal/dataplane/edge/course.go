package edge

import (
	"net/netip"
	"slices"
	"time"
)

// course is where the datagrams of one UDP session go. Other than a TCP connection, a session goes to another target as
// soon as its own may not get new ones: nothing is lost by it that UDP promises.
type course struct {
	terms    *terms    // that the group was last found in
	view     *view     // that the target was last found eligible in
	target   *target   // nil if there is none
	refusing []*target // those that have refused since one has answered
}

// holds tells whether the target may get datagrams under these terms.
func (c *course) holds(t *terms) bool {
	switch {
	case c.target == nil:
		return false
	case c.terms == t && c.view.group.now.Load() == c.view:
		return true
	case !t.leadsTo(c.view.group):
		return false
	}
	v := c.view.group.current()
	if _, ok := v.eligible[c.target.id.Address]; !ok {
		return false
	}
	c.terms, c.view = t, v
	return true
}

// search looks for a target that has not refused and that connect succeeds with. It is false if there is none; then
// the next search tries all of them anew. The course has no target meanwhile.
func (c *course) search(a *attempt, l *listener, t *terms, client netip.AddrPort, known *affinity, now time.Duration,
	connect func(*target) bool) bool {
	if !a.begin(l, t, client) {
		return false
	}
	for {
		to := a.next(known, now)
		if to == nil {
			c.refusing = c.refusing[:0]
			return false
		}
		if slices.Contains(c.refusing, to) || !connect(to) {
			continue
		}
		a.accepted(known, now)
		c.terms, c.view, c.target = t, a.view, to
		return true
	}
}
