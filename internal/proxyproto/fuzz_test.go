package proxyproto_test

import (
	"bufio"
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"testing/iotest"

	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/proxyproto"
)

func FuzzParse(f *testing.F) {
	for _, g := range golden {
		f.Add(unhex(g.hex))
	}
	f.Add([]byte("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\n\r\n"))
	f.Add(unhex(signature + "213100d8" + zeros(216)))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := proxyproto.Parse(b)
		switch {
		case err == nil:
			checkParsed(t, b, h, n)
		case errors.Is(err, proxyproto.ErrShort):
			if n <= len(b) || n > proxyproto.MaxParsed {
				t.Fatalf("%d bytes are not enough, %d are needed", len(b), n)
			}
		}
		// Piece by piece it comes to the same.
		read, readErr := proxyproto.Read(bufio.NewReader(iotest.OneByteReader(bytes.NewReader(b))))
		if (err == nil) != (readErr == nil) {
			t.Fatalf("Parse: %v, Read: %v", err, readErr)
		}
		if read.Source != h.Source || read.Local != h.Local {
			t.Fatalf("Parse: %+v, Read: %+v", h, read)
		}
	})
}

func checkParsed(t *testing.T, b []byte, h proxyproto.Header, n int) {
	t.Helper()
	if n < 1 || n > len(b) {
		t.Fatalf("%d of %d bytes", n, len(b))
	}
	if h.Source.IsValid() != h.Destination.IsValid() || h.Local && h.Source.IsValid() {
		t.Fatalf("addresses do not fit: %+v", h)
	}
	total := 0
	for _, v := range h.TLVs() {
		total += len(v)
	}
	if total > n {
		t.Fatalf("values of %d bytes in a header of %d", total, n)
	}
	for short := range n {
		if _, _, err := proxyproto.Parse(b[:short]); !errors.Is(err, proxyproto.ErrShort) {
			t.Fatalf("the first %d bytes of a header yield %v", short, err)
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte{203, 0, 113, 7}, []byte{192, 0, 2, 10}, uint16(51442), uint16(80), byte(0))
	f.Add(netip.MustParseAddr("2001:db8::7").AsSlice(), []byte{192, 0, 2, 10}, uint16(0), uint16(65535), byte(1))
	f.Add(netip.MustParseAddr("::ffff:10.0.0.1").AsSlice(), netip.MustParseAddr("fe80::1").AsSlice(), uint16(1), uint16(2), byte(2))
	f.Fuzz(func(t *testing.T, client, listener []byte, clientPort, port uint16, kind byte) {
		src, ok1 := netip.AddrFromSlice(client)
		dst, ok2 := netip.AddrFromSlice(listener)
		if !ok1 || !ok2 {
			return
		}
		version := []plan.ProxyProtocol{plan.ProxyV1, plan.ProxyV2, plan.ProxyV2AWS}[kind%3]
		from, to := netip.AddrPortFrom(src, clientPort), netip.AddrPortFrom(dst, port)
		b := proxyproto.Append(nil, version, from, to)
		if len(b) > proxyproto.MaxAppended {
			t.Fatalf("%d bytes", len(b))
		}
		h, n, err := proxyproto.Parse(b)
		if err != nil || n != len(b) || h.Source != plain(from) || h.Destination != plain(to) {
			t.Fatalf("%s from %s to %s: %d of %d bytes, %+v, %v", version, from, to, n, len(b), h, err)
		}
	})
}
