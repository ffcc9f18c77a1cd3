package proxyproto

import (
	"encoding/binary"
	"net/netip"

	"github.com/naru-lb/naru/internal/plan"
)

const blockUnix = 108 + 108

func parseV2(b []byte) (Header, int, error) {
	if len(b) < fixedV2 {
		return Header{}, fixedV2, ErrShort
	}
	size := fixedV2 + int(binary.BigEndian.Uint16(b[fixedV2-2:]))
	command := b[fixedV2-4]
	switch {
	case command != versionLocal && command != versionProxy:
		return Header{}, 0, malformed("neither LOCAL nor PROXY of version 2")
	case size > MaxParsed:
		return Header{}, 0, malformed("longer than 4096 bytes")
	case len(b) < size:
		return Header{}, size, ErrShort
	}
	h := Header{Version: plan.ProxyV2}
	var err error
	if command == versionLocal {
		err = h.readLocal(b[:size])
	} else {
		err = h.readProxy(b[:size])
	}
	if err != nil {
		return Header{}, 0, err
	}
	return h, size, nil
}

// readProxy reads a whole header with the command PROXY.
func (h *Header) readProxy(header []byte) error {
	family := header[fixedV2-3]
	block, known := blockSize(family)
	switch {
	case !known:
		return malformed("an unknown address family or transport")
	case len(header) < fixedV2+block:
		return malformed("too short for its addresses")
	case !wellFormed(header[fixedV2+block:]):
		if family == 0 { // addresses of an unknown kind may stand there
			return nil
		}
		return malformed("the values behind the addresses do not end where the header does")
	}
	a := header[fixedV2:]
	switch block {
	case blockV4:
		h.Source = addrPort(a[0:4], a[8:10])
		h.Destination = addrPort(a[4:8], a[10:12])
	case blockV6:
		h.Source = addrPort(a[0:16], a[32:34])
		h.Destination = addrPort(a[16:32], a[34:36])
	}
	h.Datagram = family&0x0f == 2
	h.tlvs = a[block:]
	return checkSums(header, fixedV2+block)
}

// readLocal reads a whole header with the command LOCAL. The family says nothing about it: AWS names TCP over IPv4 and
// sends no addresses, others send some. So what follows is skipped by its length, and values are looked for at both
// places.
func (h *Header) readLocal(header []byte) error {
	h.Local = true
	block, _ := blockSize(header[fixedV2-3])
	for _, at := range [...]int{fixedV2, fixedV2 + block} {
		if at <= len(header) && wellFormed(header[at:]) {
			h.tlvs = header[at:]
			return checkSums(header, at)
		}
	}
	return nil
}

// blockSize returns how many bytes the addresses of a family and transport take. It is false for combinations that the
// specification tells receivers to reject.
func blockSize(family byte) (int, bool) {
	switch family {
	case 0x00:
		return 0, true
	case 0x11, 0x12:
		return blockV4, true
	case 0x21, 0x22:
		return blockV6, true
	case 0x31, 0x32:
		return blockUnix, true
	}
	return 0, false
}

// addrPort takes slices of 4 or 16, and 2 bytes.
func addrPort(addr, port []byte) netip.AddrPort {
	a, _ := netip.AddrFromSlice(addr) // the length is right
	return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(port))
}
