package edge

import (
	"net/netip"
	"testing"

	"github.com/naru-lb/naru/internal/plan"
)

func prefixes(ss ...string) []netip.Prefix {
	ps := []netip.Prefix{}
	for _, s := range ss {
		ps = append(ps, netip.MustParsePrefix(s))
	}
	return ps
}

func TestSourceRangesLetInWhoIsInOneOfThem(t *testing.T) {
	for _, c := range []struct {
		what   string
		ranges []netip.Prefix
		in     []string
		out    []string
	}{
		{"no ranges", nil, []string{"192.0.2.1", "2001:db8::1"}, nil},
		{"an empty list", prefixes(), nil, []string{"192.0.2.1", "2001:db8::1"}},
		{"one network", prefixes("192.0.2.128/25"),
			[]string{"192.0.2.128", "192.0.2.255"}, []string{"192.0.2.127", "192.0.3.0", "2001:db8::1"}},
		{"everybody of a family", prefixes("0.0.0.0/0"),
			[]string{"0.0.0.0", "255.255.255.255"}, []string{"::", "2001:db8::1"}},
		{"the other family", prefixes("::/0"), []string{"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}, []string{"0.0.0.0"}},
		{"single addresses", prefixes("192.0.2.7/32", "2001:db8::7/128"),
			[]string{"192.0.2.7", "2001:db8::7"}, []string{"192.0.2.6", "192.0.2.8", "2001:db8::6", "2001:db8::8"}},
		{"ranges that overlap and touch, in any order", prefixes("10.0.2.0/24", "10.0.0.0/23", "10.0.0.0/25", "10.0.9.0/24"),
			[]string{"10.0.0.0", "10.0.1.255", "10.0.2.255", "10.0.9.1"}, []string{"9.255.255.255", "10.0.3.0", "10.0.8.255", "10.0.10.0"}},
		{"host bits set", prefixes("192.0.2.77/24"), []string{"192.0.2.1"}, []string{"192.0.3.1"}},
		{"IPv4 written as IPv6", prefixes("::ffff:192.0.2.0/120"), []string{"192.0.2.1"}, []string{"192.0.3.1", "::1"}},
		{"with a zone", prefixes("fe80::/10"), []string{"fe80::1%eth0"}, []string{"fec0::1%eth0"}},
		{"not a prefix", []netip.Prefix{{}}, nil, []string{"192.0.2.1", "::"}},
	} {
		f := newFilter(c.ranges)
		for _, a := range c.in {
			if !f.admits(netip.MustParseAddr(a)) {
				t.Errorf("%s: %s is kept out", c.what, a)
			}
		}
		for _, a := range c.out {
			if f.admits(netip.MustParseAddr(a)) {
				t.Errorf("%s: %s is let in", c.what, a)
			}
		}
	}
}

func TestClientOutsideTheSourceRangesIsReset(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		p := newNamedPod(t, loop4)
		l := newListener(t, loop4, plan.TCP)
		l.SourceRanges = prefixes("192.0.2.0/24")
		r.set(l, newGroup(l, p.at))
		wantReset(t, addressOf(l))
		if got := r.ListenerCounters(l.ListenerKey); got.Refused != 1 || got.Connections != 0 {
			t.Errorf("counters are %+v, want one refused and none accepted", got)
		}

		l.SourceRanges = prefixes("192.0.2.0/24", "127.0.0.0/8")
		r.set(l)
		c := dial(t, addressOf(l))
		readLine(t, c)

		l.SourceRanges = prefixes()
		r.set(l)
		wantReset(t, addressOf(l))
		exchange(t, c, "let in before")
	})
}
