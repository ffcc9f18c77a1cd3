package explain

import (
	"fmt"
	"io"
	"strings"

	"github.com/naru-lb/naru/internal/plan"
)

// FrontendTable lists what is listened on, and the Services that are not served.
type FrontendTable struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"` // FrontendTable
	Frontends  []Frontend `json:"frontends"`
}

// Frontend is one listener, or a Service without one.
type Frontend struct {
	plan.ListenerKey                  // zero if there is none
	Service          plan.ServiceName `json:"service"`
	State            State            `json:"state"`
	Binding
	// Well is how many of the Targets are ready and pass their probe.
	Well    int `json:"well"`
	Targets int `json:"targets"`
	// Pending says why there is no listener.
	Pending string `json:"pending,omitempty"`
}

// Frontends returns all listeners in order of their keys, and then the Services that have none.
func Frontends(v View) FrontendTable {
	t := FrontendTable{APIVersion: APIVersion, Kind: "FrontendTable", Frontends: []Frontend{}}
	for _, l := range v.Plan.SortedListeners() {
		d := describe(v, l, v.Plan.Groups)
		f := Frontend{ListenerKey: l.ListenerKey, Service: l.Service, State: d.State, Binding: d.Binding, Targets: len(d.Targets)}
		for i := range d.Targets {
			if d.Targets[i].well() {
				f.Well++
			}
		}
		t.Frontends = append(t.Frontends, f)
	}
	for _, s := range v.Plan.SortedServices() {
		if len(s.Listeners) == 0 {
			d := Document{Addresses: s.Addresses}
			t.Frontends = append(t.Frontends, Frontend{Service: s.ServiceName, State: d.worst(), Pending: s.Pending})
		}
	}
	return t
}

// Text writes the table, and below it why Services are not served.
func (t FrontendTable) Text(w io.Writer) error {
	s := &screen{}
	if len(t.Frontends) == 0 {
		s.line(" There is no Service of type LoadBalancer.")
		return s.writeTo(w)
	}
	rows := [][]string{{"EXTERNAL", "SERVICE", "TARGETS", "STATE"}}
	for i := range t.Frontends {
		f := &t.Frontends[i]
		rows = append(rows, []string{f.external(), "-> " + f.Service.String(), f.targets(), f.condition()})
	}
	s.table(rows)
	return s.writeTo(w)
}

func (f *Frontend) external() string {
	if !f.Address.IsValid() {
		return "<pending>"
	}
	return f.ListenerKey.String()
}

func (f *Frontend) targets() string {
	switch {
	case !f.Address.IsValid():
		return "-"
	case f.Targets == 0:
		return "none"
	}
	return fmt.Sprintf("%d of %d", f.Well, f.Targets)
}

func (f *Frontend) condition() string {
	text := strings.ReplaceAll(string(f.State), "-", " ")
	switch {
	case f.Pending != "":
		text += ": " + f.Pending
	case f.Bound.IsValid() && (f.Bound.Addr() != f.Address || f.Bound.Port() != f.Port):
		text += " on " + f.Bound.String()
	case f.Detail != "":
		text += ": " + f.Detail
	}
	return text
}
