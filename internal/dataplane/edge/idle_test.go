package edge

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/plan"
)

// idlePod starts a target that sends back one byte, and then says how its connection ended.
func idlePod(t *testing.T) (*pod, chan error) {
	ended := make(chan error, 1)
	return newPod(t, loop4, func(c *net.TCPConn) {
		_, _ = io.CopyN(c, c, 1)
		_, err := io.Copy(io.Discard, c)
		ended <- err
	}), ended
}

func TestIdleConnectionIsResetOnBothSides(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		p, ended := idlePod(t)
		l := newListener(t, loop4, plan.TCP)
		l.IdleTimeout, l.ResetOnIdle = time.Second, true
		r.set(l, newGroup(l, p.at))
		c := dial(t, addressOf(l))
		exchange(t, c, "x")
		wantConnectionReset(t, c)
		if err := <-ended; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the target saw %v, want a reset", err)
		}
		if got := r.ListenerCounters(l.ListenerKey); got.IdleClosed != 1 {
			t.Errorf("counters are %+v", got)
		}
	})
}

// Without a reset nobody is told, as far as the process may do that: who speaks then is told by the kernel.
func TestIdleConnectionIsForgottenSilently(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		p, _ := idlePod(t)
		l := newListener(t, loop4, plan.TCP)
		l.IdleTimeout = time.Second
		r.set(l, newGroup(l, p.at))
		c := dial(t, addressOf(l))
		exchange(t, c, "x")
		eventually(t, "it is forgotten", func() bool {
			got := r.ListenerCounters(l.ListenerKey)
			return got.IdleClosed == 1 && got.Active == 0
		})
		if !o.Portable && os.Geteuid() == 0 {
			_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the client was told: %v", err)
			}
		}
		_ = c.SetDeadline(time.Now().Add(deadline))
		eventually(t, "the client is told when it speaks", func() bool {
			_, err := c.Write([]byte("x"))
			return err != nil
		})
	})
}

func TestBusyConnectionIsNotIdle(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		idle, _ := idlePod(t)
		l := newListener(t, loop4, plan.TCP)
		l.IdleTimeout, l.ResetOnIdle = 2*time.Second, true
		r.set(l, newGroup(l, newPod(t, loop4, echo).at))
		quiet := newListener(t, loop4, plan.TCP)
		quiet.IdleTimeout, quiet.ResetOnIdle = 2*time.Second, true
		r.set(quiet, newGroup(quiet, idle.at))

		c := dial(t, addressOf(l))
		exchange(t, c, "x")
		other := dial(t, addressOf(quiet))
		exchange(t, other, "x")
		eventually(t, "the quiet one is ended, while the other one is busy", func() bool {
			exchange(t, c, "x")
			return r.ListenerCounters(quiet.ListenerKey).IdleClosed == 1
		})
		exchange(t, c, "x")
	})
}

func TestIdleTimeoutCanBeChangedForRunningConnections(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		for name, before := range map[string]time.Duration{"there was none": 0, "it was longer": time.Hour} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t, o)
				p, _ := idlePod(t)
				l := newListener(t, loop4, plan.TCP)
				l.IdleTimeout = before
				r.set(l, newGroup(l, p.at))
				c := dial(t, addressOf(l))
				exchange(t, c, "x")
				l.IdleTimeout, l.ResetOnIdle = time.Second, true
				r.set(l)
				wantConnectionReset(t, c)
			})
		}
	})
}
