package ipam

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/plan"
)

func TestPoolsAreAskedInOrder(t *testing.T) {
	tests := []struct {
		name  string
		pools []Pool
		ask   Request
		want  string
		trace string // every pool that was asked and its answer
	}{
		{"by name", []Pool{public("b", "192.0.2.2"), public("a", "192.0.2.1")}, ask("s"), "192.0.2.1", "a: chosen"},
		{"by priority, 0 last", []Pool{public("a", "192.0.2.1"), public("b", "192.0.2.2", priority(2)), public("c", "192.0.2.3", priority(1))},
			ask("s"), "192.0.2.3", "c: chosen"},
		{"pinned ones first", []Pool{public("a", "192.0.2.1", priority(1)), public("b", "192.0.2.2", onlyFor("default"))}, ask("s"), "192.0.2.2", "b: chosen"},
		{"pinned ones only for whom they admit", []Pool{public("a", "192.0.2.1"), public("b", "192.0.2.2", onlyFor("team"))},
			ask("s"), "192.0.2.1", "b: only for other namespaces or Services, a: chosen"},
		{"autoAssign only", []Pool{public("a", "192.0.2.1", byNameOnly), public("b", "192.0.2.2")},
			ask("s"), "192.0.2.2", "a: only for Services that ask for this pool, b: chosen"},
		{"public for public", []Pool{public("a", "10.0.0.1", internalPool), public("b", "192.0.2.2")},
			ask("s"), "192.0.2.2", "a: internal pool; this Service does not ask for internal, b: chosen"},
		{"internal for internal", []Pool{public("a", "192.0.2.2"), public("b", "10.0.0.1", internalPool)},
			ask("s", forInternal), "10.0.0.1", "a: public pool; this Service asks for internal, b: chosen"},
		{"the pool that is asked for", []Pool{public("a", "192.0.2.1"), public("b", "192.0.2.2", byNameOnly)}, ask("s", fromPool("b")), "192.0.2.2", "b: chosen"},
		{"the subnet that is asked for", []Pool{public("a", "10.0.0.1", internalPool), public("b", "10.0.0.2", internalPool, subnet("Apps"))},
			ask("s", forInternal, fromSubnet("apps")), "10.0.0.2", "b: chosen"},
		{"a subnet by alias", []Pool{public("a", "10.0.0.1", internalPool), public("b", "10.0.0.2", internalPool, alias("x", "apps"))},
			ask("s", forInternal, fromSubnet("APPS")), "10.0.0.2", "b: chosen"},
		{"a prefix by alias", []Pool{public("a", "192.0.2.1"), public("b", "192.0.2.2", alias("partners"))}, ask("s", fromPrefix("Partners")), "192.0.2.2", "b: chosen"},
		{"the family that is wanted", []Pool{public("a", "192.0.2.1"), public("b", "2001:db8::1")}, ask("s", onlyIPv6), "2001:db8::1", "a: has no IPv6 addresses, b: chosen"},
		{"past a broken one", []Pool{public("a", ""), public("b", "192.0.2.2")}, ask("s"), "192.0.2.2", "a: cannot be used because of an error, b: chosen"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := New()
			setPools(t, a, tt.pools...)
			res := expect(t, a, tt.ask, tt.want)
			var trace []string
			for _, v := range res.Trace {
				trace = append(trace, v.Pool+": "+v.Answer)
			}
			if got := strings.Join(trace, ", "); got != tt.trace {
				t.Errorf("trace %q, want %q", got, tt.trace)
			}
		})
	}
}

