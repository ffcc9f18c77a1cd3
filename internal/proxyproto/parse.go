package proxyproto

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/naru-lb/naru/internal/plan"
)

// MaxParsed is the length in bytes of the longest header that is accepted. The format allows 65,551; nobody is known to
// send more than a few hundred, and a receiver must hold all of it before the connection has done anything useful.
const MaxParsed = 4096

// What keeps Parse and Read from returning a header.
var (
	// ErrShort means that what is there may be the beginning of a header.
	ErrShort = errors.New("the PROXY protocol header is not complete")
	// ErrNoHeader means that what is there cannot be a header: it does not begin as one.
	ErrNoHeader = errors.New("no PROXY protocol header")
	// ErrMalformed means that it begins as a header and goes on as none. The connection must be closed (specification,
	// section 2).
	ErrMalformed = errors.New("malformed PROXY protocol header")
)

func malformed(why string) error { return fmt.Errorf("%w: %s", ErrMalformed, why) }

// Header is what a header says.
type Header struct {
	// Version is plan.ProxyV1 or plan.ProxyV2.
	Version plan.ProxyProtocol
	// Local is true if the sender speaks for itself and not for a client (LOCAL, or UNKNOWN in version 1). The addresses
	// are then those of the connection itself.
	Local bool
	// Datagram is true if the client speaks UDP.
	Datagram bool
	// Source and Destination are the client and what it connected to; both are the zero AddrPort if Local, or if they are
	// not of IP.
	Source, Destination netip.AddrPort

	tlvs []byte
}

// Parse reads the header at the beginning of b. It returns the header and its length in bytes.
//
// The errors are ErrShort, ErrNoHeader and ErrMalformed, the last wrapped. With ErrShort the length is how many bytes are
// needed at least to know more; calling again with that many makes progress, and never asks for a byte beyond the
// header or MaxParsed.
func Parse(b []byte) (Header, int, error) {
	switch {
	case bytes.HasPrefix(b, []byte(signatureV2)):
		return parseV2(b)
	case bytes.HasPrefix(b, []byte(signatureV1)):
		return parseV1(b)
	case strings.HasPrefix(signatureV2, string(b)), strings.HasPrefix(signatureV1, string(b)):
		// One byte more may tell that this is something else, and something else may end with that byte.
		return Header{}, len(b) + 1, ErrShort
	}
	return Header{}, 0, ErrNoHeader
}
