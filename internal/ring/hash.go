package ring

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/naru-lb/naru/internal/plan"
)

// golden is 2^64 divided by the golden ratio, made odd. Multiples of it, taken modulo 2^64, cover the range more evenly than
// random numbers do, whatever the distance between the multiples (Weyl's sequence).
const golden = 0x9E3779B97F4A7C15

// FlowHash returns the hash of a connection. Address and listener are mixed well; the client's port only walks on from
// there, by golden steps. So different clients are spread like random numbers, and the connections of one client, if its
// ports follow one another at a fixed distance, more evenly than by chance: of 3,000 connections each target gets its
// share to about 0.1 points, where chance would be off by 1 to 2. Linux chooses ports at random distances (2 to 16) when
// it is not told which to take; then it is chance. Pick takes the high bits, which are those that the walk spreads. The
// same input gives the same hash on every machine and in every version, as nodes of different versions must agree.
func FlowHash(client netip.AddrPort, l plan.ListenerKey) uint64 {
	h := mixAddr(0, client.Addr())
	h = mixAddr(h, l.Address)
	h = mix(h, uint64(l.Port)<<8|protocolNumber(l.Protocol))
	return h + uint64(client.Port())*golden
}

// ClientHash returns the hash of a client's address alone, for session affinity.
func ClientHash(client netip.Addr) uint64 { return mixAddr(golden, client) }

// hashTarget returns the two hashes that a target's permutation of the slots is made of.
func hashTarget(a netip.AddrPort) (offset, skip uint64) {
	h := mix(mixAddr(1, a.Addr()), uint64(a.Port()))
	return h, mix(h, golden)
}

// protocolNumber returns the number that IANA gave a protocol.
func protocolNumber(p plan.Protocol) uint64 {
	if p == plan.UDP {
		return 17
	}
	return 6
}

func mixAddr(h uint64, a netip.Addr) uint64 {
	b := a.Unmap().As16()
	h = mix(h, binary.BigEndian.Uint64(b[:8]))
	return mix(h, binary.BigEndian.Uint64(b[8:]))
}

// mix folds v into h by a 128-bit product, the step of wyhash (Wang Yi, public domain), and stirs the result with the
// finalizer of SplitMix64 (Steele et al., OOPSLA 2014).
func mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^0xa0761d6478bd642f, v^0xe7037ed1a0b428db)
	x := hi ^ lo
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
