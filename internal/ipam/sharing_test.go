package ipam

import "testing"

func TestWhoMayShareAnAddress(t *testing.T) {
	const addr = "192.0.2.1"
	p := public("p", "192.0.2.1-192.0.2.2")
	tests := []struct {
		name          string
		pool          Pool
		first, second Request
		want          string
	}{
		{"nobody without a word", p, ask("a", wants(addr)), ask("b", wants(addr), port(81)), "NR4103 192.0.2.1 is in use by default/a"},
		{"one key", p, ask("a", wants(addr), key("k")), ask("b", wants(addr), key("k"), port(81)), addr},
		{"one key and one port", p, ask("a", wants(addr), key("k")), ask("b", wants(addr), key("k")), "NR4110 192.0.2.1:80/TCP is served by default/a already"},
		{"two keys", p, ask("a", wants(addr), key("k")), ask("b", wants(addr), key("l"), port(81)), "NR4113 192.0.2.1 cannot be shared with default/a, which has another sharing key"},
		{"a key and none", p, ask("a", wants(addr)), ask("b", wants(addr), key("k"), port(81)), "NR4113 192.0.2.1 cannot be shared with default/a, which has no sharing key"},
		{"none and a key", p, ask("a", wants(addr), key("k")), ask("b", wants(addr), port(81)), "NR4103 192.0.2.1 is in use by default/a"},
		{"one backend", p, ask("a", key("k"), backend("x")), ask("b", wants(addr), key("k"), backend("x"), port(81)), addr},
		{"two backends", p, ask("a", key("k"), backend("x")), ask("b", wants(addr), key("k"), port(81)), "NR4113 192.0.2.1 cannot be shared with default/a: under Local both need the same selector"},
		{"a key of two namespaces", p, ask("a", key("k")), ask("x/b", wants(addr), key("k"), port(81)), "NR4113 192.0.2.1 cannot be shared with default/a, which is in another namespace"},
		{"a key of two namespaces as in MetalLB", public("p", addr, strict), ask("a", key("k")), ask("x/b", wants(addr), key("k"), port(81)), addr},
		{"by wish", p, ask("a"), ask("b", wants(addr), shareWanted, port(81)), addr},
		{"by wish with another backend", p, ask("a", backend("x")), ask("b", wants(addr), shareWanted, port(81)), addr},
		{"by wish but for the port", p, ask("a"), ask("b", wants(addr), shareWanted), "NR4110 192.0.2.1:80/TCP is served by default/a already"},
		{"by wish of the one that is there", p, ask("a", wants(addr), shareWanted), ask("b", wants(addr), port(81)), addr},
		{"by wish of two namespaces", p, ask("a"), ask("x/b", wants(addr), shareWanted, port(81)), "NR4113 192.0.2.1 cannot be shared with default/a, which is in another namespace"},
		{"no wish without asking for it", p, ask("a"), ask("b", shareWanted, port(81)), "192.0.2.2"},
		{"by key without asking for it", p, ask("a", key("k")), ask("b", key("k"), port(81)), addr},
		{"by key without asking for it but for the port", p, ask("a", key("k")), ask("b", key("k")), "192.0.2.2"},
		{"another protocol is another port", p, ask("a", key("k")), ask("b", key("k"), func(r *Request) { r.Ports[0].Protocol = "UDP" }), addr},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := New()
			setPools(t, a, tt.pool)
			expect(t, a, tt.first, addr)
			expect(t, a, tt.second, tt.want)
			expect(t, a, tt.first, addr)
		})
	}
}

func TestAReservedAddressIsSharedAcrossNamespacesIfItAllowsBoth(t *testing.T) {
	a := New()
	a.SetPools([]Pool{public("p", "192.0.2.1-192.0.2.9")}, []Reserved{
		pip("g", "all", "192.0.2.1"), pip("g", "some", "192.0.2.2", "default", "x"), pip("g", "one", "192.0.2.3", "default"),
	})
	for name, want := range map[string]string{
		"all": "192.0.2.1 (g/all)", "some": "192.0.2.2 (g/some)", "one": "NR4107 PublicIP g/one (192.0.2.3) is for other namespaces",
	} {
		a.Assign(ask("a", names("", name)))
		expect(t, a, ask("x/b", names("", name), shareWanted, port(81)), want)
	}
}

func TestASoleUserMayChangeItsKeyAndTellsThatOthersMayHaveAChance(t *testing.T) {
	a := New()
	setPools(t, a, public("p", "192.0.2.1"))
	expect(t, a, ask("a", key("k")), "192.0.2.1")
	expect(t, a, ask("b", key("l"), port(81)), "NR4102")
	if res := expect(t, a, ask("a", key("k")), "192.0.2.1"); res.Freed {
		t.Error("nothing changed, and something is said to be free")
	}
	if res := expect(t, a, ask("a", key("l")), "192.0.2.1"); !res.Freed {
		t.Error("the key changed, and nothing is said to be free")
	}
	expect(t, a, ask("b", key("l"), port(81)), "192.0.2.1")
	if res := expect(t, a, ask("b", key("l"), port(82)), "192.0.2.1"); !res.Freed {
		t.Error("a port became free, and nothing is said to be free")
	}
}

func TestWhoLeavesASharedAddressLeavesItToTheOthers(t *testing.T) {
	a := New()
	setPools(t, a, public("p", "192.0.2.1-192.0.2.2"))
	expect(t, a, ask("a", key("k")), "192.0.2.1")
	expect(t, a, ask("b", key("k"), port(81)), "192.0.2.1")
	a.Release(owner("a"))
	expect(t, a, ask("c"), "192.0.2.2")
	expect(t, a, ask("b", key("k"), port(81)), "192.0.2.1")
	a.Release(owner("b"))
	expect(t, a, ask("d"), "192.0.2.1")
}

func TestThoseWhoWereRecordedWithOneAddressShareItAgain(t *testing.T) {
	a := New()
	a.Adopt(Record{Owner: owner("a"), Addresses: addrs("192.0.2.1")})
	a.Adopt(Record{Owner: owner("b"), Addresses: addrs("192.0.2.1")})
	setPools(t, a, public("p", "192.0.2.1-192.0.2.2"))
	expect(t, a, ask("c", wants("192.0.2.1"), key("k"), port(82)), "NR4103 192.0.2.1 is kept for default/a, which had it before")
	expect(t, a, ask("a", key("k")), "192.0.2.1")
	expect(t, a, ask("b", key("k")), "192.0.2.2") // it says now that it serves the same port
	expect(t, a, ask("c", wants("192.0.2.1"), key("k"), port(82)), "192.0.2.1")
}
