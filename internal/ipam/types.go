// Package ipam gives addresses to Services. It is pure: pools, reserved addresses and requests in, assignments out,
// in the same way whenever the same calls are made. It knows no Kubernetes; names of owners are opaque to it.
//
// The rules, and where they stand: resolve.go says which addresses a request gets, admit.go who may have one, sharing.go
// who may have one together, ask.go what pools answer, reserved.go how names are found, pools.go which pools count, and
// released.go what becomes of an address that nobody holds any more. pool.go finds a free one in constant time.
package ipam

import (
	"net/netip"
	"time"

	"github.com/naru-lb/naru/internal/finding"
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
	// Ranges do not overlap in one pool. Where two pools overlap, one of them is not used; see Allocator.SetPools.
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
	// Named: reserved addresses by name, for IPv4 and IPv6, to be found in ResourceGroup ("" is any). A name wins over
	// an address that is wanted.
	Named         [2]string
	ResourceGroup string
	// SharingKey and BackendKey: Services with the same of both may share an address.
	SharingKey, BackendKey string
	// ShareWanted lets the Service share an address that it wants or names with whoever has it.
	ShareWanted bool
	// Ports are those that the Service serves. Services that share an address have no port in common.
	Ports []Port
}

// Assigned is an address that an owner holds.
type Assigned struct {
	Address netip.Addr
	Pool    string // empty if the address is reserved outside all pools
	// PublicIP is "resourceGroup/name" of the reserved address, or empty.
	PublicIP string
	Scope    plan.Scope
}

// Result is the answer to a Request.
type Result struct {
	// Assigned are the addresses, in the order of the request's families; none if Err is set.
	Assigned []Assigned
	// Trace lists the pools that were asked when the addresses were given, in order, and what each answered.
	Trace    []plan.Verdict
	Warnings []Warning
	// Err says why there is no address. The owner then holds what it held before.
	Err *Refusal
	// Freed is true if others that wait may have a chance now.
	Freed bool
	// Waits is true if the answer may be better when others release something. If it is not, only other pools or reserved
	// addresses can help.
	Waits bool
}

// Refusal says why a request gets no address.
type Refusal struct {
	Code    finding.Code
	Message string
	// Near are names or addresses that were perhaps meant.
	Near []string
	// IPv6 tells which family it is about.
	IPv6 bool

	// own is true if the request itself rules an address out, and not the state of pools and other owners.
	own bool
}

// Warning says what else is to be known about the addresses that were given.
type Warning struct {
	Code    finding.Code
	Message string
	IPv6    bool
}

// Record is what has to be remembered of an owner so that it keeps its addresses when everything is rebuilt.
type Record struct {
	Owner     Owner        `json:"owner"`
	Addresses []netip.Addr `json:"addresses"`
	// Since is when the owner was first seen, in UTC; it orders owners by age where manifests do not say.
	Since time.Time `json:"since,omitzero"`
	// Released is true if the owner holds the addresses no more. It gets them again if they are still free then.
	Released bool `json:"released,omitempty"`
}

// family is the index of an address family in the pairs of this package.
func family(v6 bool) int {
	if v6 {
		return 1
	}
	return 0
}

func familyOf(a netip.Addr) int { return family(a.Is6()) }

func familyName(f int) string { return [2]string{"IPv4", "IPv6"}[f] }
