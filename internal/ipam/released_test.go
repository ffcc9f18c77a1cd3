package ipam

import (
	"fmt"
	"testing"
)

func TestAReleasedAddressIsTheLastForOthersAndTheFirstForItsOwner(t *testing.T) {
	a := New()
	setPools(t, a, public("p", "192.0.2.1-192.0.2.4"))
	expect(t, a, ask("a"), "192.0.2.1")
	expect(t, a, ask("b"), "192.0.2.2")
	a.Release(owner("b"))
	a.Release(owner("a"))
	expect(t, a, ask("c"), "192.0.2.3")
	expect(t, a, ask("a"), "192.0.2.1")
	a.Release(owner("a"))
	expect(t, a, ask("d"), "192.0.2.4")
	expect(t, a, ask("e"), "192.0.2.2") // the one that is free for longest
	expect(t, a, ask("b"), "192.0.2.1")
	expect(t, a, ask("a"), "NR4102")
}

func TestAReleasedAddressGoesToWhoAsksForIt(t *testing.T) {
	a := New()
	setPools(t, a, public("p", "192.0.2.1-192.0.2.4"))
	expect(t, a, ask("a"), "192.0.2.1")
	a.Release(owner("a"))
	expect(t, a, ask("b", wants("192.0.2.1")), "192.0.2.1")
	expect(t, a, ask("a"), "192.0.2.2")
}

func TestWhatAnOwnerHadCountsOnlyWhereItMayHaveIt(t *testing.T) {
	a := New()
	manual := public("manual", "192.0.2.9", byNameOnly)
	setPools(t, a, public("p", "192.0.2.1-192.0.2.4"), manual)
	expect(t, a, ask("a", wants("192.0.2.9")), "192.0.2.9")
	a.Release(owner("a"))
	expect(t, a, ask("a"), "192.0.2.1")
	a.Release(owner("a"))
	setPools(t, a, public("p", "192.0.2.1-192.0.2.4", onlyFor("x")), public("q", "192.0.2.8"))
	expect(t, a, ask("a"), "192.0.2.8")
}

func TestAnOwnerThatMovesAwayMayComeBack(t *testing.T) {
	a := New()
	setPools(t, a, public("p", "192.0.2.1-192.0.2.4"), public("lan", "10.0.0.1", internalPool))
	expect(t, a, ask("a"), "192.0.2.1")
	expect(t, a, ask("a", forInternal), "10.0.0.1")
	expect(t, a, ask("b"), "192.0.2.2")
	expect(t, a, ask("a"), "192.0.2.1")
}

func TestReleasedAddressesOutliveTheirPool(t *testing.T) {
	a := New()
	p := public("p", "192.0.2.1-192.0.2.4,2001:db8::1-2001:db8::4")
	setPools(t, a, p)
	expect(t, a, ask("a", prefer), "192.0.2.1 2001:db8::1")
	expect(t, a, ask("b", prefer), "192.0.2.2 2001:db8::2")
	setPools(t, a)
	a.Release(owner("a"))
	a.Release(owner("b"))
	setPools(t, a, p)
	expect(t, a, ask("b", prefer), "192.0.2.2 2001:db8::2")
	expect(t, a, ask("c"), "192.0.2.3")
	expect(t, a, ask("a", prefer), "192.0.2.1 2001:db8::1")
}

func TestRecordsBringBackWhoHadWhat(t *testing.T) {
	a := New()
	p := public("p", "192.0.2.1-192.0.2.5,2001:db8::1-2001:db8::4")
	setPools(t, a, p)
	expect(t, a, ask("c"), "192.0.2.1")
	expect(t, a, ask("b", prefer), "192.0.2.2 2001:db8::1")
	expect(t, a, ask("a"), "192.0.2.3")
	a.Release(owner("a"))
	records := a.Records()
	want := "[{default/a [192.0.2.3] 0001-01-01 00:00:00 +0000 UTC true} {default/b [192.0.2.2 2001:db8::1] 0001-01-01 00:00:00 +0000 UTC false}" +
		" {default/c [192.0.2.1] 0001-01-01 00:00:00 +0000 UTC false}]"
	if got := fmt.Sprint(records); got != want {
		t.Errorf("records %s, want %s", got, want)
	}
	a = New()
	for _, r := range records {
		a.Adopt(r)
	}
	if got := fmt.Sprint(a.Records()); got != want {
		t.Errorf("records of the new one %s, want %s", got, want)
	}
	setPools(t, a, p)
	expect(t, a, ask("new"), "192.0.2.4")
	expect(t, a, ask("a"), "192.0.2.3")
	expect(t, a, ask("b", prefer), "192.0.2.2 2001:db8::1")
	expect(t, a, ask("c"), "192.0.2.1")
}

func TestAnAdoptedAddressIsNobodyElsesUntilItIsReleased(t *testing.T) {
	a := New()
	a.Adopt(Record{Owner: owner("gone"), Addresses: addrs("::ffff:192.0.2.1", "192.0.2.7", "fe80::1%eth0")})
	setPools(t, a, public("p", "192.0.2.1"))
	expect(t, a, ask("b"), "NR4102")
	a.Release(owner("gone"))
	expect(t, a, ask("b"), "192.0.2.1")
}

func TestOwnersThatComeAndGoTakeNoMemory(t *testing.T) {
	a := New()
	setPools(t, a, public("p", "2001:db8::/64"))
	for i := range 20 * reuse {
		o := fmt.Sprint("s", i)
		if res := a.Assign(ask(o, onlyIPv6)); res.Err != nil {
			t.Fatal(res.Err)
		}
		a.Release(owner(o))
	}
	if n := len(a.released.at); n > reuse+1 || len(a.released.of) != n || len(a.users) > 0 || len(a.holders) > 0 {
		t.Errorf("%d addresses of %d owners are remembered, %d used", n, len(a.released.of), len(a.users))
	}
	for i := range 3 * reuse { // outside of all pools
		o := owner(fmt.Sprint("t", i))
		a.Adopt(Record{Owner: o, Addresses: addrs(fmt.Sprintf("10.%d.%d.1", i/256, i%256))})
		a.Release(o)
	}
	if n := a.released.elsewhere.Len(); n > reuse {
		t.Errorf("%d addresses outside of all pools are remembered", n)
	}
}
