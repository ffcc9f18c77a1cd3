package edge

import (
	"io"
	"net"
	"testing"

	"github.com/naru-lb/naru/internal/plan"
)

// Clients, relay and targets share the machine and the process here: the figures compare engines and versions, and say
// little about what one connection costs. bench/l4 measures that.

// benchServe serves one target through an engine.
func benchServe(b *testing.B, o Options, handle func(*net.TCPConn)) plan.Listener {
	b.Helper()
	e, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	l := newListener(b, loop4, plan.TCP)
	g := newGroup(l, newPod(b, loop4, handle).at)
	var c plan.Change
	c.Listeners.Put(l.ListenerKey, l)
	c.Groups.Put(g.ID, g)
	e.Apply(c)
	return l
}

func onBothEnginesBench(b *testing.B, bench func(*testing.B, Options)) {
	for _, name := range []string{"loops", "portable"} {
		b.Run(name, func(b *testing.B) { bench(b, engines()[name]) })
	}
}

// BenchmarkConnection opens a connection, exchanges a word, and closes it.
func BenchmarkConnection(b *testing.B) {
	onBothEnginesBench(b, func(b *testing.B, o Options) {
		l := benchServe(b, o, echo)
		for b.Loop() {
			c, err := net.Dial("tcp", addressOf(l).String())
			if err != nil {
				b.Fatal(err)
			}
			exchange(b, c, "hello")
			c.Close()
		}
	})
}

// BenchmarkExchange sends a word and gets it back, on one connection.
func BenchmarkExchange(b *testing.B) {
	onBothEnginesBench(b, func(b *testing.B, o Options) {
		c := dial(b, addressOf(benchServe(b, o, echo)))
		for b.Loop() {
			exchange(b, c, "hello")
		}
	})
}

// BenchmarkBulk sends 1 MiB at a time from the target to the client, on one connection.
func BenchmarkBulk(b *testing.B) {
	const piece = 1 << 20
	onBothEnginesBench(b, func(b *testing.B, o Options) {
		b.SetBytes(piece)
		c := dial(b, addressOf(benchServe(b, o, func(c *net.TCPConn) {
			for data := make([]byte, piece); ; {
				if _, err := c.Write(data); err != nil {
					return
				}
			}
		})))
		buffer := make([]byte, piece)
		for b.Loop() {
			if _, err := io.ReadFull(c, buffer); err != nil {
				b.Fatal(err)
			}
		}
	})
}
