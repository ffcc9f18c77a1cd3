//go:build amd64 || arm64

package edge

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/naru-lb/naru/internal/plan"
)

func TestAcceptedConnectionsInheritTheirOptions(t *testing.T) {
	r := newRig(t, Options{Loops: 1})
	l := newListener(t, loop4, plan.TCP)
	r.set(l, newGroup(l, newPod(t, loop4, echo).at))
	exchange(t, dial(t, addressOf(l)), "hello")
	only := r.engine.(*loops).all[0]
	only.call(func(lp *loop) {
		for i := range lp.conns.size() {
			c := lp.conns.at(i)
			if c.state == free {
				continue
			}
			for _, o := range []struct {
				name                string
				level, option, want int
			}{
				{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
				{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 7200},
				{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
			} {
				if got, err := unix.GetsockoptInt(int(c.side[client].fd), o.level, o.option); got != o.want || err != nil {
					t.Errorf("%s is %d, %v, want %d", o.name, got, err, o.want)
				}
			}
			return
		}
		t.Error("no connection runs")
	})
}