func TestARefusalSaysHowNearItWas(t *testing.T) {
	full := func(a *Allocator) { a.Assign(ask("first")) }
	tests := []struct {
		name  string
		pools []Pool
		ask   Request
		want  string
		near  string
	}{
		{"no pool", nil, ask("s"), "NR4106 there is no pool", ""},
		{"full", []Pool{public("a", "192.0.2.1")}, ask("s"), "NR4102 no free address in pool a", ""},
		{"full rather than not admitted", []Pool{public("a", "192.0.2.1"), public("b", "192.0.2.2", onlyFor("x"))}, ask("s"), "NR4102 no free address in pool a", ""},
		{"not admitted", []Pool{public("b", "192.0.2.2", onlyFor("x"))}, ask("s"), "NR4106 pool b is only for other namespaces or Services", ""},
		{"by name only", []Pool{public("b", "192.0.2.2", byNameOnly)}, ask("s"), "NR4106 only Services that ask for it get an address of pool b", ""},
		{"other scope", []Pool{public("b", "192.0.2.2")}, ask("s", forInternal), "NR4106 there is no internal pool", ""},
		{"other scope by name", []Pool{public("b", "192.0.2.2")}, ask("s", forInternal, fromPool("b")), "NR4106 pool b is public, and this Service asks for internal", ""},
		{"other family", []Pool{public("b", "192.0.2.2")}, ask("s", onlyIPv6), "NR4106 no IPv6 addresses in pool b", ""},
		{"broken", []Pool{public("b", "")}, ask("s"), "NR4106 pool b cannot be used because of an error", ""},
		{"no such pool", []Pool{public("manual", "192.0.2.2"), public("lan", "10.0.0.1", internalPool)}, ask("s", fromPool("manul")), "NR4106 there is no pool manul", "manual"},
		{"no such subnet", []Pool{public("lan", "10.0.0.1", internalPool)}, ask("s", forInternal, fromSubnet("x")), "NR4106 there is no pool for subnet x", "lan"},
		{"in no pool", []Pool{public("b", "192.0.2.2-192.0.2.3")}, ask("s", wants("192.0.2.1")), "NR4107 192.0.2.1 is in no pool", "b (192.0.2.2-192.0.2.3)"},
		{"left out", []Pool{public("b", "192.0.2.0/24", avoidBuggy)}, ask("s", wants("192.0.2.255")), "NR4107 192.0.2.255 ends in .0 or .255, which pool b leaves out", ""},
		{"wanted of another pool", []Pool{public("b", "192.0.2.2"), public("c", "192.0.2.3")}, ask("s", wants("192.0.2.2"), fromPool("c")),
			"NR4107 192.0.2.2 is in pool b, which is not the one that is asked for", ""},
		{"wanted internal", []Pool{public("lan", "10.0.0.1", internalPool)}, ask("s", wants("10.0.0.1")), "NR4107 10.0.0.1 is internal, and this Service does not ask for internal", ""},
		{"wanted public", []Pool{public("b", "192.0.2.2")}, ask("s", wants("192.0.2.2"), forInternal), "NR4107 192.0.2.2 is public, and this Service asks for internal", ""},
		{"many pools", []Pool{public("a", ""), public("b", ""), public("c", ""), public("d", ""), public("e", "")}, ask("s"),
			"NR4106 pools a, b, c and 2 more cannot be used because of an error", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := New()
			setPools(t, a, tt.pools...)
			full(a)
			res := expect(t, a, tt.ask, tt.want)
			if res.Err == nil || strings.Join(res.Err.Near, ", ") != tt.near {
				t.Errorf("near %v, want %q", res.Err, tt.near)
			}
		})
	}
}

func TestAFullPoolSaysHowManyAreUsedAndReserved(t *testing.T) {
	a := New()
	a.SetPools([]Pool{public("p", "192.0.2.0-192.0.2.3", avoidBuggy)}, []Reserved{pip("g", "r", "192.0.2.2")})
	expect(t, a, ask("a"), "192.0.2.1")
	expect(t, a, ask("b"), "192.0.2.3")
	res := expect(t, a, ask("c"), "NR4102")
	if got, want := res.Trace[0].Answer, "matches, but full: 2 of 3 used, the rest reserved"; got != want {
		t.Errorf("answer %q, want %q", got, want)
	}
	expect(t, a, ask("d", names("", "r")), "192.0.2.2 (g/r)")
	res = expect(t, a, ask("c"), "NR4102")
	if got, want := res.Trace[0].Answer, "matches, but full: 3 of 3 used"; got != want {
		t.Errorf("answer %q, want %q", got, want)
	}
}

func TestSizesCountWhatCanBeGivenOut(t *testing.T) {
	tests := []struct {
		pool Pool
		want [2]uint64
	}{
		{public("p", "192.0.2.0/24"), [2]uint64{256, 0}},
		{public("p", "192.0.2.0/24", avoidBuggy), [2]uint64{254, 0}},
		{public("p", "192.0.2.255-192.0.3.0", avoidBuggy), [2]uint64{0, 0}},
		{public("p", "192.0.2.1-192.0.3.1,192.0.3.255", avoidBuggy), [2]uint64{255, 0}},
		{public("p", "0.0.0.0/0", avoidBuggy), [2]uint64{1 << 32 / 256 * 254, 0}},
		{public("p", "2001:db8::/120", avoidBuggy), [2]uint64{0, 256}},
		{public("p", "2001:db8::/64"), [2]uint64{0, 1<<64 - 1}},
		{public("p", "2001:db8::/32,192.0.2.1"), [2]uint64{1, 1<<64 - 1}},
	}
	for _, tt := range tests {
		if got := newPool(tt.pool).size; got != tt.want {
			t.Errorf("%v: %v addresses, want %v", tt.pool.Ranges, got, tt.want)
		}
	}
}

