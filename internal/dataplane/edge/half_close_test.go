package edge

import (
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/naru-lb/naru/internal/plan"
)

func TestClientThatHasEndedStillGetsTheAnswer(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		p := newPod(t, loop4, func(c *net.TCPConn) {
			got, _ := io.ReadAll(c)
			fmt.Fprintf(c, "%d bytes\n", len(got))
			_, _ = io.Copy(c, noise(1, 1<<20))
		})
		l := newListener(t, loop4, plan.TCP)
		r.set(l, newGroup(l, p.at))
		c := dial(t, addressOf(l))
		_, _ = io.Copy(c, noise(2, 300_000))
		_ = c.CloseWrite()
		if got := readLine(t, c); got != "300000 bytes" {
			t.Errorf("got %q", got)
		}
		if sumOf(t, c) != sumOf(t, noise(1, 1<<20)) {
			t.Error("the rest of the answer is not what was sent")
		}
		eventually(t, "nothing runs", func() bool { return r.Stats().Connections == 0 })
	})
}

func TestTargetThatHasEndedStillGetsWhatTheClientSends(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		got := make(chan [32]byte, 1)
		p := newPod(t, loop4, func(c *net.TCPConn) {
			fmt.Fprintln(c, "bye")
			_ = c.CloseWrite()
			got <- sumOf(t, c)
		})
		l := newListener(t, loop4, plan.TCP)
		r.set(l, newGroup(l, p.at))
		c := dial(t, addressOf(l))
		if rest, err := io.ReadAll(c); string(rest) != "bye\n" || err != nil {
			t.Fatalf("got %q, %v", rest, err)
		}
		_, _ = io.Copy(c, noise(4, 1<<20))
		_ = c.CloseWrite()
		if <-got != sumOf(t, noise(4, 1<<20)) {
			t.Error("the target got other bytes than were sent")
		}
		eventually(t, "nothing runs", func() bool { return r.Stats().Connections == 0 })
	})
}

// The client may have ended before there is a target at all.
func TestRequestThatEndsBeforeATargetHasAcceptedIsServed(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.TCP)
		g := newGroup(l, newSilentPod(t), newPod(t, loop4, echo).at)
		g.ConnectTimeout = shortConnect
		r.set(l, g)
		for range 8 { // one of them goes to the silent target first
			c := dial(t, addressOf(l))
			fmt.Fprint(c, "request")
			_ = c.CloseWrite()
			if got, err := io.ReadAll(c); string(got) != "request" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		}
	})
}

func TestConnectionWithoutAByteEndsCleanly(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		ended := make(chan error, 1)
		p := newPod(t, loop4, func(c *net.TCPConn) {
			_, err := io.Copy(io.Discard, c)
			ended <- err
		})
		l := newListener(t, loop4, plan.TCP)
		r.set(l, newGroup(l, p.at))
		_ = dial(t, addressOf(l)).Close()
		if err := <-ended; err != nil {
			t.Errorf("the target saw %v, want a clean end", err)
		}
		eventually(t, "nothing runs", func() bool { return r.Stats().Connections == 0 })
	})
}
