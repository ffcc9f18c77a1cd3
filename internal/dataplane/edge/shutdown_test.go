package edge

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/plan"
)

func TestShutdownLetsRunningConnectionsFinish(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.TCP)
		r.set(l, newGroup(l, newPod(t, loop4, echo).at))
		c := dial(t, addressOf(l))
		exchange(t, c, "hello")
		done := make(chan error)
		go func() { done <- r.Shutdown(t.Context()) }()
		eventually(t, "nobody listens", func() bool {
			other, err := net.Dial("tcp", addressOf(l).String())
			if err == nil {
				abort(other.(*net.TCPConn))
			}
			return errors.Is(err, syscall.ECONNREFUSED)
		})
		exchange(t, c, "still here")
		select {
		case err := <-done:
			t.Fatalf("it did not wait for the connection: %v", err)
		default:
		}
		_ = c.CloseWrite()
		if rest, err := io.ReadAll(c); len(rest) > 0 || err != nil {
			t.Errorf("the connection ended with %q, %v", rest, err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestShutdownResetsWhatRunsWhenItsTimeIsOver(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l, u := newListener(t, loop4, plan.TCP), newListener(t, loop4, plan.UDP)
		r.set(l, newGroup(l, newPod(t, loop4, echo).at), u, newGroup(u, newUDPPod(t, anyPort(loop4)).at))
		c := dial(t, addressOf(l))
		exchange(t, c, "hello")
		ask(t, dialUDP(t, addressOf(u)), []byte("hello"))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := r.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		wantConnectionReset(t, c)
	})
}

func TestShutdownWaitsUntilUDPSessionsAreQuiet(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.UDP)
		p := newUDPPod(t, anyPort(loop4))
		r.set(l, newGroup(l, p.at))
		c, late := dialUDP(t, addressOf(l)), dialUDP(t, addressOf(l))
		ask(t, c, []byte("hello"))
		done := make(chan error)
		go func() { done <- r.Shutdown(t.Context()) }()
		eventually(t, "new sessions are not made", func() bool {
			before := p.sessions()
			d := dialUDP(t, addressOf(l))
			defer d.Close()
			_, _ = d.Write([]byte("hello"))
			ask(t, c, []byte("again"))
			return p.sessions() == before
		})
		_, _ = late.Write([]byte("hello"))
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// What the kernel has accepted for a listener is served, although nobody has called accept(2) yet.
func TestShutdownServesWhatWaitsInTheQueue(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		for range 20 {
			r := newRig(t, o)
			l := newListener(t, loop4, plan.TCP)
			r.set(l, newGroup(l, newPod(t, loop4, echo).at))
			var cs []net.Conn
			for range 20 {
				cs = append(cs, dial(t, addressOf(l)))
			}
			done := make(chan error)
			go func() { done <- r.Shutdown(t.Context()) }()
			for _, c := range cs {
				exchange(t, c, "hello")
				c.Close()
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestCloseResetsAtOnce(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.TCP)
		g := newGroup(l, newPod(t, loop4, echo).at)
		r.set(l, g)
		c := dial(t, addressOf(l))
		exchange(t, c, "hello")
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		wantConnectionReset(t, c)
		if got := r.Stats(); got.Connections != 0 {
			t.Errorf("stats are %+v", got)
		}
		// Everything may still be called.
		r.set(newListener(t, loop4, plan.TCP), l, g)
		r.drop(l, g)
		if err := r.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if got := r.Bindings(); len(got) != 1 || got[0].Bound.IsValid() {
			t.Errorf("bindings after closing are %+v", got)
		}
	})
}

// openFiles returns how many descriptors the process has; -1 if the system does not say.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(entries)
}

func TestNothingIsLeftBehind(t *testing.T) {
	if openFiles() < 0 {
		t.Skip("needs /proc")
	}
	for name, o := range engines() { // one after the other: descriptors are counted
		t.Run(name, func(t *testing.T) { nothingIsLeftBehind(t, o) })
	}
}

func nothingIsLeftBehind(t *testing.T, o Options) {
	p, dead, u := newPod(t, loop4, echo), newDeadPod(t), newUDPPod(t, anyPort(loop4))
	use := func() {
		e, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{Edge: e, t: t}
		l, lu := newListener(t, loop4, plan.TCP), newListener(t, loop4, plan.UDP)
		r.set(l, newGroup(l, p.at, dead), lu, newGroup(lu, u.at, dead))
		var all sync.WaitGroup
		for i := range 12 {
			c := dial(t, addressOf(l))
			all.Go(func() {
				defer c.Close()
				go func() { _, _ = io.Copy(c, noise(1, 3<<20)) }()
				_, _ = io.CopyN(io.Discard, c, int64(i)<<17)
				if i%2 == 0 {
					abort(c) // with bytes on the way
				}
			})
		}
		for range 5 {
			d := dialUDP(t, addressOf(lu))
			ask(t, d, []byte("hello"))
			d.Close()
		}
		all.Wait()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	use() // what is opened once stays open
	eventually(t, "the target's side is closed", func() bool { return p.open() == 0 })
	files, routines := openFiles(), runtime.NumGoroutine()
	for range 2 {
		use()
	}
	eventually(t, "all descriptors are closed", func() bool { return openFiles() <= files })
	eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= routines })
}
