// Package plan is the one language that everything below the compiler speaks.
//
// A plan says what has to be served, in the words of the field: a Frontend is an address, a Listener is a port of
// it, Routes lead from the Listener to TargetGroups, a TargetGroup holds Targets and the Probe that watches them.
// The compiler writes plans; data planes, probes, announcers, DNS and explain read them. A plan holds plain values
// only: no clock, no socket, no Kubernetes object, nothing that knows a dialect.
package plan

import (
	"net/netip"
	"time"
)

// Protocol is a transport protocol, written as Kubernetes writes it.
type Protocol string

// The protocols that a Listener can have.
const (
	TCP Protocol = "TCP"
	UDP Protocol = "UDP"
)

// Scope tells who can reach an address.
type Scope string

// The scopes of a Frontend's address. Internal addresses come only from internal pools, so that a manifest which asks
// for an internal load balancer never becomes public.
const (
	Public   Scope = "public"
	Internal Scope = "internal"
)

// Frontend is one address that Naru serves.
type Frontend struct {
	Address netip.Addr `json:"address"`
	Scope   Scope      `json:"scope"`
	// Pool is the name of the pool that the address was taken from; empty for an address that is in none.
	Pool string `json:"pool,omitempty"`
	// PublicIP is the name of the reserved address, as "name" or "resourceGroup/name"; empty if it was not reserved.
	PublicIP string `json:"publicIP,omitempty"`
	// Announce is false for addresses that somebody else routes here (azure-additional-public-ips).
	Announce bool `json:"announce"`
	// Owners are the Services that use the address, in order of their names.
	Owners []ServiceName `json:"owners"`
}

// ServiceName names a Service.
type ServiceName struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// ListenerKey names a Listener: one port of one address. No two Listeners of a plan have the same key.
type ListenerKey struct {
	Address  netip.Addr `json:"address"`
	Port     uint16     `json:"port"` // 1 to 65535
	Protocol Protocol   `json:"protocol"`
}

// Listener accepts connections (TCP) or datagrams (UDP) and sends each to a target of one of its routes.
type Listener struct {
	ListenerKey
	Service ServiceName `json:"service"`
	// PortName is the name of the Service's port; empty if it has none.
	PortName string `json:"portName,omitempty"`
	// NodePort is the port that Kubernetes opened on every node, 0 if none. Naru does not need it.
	NodePort uint16 `json:"nodePort,omitempty"`
	// Routes is never empty. Weights are relative; with one route its weight means nothing.
	Routes []Route `json:"routes"`
	// SourceRanges are the only client addresses let in. Nil lets everybody in; empty but not nil, nobody.
	SourceRanges []netip.Prefix `json:"sourceRanges"`
	// IdleTimeout ends a TCP connection that carried nothing for so long, or forgets a UDP session.
	// 1 s to 100 min; 0 means never.
	IdleTimeout time.Duration `json:"idleTimeout"`
	// ResetOnIdle tells both ends of a TCP connection about the idle timeout by RST. Otherwise it is forgotten
	// silently, as far as the data plane can.
	ResetOnIdle bool `json:"resetOnIdle"`
}

// Route leads to a TargetGroup.
type Route struct {
	Group  GroupID `json:"group"`
	Weight uint32  `json:"weight"` // 0 to 999; 0 takes no new connections
}

// GroupID names a TargetGroup. A Service port has one group for each address family.
type GroupID struct {
	Service  ServiceName `json:"service"`
	Port     uint16      `json:"port"` // the Service's port, 1 to 65535
	Protocol Protocol    `json:"protocol"`
	IPv6     bool        `json:"ipv6"`
}

// Spread tells how new connections are shared among the targets of a group.
type Spread string

// The ways to share. ByPod gives every target the same share, wherever it runs (externalTrafficPolicy: Cluster).
// ByNode gives every node that has an eligible target the same share, and splits it evenly among the node's targets
// (externalTrafficPolicy: Local seen through a cloud's load balancer).
const (
	ByPod  Spread = "pod"
	ByNode Spread = "node"
)

