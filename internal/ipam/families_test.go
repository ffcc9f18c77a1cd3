package ipam

import (
	"fmt"
	"testing"
)

func TestBothFamilies(t *testing.T) {
	four, six := public("a-four", "192.0.2.1-192.0.2.2"), public("b-six", "2001:db8::1-2001:db8::2")
	dual := public("c-dual", "192.0.2.9,2001:db8::9")
	tests := []struct {
		name  string
		pools []Pool
		ask   Request
		want  string
	}{
		{"preferred, from the pool that has both", []Pool{four, six, dual}, ask("s", prefer), "192.0.2.9 2001:db8::9"},
		{"preferred, in the order that is asked for", []Pool{four, six, dual}, ask("s", preferIPv6), "2001:db8::9 192.0.2.9"},
		{"preferred, IPv4 if no pool has both", []Pool{four, six}, ask("s", prefer), "192.0.2.1"},
		{"preferred, IPv6 first if asked for", []Pool{four, six}, ask("s", preferIPv6), "2001:db8::1"},
		{"preferred, what there is", []Pool{four}, ask("s", preferIPv6), "192.0.2.1"},
		{"preferred, nothing", nil, ask("s", prefer), "NR4106 there is no pool"},
		{"required, from the pool that has both", []Pool{four, six, dual}, ask("s", require), "192.0.2.9 2001:db8::9"},
		{"required, from two pools if no pool has both", []Pool{four, six}, ask("s", require), "192.0.2.1 2001:db8::1"},
		{"required, or none", []Pool{four}, ask("s", require), "NR4106 no IPv6 addresses in pool a-four"},
		{"preferred, one of them wanted, and the other from its pool", []Pool{four, six, dual}, ask("s", prefer, wants("192.0.2.9")), "192.0.2.9 2001:db8::9"},
		{"preferred, one of them wanted, and the other from any pool", []Pool{four, six}, ask("s", prefer, wants("192.0.2.2")), "192.0.2.2 2001:db8::1"},
		{"preferred, one of them wanted, and no other to be had", []Pool{four}, ask("s", prefer, wants("192.0.2.2")), "192.0.2.2"},
		{"preferred, but what is wanted is wanted", []Pool{four, six}, ask("s", prefer, wants("192.0.2.9")), "NR4107 192.0.2.9 is in no pool"},
		{"required, one of them wanted, and no other to be had", []Pool{four}, ask("s", require, wants("192.0.2.2")), "NR4106 no IPv6 addresses in pool a-four"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := New()
			setPools(t, a, tt.pools...)
			expect(t, a, tt.ask, tt.want)
			expect(t, a, tt.ask, tt.want)
		})
	}
}

func TestTheSecondAddressComesFromThePoolOfTheFirst(t *testing.T) {
	a := New()
	four := public("p", "192.0.2.1")
	setPools(t, a, four)
	expect(t, a, ask("s", prefer), "192.0.2.1")
	setPools(t, a, four, public("dual", "192.0.2.9,2001:db8::9"))
	expect(t, a, ask("s", prefer), "192.0.2.1") // a better pool does not tempt
	if displaced := setPools(t, a, public("p", "192.0.2.1,2001:db8::1")); fmt.Sprint(displaced) != "[default/s]" {
		t.Errorf("displaced %v", displaced)
	}
	expect(t, a, ask("s", prefer), "192.0.2.1 2001:db8::1")
	expect(t, a, ask("s"), "192.0.2.1")
	expect(t, a, ask("s", require), "192.0.2.1 2001:db8::1")
	expect(t, a, ask("s", onlyIPv6), "2001:db8::1")
}

func TestAnOwnerMovesWhenItsPoolLosesAFamilyAndAnotherHasBoth(t *testing.T) {
	for _, tt := range []struct {
		other Pool
		want  string
		lost  int
	}{
		{public("q", "192.0.2.9,2001:db8::9"), "192.0.2.9 2001:db8::9", 2},
		{public("q", "2001:db8::9"), "192.0.2.1", 1},
	} {
		a := New()
		setPools(t, a, public("p", "192.0.2.1,2001:db8::1"))
		expect(t, a, ask("s", prefer), "192.0.2.1 2001:db8::1")
		setPools(t, a, public("p", "192.0.2.1"), tt.other)
		if res := expect(t, a, ask("s", prefer), tt.want); len(res.Warnings) != tt.lost {
			t.Errorf("warnings %v, want %d", res.Warnings, tt.lost)
		}
	}
}