func TestPoolsThatOverlapAreReportedAndOneStays(t *testing.T) {
	kept := func(problems []Problem) string {
		var all []string
		for _, p := range problems {
			if p.Code != finding.PoolOverlap || p.Reserved != -1 {
				t.Errorf("problem %+v", p)
			}
			all = append(all, fmt.Sprintf("%d %v: %s", p.Pool, p.Kept, p.Message))
		}
		return strings.Join(all, "; ")
	}
	a := New()
	problems, _ := a.SetPools([]Pool{public("b", "192.0.2.0/24"), public("a", "192.0.2.7-192.0.2.9"), public("c", "10.0.0.0/24,10.0.0.5")}, nil)
	if got, want := kept(problems), "0 false: 192.0.2.7-192.0.2.9 of this pool overlaps with pool a; 2 false: 10.0.0.0-10.0.0.255 and 10.0.0.5 overlap"; got != want {
		t.Errorf("first by name: got %q, want %q", got, want)
	}
	a = New()
	a.Adopt(Record{Owner: owner("s"), Addresses: addrs("192.0.2.1")})
	problems, _ = a.SetPools([]Pool{public("b", "192.0.2.0/24"), public("a", "192.0.2.7-192.0.2.9")}, nil)
	if got, want := kept(problems), "1 false: 192.0.2.7-192.0.2.9 of this pool overlaps with pool b"; got != want {
		t.Errorf("the one in use: got %q, want %q", got, want)
	}
	problems, _ = a.SetPools([]Pool{public("b", "192.0.2.0/24"), public("a", "192.0.3.1")}, nil)
	if len(problems) > 0 {
		t.Errorf("mended: got %v", problems)
	}
	problems, _ = a.SetPools([]Pool{public("b", "192.0.2.0/24"), public("a", "192.0.3.1,192.0.2.1")}, nil)
	if got, want := kept(problems), "1 true: 192.0.2.1 of this pool overlaps with pool b"; got != want {
		t.Errorf("as before: got %q, want %q", got, want)
	}
	expect(t, a, ask("t", fromPool("a")), "192.0.3.1")
}

func TestTheSameOwnersAreDisplacedInWhateverOrderPoolsCome(t *testing.T) {
	pools := []Pool{public("a", "192.0.2.0/30"), public("b", "192.0.2.4/30"), public("c", "192.0.2.8/30", priority(1))}
	for range 6 {
		pools = append(pools[1:], pools[0])
		a := New()
		setPools(t, a, pools...)
		for i := range 10 {
			a.Assign(ask(fmt.Sprintf("s%d", i)))
		}
		expect(t, a, ask("s9"), "192.0.2.5")
		displaced := setPools(t, a, slices.DeleteFunc(slices.Clone(pools), func(p Pool) bool { return p.Name == "a" })...)
		if fmt.Sprint(displaced) != "[default/s4 default/s5 default/s6 default/s7]" {
			t.Errorf("displaced %v", displaced)
		}
	}
}

