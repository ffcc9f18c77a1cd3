package probe

import (
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

var (
	good    = outcome{result: observe.L4OK, detail: "connected"}
	refused = outcome{result: observe.L4CON, reason: observe.ReasonFailed, detail: "connect: connection refused 10.1.2.3:80"}
	silent  = outcome{result: observe.L7TOUT, reason: observe.ReasonTimeout, detail: "timeout", connectsOnly: true}
	broken  = outcome{fault: true, detail: "the probe could not be run: too many open files"}
)

func TestResultsInARowMakeAState(t *testing.T) {
	for _, c := range []struct {
		name     string
		up, down int
		outcomes []outcome
		want     observe.State
		reason   string
		detail   string
		inARow   int
	}{
		{"nothing yet", 2, 2, nil, observe.Initial, observe.ReasonInitial, "waiting for the first probe", 0},
		{"the first good result decides alone", 5, 5, []outcome{good}, observe.Healthy, "", "connected", 1},
		{"the first bad result decides alone", 5, 5, []outcome{refused}, observe.Unhealthy, observe.ReasonFailed, refused.detail, 1},
		{"one failure is not enough", 2, 2, []outcome{good, refused}, observe.Healthy, "",
			"connect: connection refused 10.1.2.3:80 (1 of 2 until unhealthy)", 1},
		{"two failures are", 2, 2, []outcome{good, refused, silent}, observe.Unhealthy, observe.ReasonTimeout, "timeout", 2},
		{"two failures that are not in a row are not", 2, 2, []outcome{good, refused, good, refused}, observe.Healthy, "",
			"connect: connection refused 10.1.2.3:80 (1 of 2 until unhealthy)", 1},
		{"coming back takes its time too", 3, 1, []outcome{refused, good, good}, observe.Unhealthy, observe.ReasonFailed,
			"connected (2 of 3 until healthy)", 2},
		{"and then it is back", 3, 1, []outcome{refused, good, good, good}, observe.Healthy, "", "connected", 3},
		{"a threshold of one", 1, 1, []outcome{good, refused, good}, observe.Healthy, "", "connected", 1},
		{"the reason is that of the last failure", 2, 2, []outcome{silent, refused}, observe.Unhealthy, observe.ReasonFailed, refused.detail, 2},
		{"a probe that could not be run says nothing", 1, 1, []outcome{good, broken, broken}, observe.Healthy, "", broken.detail, 1},
		{"and nothing of a new target either", 1, 1, []outcome{broken}, observe.Initial, observe.ReasonInternal, broken.detail, 0},
		{"nor does it count in a row", 2, 2, []outcome{good, refused, broken, refused}, observe.Unhealthy, observe.ReasonFailed, refused.detail, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m machine
			at := time.Unix(1000, 0)
			m.begin(at)
			for _, o := range c.outcomes {
				at = at.Add(time.Second)
				m.record(o, &plan.Probe{UpAfter: c.up, DownAfter: c.down}, at)
			}
			h := m.health
			if h.State != c.want || h.Reason != c.reason || h.Detail != c.detail || h.InARow != c.inARow {
				t.Errorf("got %+v", h)
			}
		})
	}
}

func TestSinceIsWhenTheStateBegan(t *testing.T) {
	var m machine
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	p := &plan.Probe{UpAfter: 2, DownAfter: 2}
	m.begin(at(1))
	for second, want := range []int64{2: 2, 3: 2, 4: 2, 5: 5, 6: 5} {
		if second < 2 {
			continue
		}
		o := good
		if second >= 4 {
			o = silent
		}
		m.record(o, p, at(int64(second)))
		if h := m.health; h.Since != at(want) || h.At != at(int64(second)) || h.ConnectsOnly != o.connectsOnly {
			t.Errorf("second %d: %+v, want since %d", second, h, want)
		}
	}
}

func TestTheFirstResultOfANewQuestionDecidesAlone(t *testing.T) {
	var m machine
	p := &plan.Probe{UpAfter: 3, DownAfter: 3}
	m.begin(time.Unix(1, 0))
	m.record(good, p, time.Unix(2, 0))
	m.record(good, p, time.Unix(3, 0))
	m.fresh = true
	m.record(silent, p, time.Unix(4, 0))
	if h := m.health; h.State != observe.Unhealthy || h.InARow != 1 {
		t.Errorf("got %+v", h)
	}
}
