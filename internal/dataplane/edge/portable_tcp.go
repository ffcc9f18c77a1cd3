package edge

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/proxyproto"
)

// flow is one TCP connection of the portable engine.
type flow struct {
	p       *portable
	l       *listener
	client  *net.TCPConn
	attempt *attempt
	last    atomic.Int64 // when a byte last went through, in ns since the engine's start

	mu     sync.Mutex // guards what follows
	ended  bool
	target *target            // that is tried, or that has accepted
	cancel context.CancelFunc // ends the try
	server *net.TCPConn       // nil until a target has accepted
	idle   *time.Timer
}

// abort closes a connection with RST.
func abort(c *net.TCPConn) {
	_ = c.SetLinger(0) // fails on a closed socket only, as does Close
	_ = c.Close()
}

// serve decides about a new connection.
func (p *portable) serve(l *listener, client *net.TCPConn) {
	cell := &l.cells[0]
	t := l.terms.Load()
	from := addrPort(client.RemoteAddr())
	if !t.admits(from.Addr()) {
		cell.refused.Add(1)
		abort(client)
		return
	}
	cell.connections.Add(1)
	f := &flow{p: p, l: l, client: client, attempt: &attempt{}}
	if !f.attempt.begin(l, t, from) {
		cell.noTarget.Add(1)
		abort(client)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		abort(client)
		return
	}
	p.flows[f] = struct{}{}
	cell.active.Add(1)
	p.goroutines.Go(f.run)
}

func (f *flow) run() {
	if f.dial() {
		cell := &f.target.cells[0]
		cell.connections.Add(1)
		cell.active.Add(1)
		f.relay()
		cell.active.Add(-1)
	} else {
		abort(f.client)
	}
	f.l.cells[0].active.Add(-1)
	f.p.mu.Lock()
	delete(f.p.flows, f)
	f.p.mu.Unlock()
}

// dial asks one target after the other until one accepts. It is false if none does, or if the flow has ended.
func (f *flow) dial() bool {
	for {
		to := f.attempt.next(f.p.affinity, f.p.now())
		if to == nil {
			f.l.cells[0].noTarget.Add(1)
			return false
		}
		switch err := f.try(to); {
		case err == nil:
			f.attempt.accepted(f.p.affinity, f.p.now())
			return true
		case f.hasEnded():
			return false
		case f.isOn(to): // and not expelled
			to.cells[0].failed.Add(1)
		}
	}
}

// try connects to one target and introduces the client.
func (f *flow) try(to *target) error {
	spec := &f.attempt.view.spec
	ctx, cancel := context.WithTimeout(context.Background(), spec.ConnectTimeout)
	defer cancel()
	f.mu.Lock()
	if f.ended {
		f.mu.Unlock()
		return net.ErrClosed
	}
	f.target, f.cancel = to, cancel
	f.mu.Unlock()
	dialer := net.Dialer{KeepAlive: -1}
	c, err := dialer.DialContext(ctx, "tcp", to.id.Address.String())
	if err != nil {
		return err
	}
	server := c.(*net.TCPConn)
	if spec.ProxyProtocol != plan.ProxyNone {
		header := proxyproto.Append(nil, spec.ProxyProtocol, f.attempt.client, f.l.address())
		if _, err := server.Write(header); err != nil {
			abort(server)
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended || f.target != to {
		abort(server)
		return net.ErrClosed
	}
	f.touch()
	f.server = server
	return nil
}

func (f *flow) hasEnded() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended
}

func (f *flow) isOn(t *target) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.target == t
}

// expel ends the flow of a target whose time is over; one that is still being made goes to another target.
func (f *flow) expel(ts map[*target]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.target == nil || !ts[f.target]:
	case f.server == nil:
		f.target = nil
		f.cancel()
	default:
		f.reset()
	}
}

// end resets the flow, in whatever state it is.
func (f *flow) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.server == nil && f.cancel != nil {
		f.cancel()
	}
	f.reset()
}

// reset ends the flow with RST to both sides. f.mu is held.
func (f *flow) reset() {
	f.ended = true
	abort(f.client)
	if f.server != nil {
		abort(f.server)
	}
}

// relay moves bytes in both directions until both have ended.
func (f *flow) relay() {
	f.onIdle()
	var in, out error
	var both sync.WaitGroup
	both.Go(func() { in = f.pump(f.server, f.client, &f.l.cells[0].bytesIn, &f.target.cells[0].bytesIn) })
	out = f.pump(f.client, f.server, &f.l.cells[0].bytesOut, &f.target.cells[0].bytesOut)
	both.Wait()

	f.mu.Lock()
	defer f.mu.Unlock()
	if f.idle != nil {
		f.idle.Stop()
	}
	switch {
	case f.ended:
	case in != nil || out != nil:
		f.reset()
	default:
		f.ended = true
		f.client.Close()
		f.server.Close()
	}
}

func (f *flow) touch() { f.last.Store(int64(f.p.now())) }

// pump moves bytes from one side to the other until the one ends, and passes the end on. What cannot be read ends the
// flow at once; what cannot be written does not, because the other direction may still bring last words.
func (f *flow) pump(to, from *net.TCPConn, counters ...*atomic.Uint64) error {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			f.touch()
			if _, err := to.Write(buffer[:n]); err != nil {
				return err
			}
			f.touch()
			for _, c := range counters {
				c.Add(uint64(n))
			}
		}
		switch {
		case err == io.EOF:
			return to.CloseWrite()
		case err != nil:
			f.end()
			return err
		}
	}
}

// onIdle ends the flow if nothing went through for the idle timeout of its listener, or sets the time to look again.
func (f *flow) onIdle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.l.terms.Load()
	if f.ended || f.server == nil || t.idle == 0 {
		return
	}
	left := t.idle - (f.p.now() - time.Duration(f.last.Load()))
	switch {
	case left > 0 && f.idle == nil:
		f.idle = time.AfterFunc(left, f.onIdle)
		return
	case left > 0:
		f.idle.Reset(left)
		return
	}
	f.l.cells[0].idleClosed.Add(1)
	if t.reset {
		f.reset()
		return
	}
	f.ended = true
	f.client.Close()
	f.server.Close()
}