// FailMode tells what happens when every target of a group is unhealthy.
type FailMode string

// FailOpen sends new connections to all ready targets, as if none had failed. FailClosed refuses them. Running
// connections go on in both modes.
const (
	FailOpen   FailMode = "open"
	FailClosed FailMode = "closed"
)

// ProxyProtocol is the version of the PROXY protocol header that targets get before the first byte of a connection.
type ProxyProtocol string

// The PROXY protocol versions (haproxy.org proxy-protocol.txt). ProxyV2AWS is version 2 in the 100-byte form that AWS
// network load balancers send: a CRC32C TLV and padding.
const (
	ProxyNone  ProxyProtocol = ""
	ProxyV1    ProxyProtocol = "v1"
	ProxyV2    ProxyProtocol = "v2"
	ProxyV2AWS ProxyProtocol = "v2-aws"
)

// TargetGroup is a set of targets that can each serve the same connections.
type TargetGroup struct {
	ID     GroupID `json:"id"`
	Spread Spread  `json:"spread"`
	// Targets are in order of their addresses. No two have the same ID.
	Targets []Target `json:"targets"`
	// Probe is nil where readiness alone decides.
	Probe *Probe `json:"probe,omitempty"`
	// WhenAllUnhealthy is FailOpen or FailClosed.
	WhenAllUnhealthy FailMode `json:"whenAllUnhealthy"`
	// Affinity, if not 0, sends a client address to the same target for as long after its last connection.
	// 1 s to 24 h (sessionAffinityConfig.clientIP.timeoutSeconds).
	Affinity time.Duration `json:"affinity,omitempty"`
	// ProxyProtocol is what a target is told about the client before the first byte.
	ProxyProtocol ProxyProtocol `json:"proxyProtocol,omitempty"`
	// ConnectTimeout is how long a target may take to accept a connection before another one is tried. 100 ms to 30 s.
	ConnectTimeout time.Duration `json:"connectTimeout"`
	// DeregistrationDelay is how long the running connections of a target that left may go on. 0 s to 1 h.
	DeregistrationDelay time.Duration `json:"deregistrationDelay"`
	// ResetAfterDelay ends what still runs when DeregistrationDelay is over. Otherwise it may go on.
	ResetAfterDelay bool `json:"resetAfterDelay"`
}

// Readiness is what Kubernetes says of a target; the probe has its own say.
type Readiness string

// The readiness of a Target (discovery/v1 EndpointConditions). A Terminating target finishes its running connections
// and gets new ones only while its group has no Ready target at all, as kube-proxy does (KEP-1669).
const (
	Ready       Readiness = "ready"
	NotReady    Readiness = "not-ready"
	Terminating Readiness = "terminating"
)

// Target is one place where a connection can be served: a pod's address and port, or any other.
type Target struct {
	Address netip.AddrPort `json:"address"`
	// Name is what people call it: the pod's name, or the address where there is no pod.
	Name string `json:"name"`
	// Node and Zone are where it runs; empty if unknown.
	Node string `json:"node,omitempty"`
	Zone string `json:"zone,omitempty"`
	// NodeAddress is the address of Node, for probes of a port of the node; the zero Addr if unknown.
	NodeAddress netip.Addr `json:"nodeAddress,omitzero"`
	Readiness   Readiness  `json:"readiness"`
	// Excluded says why the target takes no part although it is ready (its node is labelled
	// node.kubernetes.io/exclude-from-external-load-balancers, say); empty if it takes part.
	Excluded string `json:"excluded,omitempty"`
}

// TargetID names a target within everything that a plan holds.
type TargetID struct {
	Group   GroupID        `json:"group"`
	Address netip.AddrPort `json:"address"`
}

