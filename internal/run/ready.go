package run

import (
	"sync"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// firstProbes is how long the first probes may take before the process counts as ready without them.
const firstProbes = 3 * time.Second

// readiness knows whether everything is served that the manifests asked for when the process started.
type readiness struct {
	mu      sync.Mutex
	begun   bool
	done    bool
	timer   *time.Timer
	initial map[plan.TargetID]bool // targets whose first probe is not over
}

// applied notes that a change of the manifests is served. After the first one the process is ready when no target waits
// for its first probe any more.
func (r *readiness) applied(s *server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun {
		return
	}
	r.begun = true
	r.initial = map[plan.TargetID]bool{}
	for id, g := range s.view().Plan.Groups {
		for at, h := range s.probes.Group(id) {
			if h.State == observe.Initial && g.Probe != nil {
				r.initial[plan.TargetID{Group: id, Address: at}] = true
			}
		}
	}
	r.timer = time.AfterFunc(firstProbes, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ready(s)
	})
	if len(r.initial) == 0 {
		r.ready(s)
	}
}

// answered notes that targets have a state.
func (r *readiness) answered(s *server, ts []observe.Transition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.begun || r.done {
		return
	}
	for _, t := range ts {
		if t.Health.State != observe.Initial {
			delete(r.initial, t.Target)
		}
	}
	if len(r.initial) == 0 {
		r.ready(s)
	}
}

// ready tells once who waits for it. From now on findings that come and go are logged.
func (r *readiness) ready(s *server) {
	if r.done {
		return
	}
	r.done = true
	r.timer.Stop()
	s.journal.logging.Store(true)
	if s.options.Ready != nil {
		go s.options.Ready(s.started())
	}
}

// isReady tells whether ready was called.
func (r *readiness) isReady() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done
}

// stop makes sure that nobody is told any more.
func (r *readiness) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = true
	if r.timer != nil {
		r.timer.Stop()
	}
}
