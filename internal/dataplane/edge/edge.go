package edge

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// Options are the settings of an Edge. The zero value is ready to use.
type Options struct {
	// Logger gets what happens to listeners and resources; connections are never logged. Nil discards.
	Logger *slog.Logger
	// Loops is how many event loops carry the traffic, 1 to 64; 0 means one for each core that the process may use.
	// Ignored by the portable engine.
	Loops int
	// Portable takes the engine of goroutines where event loops could be had too.
	Portable bool
	// MapPort gives the port that stands for one that needs a privilege; nil means port + 8000.
	MapPort func(port uint16) uint16
	// AffinityEntries is how many clients are remembered for groups with affinity; 0 means 262,144 (some 30 MB if full).
	AffinityEntries int
	// MaxConnections is how many TCP connections run at the same time, give or take a few that come at once; more wait
	// in the kernel's accept queues. 0 means as many as the limit on open files allows.
	MaxConnections int
	// MaxSessions is how many UDP sessions there are at the same time; the one that was idle for longest makes room.
	// 0 means a quarter of the limit on open files, at most 65,536.
	MaxSessions int
	// OnBinding is told about every listener that is bound, moved, or cannot be bound. It is never called twice at
	// the same time, and must not call Apply, Shutdown or Close. Nil tells nobody.
	OnBinding func(observe.Binding)
}

// Edge serves the listeners of a plan. Its methods may be called from several goroutines.
type Edge struct {
	log       *slog.Logger
	options   Options
	engine    engine
	affinity  *affinity
	wake      chan struct{} // tells the keeper that there is something new to wait for
	done      chan struct{} // closed when the Edge is closed
	kept      sync.WaitGroup
	notifying sync.Mutex // serialises changes, and OnBinding with them

	mu        sync.Mutex // guards what follows
	closed    bool
	stopping  bool
	serial    uint64
	listeners map[plan.ListenerKey]*listener
	groups    map[plan.GroupID]*group
	targets   map[plan.TargetID]*target
	leaving   map[*target]time.Time         // targets that drain, or that the plan no longer has, since when
	unsettled map[*listener]bool            // listeners that are not where they should be and are tried again
	moved     map[*listener]observe.Binding // what OnBinding was told last about listeners that it has to be told about
}

// New starts an Edge that serves nothing yet. It raises the soft limit on open files to the hard one, and GOMAXPROCS
// to one more than there are loops: a busy loop keeps its processor while it waits for a moment.
func New(o Options) (*Edge, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MapPort == nil {
		o.MapPort = mapPort
	}
	if o.AffinityEntries == 0 {
		o.AffinityEntries = 1 << 18
	}
	files := raiseFileLimit(o.Logger)
	if o.MaxConnections == 0 {
		o.MaxConnections = max((files-256)/2, 16)
	}
	if o.MaxSessions == 0 {
		o.MaxSessions = min(max(files/4, 16), 1<<16)
	}
	e := &Edge{
		log: o.Logger, options: o,
		affinity:  newAffinity(o.AffinityEntries),
		wake:      make(chan struct{}, 1),
		done:      make(chan struct{}),
		listeners: map[plan.ListenerKey]*listener{},
		groups:    map[plan.GroupID]*group{},
		targets:   map[plan.TargetID]*target{},
		leaving:   map[*target]time.Time{},
		unsettled: map[*listener]bool{},
		moved:     map[*listener]observe.Binding{},
	}
	var err error
	if e.engine, err = newEngine(o, e.affinity); err != nil {
		return nil, err
	}
	e.kept.Go(e.keep)
	return e, nil
}

// Shutdown stops to listen, after serving what waits in the accept queues, and lets running connections finish. UDP
// sessions go on until they are quiet for a second; there are no new ones. When ctx ends first, the rest is reset and
// the error of ctx is returned. The Edge is closed in both cases.
func (e *Edge) Shutdown(ctx context.Context) error {
	e.stopListening(plan.TCP)
	err := e.finish(ctx)
	return errors.Join(err, e.Close())
}

// finish waits until no connection runs any more.
func (e *Edge) finish(ctx context.Context) error {
	e.engine.quiesce()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for e.engine.running() > 0 {
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Close stops at once: running connections are reset. Closing twice is fine.
func (e *Edge) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	e.mu.Unlock()
	close(e.done)
	e.kept.Wait()
	e.stopListening(plan.TCP, plan.UDP)
	e.engine.close()
	return nil
}

// stopListening shuts the listening sockets of some protocols; nothing is bound after it.
func (e *Edge) stopListening(protocols ...plan.Protocol) {
	e.notifying.Lock()
	defer e.notifying.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopping = true
	var ss []socket
	for _, l := range e.listeners {
		if l.socket != nil && slices.Contains(protocols, l.key.Protocol) {
			ss = append(ss, l.socket)
			l.socket, l.binding = nil, observe.Binding{Key: l.key}
		}
	}
	e.engine.shut(ss)
}
