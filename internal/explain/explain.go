package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/naru-lb/naru/internal/diagnosis"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/nearest"
	"github.com/naru-lb/naru/internal/plan"
)

// Options say what else is asked about a Service.
type Options struct {
	// From asks for the way of one client; port 0 is any. The zero AddrPort asks for nobody.
	From netip.AddrPort
	// If assumes that fields of the Service have other values than they have: {"externalTrafficPolicy": "Local"}.
	If map[string]string
}

// UnknownServiceError says that there is no Service of a name, and which ones may have been meant.
type UnknownServiceError struct {
	Name plan.ServiceName
	Near []plan.ServiceName // the nearest first
}

// Error names the Service and how to ask for the nearest ones.
func (e *UnknownServiceError) Error() string {
	s := fmt.Sprintf("there is no Service %s of type LoadBalancer", e.Name)
	if len(e.Near) == 0 {
		return s
	}
	commands := make([]string, len(e.Near))
	for i, n := range e.Near {
		commands[i] = "\n  " + diagnosis.ExplainCommand(n)
	}
	return s + "; did you mean" + strings.Join(commands, "")
}

// Explain returns the explanation of a Service. The error is an *UnknownServiceError, or says which option makes no sense.
func Explain(v View, name plan.ServiceName, o Options) (Document, error) {
	svc, ok := v.Plan.Services[name]
	if !ok {
		return Document{}, &UnknownServiceError{Name: name, Near: near(v.Plan, name)}
	}
	d := Document{
		APIVersion: APIVersion, Kind: "Explanation",
		Service: name, Policy: svc.Policy, Dialects: svc.Dialects, Addresses: svc.Addresses,
		Pending: svc.Pending, Kept: svc.Kept, Trace: svc.Trace,
		Listeners: listenersOf(v, svc),
		Findings:  findingsOf(v, name),
		At:        v.Now,
	}
	d.State = d.worst()
	if err := d.assume(v, o.If); err != nil {
		return Document{}, fmt.Errorf("explain Service %s: %w", name, err)
	}
	if o.From.IsValid() {
		if err := d.pick(v, o.From); err != nil {
			return Document{}, fmt.Errorf("explain Service %s: %w", name, err)
		}
	}
	return d, nil
}

func listenersOf(v View, svc plan.Service) []Listener {
	ls := make([]Listener, 0, len(svc.Listeners))
	for _, key := range svc.Listeners {
		if l, ok := v.Plan.Listeners[key]; ok {
			ls = append(ls, describe(v, l, v.Plan.Groups))
		}
	}
	return ls
}

// findingsOf returns the findings about a Service, never nil.
func findingsOf(v View, name plan.ServiceName) []finding.Finding {
	about := finding.Object{Kind: "Service", Namespace: name.Namespace, Name: name.Name}
	fs := []finding.Finding{}
	for _, f := range v.Findings {
		if f.Object == about {
			fs = append(fs, f)
		}
	}
	finding.Sort(fs)
	return fs
}

// worst returns the state of the Service: that of the listener that is worst off.
func (d *Document) worst() State {
	switch {
	case len(d.Addresses) == 0:
		return NoAddress
	case len(d.Listeners) == 0:
		return Down
	}
	order := []State{Planned, Serving, Degraded, Down}
	worst := d.Listeners[0].State
	for _, l := range d.Listeners[1:] {
		if slices.Index(order, l.State) > slices.Index(order, worst) {
			worst = l.State
		}
	}
	return worst
}

// near returns up to three Services that may have been meant: those of the same name first, then those whose name, or
// namespace and name, are like it.
func near(p *plan.Plan, name plan.ServiceName) []plan.ServiceName {
	const most = 3
	var found []plan.ServiceName
	add := func(n plan.ServiceName) {
		if len(found) < most && !slices.Contains(found, n) {
			found = append(found, n)
		}
	}
	var names, full []string
	byFull := map[string]plan.ServiceName{}
	services := p.SortedServices()
	for _, s := range services {
		if s.Name == name.Name {
			add(s.ServiceName)
		}
		if s.Namespace == name.Namespace {
			names = append(names, s.Name)
		}
		full = append(full, s.String())
		byFull[s.String()] = s.ServiceName
	}
	for _, n := range nearest.Words(name.Name, names, most) {
		add(plan.ServiceName{Namespace: name.Namespace, Name: n})
	}
	for _, s := range services {
		if nearest.Word(name.Name, []string{s.Name}) != "" {
			add(s.ServiceName)
		}
	}
	for _, n := range nearest.Words(name.String(), full, most) {
		add(byFull[n])
	}
	return found
}
