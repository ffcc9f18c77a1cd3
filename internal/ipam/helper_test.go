package ipam

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/plan"
)

// public returns a pool that gives addresses of ranges, written as in manifests, to everybody.
func public(name, ranges string, edits ...func(*Pool)) Pool {
	p := Pool{Name: name, Scope: plan.Public, AutoAssign: true}
	if ranges != "" {
		p.Ranges, _ = ParseRanges(ranges)
	}
	for _, edit := range edits {
		edit(&p)
	}
	return p
}

func internalPool(p *Pool)              { p.Scope = plan.Internal }
func byNameOnly(p *Pool)                { p.AutoAssign = false }
func strict(p *Pool)                    { p.StrictSharing = true }
func avoidBuggy(p *Pool)                { p.AvoidBuggyIPs = true }
func priority(n int) func(*Pool)        { return func(p *Pool) { p.Priority = n } }
func alias(names ...string) func(*Pool) { return func(p *Pool) { p.Aliases = names } }
func subnet(name string) func(*Pool)    { return func(p *Pool) { p.Subnet = name } }
func onlyFor(namespace string) func(*Pool) {
	return func(p *Pool) {
		p.Pinned, p.Admits = true, func(s Subject) bool { return s.Namespace == namespace }
	}
}

func pip(group, name, addr string, allowed ...string) Reserved {
	return Reserved{Name: name, ResourceGroup: group, Address: netip.MustParseAddr(addr), Scope: plan.Public, AllowedNamespaces: allowed}
}

func owner(name string) Owner {
	namespace, name, ok := strings.Cut(name, "/")
	if !ok {
		namespace, name = "default", namespace
	}
	return Owner{Namespace: namespace, Name: name}
}

// ask returns a request for an IPv4 address of a Service with the port 80.
func ask(name string, edits ...func(*Request)) Request {
	o := owner(name)
	r := Request{
		Owner: o, Subject: Subject{Namespace: o.Namespace}, Scope: plan.Public,
		Families: Families{Order: []bool{false}}, Ports: []Port{{plan.TCP, 80}},
	}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

func forInternal(r *Request)                { r.Scope = plan.Internal }
func shareWanted(r *Request)                { r.ShareWanted = true }
func onlyIPv6(r *Request)                   { r.Families.Order = []bool{true} }
func prefer(r *Request)                     { r.Families.Order = []bool{false, true} }
func preferIPv6(r *Request)                 { r.Families.Order = []bool{true, false} }
func require(r *Request)                    { r.Families = Families{Order: []bool{false, true}, Required: true} }
func fromPool(name string) func(*Request)   { return func(r *Request) { r.Pool = name } }
func fromSubnet(name string) func(*Request) { return func(r *Request) { r.Subnet = name } }
func fromPrefix(name string) func(*Request) { return func(r *Request) { r.Prefix[0] = name } }
func key(k string) func(*Request)           { return func(r *Request) { r.SharingKey = k } }
func backend(k string) func(*Request)       { return func(r *Request) { r.BackendKey = k } }
func port(n uint16) func(*Request)          { return func(r *Request) { r.Ports = []Port{{plan.TCP, n}} } }
func wants(addr string) func(*Request) {
	return func(r *Request) { a := netip.MustParseAddr(addr); r.Wanted[familyOf(a)] = a }
}
func names(group, name string) func(*Request) {
	return func(r *Request) { r.Named[0], r.ResourceGroup = name, group }
}

// has tells in one line what a result gives, or why not.
func (r Result) String() string {
	if r.Err != nil {
		return fmt.Sprintf("%s %s", r.Err.Code, r.Err.Message)
	}
	var parts []string
	for _, a := range r.Assigned {
		text := a.Address.String()
		if a.PublicIP != "" {
			text += " (" + a.PublicIP + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

func setPools(t *testing.T, a *Allocator, pools ...Pool) []Owner {
	t.Helper()
	problems, displaced := a.SetPools(pools, nil)
	if len(problems) > 0 {
		t.Fatalf("problems %v", problems)
	}
	return displaced
}

// expect asks and compares the answer: addresses, or the beginning of a refusal.
func expect(t *testing.T, a *Allocator, r Request, want string) Result {
	t.Helper()
	res := a.Assign(r)
	if got := res.String(); got != want && (res.Err == nil || want == "" || !strings.HasPrefix(got, want)) {
		t.Errorf("%s gets %q, want %q", r.Owner, got, want)
	}
	return res
}

func codes(ws []Warning) []finding.Code {
	var all []finding.Code
	for _, w := range ws {
		all = append(all, w.Code)
	}
	return all
}
