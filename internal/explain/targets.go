package explain

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// mostRows is how many targets are listed at most.
const mostRows = 20

// targets draws the table of a listener's targets.
func (d *Document) targets(s *screen, l *Listener) {
	all := worstFirst(l.Targets)
	shown := all[:min(len(all), mostRows)]
	rows := [][]string{d.titles(l)}
	for _, t := range shown {
		rows = append(rows, d.row(l, t))
	}
	s.table(rows)
	if rest := all[len(shown):]; len(rest) > 0 {
		s.line(" ... and %s more, %s (-o json lists them)", thousands(uint64(len(rest))), notWell(rest))
	}
	d.troubles(s, shown)
}

// worstFirst returns targets in their order, but with those that are not well first if there are too many to list.
func worstFirst(targets []Target) []*Target {
	all := make([]*Target, len(targets))
	for i := range targets {
		all[i] = &targets[i]
	}
	if len(all) <= mostRows {
		return all
	}
	slices.SortStableFunc(all, func(a, b *Target) int {
		switch {
		case a.well() == b.well():
			return 0
		case b.well():
			return -1
		}
		return 1
	})
	return all
}

// notWell counts the targets that are not well: "all well", "7 of them not well".
func notWell(targets []*Target) string {
	bad := 0
	for _, t := range targets {
		if !t.well() {
			bad++
		}
	}
	if bad == 0 {
		return "all well"
	}
	return thousands(uint64(bad)) + " of them not well"
}

func (d *Document) titles(l *Listener) []string {
	titles := []string{"TARGET", "NODE", "ADDRESS", " SHARE"}
	if len(d.WhatIf) > 0 {
		titles = []string{"TARGET", "NODE", "ADDRESS", " SHARE NOW", " THEN"}
	}
	if l.Measured != nil {
		titles = append(titles, " MEASURED", " OFF")
	}
	if l.counted() {
		titles = append(titles, " CONNECTIONS", " OPEN")
	}
	if l.anyFailed() {
		titles = append(titles, " FAILED")
	}
	return append(titles, "PROBE")
}

// counted tells whether connections are counted: for all targets, or for none.
func (l *Listener) counted() bool { return len(l.Targets) > 0 && l.Targets[0].Counters != nil }

// anyFailed tells whether a target did not accept connections, which were sent to others then.
func (l *Listener) anyFailed() bool {
	return slices.ContainsFunc(l.Targets, func(t Target) bool { return t.Counters != nil && t.Counters.Failed > 0 })
}

func (d *Document) row(l *Listener, t *Target) []string {
	row := []string{t.Name, dash(t.Node), t.Address.String()}
	if t.Was != nil {
		row = append(row, percent(*t.Was))
	}
	row = append(row, percent(t.Share))
	if m := l.Measured; m != nil {
		row = append(row, measuredCells(t, m)...)
	}
	if l.counted() {
		c := cmp.Or(t.Counters, &observe.TargetCounters{})
		row = append(row, thousands(c.Connections), thousands(uint64(max(c.Active, 0))))
		if l.anyFailed() {
			row = append(row, thousands(c.Failed))
		}
	}
	return append(row, d.condition(t))
}

func measuredCells(t *Target, m *Measurement) []string {
	if m.Answered == 0 {
		return []string{"-", "-"}
	}
	share := float64(t.Measured) / float64(m.Answered)
	off := math.Round(1000*(share-t.Share)) / 10
	return []string{percent(share), fmt.Sprintf("%+.1f", off+0)} // +0 turns -0 into 0
}

// condition says in a few words how a target is.
func (d *Document) condition(t *Target) string {
	switch {
	case t.Excluded != "":
		return "excluded"
	case t.Readiness == plan.Terminating:
		return "terminating"
	case t.Readiness != plan.Ready:
		return "not ready"
	case t.Health == nil:
		return "ready"
	case t.Health.State == observe.Initial:
		return "not probed yet"
	}
	text := string(t.Health.State) + d.age(t.Health.Since)
	if t.Health.State == observe.Healthy && t.Health.Took > 0 {
		text += fmt.Sprintf(", %.1f ms", float64(t.Health.Took)/float64(time.Millisecond))
	}
	return text
}

// age returns " 3d4h" for a moment that long ago, "" if the moment or the time of the document is unknown.
func (d *Document) age(since time.Time) string {
	if since.IsZero() || d.At.IsZero() {
		return ""
	}
	return " " + short(d.At.Sub(since))
}

// mostTroubles is for how many targets it is said what is wrong.
const mostTroubles = 4

// troubles says below the table what is wrong with targets, and how to look for oneself.
func (d *Document) troubles(s *screen, shown []*Target) {
	said, more := 0, 0
	for _, t := range shown {
		text := t.trouble()
		switch {
		case text == "":
			continue
		case said == mostTroubles:
			more++
			continue
		}
		if said++; said == 1 {
			s.blank()
		}
		s.line("   %s %s", t.Name, text)
		if t.Try != "" {
			s.line("     %s", t.Try)
		}
	}
	if more > 0 {
		s.line("   and %s more that are not well (-o json says why)", plural(more, "target"))
	}
}

// trouble says what is wrong with a target, "" if nothing is or the table says it all.
func (t *Target) trouble() string {
	switch {
	case t.Excluded != "":
		return "takes no part: " + t.Excluded
	case t.Health != nil && t.Health.State == observe.Unhealthy:
		return "is unhealthy: " + detail(t.Health)
	}
	return ""
}

// detail says what a probe saw: "connect: connection refused 10.1.2.3:8080, 48 times in a row".
func detail(h *observe.Health) string {
	text := h.Detail
	if text == "" {
		text = h.Reason
	}
	if h.InARow > 1 {
		text += fmt.Sprintf(", %d times in a row", h.InARow)
	}
	return text
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
