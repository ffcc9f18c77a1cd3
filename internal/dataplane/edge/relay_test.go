package edge

import (
	"testing"

	"github.com/naru-lb/naru/internal/plan"
)

func TestConnectionIsRelayedToTheTarget(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		for _, at := range loopbacks(t) {
			r := newRig(t, o)
			s := newPod(t, at, echo)
			l := newListener(t, at, plan.TCP)
			r.set(l, newGroup(l, s.at))
			c := dial(t, addressOf(l))
			exchange(t, c, "hello")
			exchange(t, c, "again")
		}
	})
}
