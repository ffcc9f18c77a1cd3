package proxyproto

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/naru-lb/naru/internal/plan"
)

// maxV1 is the longest line of version 1, its end included (specification, section 2.1).
const maxV1 = 107

func parseV1(b []byte) (Header, int, error) {
	seen := b[:min(len(b), maxV1)]
	end := bytes.IndexByte(seen, '\n')
	switch {
	case end < 0 && len(seen) == maxV1:
		return Header{}, 0, malformed("the line is longer than 107 bytes")
	case end < 0:
		// The shortest line takes that many.
		return Header{}, max(len(b)+1, len("PROXY UNKNOWN\r\n")), ErrShort
	case seen[end-1] != '\r':
		return Header{}, 0, malformed("the line does not end with CR LF")
	}
	h, err := readLine(string(seen[len(signatureV1) : end-1]))
	return h, end + 1, err
}

// readLine reads what stands between the signature and the end of the line.
func readLine(line string) (Header, error) {
	h := Header{Version: plan.ProxyV1}
	var word [5]string
	n := split(line, &word)
	switch word[0] {
	case "UNKNOWN": // whatever follows has no meaning
		h.Local = true
		return h, nil
	case "TCP4", "TCP6":
	default:
		return Header{}, malformed("the protocol is not TCP4, TCP6 or UNKNOWN")
	}
	if n != len(word) {
		return Header{}, malformed("the line is not made of 6 words with a space between them")
	}
	var ok [4]bool
	var src, dst netip.Addr
	var srcPort, dstPort uint16
	src, ok[0] = readAddr(word[1], word[0] == "TCP4")
	dst, ok[1] = readAddr(word[2], word[0] == "TCP4")
	srcPort, ok[2] = readPort(word[3])
	dstPort, ok[3] = readPort(word[4])
	if ok != [4]bool{true, true, true, true} {
		return Header{}, malformed("an address or a port is not valid")
	}
	h.Source = netip.AddrPortFrom(src.Unmap(), srcPort)
	h.Destination = netip.AddrPortFrom(dst.Unmap(), dstPort)
	return h, nil
}

// split cuts a line at its spaces and returns how many parts there are; the last of the words holds what is beyond.
func split(line string, words *[5]string) int {
	n := 0
	for i := 0; ; i++ {
		if i < len(line) && line[i] != ' ' {
			continue
		}
		if n < len(words) {
			words[n] = line[:i]
		}
		n++
		if i == len(line) {
			return n
		}
		line, i = line[i+1:], -1
	}
}

func readAddr(s string, v4 bool) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	return a, err == nil && a.Is4() == v4 && a.Zone() == ""
}

// readPort reads a port as the specification writes it: digits, without a sign or leading zeros.
func readPort(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil && (s[0] != '0' || len(s) == 1)
}
