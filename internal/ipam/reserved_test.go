package ipam

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/naru-lb/naru/internal/plan"
)

func addrs(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, t := range texts {
		all = append(all, netip.MustParseAddr(t))
	}
	return all
}

func TestReservedAddressesAreFoundByName(t *testing.T) {
	reserved := []Reserved{
		pip("rg-a", "web", "203.0.113.1"), pip("rg-b", "web", "203.0.113.2"), pip("rg-a", "only", "203.0.113.3"),
		pip("default", "both", "203.0.113.4"), pip("rg-a", "both", "203.0.113.5"),
		pip("rg-a", "theirs", "203.0.113.6", "team"), pip("rg-a", "six", "2001:db8::6"),
	}
	tests := []struct {
		group, name, want string
		warns             bool
		near              string
	}{
		{"rg-a", "web", "203.0.113.1 (rg-a/web)", false, ""},
		{"RG-B", "WEB", "203.0.113.2 (rg-b/web)", false, ""},
		{"", "only", "203.0.113.3 (rg-a/only)", false, ""},
		{"rg-b", "only", "203.0.113.3 (rg-a/only)", true, ""},
		{"", "both", "203.0.113.4 (default/both)", false, ""},
		{"", "web", "NR4101 PublicIP web is in more than one resource group", false, "rg-a/web, rg-b/web"},
		{"rg-c", "web", "NR4101 there is no PublicIP web in resource group rg-c", false, "rg-a/web, rg-b/web"},
		{"rg-a", "wbe", "NR4101 there is no PublicIP wbe in resource group rg-a", false, "rg-a/web, rg-b/web"},
		{"", "nothing-like-it", "NR4101 there is no PublicIP nothing-like-it", false, ""},
		{"rg-a", "theirs", "NR4107 PublicIP rg-a/theirs (203.0.113.6) is for other namespaces", false, ""},
		{"rg-b", "theirs", "NR4101 there is no PublicIP theirs in resource group rg-b", false, ""},
		{"", "six", "NR4107 PublicIP rg-a/six is 2001:db8::6, which is no IPv4 address", false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.group+"/"+tt.name, func(t *testing.T) {
			a := New()
			a.SetPools(nil, reserved)
			res := expect(t, a, ask("s", names(tt.group, tt.name)), tt.want)
			if (len(res.Warnings) > 0) != tt.warns {
				t.Errorf("warnings %v", res.Warnings)
			}
			if res.Err != nil && strings.Join(res.Err.Near, ", ") != tt.near {
				t.Errorf("near %v, want %q", res.Err.Near, tt.near)
			}
		})
	}
}

func TestAReservedAddressIsForThoseWhoAsk(t *testing.T) {
	a := New()
	a.SetPools([]Pool{public("p", "192.0.2.1-192.0.2.3")}, []Reserved{pip("g", "r", "192.0.2.1"), pip("g", "mine", "192.0.2.3", "team")})
	expect(t, a, ask("a"), "192.0.2.2")
	expect(t, a, ask("b"), "NR4102")
	expect(t, a, ask("b", wants("192.0.2.3")), "NR4107 PublicIP g/mine (192.0.2.3) is for other namespaces")
	expect(t, a, ask("b", wants("192.0.2.1")), "192.0.2.1 (g/r)")
	expect(t, a, ask("c", names("", "R")), "NR4103 192.0.2.1 is in use by default/b")
	a.Release(owner("b"))
	expect(t, a, ask("d"), "NR4102")
	expect(t, a, ask("b"), "NR4102")
	expect(t, a, ask("c", names("", "R")), "192.0.2.1 (g/r)")
}

func TestWhoAsksNoMoreGivesItBackButWhoHadItBeforeKeepsIt(t *testing.T) {
	a := New()
	p, r := []Pool{public("p", "192.0.2.1-192.0.2.4")}, []Reserved{pip("g", "r", "192.0.2.1")}
	a.SetPools(p, r)
	expect(t, a, ask("a", names("", "r")), "192.0.2.1 (g/r)")
	expect(t, a, ask("a"), "192.0.2.2")
	expect(t, a, ask("b"), "192.0.2.3")
	a.SetPools(p, append(r, pip("g", "late", "192.0.2.3")))
	expect(t, a, ask("b"), "192.0.2.3")
	expect(t, a, ask("c", names("", "late")), "NR4103 192.0.2.3 is in use by default/b")
	a = New()
	a.Adopt(Record{Owner: owner("b"), Addresses: addrs("192.0.2.3")})
	a.SetPools(p, append(r, pip("g", "late", "192.0.2.3")))
	expect(t, a, ask("b"), "192.0.2.3")
}

func TestANameWinsOverAnAddress(t *testing.T) {
	a := New()
	a.SetPools([]Pool{public("p", "192.0.2.1-192.0.2.4")}, []Reserved{pip("g", "r", "203.0.113.1")})
	res := expect(t, a, ask("a", names("", "r"), wants("192.0.2.2")), "203.0.113.1 (g/r)")
	if got := fmt.Sprint(codes(res.Warnings)); got != "[NR1105]" {
		t.Errorf("warnings %v", res.Warnings)
	}
	res = expect(t, a, ask("a", names("", "r"), wants("203.0.113.1")), "203.0.113.1 (g/r)")
	if len(res.Warnings) > 0 {
		t.Errorf("the same address is reported: %v", res.Warnings)
	}
}

func TestReservedAddressesThatContradictAreNotUsed(t *testing.T) {
	inner := pip("g", "inner", "10.0.0.9")
	inner.Scope = plan.Internal
	reserved := []Reserved{pip("g", "b", "203.0.113.1"), pip("G", "B", "203.0.113.2"), pip("g", "c", "203.0.113.1"), pip("g", "d", "10.0.0.2"), inner}
	a := New()
	problems, _ := a.SetPools([]Pool{public("lan", "10.0.0.0/24", internalPool)}, reserved)
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%d %s", p.Reserved, p.Message))
	}
	want := "0 there is another PublicIP G/B, which is 203.0.113.2; 3 10.0.0.2 is in the internal pool lan, and this PublicIP is public"
	if strings.Join(got, "; ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	expect(t, a, ask("s", names("g", "inner"), forInternal), "10.0.0.9 (g/inner)")
	expect(t, a, ask("t", names("g", "inner")), "NR4107 10.0.0.9 is internal")
}