func TestOwnersAreDisplacedOnlyIfTheyWouldGetSomethingElse(t *testing.T) {
	p := public("p", "192.0.2.0/30")
	moved := []Reserved{pip("g", "r", "203.0.113.2")}
	tests := []struct {
		name     string
		pools    []Pool
		reserved []Reserved
		want     string
	}{
		{"nothing changes", []Pool{p}, []Reserved{pip("g", "r", "203.0.113.1")}, "[]"},
		{"a better pool", []Pool{p, public("a", "192.0.2.8", priority(1))}, []Reserved{pip("g", "r", "203.0.113.1")}, "[]"},
		{"no longer assigned by itself", []Pool{public("p", "192.0.2.0/30", byNameOnly)}, []Reserved{pip("g", "r", "203.0.113.1")}, "[]"},
		{"another name", []Pool{public("q", "192.0.2.0/30")}, []Reserved{pip("g", "r", "203.0.113.1")}, "[default/a default/b]"},
		{"another scope", []Pool{public("p", "192.0.2.0/30", internalPool)}, []Reserved{pip("g", "r", "203.0.113.1")}, "[default/a default/b]"},
		{"closed to them", []Pool{public("p", "192.0.2.0/30", onlyFor("x"))}, []Reserved{pip("g", "r", "203.0.113.1")}, "[default/a default/b]"},
		{"buggy now", []Pool{public("p", "192.0.2.0/30", avoidBuggy)}, []Reserved{pip("g", "r", "203.0.113.1")}, "[default/a]"},
		{"gone", nil, []Reserved{pip("g", "r", "203.0.113.1")}, "[default/a default/b]"},
		{"the name leads elsewhere", []Pool{p}, moved, "[default/named]"},
		{"the name is for others", []Pool{p}, []Reserved{pip("g", "r", "203.0.113.1", "x")}, "[default/named]"},
		{"the name is gone", []Pool{p}, nil, "[default/named]"},
		{"reserved afterwards", []Pool{p}, []Reserved{pip("g", "r", "203.0.113.1"), pip("g", "late", "192.0.2.0")}, "[]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := New()
			a.SetPools([]Pool{p}, []Reserved{pip("g", "r", "203.0.113.1")})
			expect(t, a, ask("a"), "192.0.2.0")
			expect(t, a, ask("b"), "192.0.2.1")
			expect(t, a, ask("named", names("g", "r")), "203.0.113.1 (g/r)")
			if _, displaced := a.SetPools(tt.pools, tt.reserved); fmt.Sprint(displaced) != tt.want {
				t.Errorf("displaced %v, want %v", displaced, tt.want)
			}
		})
	}
}

func TestAnAddressThatIsLostIsReported(t *testing.T) {
	a := New()
	setPools(t, a, public("p", "192.0.2.1"), public("q", "192.0.2.2"), public("r", "10.0.0.1", internalPool))
	expect(t, a, ask("s"), "192.0.2.1")
	if res := expect(t, a, ask("s", forInternal), "10.0.0.1"); len(res.Warnings) > 0 {
		t.Errorf("what was asked for is reported: %v", res.Warnings)
	}
	expect(t, a, ask("s"), "192.0.2.1")
	setPools(t, a, public("q", "192.0.2.2"))
	res := expect(t, a, ask("s"), "192.0.2.2")
	if len(res.Warnings) != 1 || res.Warnings[0].Code != finding.AddressChanged || res.Warnings[0].Message != "the address could not be kept: 192.0.2.1 is in no pool" {
		t.Errorf("warnings %v", res.Warnings)
	}
}

func TestARefusalChangesNothing(t *testing.T) {
	a := New()
	setPools(t, a, public("p", "192.0.2.1-192.0.2.2"))
	expect(t, a, ask("s"), "192.0.2.1")
	before := fmt.Sprint(a.Records())
	expect(t, a, ask("s", wants("192.0.2.9")), "NR4107")
	expect(t, a, ask("s", fromPool("x")), "NR4106")
	if after := fmt.Sprint(a.Records()); after != before {
		t.Errorf("records were %s and are %s", before, after)
	}
	expect(t, a, ask("s"), "192.0.2.1")
}

func TestStrangeRequestsDoNoHarm(t *testing.T) {
	a := New()
	a.Assign(Request{})
	a.SetPools([]Pool{{}, {Name: "x", Scope: plan.Public, AutoAssign: true, Ranges: []Range{{}}}}, []Reserved{{}, {}})
	a.Assign(Request{})
	a.Assign(ask("s", func(r *Request) { r.Families.Order = []bool{false, false} }))
	a.Assign(ask("s", names("", "")))
	a.Adopt(Record{})
	a.Release(Owner{})
	a.Release(owner("nobody"))
	a.Records()
}

func TestPoolsTellHowManyAddressesTheyHave(t *testing.T) {
	a := New()
	a.SetPools([]Pool{
		{Name: "both", Ranges: []Range{span("192.0.2.0", "192.0.2.15"), span("2001:db8::", "2001:db8::3")}, AvoidBuggyIPs: true},
		{Name: "huge", Ranges: []Range{span("2001:db8:1::", "2001:db8:1:1::")}},
	}, nil)
	if got, want := a.Sizes(), map[string]uint64{"both": 19, "huge": math.MaxUint64}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
