package probe

import (
	"fmt"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// outcome is what one probe saw.
type outcome struct {
	result observe.Result
	reason string // one of observe's, for a result that is not OK
	detail string // for people
	// connectsOnly is true if the connection was accepted, but what is spoken on it is not what the probe speaks.
	connectsOnly bool
	// fault is true if the probe could not be run, for which the target is not to blame. There is no result then.
	fault bool
	// took is the time from the start to the verdict.
	took time.Duration
}

// machine turns the outcomes of one target's probes into its health. It knows no clock.
//
//	initial --first result--> healthy or unhealthy
//	healthy --DownAfter bad ones in a row--> unhealthy --UpAfter good ones in a row--> healthy
type machine struct {
	health observe.Health
	// fresh is true if the next result decides alone: there was none yet, or those before answered another question.
	fresh bool
}

// begin forgets everything: the target is new.
func (m *machine) begin(at time.Time) {
	*m = machine{fresh: true, health: observe.Health{
		State: observe.Initial, Reason: observe.ReasonInitial, Detail: "waiting for the first probe", Since: at,
	}}
}

// rest gives the target a health that no probe has a say in.
func (m *machine) rest(s standing, at time.Time) {
	h := observe.Health{State: s.state, Reason: s.reason, Detail: s.detail, Since: at}
	if m.health.State == s.state && m.health.Reason == s.reason && m.health.Result == "" {
		h.Since = m.health.Since
	}
	*m = machine{health: h}
}

// record takes the outcome of a probe that ended at the given time.
func (m *machine) record(o outcome, p *plan.Probe, at time.Time) {
	if o.fault {
		m.fault(o)
		return
	}
	h := &m.health
	good := o.result.OK()
	if h.Result != "" && h.Result.OK() == good && !m.fresh {
		h.InARow++
	} else {
		h.InARow = 1
	}
	h.Result, h.At, h.Took, h.Detail, h.ConnectsOnly = o.result, at, o.took, o.detail, o.connectsOnly

	state, need := observe.Unhealthy, p.DownAfter
	if good {
		state, need = observe.Healthy, p.UpAfter
	}
	switch {
	case m.fresh || h.InARow >= need:
		if h.State != state {
			h.State, h.Since = state, at
		}
		h.Reason = o.reason
		m.fresh = false
	case h.State != state:
		h.Detail = fmt.Sprintf("%s (%d of %d until %s)", o.detail, h.InARow, need, state)
	}
}

// fault notes that the probe could not be run. What was known before goes on to count.
func (m *machine) fault(o outcome) {
	m.health.Detail = o.detail
	if m.health.State == observe.Initial {
		m.health.Reason = observe.ReasonInternal
	}
}
