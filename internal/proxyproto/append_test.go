package proxyproto_test

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/proxyproto"
)

const (
	signature = "0d0a0d0a000d0a515549540a"
	client4   = "203.0.113.7:51442"
	vip4      = "192.0.2.10:80"
	client6   = "[2001:db8::7]:51442"
	vip6      = "[2001:db8:1::10]:80"
)

func zeros(n int) string { return strings.Repeat("00", n) }

// golden are whole headers. Those of AWS are as captured there, or made by the rules found in the captures.
var golden = []struct {
	name             string
	version          plan.ProxyProtocol
	client, listener string // empty for LOCAL
	hex              string
}{
	{"v2 AWS", plan.ProxyV2AWS, client4, vip4,
		signature + "21110054" + "cb007107c000020ac8f20050" + "030004cee7bb9f" + "04003e" + zeros(62)},
	{"v2 AWS, a capture", plan.ProxyV2AWS, "123.103.201.154:45334", "172.31.12.55:587",
		signature + "21110054" + "7b67c99aac1f0c37b116024b" + "03000408942207" + "04003e" + zeros(62)},
	{"v2 AWS, LOCAL", plan.ProxyV2AWS, "", "", signature + "20110054" + "030004bce5951f" + "04004a" + zeros(74)},
	{"v2 of 28 bytes", plan.ProxyV2, client4, vip4, signature + "2111000c" + "cb007107c000020ac8f20050"},
	{"v2 of 52 bytes", plan.ProxyV2, client6, vip6, signature + "21210024" +
		"20010db8000000000000000000000007" + "20010db8000100000000000000000010" + "c8f20050"},
	{"v2, LOCAL", plan.ProxyV2, "", "", signature + "20000000"},
	{"v2, IPv4 in IPv6 form", plan.ProxyV2, "[::ffff:203.0.113.7]:51442", vip4, signature + "2111000c" + "cb007107c000020ac8f20050"},
	{"v2, mixed families", plan.ProxyV2, client4, vip6, signature + "21210024" +
		"00000000000000000000ffffcb007107" + "20010db8000100000000000000000010" + "c8f20050"},
	{"v1", plan.ProxyV1, client4, vip4, hex.EncodeToString([]byte("PROXY TCP4 203.0.113.7 192.0.2.10 51442 80\r\n"))},
	{"v1, IPv6", plan.ProxyV1, client6, vip6, hex.EncodeToString([]byte("PROXY TCP6 2001:db8::7 2001:db8:1::10 51442 80\r\n"))},
	{"v1, mixed families", plan.ProxyV1, client6, vip4, hex.EncodeToString([]byte("PROXY TCP6 2001:db8::7 ::ffff:192.0.2.10 51442 80\r\n"))},
	{"v1, a zone is no one else's business", plan.ProxyV1, "[fe80::1%eth0]:1", "[fe80::2%eth0]:2", hex.EncodeToString([]byte("PROXY TCP6 fe80::1 fe80::2 1 2\r\n"))},
	{"v1, LOCAL", plan.ProxyV1, "", "", hex.EncodeToString([]byte("PROXY UNKNOWN\r\n"))},
	{"none", plan.ProxyNone, client4, vip4, ""},
	{"none, LOCAL", plan.ProxyNone, "", "", ""},
}

func addrPort(s string) netip.AddrPort {
	if s == "" {
		return netip.AddrPort{}
	}
	return netip.MustParseAddrPort(s)
}

func TestHeadersAreWrittenByteForByte(t *testing.T) {
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			got := proxyproto.Append([]byte("before"), g.version, addrPort(g.client), addrPort(g.listener))
			if s := hex.EncodeToString(got[len("before"):]); s != g.hex {
				t.Errorf("got  %s\nwant %s", s, g.hex)
			}
			if string(got[:6]) != "before" {
				t.Errorf("what stood before is now %q", got[:6])
			}
			if g.client == "" {
				if s := hex.EncodeToString(proxyproto.AppendLocal(nil, g.version)); s != g.hex {
					t.Errorf("AppendLocal: got %s", s)
				}
			}
		})
	}
}

func TestAWSHeadersAreAlways100Bytes(t *testing.T) {
	for _, c := range [][2]string{{client4, vip4}, {client6, vip6}, {client4, vip6}, {"", ""}} {
		if n := len(proxyproto.Append(nil, plan.ProxyV2AWS, addrPort(c[0]), addrPort(c[1]))); n != 100 {
			t.Errorf("%v: %d bytes", c, n)
		}
	}
}

func TestWritingAHeaderAllocatesNothing(t *testing.T) {
	b := make([]byte, 0, proxyproto.MaxAppended)
	longest := netip.MustParseAddrPort("[1111:2222:3333:4444:5555:6666:7777:8888]:65535")
	for _, v := range []plan.ProxyProtocol{plan.ProxyV1, plan.ProxyV2, plan.ProxyV2AWS} {
		if n := testing.AllocsPerRun(10, func() {
			proxyproto.Append(b, v, longest, longest)
			proxyproto.AppendLocal(b, v)
		}); n != 0 {
			t.Errorf("%s: %.0f allocations", v, n)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	buf := make([]byte, 0, proxyproto.MaxAppended)
	client, vip := addrPort(client4), addrPort(vip4)
	for _, v := range []plan.ProxyProtocol{plan.ProxyV1, plan.ProxyV2, plan.ProxyV2AWS} {
		b.Run(string(v), func(b *testing.B) {
			for b.Loop() {
				proxyproto.Append(buf, v, client, vip)
			}
		})
	}
}
