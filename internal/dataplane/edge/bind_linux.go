//go:build amd64 || arm64

package edge

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// bindSocket opens a socket, sets its options and binds it. A socket for IPv6 leaves IPv4 alone.
func bindSocket(kind uintptr, at netip.AddrPort, setOptions func(fd int32)) (fd int32, bound netip.AddrPort, err error) {
	fd, e := sysSocket(familyOf(at.Addr()), kind)
	if e != 0 {
		return 0, bound, fmt.Errorf("open a socket for %s: %w", at, e)
	}
	if at.Addr().Unmap().Is6() {
		sysSetInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	setOptions(fd)
	if err := unix.Bind(int(fd), unixSockaddr(at)); err != nil {
		sysClose(fd)
		return 0, bound, fmt.Errorf("bind %s: %w", at, err)
	}
	return fd, boundAddress(fd, at), nil
}

func unixSockaddr(a netip.AddrPort) unix.Sockaddr {
	if ip := a.Addr().Unmap(); ip.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// boundAddress tells the port that the kernel chose where none was asked for.
func boundAddress(fd int32, asked netip.AddrPort) netip.AddrPort {
	if asked.Port() != 0 {
		return asked
	}
	sa, err := unix.Getsockname(int(fd))
	if err != nil {
		return asked
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(asked.Addr(), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(asked.Addr(), uint16(sa.Port))
	}
	return asked
}
