package proxyproto_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/proxyproto"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func TestWhatIsWrittenCanBeReadWhileItComesIn(t *testing.T) {
	for _, g := range golden {
		if g.version == plan.ProxyNone {
			continue
		}
		t.Run(g.name, func(t *testing.T) {
			header := unhex(g.hex)
			for n := range header {
				_, need, err := proxyproto.Parse(header[:n])
				if !errors.Is(err, proxyproto.ErrShort) || need <= n || need > len(header) {
					t.Fatalf("after %d of %d bytes: need %d, %v", n, len(header), need, err)
				}
			}
			h, n, err := proxyproto.Parse(append(header, "PROXY payload"...))
			if err != nil || n != len(header) {
				t.Fatalf("%d of %d bytes, %v", n, len(header), err)
			}
			if h.Local != (g.client == "") || h.Datagram {
				t.Errorf("got %+v", h)
			}
			if want := plain(addrPort(g.client)); h.Source != want {
				t.Errorf("source %s, want %s", h.Source, want)
			}
			if want := plain(addrPort(g.listener)); h.Destination != want {
				t.Errorf("destination %s, want %s", h.Destination, want)
			}
			if (g.version == plan.ProxyV1) != (h.Version == plan.ProxyV1) {
				t.Errorf("version %s", h.Version)
			}
		})
	}
}

// plain is an address as headers tell it.
func plain(a netip.AddrPort) netip.AddrPort {
	if !a.IsValid() {
		return a
	}
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// The test vector of aws/elastic-load-balancing-tools for a connection through PrivateLink.
func TestTheEndpointOfPrivateLinkCanBeRead(t *testing.T) {
	const id = "vpce-08d2bf15fac5001c9"
	header := unhex(signature + "21110054" + "ac1f0771ac1f0a1fc8f20050" + "030004e8d6892d" +
		"ea001701" + hex.EncodeToString([]byte(id)) + "040024" + zeros(36))
	h, n, err := proxyproto.Parse(header)
	if err != nil || n != 100 {
		t.Fatalf("%d, %v", n, err)
	}
	if v, ok := h.TLV(proxyproto.TypeAWS); !ok || string(v) != "\x01"+id {
		t.Errorf("got %q", v)
	}
	if _, ok := h.TLV(proxyproto.TypeAuthority); ok {
		t.Error("there is no authority")
	}
	var kinds []byte
	for k := range h.TLVs() {
		kinds = append(kinds, k)
	}
	if !bytes.Equal(kinds, []byte{proxyproto.TypeCRC32C, proxyproto.TypeAWS, proxyproto.TypeNOOP}) {
		t.Errorf("values of the types %x", kinds)
	}
	for i := range header {
		header[i] ^= 1
		const typeOfSum = 28 // with another type there is no checksum to fail
		if _, _, err := proxyproto.Parse(header); err == nil && i != typeOfSum {
			t.Errorf("a wrong bit in byte %d goes unnoticed", i)
		}
		header[i] ^= 1
	}
}

func TestHeadersThatOthersSend(t *testing.T) {
	const block4 = "cb007107c000020ac8f20050"
	for _, c := range []struct {
		name   string
		header []byte
		local  bool
		udp    bool
		source string
	}{
		{"LOCAL with addresses", unhex(signature + "2011000c" + block4), true, false, ""},
		{"LOCAL with addresses and a value", unhex(signature + "20110010" + block4 + "040001" + "00"), true, false, ""},
		{"LOCAL with something else", unhex(signature + "20110003" + "ffffff"), true, false, ""},
		{"UDP", unhex(signature + "2112000c" + block4), false, true, client4},
		{"unspecified family", unhex(signature + "21000000"), false, false, ""},
		{"unspecified family with something", unhex(signature + "21000005" + "0102030405"), false, false, ""},
		{"Unix sockets", unhex(signature + "213100d8" + zeros(216)), false, false, ""},
		{"IPv4 in IPv6 form", unhex(signature + "21210024" + "00000000000000000000ffffcb007107" + "00000000000000000000ffffc000020a" + "c8f20050"), false, false, client4},
		{"UNKNOWN with more", []byte("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"), true, false, ""},
		{"port 0", []byte("PROXY TCP4 203.0.113.7 192.0.2.10 0 80\r\n"), false, false, "203.0.113.7:0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, n, err := proxyproto.Parse(c.header)
			if err != nil || n != len(c.header) {
				t.Fatalf("%d of %d bytes, %v", n, len(c.header), err)
			}
			if h.Local != c.local || h.Datagram != c.udp || h.Source != addrPort(c.source) {
				t.Errorf("got %+v", h)
			}
		})
	}
}

