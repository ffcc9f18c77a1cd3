package proxyproto

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"strconv"

	"github.com/naru-lb/naru/internal/plan"
)

// MaxAppended is the most bytes that Append and AppendLocal add: the longest line of version 1.
const MaxAppended = 107

const (
	signatureV1 = "PROXY "
	signatureV2 = "\r\n\r\n\x00\r\nQUIT\n"

	fixedV2 = 16 // signature, version and command, family, length
	blockV4 = 4 + 4 + 2 + 2
	blockV6 = 16 + 16 + 2 + 2
	// awsTotal is the size of every header that AWS network load balancers were seen to send. No capture of one with
	// IPv6 addresses is known; Naru pads those to the same size, as receivers exist that skip 100 bytes.
	awsTotal = 100

	versionLocal = 0x20 // version 2, command LOCAL
	versionProxy = 0x21 // version 2, command PROXY
	tcp4, tcp6   = 0x11, 0x21
)

// Append appends the header that introduces a TCP connection from client to listener. Addresses of IPv4 in IPv6 form
// count as IPv4; if then only one of the two is IPv4, both are written as IPv6. If one of them is the zero AddrPort, the
// header says that nothing is known. ProxyNone appends nothing.
func Append(b []byte, v plan.ProxyProtocol, client, listener netip.AddrPort) []byte {
	if v == plan.ProxyNone {
		return b
	}
	if !client.IsValid() || !listener.IsValid() {
		return AppendLocal(b, v)
	}
	src, dst := sameFamily(client.Addr(), listener.Addr())
	if v == plan.ProxyV1 {
		return appendV1(b, src, dst, client.Port(), listener.Port())
	}
	start := len(b)
	b = append(b, signatureV2...)
	if src.Is4() {
		b = append(b, versionProxy, tcp4, 0, blockV4)
		s, d := src.As4(), dst.As4()
		b = append(append(b, s[:]...), d[:]...)
	} else {
		b = append(b, versionProxy, tcp6, 0, blockV6)
		s, d := src.As16(), dst.As16()
		b = append(append(b, s[:]...), d[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, client.Port())
	b = binary.BigEndian.AppendUint16(b, listener.Port())
	if v == plan.ProxyV2AWS {
		b = padLikeAWS(b, start)
	}
	return b
}

// AppendLocal appends the header of a connection that stands for no client, such as a probe: LOCAL in version 2, UNKNOWN
// in version 1. ProxyNone appends nothing.
func AppendLocal(b []byte, v plan.ProxyProtocol) []byte {
	switch v {
	case plan.ProxyNone:
		return b
	case plan.ProxyV1:
		return append(b, "PROXY UNKNOWN\r\n"...)
	}
	start := len(b)
	b = append(b, signatureV2...)
	if v == plan.ProxyV2AWS {
		// AWS names TCP over IPv4 here although no addresses follow (kubernetes/kubernetes#57250).
		return padLikeAWS(append(b, versionLocal, tcp4, 0, 0), start)
	}
	return append(b, versionLocal, 0, 0, 0)
}

// sameFamily returns both addresses in the form that one header can hold: without zones, IPv4 only if both are.
func sameFamily(a, b netip.Addr) (netip.Addr, netip.Addr) {
	a, b = a.Unmap().WithZone(""), b.Unmap().WithZone("")
	if a.Is4() != b.Is4() {
		a, b = netip.AddrFrom16(a.As16()), netip.AddrFrom16(b.As16())
	}
	return a, b
}

func appendV1(b []byte, src, dst netip.Addr, srcPort, dstPort uint16) []byte {
	b = append(b, signatureV1...)
	if src.Is4() {
		b = append(b, "TCP4 "...)
	} else {
		b = append(b, "TCP6 "...)
	}
	b = append(src.AppendTo(b), ' ')
	b = append(dst.AppendTo(b), ' ')
	b = append(strconv.AppendUint(b, uint64(srcPort), 10), ' ')
	b = strconv.AppendUint(b, uint64(dstPort), 10)
	return append(b, '\r', '\n')
}

// padLikeAWS completes the header that begins at start: a CRC32C over all of it, then padding up to awsTotal bytes.
func padLikeAWS(b []byte, start int) []byte {
	b = append(b, TypeCRC32C, 0, crcSize, 0, 0, 0, 0)
	sum := len(b) - crcSize
	padding := awsTotal - (len(b) - start) - tlvHeader
	b = append(b, TypeNOOP, 0, byte(padding))
	for range padding {
		b = append(b, 0)
	}
	header := b[start:]
	binary.BigEndian.PutUint16(header[fixedV2-2:], awsTotal-fixedV2)
	binary.BigEndian.PutUint32(b[sum:], crc32.Checksum(header, castagnoli))
	return b
}
