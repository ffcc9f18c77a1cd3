package edge

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// mapAttempts is how many ports are tried for a listener that cannot have its own.
const mapAttempts = 4096

// mapPort is the port that stands for one that cannot be had, unless Options say otherwise: 80 becomes 8080.
func mapPort(port uint16) uint16 {
	if port > 65535-8000 {
		return port - 8000
	}
	return port + 8000
}

// opener tries to listen at an address. Errors can be told by errors.Is with those of bind(2).
type opener func(netip.AddrPort) (socket, error)

// bind opens a socket for key: where the plan wants it, or else, if that can never be had by waiting, at the next
// best place. The socket is nil if there is a problem that only time can solve.
func bind(key plan.ListenerKey, mapPort func(uint16) uint16, open opener) (socket, observe.Binding) {
	b := observe.Binding{Key: key}
	s, err := open(netip.AddrPortFrom(key.Address, key.Port))
	switch {
	case err == nil:
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		b.Problem, b.Detail = observe.AddressMapped, fmt.Sprintf("%s is not an address of this machine", key.Address)
		s, err = openNear(loopback(key.Address), key.Port, mapPort, open)
	case errors.Is(err, syscall.EACCES):
		b.Problem, b.Detail = observe.PortMapped, fmt.Sprintf("port %d needs CAP_NET_BIND_SERVICE or root", key.Port)
		s, err = openNext(key.Address, mapPort(key.Port), open)
	}
	if err != nil {
		b.Detail = err.Error()
		b.Problem = observe.NotBound
		if errors.Is(err, syscall.EADDRINUSE) {
			b.Problem = observe.PortTaken
			b.Detail = fmt.Sprintf("%s is in use already", key)
		}
		return nil, b
	}
	b.Bound = s.address()
	if b.Problem != observe.NoProblem {
		b.Detail += ": served on " + b.Bound.String()
	}
	return s, b
}

// openNear tries the port itself, then those that stand for it.
func openNear(a netip.Addr, port uint16, mapPort func(uint16) uint16, open opener) (socket, error) {
	s, err := open(netip.AddrPortFrom(a, port))
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EADDRINUSE) {
		return openNext(a, mapPort(port), open)
	}
	return s, err
}

// openNext tries port and the ones behind it until one is free.
func openNext(a netip.Addr, port uint16, open opener) (s socket, err error) {
	for range mapAttempts {
		s, err = open(netip.AddrPortFrom(a, port))
		if err == nil || !errors.Is(err, syscall.EACCES) && !errors.Is(err, syscall.EADDRINUSE) {
			return s, err
		}
		if port++; port == 0 {
			port = 1024
		}
	}
	return nil, err
}

func loopback(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}
