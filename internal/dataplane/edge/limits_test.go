package edge

import (
	"testing"

	"github.com/naru-lb/naru/internal/plan"
)

func TestConnectionsBeyondTheMaximumWait(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		o.MaxConnections = 2
		r := newRig(t, o)
		l := newListener(t, loop4, plan.TCP)
		r.set(l, newGroup(l, newNamedPod(t, loop4).at))
		first, second := dial(t, addressOf(l)), dial(t, addressOf(l))
		readLine(t, first)
		readLine(t, second)
		third := dial(t, addressOf(l))
		eventually(t, "accepting waits", func() bool { return r.Stats().AcceptPauses > 0 })
		if got := r.ListenerCounters(l.ListenerKey).Connections; got != 2 {
			t.Errorf("%d connections were accepted, want 2", got)
		}
		first.Close()
		readLine(t, third)
	})
}

func TestDefaultsServe(t *testing.T) {
	r := newRig(t, Options{})
	l := newListener(t, loop4, plan.TCP)
	r.set(l, newGroup(l, newPod(t, loop4, echo).at))
	exchange(t, dial(t, addressOf(l)), "hello")
}
