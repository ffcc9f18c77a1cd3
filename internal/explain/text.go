package explain

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// labelWidth is how wide the labels of sentences are.
const labelWidth = 11

// Text writes the document as a screen of text.
func (d Document) Text(w io.Writer) error {
	s := &screen{}
	if len(d.Listeners) == 1 {
		l := &d.Listeners[0]
		s.line("%s   %s   %s", d.Service, l.headline(), d.verdict(l))
	} else {
		s.line("%s   %s   %s", d.Service, d.addressText(), d.stateText())
	}
	s.line("%s", d.subtitle())
	d.pools(s)
	special, common := d.sort()
	for i := range d.Listeners {
		l := &d.Listeners[i]
		s.blank()
		if len(d.Listeners) > 1 {
			s.line("%s   %s", l.headline(), d.verdict(l))
			s.blank()
		}
		l.picture(s)
		if len(l.Targets) > 0 {
			s.blank()
			d.targets(s, l)
		}
		s.blank()
		s.saidAll(special[i])
	}
	s.blank()
	s.saidAll(common)
	d.closing(s)
	return s.writeTo(w)
}

// sort returns what there is to say about each listener, and what is to be said about every one of them.
func (d *Document) sort() (special [][]sentence, common []sentence) {
	said := map[sentence]int{}
	for i := range d.Listeners {
		all := d.sentences(&d.Listeners[i])
		special = append(special, all)
		for _, one := range all {
			said[one]++
		}
	}
	isCommon := func(one sentence) bool { return said[one] == len(d.Listeners) }
	for i := range special {
		if i == 0 {
			common = slices.DeleteFunc(slices.Clone(special[i]), func(one sentence) bool { return !isCommon(one) })
		}
		special[i] = slices.DeleteFunc(special[i], isCommon)
	}
	return special, common
}

func (s *screen) saidAll(all []sentence) {
	for _, one := range all {
		s.said(one.label, labelWidth, one.text)
	}
}

// headline says what leads where: "192.0.2.1:80/TCP -> :8080".
func (l *Listener) headline() string {
	h := l.ListenerKey.String()
	if l.PortName != "" {
		h += " (" + l.PortName + ")"
	}
	return h + " -> " + l.targetPorts()
}

func (l *Listener) targetPorts() string {
	var ports []string
	for _, t := range l.Targets {
		if p := fmt.Sprintf(":%d", t.Address.Port()); !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
	}
	switch {
	case len(ports) == 0:
		return "no target"
	case len(ports) > 3:
		return plural(len(ports), "port")
	}
	return strings.Join(ports, " ")
}

// verdict is the end of the first line: how well the listener is served.
func (d *Document) verdict(l *Listener) string {
	if len(d.WhatIf) > 0 {
		return "WHAT IF, nothing was changed"
	}
	return strings.ToUpper(string(l.State)) + ", " + l.wellness()
}

func (d *Document) stateText() string {
	if len(d.WhatIf) > 0 {
		return "WHAT IF, nothing was changed"
	}
	text := map[State]string{NoAddress: "NO ADDRESS"}[d.State]
	text = cmp.Or(text, strings.ToUpper(string(d.State)))
	if d.State != NoAddress {
		text += ", " + plural(len(d.Listeners), "listener")
	}
	return text
}

func (d *Document) addressText() string {
	if len(d.Addresses) == 0 {
		return "<pending>"
	}
	texts := make([]string, len(d.Addresses))
	for i, a := range d.Addresses {
		texts[i] = a.String()
	}
	return strings.Join(texts, ", ")
}

// wellness counts the targets: "2 of 3 targets healthy".
func (l *Listener) wellness() string {
	well, word := 0, "ready"
	for i := range l.Targets {
		t := &l.Targets[i]
		if t.Health != nil {
			word = "healthy"
		}
		if t.well() {
			well++
		}
	}
	if len(l.Targets) == 0 {
		return "no targets"
	}
	return fmt.Sprintf("%d of %s %s", well, plural(len(l.Targets), "target"), word)
}

// well tells whether nothing is wrong with a target.
func (t *Target) well() bool {
	return t.Readiness == plan.Ready && t.Excluded == "" && (t.Health == nil || t.Health.State == observe.Healthy)
}

// subtitle is the second line: how connections are shared, in the words of the manifest.
func (d *Document) subtitle() string {
	parts := []string{"externalTrafficPolicy " + d.Policy}
	for _, w := range d.WhatIf {
		parts[0] = w.Field + " " + w.From + " -> " + w.To
	}
	affinity, proxy := 0, plan.ProxyNone
	for _, l := range d.Listeners {
		affinity = max(affinity, l.AffinitySeconds)
		proxy = cmp.Or(proxy, l.ProxyProtocol)
	}
	if affinity > 0 {
		parts = append(parts, "session affinity by client address")
	} else if len(d.Listeners) > 0 {
		parts = append(parts, "no session affinity")
	}
	if proxy != plan.ProxyNone {
		parts = append(parts, "PROXY protocol "+string(proxy))
	}
	if len(d.Dialects) > 0 {
		parts = append(parts, "dialect "+strings.Join(d.Dialects, ", "))
	}
	return strings.Join(parts, ", ")
}

// pools lists the pools that were asked for an address, if none has given one.
func (d *Document) pools(s *screen) {
	if len(d.Addresses) > 0 || len(d.Trace) == 0 {
		return
	}
	s.blank()
	rows := [][]string{{"POOL", "WHY NOT"}}
	for _, v := range d.Trace {
		rows = append(rows, []string{v.Pool, v.Answer})
	}
	s.table(rows)
}

// closing says what holds for the Service as a whole: what is kept or waited for, and the findings.
func (d *Document) closing(s *screen) {
	switch {
	case d.Kept:
		s.said("Kept", labelWidth, "an earlier version of the Service is served, because the newest was refused: "+d.Pending)
	case d.Pending != "":
		s.said("Why", labelWidth, d.Pending)
	}
	if len(d.Findings) == 0 {
		s.said("Findings", labelWidth, "none")
		return
	}
	label := "Findings"
	for _, f := range d.Findings {
		s.said(label, labelWidth, findingLine(f))
		label = ""
		if f.Severity == finding.Note {
			continue
		}
		rule, _ := finding.Lookup(f.Code)
		s.quote("", labelWidth+2, cmp.Or(f.Fix, rule.Mend))
		if f.File != "" {
			s.quote("", labelWidth+2, "naru check -f "+quoted(f.File))
		}
	}
}

func findingLine(f finding.Finding) string {
	exposes := ""
	if f.Exposes {
		exposes = " EXPOSES"
	}
	return fmt.Sprintf("%s %s%s: %s", f.Severity, f.Code, exposes, f.Message)
}