func TestWhatIsNoHeaderOrAMalformedOne(t *testing.T) {
	const block4 = "cb007107c000020ac8f20050"
	line := func(s string) []byte { return []byte(s + "\r\n") }
	for _, c := range []struct {
		name  string
		bytes []byte
		want  error
	}{
		{"HTTP", []byte("GET / HTTP/1.1\r\n"), proxyproto.ErrNoHeader},
		{"one letter is enough to know", []byte("G"), proxyproto.ErrNoHeader},
		{"HTTP's POST begins as PROXY does", []byte("PO"), proxyproto.ErrNoHeader},
		{"an empty line", []byte("\r\n\r\nX"), proxyproto.ErrNoHeader},
		{"lower case", []byte("proxy "), proxyproto.ErrNoHeader},
		{"version 1 of the binary form", unhex(signature + "11110000"), proxyproto.ErrMalformed},
		{"an unknown command", unhex(signature + "2211000c" + block4), proxyproto.ErrMalformed},
		{"an unknown family", unhex(signature + "2141000c" + block4), proxyproto.ErrMalformed},
		{"an unknown transport", unhex(signature + "2113000c" + block4), proxyproto.ErrMalformed},
		{"a family without a transport", unhex(signature + "2110000c" + block4), proxyproto.ErrMalformed},
		{"too short for its addresses", unhex(signature + "2111000b" + block4[2:]), proxyproto.ErrMalformed},
		{"half a value", unhex(signature + "2111000e" + block4 + "0400"), proxyproto.ErrMalformed},
		{"a value beyond the end", unhex(signature + "2111000f" + block4 + "040001"), proxyproto.ErrMalformed},
		{"a checksum of 3 bytes", unhex(signature + "21110012" + block4 + "030003000000"), proxyproto.ErrMalformed},
		{"a wrong checksum", unhex(signature + "20110054" + "030004bce5951e" + "04004a" + zeros(74)), proxyproto.ErrMalformed},
		{"too long, known from its first 16 bytes", unhex(signature + "21111000"), proxyproto.ErrMalformed},
		{"no line end within 107 bytes", []byte("PROXY UNKNOWN" + strings.Repeat("x", 94)), proxyproto.ErrMalformed},
		{"a bare line feed", []byte("PROXY TCP4 203.0.113.7 192.0.2.10 51442 80\n"), proxyproto.ErrMalformed},
		{"an unknown protocol", line("PROXY UDP4 203.0.113.7 192.0.2.10 51442 80"), proxyproto.ErrMalformed},
		{"no protocol", line("PROXY "), proxyproto.ErrMalformed},
		{"two spaces", line("PROXY TCP4  203.0.113.7 192.0.2.10 51442 80"), proxyproto.ErrMalformed},
		{"a space at the end", line("PROXY TCP4 203.0.113.7 192.0.2.10 51442 80 "), proxyproto.ErrMalformed},
		{"a word too few", line("PROXY TCP4 203.0.113.7 192.0.2.10 51442"), proxyproto.ErrMalformed},
		{"IPv6 as TCP4", line("PROXY TCP4 2001:db8::7 2001:db8::8 51442 80"), proxyproto.ErrMalformed},
		{"IPv4 as TCP6", line("PROXY TCP6 203.0.113.7 192.0.2.10 51442 80"), proxyproto.ErrMalformed},
		{"a zone", line("PROXY TCP6 fe80::1%eth0 fe80::2 51442 80"), proxyproto.ErrMalformed},
		{"octal", line("PROXY TCP4 203.0.113.07 192.0.2.10 51442 80"), proxyproto.ErrMalformed},
		{"a port too large", line("PROXY TCP4 203.0.113.7 192.0.2.10 65536 80"), proxyproto.ErrMalformed},
		{"a port with a sign", line("PROXY TCP4 203.0.113.7 192.0.2.10 +51442 80"), proxyproto.ErrMalformed},
		{"a port with a leading zero", line("PROXY TCP4 203.0.113.7 192.0.2.10 051442 80"), proxyproto.ErrMalformed},
		{"an empty port", line("PROXY TCP4 203.0.113.7 192.0.2.10 51442 "), proxyproto.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, n, err := proxyproto.Parse(c.bytes); !errors.Is(err, c.want) {
				t.Errorf("got %d, %v, want %v", n, err, c.want)
			}
		})
	}
}

func TestReadLeavesWhatFollowsTheHeader(t *testing.T) {
	for _, g := range golden {
		if g.version == plan.ProxyNone {
			continue
		}
		r := bufio.NewReader(iotest.OneByteReader(strings.NewReader(string(unhex(g.hex)) + "hello")))
		h, err := proxyproto.Read(r)
		if err != nil || h.Source != plain(addrPort(g.client)) {
			t.Errorf("%s: %+v, %v", g.name, h, err)
		}
		if rest, err := io.ReadAll(r); err != nil || string(rest) != "hello" {
			t.Errorf("%s: %q is left, %v", g.name, rest, err)
		}
	}
}

func TestReadNeedsNoByteThatMayNeverCome(t *testing.T) {
	for _, s := range []string{"PING", "GET", "PROXY UNKNOWN\r\n", string(unhex(signature + "20000000"))} {
		// A reader that fails loudly where a connection would wait.
		r := bufio.NewReader(io.MultiReader(strings.NewReader(s), iotest.ErrReader(errors.New("waits"))))
		if _, err := proxyproto.Read(r); err != nil && !errors.Is(err, proxyproto.ErrNoHeader) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestReadFails(t *testing.T) {
	broken := errors.New("broken")
	long := string(unhex(signature+"21000fe0")) + strings.Repeat("\x00", 4064)
	for _, c := range []struct {
		name string
		r    *bufio.Reader
		want error
		left int
	}{
		{"nothing comes", bufio.NewReader(strings.NewReader("")), io.EOF, 0},
		{"the end within the header", bufio.NewReader(strings.NewReader("PROXY TCP4")), io.ErrUnexpectedEOF, 10},
		{"an error within the header", bufio.NewReader(io.MultiReader(strings.NewReader("PROXY"), iotest.ErrReader(broken))), broken, 5},
		{"no header", bufio.NewReader(strings.NewReader("hello")), proxyproto.ErrNoHeader, 5},
		{"longer than the buffer", bufio.NewReaderSize(strings.NewReader(long), 1024), proxyproto.ErrMalformed, 4080},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := proxyproto.Read(c.r); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if n, _ := io.Copy(io.Discard, c.r); int(n) != c.left { // the error is the one above
				t.Errorf("%d bytes are left, want %d", n, c.left)
			}
		})
	}
	if _, err := proxyproto.Read(bufio.NewReader(strings.NewReader(long))); err != nil {
		t.Errorf("a header of %d bytes: %v", len(long), err)
	}
}
