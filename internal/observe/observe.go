// Package observe holds what is seen of a plan while it is served: the health of targets and what connections did.
// Probes and data planes write it; status, explain and metrics read it. It knows nothing of how things are observed.
package observe

import (
	"net/netip"
	"time"

	"github.com/naru-lb/naru/internal/plan"
)

// State is the health of a target, in the words of AWS' DescribeTargetHealth.
type State string

// The states of a target. Initial means that no probe has finished yet.
const (
	Initial   State = "initial"
	Healthy   State = "healthy"
	Unhealthy State = "unhealthy"
	Draining  State = "draining"
	Unused    State = "unused"
)

// The reasons for a state that is not Healthy (AWS elbv2 API, TargetHealth.Reason).
const (
	ReasonRegistering    = "Elb.RegistrationInProgress"
	ReasonInitial        = "Elb.InitialHealthChecking"
	ReasonFailed         = "Target.FailedHealthChecks"
	ReasonTimeout        = "Target.Timeout"
	ReasonCode           = "Target.ResponseCodeMismatch"
	ReasonDeregistering  = "Target.DeregistrationInProgress"
	ReasonNotRegistered  = "Target.NotRegistered"
	ReasonNotInUse       = "Target.NotInUse"
	ReasonNotReady       = "Target.NotReady" // Naru's own: Kubernetes says that the pod is not ready
	ReasonInternal       = "Elb.InternalError"
	ReasonNoProbeRunning = "Elb.HealthCheckDisabled"
)

// Result is how high a probe got and how it ended, in HAProxy's words (management.txt, "check_status").
type Result string

// The results of a probe. L4 is the connection, L6 the TLS handshake, L7 the request.
const (
	L4OK   Result = "L4OK"   // connected, nothing more was asked
	L4TOUT Result = "L4TOUT" // no connection in time
	L4CON  Result = "L4CON"  // refused or unreachable
	L6OK   Result = "L6OK"   // TLS handshake done
	L6TOUT Result = "L6TOUT" // no TLS handshake in time
	L6RSP  Result = "L6RSP"  // not TLS, or a certificate that was not accepted
	L7OK   Result = "L7OK"   // the expected answer
	L7TOUT Result = "L7TOUT" // no answer in time
	L7RSP  Result = "L7RSP"  // an answer that is not of the protocol asked for
	L7STS  Result = "L7STS"  // an answer of the protocol that says "not healthy"
)

// OK tells whether the result counts as healthy.
func (r Result) OK() bool { return r == L4OK || r == L6OK || r == L7OK }

// Health is what is known of one target.
type Health struct {
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
	// Detail says in plain words what was seen: "connect: connection refused 10.1.2.3:8080".
	Detail string    `json:"detail,omitempty"`
	Since  time.Time `json:"since"`
	// Result, At and Took are of the last probe; zero if there was none.
	Result Result        `json:"result,omitempty"`
	At     time.Time     `json:"at,omitzero"`
	Took   time.Duration `json:"took,omitempty"`
	// InARow is how many probes in a row ended as the last one did, good or bad.
	InARow int `json:"inARow,omitempty"`
	// ConnectsOnly is true when the last probe failed above TCP although the connection was accepted: the target
	// lives but does not speak what the probe speaks.
	ConnectsOnly bool `json:"connectsOnly,omitempty"`
}

// Transition is one change of a target's state.
type Transition struct {
	Target plan.TargetID `json:"target"`
	Health Health        `json:"health"`
}

// TargetCounters are the running totals of one target since the process started.
type TargetCounters struct {
	Connections uint64 `json:"connections"` // new connections or UDP sessions sent to it
	Active      int64  `json:"active"`      // running now
	BytesIn     uint64 `json:"bytesIn"`     // from clients to it
	BytesOut    uint64 `json:"bytesOut"`    // from it to clients
	Failed      uint64 `json:"failed"`      // attempts that it did not accept
}

// ListenerCounters are the running totals of one listener since the process started.
type ListenerCounters struct {
	Connections uint64 `json:"connections"` // accepted
	Active      int64  `json:"active"`
	Refused     uint64 `json:"refused"`  // by source ranges
	NoTarget    uint64 `json:"noTarget"` // no eligible target, or none that accepted
	IdleClosed  uint64 `json:"idleClosed"`
	BytesIn     uint64 `json:"bytesIn"`
	BytesOut    uint64 `json:"bytesOut"`
}

// Problem says why a listener is not served where the plan wants it.
type Problem string

// The problems of a Binding. NoProblem is the zero value.
const (
	NoProblem     Problem = ""
	PortMapped    Problem = "PortMapped"    // the port needs a privilege (EACCES): another one is served
	AddressMapped Problem = "AddressMapped" // the address is not of this machine (EADDRNOTAVAIL): loopback is served
	PortTaken     Problem = "PortTaken"     // another program has the port (EADDRINUSE): tried again until it is free
	NotBound      Problem = "NotBound"      // the system refused for another reason: tried again
)

// Binding says where a listener is served.
type Binding struct {
	Key plan.ListenerKey `json:"key"`
	// Bound is where it listens; the zero AddrPort if nowhere.
	Bound   netip.AddrPort `json:"bound,omitzero"`
	Problem Problem        `json:"problem,omitempty"`
	// Detail says for people what was tried and what the system answered; empty if there is no problem.
	Detail string `json:"detail,omitempty"`
}
