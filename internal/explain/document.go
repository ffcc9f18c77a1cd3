// Package explain says why a Service is served as it is: which way a connection takes, which share every pod gets by the
// plan and by measurement, what the probes see, and what stands in the way. It is pure: a View of what is known goes in,
// a document comes out, and the text screens are drawn from the document alone, as any other screen would be.
//
// Explain is about one Service, Status about everything, Frontends lists what is listened on, and FindingsText shows
// findings with the lines of the files that they are about.
package explain

import (
	"net/netip"
	"time"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// APIVersion is the version of the documents that this package makes.
const APIVersion = "naru.dev/v1alpha1"

// View is what is known at one moment. Only Plan is needed; the functions may be nil where nothing is served.
type View struct {
	Plan *plan.Plan
	// Health returns what probes know of the targets of a group. Nil means that nothing is probed.
	Health func(plan.GroupID) map[netip.AddrPort]observe.Health
	// Bindings say where listeners are really served. Nil means that nothing is served.
	Bindings map[plan.ListenerKey]observe.Binding
	// Listener and Target return running totals.
	Listener func(plan.ListenerKey) observe.ListenerCounters
	Target   func(plan.TargetID) observe.TargetCounters
	// PoolSizes say how many addresses each pool holds; nil if that is not known.
	PoolSizes map[string]uint64
	Findings  []finding.Finding
	Now       time.Time
}

// Binding says where a listener is served.
type Binding struct {
	// Bound is where it listens; the zero AddrPort if nowhere.
	Bound netip.AddrPort `json:"bound,omitzero"`
	// Problem and Detail are as in observe.Binding.
	Problem observe.Problem `json:"problem,omitempty"`
	Detail  string          `json:"detail,omitempty"`
}

// State is how well something is served.
type State string

// The states of listeners and Services. Planned means that nothing is served, because only files were looked at.
const (
	Serving   State = "serving"
	Degraded  State = "degraded" // some targets get no new connections although they are ready
	Down      State = "down"     // no target gets new connections, or the listener is not bound
	NoAddress State = "no-address"
	Planned   State = "planned"
)

// Document is the explanation of one Service.
type Document struct {
	APIVersion string           `json:"apiVersion"`
	Kind       string           `json:"kind"` // Explanation
	Service    plan.ServiceName `json:"service"`
	State      State            `json:"state"`
	Policy     string           `json:"externalTrafficPolicy"`
	Dialects   []string         `json:"dialects,omitempty"`
	Addresses  []netip.Addr     `json:"addresses"`
	// WhatIf lists what is assumed to be different from what is served; the listeners are as they would be then.
	WhatIf []Difference `json:"whatIf,omitempty"`
	// Pending, Kept and Trace are as in plan.Service.
	Pending   string            `json:"pending,omitempty"`
	Kept      bool              `json:"kept,omitempty"`
	Trace     []plan.Verdict    `json:"trace,omitempty"`
	Listeners []Listener        `json:"listeners"`
	Findings  []finding.Finding `json:"findings"`
	At        time.Time         `json:"at,omitzero"`
}

// Difference is a field that is assumed to have another value than it has.
type Difference struct {
	Field string `json:"field"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// Listener is one port of one address of the Service, and the way behind it.
type Listener struct {
	plan.ListenerKey
	PortName string `json:"portName,omitempty"`
	State    State  `json:"state"`
	Binding
	Scope    plan.Scope `json:"scope,omitempty"`
	Pool     string     `json:"pool,omitempty"`
	PublicIP string     `json:"publicIP,omitempty"`
	// SourceRanges are as in plan.Listener.
	SourceRanges []netip.Prefix `json:"sourceRanges"`
	Spread       plan.Spread    `json:"spread"`
	// AffinitySeconds is how long a client address stays with its target, 0 if it need not.
	AffinitySeconds int                `json:"affinitySeconds,omitempty"`
	ProxyProtocol   plan.ProxyProtocol `json:"proxyProtocol,omitempty"`
	// IdleSeconds is how long a connection may carry nothing, 0 for ever; ResetOnIdle tells its ends by RST.
	IdleSeconds int   `json:"idleSeconds,omitempty"`
	ResetOnIdle bool  `json:"resetOnIdle,omitempty"`
	Probe       Probe `json:"probe"`
	// Nobody says why no target gets new connections; empty if one does.
	Nobody string `json:"nobody,omitempty"`
	// FailedOpen is true while targets get connections although every one of them is unhealthy; Fallback while those
	// that terminate get them because none is ready.
	FailedOpen bool `json:"failedOpen,omitempty"`
	Fallback   bool `json:"fallback,omitempty"`
	// Slots is the size of the ring, 0 if nobody gets connections.
	Slots    int                      `json:"slots"`
	Targets  []Target                 `json:"targets"`
	Counters observe.ListenerCounters `json:"counters"`
	// Measured is set when shares were measured.
	Measured *Measurement `json:"measured,omitempty"`
	// From is set when one client was asked about.
	From *Pick `json:"from,omitempty"`
}

// Probe describes a probe for people.
type Probe struct {
	Text string `json:"text"` // "TCP every 5s, down after 2"
	// From is the annotation or rule that the probe comes from; empty for the default.
	From     string `json:"from,omitempty"`
	Explicit bool   `json:"explicit"`
	// None is true where no probe runs and readiness alone decides.
	None bool `json:"none,omitempty"`
}

// Target is one target of a listener.
type Target struct {
	Name      string         `json:"name"`
	Node      string         `json:"node,omitempty"`
	Zone      string         `json:"zone,omitempty"`
	Address   netip.AddrPort `json:"address"`
	Group     plan.GroupID   `json:"group"`
	Readiness plan.Readiness `json:"readiness"`
	Excluded  string         `json:"excluded,omitempty"`
	// Eligible is true if it gets new connections.
	Eligible bool `json:"eligible"`
	// Share is the part of new connections that it gets, 0 to 1, from its slots in the ring. Was is what it gets without
	// the differences of a what-if; nil if there are none.
	Share float64  `json:"share"`
	Was   *float64 `json:"was,omitempty"`
	Slots int      `json:"slots"`
	// Health is nil if nothing is known: no probe runs, or only files were looked at.
	Health *observe.Health `json:"health,omitempty"`
	// Try is a command that does by hand what the probe does; empty for targets that are well.
	Try string `json:"try,omitempty"`
	// Counters is nil if nothing is served.
	Counters *observe.TargetCounters `json:"counters,omitempty"`
	// Measured is how many connections of the measurement it got.
	Measured int `json:"measured,omitempty"`
}

// Pick is the answer to the question which target one client gets.
type Pick struct {
	Client netip.AddrPort `json:"client"` // port 0 is any
	// Refused is true if the source ranges do not let the client in.
	Refused bool `json:"refused,omitempty"`
	// ByShare is true if there is no one target: each connection of the client goes its own way, by the shares.
	ByShare bool `json:"byShare,omitempty"`
	// Target and Name are of the one that it gets; empty if Refused, ByShare, or if nobody gets connections.
	Target netip.AddrPort `json:"target,omitzero"`
	Name   string         `json:"name,omitempty"`
	// AnyPort is true if the answer holds for every port of the client, because of session affinity.
	AnyPort bool `json:"anyPort,omitempty"`
}
