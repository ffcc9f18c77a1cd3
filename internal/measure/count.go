package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/naru-lb/naru/internal/plan"
)

// batch is how many connections are held open at once until they have been counted.
const batch = 256

// byCounters opens the connections and lets the data plane count which target gets them.
func (r *run) byCounters(ctx context.Context) error {
	r.outcome = Outcome{Wanted: r.options.N, By: ByCounters, Got: map[string]int{}}
	before, err := r.options.Counters(ctx)
	if err != nil {
		return fmt.Errorf("read the counters: %w", err)
	}
	counted := total(before)
	for left := r.options.N; left > 0 && ctx.Err() == nil; left -= batch {
		last := counted
		if counted, err = r.hold(ctx, min(left, batch), last); err != nil {
			return err
		}
		if counted == last { // not one of a batch: nobody is there
			break
		}
	}
	return r.settle(ctx, before)
}

func total(counters map[netip.AddrPort]uint64) (n uint64) {
	for _, c := range counters {
		n += c
	}
	return n
}

// hold opens n connections, waits until they are counted or have failed, and closes them. It returns the new total.
func (r *run) hold(ctx context.Context, n int, counted uint64) (uint64, error) {
	h := &holding{}
	defer h.close()
	var workers sync.WaitGroup
	todo := make(chan struct{}, n)
	for range n {
		todo <- struct{}{}
	}
	close(todo)
	for range min(n, r.options.Workers) {
		workers.Go(func() {
			for range todo {
				if ctx.Err() != nil {
					return
				}
				if err := h.open(ctx, r); err != nil {
					h.lose(err)
				}
			}
		})
	}
	workers.Wait()
	return r.await(ctx, h, n, counted)
}

// lag is how far the counters may be behind a connection that is lost.
const lag = 300 * time.Millisecond

// await waits until all n connections of a batch are counted. Those that are not when nothing changes any more have failed:
// soon if they were lost, else when patience ends. One that was counted has not failed, whatever became of it.
func (r *run) await(ctx context.Context, h *holding, n int, counted uint64) (uint64, error) {
	now, changed := counted, time.Now()
	for {
		last := now
		counters, err := r.options.Counters(ctx)
		if err != nil {
			return now, fmt.Errorf("read the counters: %w", err)
		}
		if now = total(counters); now < counted {
			return now, errAnew
		}
		if now != last {
			changed = time.Now()
		}
		missing := n - int(now-counted)
		if missing <= 0 || ctx.Err() != nil {
			return now, nil
		}
		lost, why := h.losses()
		limit := patience
		if missing <= lost {
			limit = lag
		}
		if time.Since(changed) > limit {
			for range missing {
				r.failed(why)
			}
			return now, nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// errAnew means that the counters do not count from the same start.
var errAnew = errors.New("the counters went backwards: the data plane was started anew")

// settle takes the difference of the counters as the outcome.
func (r *run) settle(ctx context.Context, before map[netip.AddrPort]uint64) error {
	after, err := r.options.Counters(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("read the counters: %w", err)
	}
	for target, n := range after {
		if n < before[target] {
			return errAnew
		}
		if got := int(n - before[target]); got > 0 {
			r.outcome.Got[target.String()] = got
			r.outcome.Answered += got
		}
	}
	return nil
}

// holding is the connections of one batch.
type holding struct {
	mu      sync.Mutex
	conns   []net.Conn
	lost    int
	why     error // of the first that was lost
	readers sync.WaitGroup
}

// open opens one more connection. A UDP client sends one datagram, since there is no session before.
func (h *holding) open(ctx context.Context, r *run) error {
	conn, err := r.dial(ctx)
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.conns = append(h.conns, conn)
	h.mu.Unlock()
	if r.options.Protocol == plan.UDP {
		_, err := io.WriteString(conn, "\n")
		return err
	}
	h.readers.Go(func() { h.watch(conn) })
	// Servers that never stop to talk shall soon have to wait.
	return conn.(*net.TCPConn).SetReadBuffer(4 << 10)
}

// watch notices when a connection is reset before anything was said and before this side closes it: then it has most
// likely found no target. Nothing more is read.
func (h *holding) watch(conn net.Conn) {
	_, err := conn.Read(make([]byte, 1))
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		h.lose(fmt.Errorf("the connection was ended: %w", err))
	}
}

func (h *holding) lose(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lost++
	if h.why == nil {
		h.why = why
	}
}

// losses returns how many connections were lost, and why those that nobody counted have failed.
func (h *holding) losses() (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.why == nil {
		return 0, errors.New("it was not sent to a target")
	}
	return h.lost, h.why
}

func (h *holding) close() {
	for _, c := range h.conns {
		_ = c.Close()
	}
	h.readers.Wait()
}
