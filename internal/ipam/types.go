// Package ipam gives addresses to Services. It is pure: pools, reserved addresses and requests in, assignments out,
// in the same way whenever the same calls are made. It knows no Kubernetes; names of owners are opaque to it.
package ipam

import (
	"net/netip"
	"time"

	"github.com/naru-lb/naru/internal/plan"
)

// Owner names what holds an address.
type Owner = plan.ServiceName

// Range is an inclusive range of addresses of one family.
type Range struct {
	First, Last netip.Addr
}

// Pool is a set of addresses that may be given out.
type Pool struct {
	Name string
	// Ranges do not overlap, in one pool or across pools.
	Ranges     []Range
	Scope      plan.Scope
	Subnet     string
	Aliases    []string
	AutoAssign bool
	// AvoidBuggyIPs leaves out IPv4 addresses that end in .0 or .255, also when one is asked for.
	AvoidBuggyIPs bool
	// Priority orders pools: 1 first, 0 after all others; equal ones in order of their names.
	Priority int
	// Pinned pools limit who may have their addresses (Admits), and are asked before all that do not.
	Pinned bool
	// Admits tells whether a Service may have addresses of the pool; nil admits everybody. It must be pure.
	Admits func(Subject) bool
	// StrictSharing lets Services of different namespaces share an address by key alone, as MetalLB does.
	StrictSharing bool
}

// Reserved is one named address (a PublicIP). It is given only to who asks for it by name or by address.
type Reserved struct {
	Name          string
	ResourceGroup string
	Address       netip.Addr
	Scope         plan.Scope
	// AllowedNamespaces limits who may use it; empty admits everybody.
	AllowedNamespaces []string
}

// Subject is what pools look at to decide whom they admit.
type Subject struct {
	Namespace       string
	NamespaceLabels map[string]string
	ServiceLabels   map[string]string
}

// Port is a port that a Service wants to serve on its address.
type Port struct {
	Protocol plan.Protocol
	Number   uint16
}

// Families says which address families a Service wants.
type Families struct {
	// Order lists the families in the order they are wanted, false for IPv4 and true for IPv6; one or two.
	Order []bool
	// Required wants all of them or none (ipFamilyPolicy RequireDualStack); otherwise the first that is to be had is
	// enough, and more are taken if the same pool has them (PreferDualStack).
	Required bool
}

// Request is what one Service wants.
type Request struct {
	Owner    Owner
	Subject  Subject
	Families Families
	Scope    plan.Scope
	// Pool, Subnet: only pools of this name; only pools of this subnet, alias or name. Empty asks for nothing.
	Pool, Subnet string
	// Prefix: only pools of this name or alias, for IPv4 and IPv6.
	Prefix [2]string
	// Wanted: these very addresses, for IPv4 and IPv6; the zero Addr asks for nothing.
	Wanted [2]netip.Addr
	// Named: reserved addresses by name, for IPv4 and IPv6, to be found in ResourceGroup ("" is any).
	Named         [2]string
	ResourceGroup string
	// SharingKey and BackendKey: see Allocator.Assign.
	SharingKey, BackendKey string
	Ports                  []Port
}

// Assigned is an address that an owner holds.
type Assigned struct {
	Address netip.Addr
	Pool    string // empty if the address is reserved outside all pools
	// PublicIP is "resourceGroup/name" of the reserved address, or empty.
	PublicIP string
	Scope    plan.Scope
}

// Record is what has to be remembered of an owner so that it keeps its addresses when everything is rebuilt.
type Record struct {
	Owner     Owner        `json:"owner"`
	Addresses []netip.Addr `json:"addresses"`
	// Since is when the owner was first seen, in UTC; it orders owners by age where manifests do not say.
	Since time.Time `json:"since"`
}
