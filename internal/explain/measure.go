package explain

import (
	"math"

	"github.com/naru-lb/naru/internal/plan"
)

// Measurement is what came of opening real connections to a listener.
type Measurement struct {
	// Wanted connections were asked for; Answered ones reached a target that could be told; Failed ones did not.
	Wanted   int `json:"wanted"`
	Answered int `json:"answered"`
	Failed   int `json:"failed"`
	// By says how targets were told apart: "name", the pods said their names, or "counters", Naru counted.
	By string `json:"by"`
	// FirstError is what happened to the first connection that failed.
	FirstError string `json:"firstError,omitempty"`
	// Strangers is how many of the answers came from somebody who is not a target.
	Strangers int `json:"strangers,omitempty"`
	// WorstPoints is the largest distance between measured and predicted share, in percentage points, and ChancePoints
	// what chance alone moves a share by in 19 of 20 looks: 2*sqrt(p*(1-p)/n).
	WorstPoints  float64 `json:"worstPoints"`
	ChancePoints float64 `json:"chancePoints"`
	// AsPredicted is false if a target is off by more than twice what chance explains. With session affinity all
	// connections of the measurement are one client's, and one target should get them all.
	AsPredicted bool `json:"asPredicted"`
}

// SetMeasured adds the outcome of a measurement to the listener with the key: how many connections each target got, by its
// name, or by its address as text. It is false if there is no such listener.
func (d *Document) SetMeasured(key plan.ListenerKey, m Measurement, got map[string]int) bool {
	for i := range d.Listeners {
		if d.Listeners[i].ListenerKey == key {
			d.Listeners[i].setMeasured(m, got)
			return true
		}
	}
	return false
}

func (l *Listener) setMeasured(m Measurement, got map[string]int) {
	m.Answered, m.Strangers = 0, 0
	for _, n := range got {
		m.Answered += n
	}
	m.Strangers = m.Answered
	m.AsPredicted = m.Answered > 0
	served := 0
	for i := range l.Targets {
		t := &l.Targets[i]
		t.Measured = got[t.Name]
		if t.Name != t.Address.String() {
			t.Measured += got[t.Address.String()]
		}
		m.Strangers -= t.Measured
		if t.Measured > 0 {
			served++
		}
		if m.Answered > 0 && l.AffinitySeconds == 0 {
			m.compare(t)
		}
	}
	if l.AffinitySeconds > 0 {
		m.AsPredicted = served == 1
	}
	m.AsPredicted = m.AsPredicted && m.Strangers == 0
	l.Measured = &m
}

// compare takes the share of one target into account.
func (m *Measurement) compare(t *Target) {
	n := float64(m.Answered)
	off := math.Abs(float64(t.Measured)/n - t.Share)
	chance := Chance(t.Share, m.Answered)
	m.WorstPoints = max(m.WorstPoints, 100*off)
	m.ChancePoints = max(m.ChancePoints, 100*chance)
	// Half a connection more: counts are whole numbers.
	if off > 2*chance+0.5/n {
		m.AsPredicted = false
	}
}

// Chance returns how far chance alone moves a share p, 0 to 1, that is measured over n connections, in 19 of 20
// measurements: the binomial 2*sqrt(p*(1-p)/n).
func Chance(p float64, n int) float64 {
	if n == 0 {
		return 0
	}
	return 2 * math.Sqrt(p*(1-p)/float64(n))
}