// ProbeKind is the protocol that a Probe speaks.
type ProbeKind string

// The kinds of Probe.
const (
	ProbeTCP   ProbeKind = "TCP"
	ProbeHTTP  ProbeKind = "HTTP"
	ProbeHTTPS ProbeKind = "HTTPS"
	ProbeGRPC  ProbeKind = "gRPC" // grpc.health.v1.Health/Check
)

// Probe is a health check that is run against every target of a group.
type Probe struct {
	Kind ProbeKind `json:"kind"`
	// Port is the port that is probed, 1 to 65535; 0 means the port of the target.
	Port uint16 `json:"port,omitempty"`
	// OnNode probes Port on the target's node instead of on the target. The result is that of all targets there.
	OnNode bool `json:"onNode,omitempty"`
	// Path is the request path, or the service's name for gRPC.
	Path string `json:"path,omitempty"`
	// Host is the Host header and the server name in the TLS handshake; empty means the target's address.
	Host string `json:"host,omitempty"`
	// Verify checks the certificate of an HTTPS probe. Clouds do not.
	Verify bool `json:"verify,omitempty"`
	// MinStatus and MaxStatus are the first and last HTTP status code that means healthy, 100 to 599.
	MinStatus int `json:"minStatus,omitempty"`
	MaxStatus int `json:"maxStatus,omitempty"`
	// Interval is the time from the start of one probe to the start of the next, 1 s to 1 h.
	Interval time.Duration `json:"interval"`
	// Timeout is how long an answer may take, 100 ms to Interval.
	Timeout time.Duration `json:"timeout"`
	// UpAfter and DownAfter are how many results in a row turn a target healthy and unhealthy, 1 to 100.
	// The very first result decides alone.
	UpAfter   int `json:"upAfter"`
	DownAfter int `json:"downAfter"`
	// ProxyProtocol, if set, sends a LOCAL header first: the target expects one on this port.
	ProxyProtocol ProxyProtocol `json:"proxyProtocol,omitempty"`
	// Explicit is true for a probe that the manifest asks for, false for one that defaults brought.
	Explicit bool `json:"explicit"`
	// From says which annotation, field or rule the probe comes from, for people.
	From string `json:"from,omitempty"`
}

// Service is what became of one Service: which addresses it got, or why none.
type Service struct {
	ServiceName
	// Dialects are the vocabularies that its annotations use, in order.
	Dialects []string `json:"dialects,omitempty"`
	// Policy is externalTrafficPolicy, "Cluster" or "Local".
	Policy string `json:"policy"`
	// HealthCheckNodePort is kept as Kubernetes gave it, 0 if none.
	HealthCheckNodePort uint16 `json:"healthCheckNodePort,omitempty"`
	// Addresses are those to show as EXTERNAL-IP, in the order of the Service's address families.
	Addresses []netip.Addr `json:"addresses"`
	// Listeners are the ports it is served on.
	Listeners []ListenerKey `json:"listeners"`
	// Pending says why there is no address, or why the last change was refused; empty if all is well.
	Pending string `json:"pending,omitempty"`
	// KeptGeneration is true while an earlier version of the Service is served, because the newest was refused.
	Kept bool `json:"kept,omitempty"`
	// Trace lists every pool that was asked for an address, in order, and what it answered.
	Trace []Verdict `json:"trace,omitempty"`
	// DNSLabel is the host name asked for in the configured zone (azure-dns-label-name); empty if none.
	DNSLabel string `json:"dnsLabel,omitempty"`
	// Tags are the labels asked for on the address object (azure-pip-tags).
	Tags map[string]string `json:"tags,omitempty"`
}

// Verdict is one pool's (or reserved address') answer to a request for an address.
type Verdict struct {
	Pool   string `json:"pool"`
	Answer string `json:"answer"` // for people: "chosen", or why not
	Chosen bool   `json:"chosen,omitempty"`
}
