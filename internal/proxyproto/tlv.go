package proxyproto

import (
	"encoding/binary"
	"hash/crc32"
	"iter"
)

// Types of the values that may follow the addresses in version 2 (specification, section 2.2).
const (
	TypeALPN      = 0x01
	TypeAuthority = 0x02 // the server name that the client asked for
	TypeCRC32C    = 0x03
	TypeNOOP      = 0x04 // padding
	TypeUniqueID  = 0x05
	TypeSSL       = 0x20
	TypeNetNS     = 0x30
	TypeAWS       = 0xEA // 0x01 followed by the id of the VPC endpoint
	TypeAzure     = 0xEE // 0x01 followed by the id of the private endpoint's link
)

const (
	tlvHeader = 3 // type, length
	crcSize   = 4
)

// castagnoli is never written to.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// TLVs returns the values that follow the addresses, by type, in their order, padding included. They alias what was
// parsed.
func (h *Header) TLVs() iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		for b := h.tlvs; len(b) > 0; {
			n := tlvHeader + int(binary.BigEndian.Uint16(b[1:]))
			if !yield(b[0], b[tlvHeader:n]) {
				return
			}
			b = b[n:]
		}
	}
}

// TLV returns the first value of a type, and whether there is one.
func (h *Header) TLV(kind byte) ([]byte, bool) {
	for k, v := range h.TLVs() {
		if k == kind {
			return v, true
		}
	}
	return nil, false
}

// wellFormed tells whether b is nothing but whole TLVs.
func wellFormed(b []byte) bool {
	for len(b) > 0 {
		if len(b) < tlvHeader {
			return false
		}
		n := tlvHeader + int(binary.BigEndian.Uint16(b[1:]))
		if n > len(b) {
			return false
		}
		b = b[n:]
	}
	return true
}

// checkSums verifies the checksum of a whole header, if it has one, whose TLVs begin at the given offset. The sum is over
// the header with the sum itself as zero.
func checkSums(header []byte, tlvs int) error {
	seen := false
	for at := tlvs; at < len(header); {
		size := int(binary.BigEndian.Uint16(header[at+1:]))
		value := at + tlvHeader
		if header[at] == TypeCRC32C {
			if size != crcSize || seen {
				return malformed("the checksum is not 4 bytes long, or there are two")
			}
			seen = true
			sum := crc32.Update(0, castagnoli, header[:value])
			sum = crc32.Update(sum, castagnoli, make([]byte, crcSize))
			sum = crc32.Update(sum, castagnoli, header[value+crcSize:])
			if sum != binary.BigEndian.Uint32(header[value:]) {
				return malformed("the checksum is wrong")
			}
		}
		at = value + size
	}
	return nil
}
