package probe

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// defaultConcurrent is how many probes run at the same time at most, unless Options say otherwise.
const defaultConcurrent = 256

// Options are what a Manager needs. The zero value works.
type Options struct {
	// Logger is told about what hinders probing; slog.Default() if nil.
	Logger *slog.Logger
	// OnTransition is called with every change of a target's state, reason or ConnectsOnly: also when a target is new.
	// Calls come one after the other in the order of the changes, from one goroutine, soon after the change. It may call
	// any method but Close.
	OnTransition func([]observe.Transition)
	// OnProbe is called after every probe that was run, from several goroutines at once. It must not block.
	OnProbe func(kind plan.ProbeKind, r observe.Result, took time.Duration)
	// MaxConcurrent is how many probes run at the same time at most, 256 if 0. Targets that did not answer in time when
	// last probed share half of it, so that many of them do not hold up the others.
	MaxConcurrent int
	// Dial opens connections; a plain net.Dialer if nil. The network is "tcp", the address an IP address and a port.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Manager probes the targets of a plan. Its methods may be called from several goroutines.
type Manager struct {
	options Options
	log     *slog.Logger
	prober  prober
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	start   time.Time

	mu     sync.Mutex
	groups map[plan.GroupID]*group
	routes map[plan.ListenerKey][]plan.GroupID
	uses   map[plan.GroupID]int // routes that lead to a group
	schedule
	changes
}

// New starts a Manager without any targets. Close ends it.
func New(o Options) *Manager {
	o.MaxConcurrent = cmp.Or(o.MaxConcurrent, defaultConcurrent)
	m := &Manager{
		options: o,
		log:     cmp.Or(o.Logger, slog.Default()),
		start:   time.Now(),
		groups:  map[plan.GroupID]*group{},
		routes:  map[plan.ListenerKey][]plan.GroupID{},
		uses:    map[plan.GroupID]int{},
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.prober.dial = dialer(o.Dial)
	m.schedule.wake = make(chan struct{}, 1)
	m.changes.wake = make(chan struct{}, 1)
	m.running.Go(m.keepTime)
	m.running.Go(m.tell)
	return m
}

// dialer returns dial or, if it is nil, a way to connect that spares the system calls which keep a connection alive:
// none of these gets old. (Dialer.DialTCP would spare a little more, but binds a port before it connects, and so runs
// out of ports with 28,000 connections to whomever.)
func dialer(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	if dial != nil {
		return dial
	}
	d := &net.Dialer{KeepAlive: -1}
	d.SetMultipathTCP(false)
	return d.DialContext
}

// Close stops all probes and returns when the last one has ended. There are no calls of OnTransition and OnProbe after it.
func (m *Manager) Close() {
	m.cancel()
	m.running.Wait()
}

// Apply follows a change of the plan. Targets that are gone are not probed any more when it returns, and new ones soon. A
// target keeps its history as long as it stays and is asked the same. If the question changes, its state stays until it
// has answered the new one, so that a change of settings takes nobody out of service by itself.
func (m *Manager) Apply(c plan.Change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := map[plan.GroupID]struct{}{}
	for key := range c.Listeners.Gone {
		m.route(key, nil, changed)
	}
	for key, l := range c.Listeners.Set {
		m.route(key, l.Routes, changed)
	}
	for id := range c.Groups.Gone {
		if g := m.groups[id]; g != nil {
			m.drop(g)
		}
	}
	for id := range c.Groups.Set {
		changed[id] = struct{}{}
	}
	var fresh []*check
	now := time.Now()
	for id := range changed {
		if spec, ok := c.Groups.Set[id]; ok {
			fresh = m.set(spec, now, fresh)
		} else if g := m.groups[id]; g != nil {
			fresh = m.set(g.spec, now, fresh)
		}
	}
	m.spread(fresh...)
	m.changes.poke()
}

// route notes where a listener leads to.
func (m *Manager) route(key plan.ListenerKey, routes []plan.Route, changed map[plan.GroupID]struct{}) {
	for _, id := range m.routes[key] {
		if m.uses[id]--; m.uses[id] == 0 {
			delete(m.uses, id)
		}
		changed[id] = struct{}{}
	}
	delete(m.routes, key)
	for _, r := range routes {
		m.routes[key] = append(m.routes[key], r.Group)
		m.uses[r.Group]++
		changed[r.Group] = struct{}{}
	}
}

// Group returns what is known of all targets of a group, nil if the plan has no such group.
func (m *Manager) Group(id plan.GroupID) map[netip.AddrPort]observe.Health {
	m.mu.Lock()
	defer m.mu.Unlock()
	g := m.groups[id]
	if g == nil {
		return nil
	}
	out := make(map[netip.AddrPort]observe.Health, len(g.targets))
	for at, t := range g.targets {
		out[at] = t.machine.health
	}
	return out
}
