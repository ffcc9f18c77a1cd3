// Package dialect reads the annotations of the clouds' and the field's load balancers. Each vocabulary is a package
// below this one with a table of what it knows; this package is the engine that runs the tables, and Intent is what
// they all translate into.
package dialect

import (
	"net/netip"
	"time"

	"github.com/naru-lb/naru/internal/plan"
)

// Intent is what the annotations of one Service ask for. Its zero value asks for nothing: the fields of the Service
// alone decide.
type Intent struct {
	// Dialects are the vocabularies that were used, in order of their names.
	Dialects []string
	// Refused is true if a value was found that must not be guessed at: the Service keeps what it had, or stays
	// without an address. The findings say why.
	Refused bool

	Address  AddressIntent
	Ports    map[uint16]PortIntent // by the Service's port; only ports that the Service has
	Probe    ProbeIntent           // for all ports
	Traffic  TrafficIntent
	DNSLabel Name              // a host name in the configured zone
	Tags     map[string]string // labels of the address object
}

// AddressIntent says which address is wanted. Index 0 of the pairs is IPv4, 1 is IPv6.
type AddressIntent struct {
	Internal bool    // an address of an internal pool
	Subnet   Name    // an internal pool with this subnet, alias or name
	Pool     Name    // a pool with this name
	Prefix   [2]Name // a pool with this name or alias, for one family
	// Wanted are the very addresses that are wanted, with the annotation that says so.
	Wanted [2]WantedAddress
	// PublicIP are reserved addresses by name, to be found in ResourceGroup ("" is any).
	PublicIP      [2]Name
	ResourceGroup string
	// Additional are addresses that are served too, but that somebody else routes here.
	Additional []WantedAddress
	// SharingKey, if not empty, lets Services with the same key share an address.
	SharingKey string
}

// Name is a name and the annotation (or field) that gave it. The zero Name asks for nothing.
type Name struct {
	Value string
	Path  string // as in finding.Finding.Path
}

// WantedAddress is an address and the annotation (or field) that gave it.
type WantedAddress struct {
	Address netip.Addr
	Path    string
}

// PortIntent is what is asked for one port.
type PortIntent struct {
	NotServed bool // no listener for this port
	NoProbe   bool // readiness alone decides
	Probe     ProbeIntent
}

// ProbeIntent is what is asked of a probe. Zero values ask for nothing.
type ProbeIntent struct {
	Kind plan.ProbeKind
	// PortName and PortNumber name a port of the Service, or else (by number) a port of the node.
	PortName   string
	PortNumber uint16
	Path       string // the request path, or the service's name for gRPC
	Host       string // the Host header and the server name in the TLS handshake
	Interval   time.Duration
	Threshold  int // results in a row, both up and down
	// From is the path of the annotation that asked for Kind, or else for another setting.
	From string
}

// TrafficIntent says how connections are treated.
type TrafficIntent struct {
	IdleTimeout   time.Duration // TCP; 0 asks for nothing
	SilentIdle    bool          // no RST when IdleTimeout ends a connection
	SourceRanges  []netip.Prefix
	RangesSet     bool // SourceRanges counts even if it is empty
	NoFilter      bool // no source filter at all, whatever the Service says
	ProxyProtocol plan.ProxyProtocol
	// ConnectTimeout is how long a target may take to accept a connection, 100 ms to 30 s; 0 asks for nothing.
	ConnectTimeout time.Duration
	// DeregistrationDelay is how long running connections of a target that left may go on, 0 s to 1 h. It counts
	// only if DelaySet is true.
	DeregistrationDelay time.Duration
	DelaySet            bool
}
