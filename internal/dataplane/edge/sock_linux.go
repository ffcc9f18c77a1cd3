//go:build amd64 || arm64

package edge

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of the loops. They are made raw, that is without telling the Go scheduler: none of them can block,
// and a loop that hands its processor back for each costs a sysmon that polls every 20 us.

const epollExclusive = 1 << 28 // EPOLLEXCLUSIVE, epoll_ctl(2)

// sockaddr is a struct sockaddr_in or sockaddr_in6.
type sockaddr struct {
	raw [unix.SizeofSockaddrInet6]byte
	len uint32
}

func (s *sockaddr) put(a netip.AddrPort) {
	binary.BigEndian.PutUint16(s.raw[2:], a.Port())
	if ip := a.Addr().Unmap(); ip.Is4() {
		binary.NativeEndian.PutUint16(s.raw[:], unix.AF_INET)
		b := ip.As4()
		copy(s.raw[4:], b[:])
		s.len = unix.SizeofSockaddrInet4
		return
	}
	binary.NativeEndian.PutUint16(s.raw[:], unix.AF_INET6)
	b := a.Addr().As16()
	clear(s.raw[4:])
	copy(s.raw[8:], b[:])
	s.len = unix.SizeofSockaddrInet6
}

func (s *sockaddr) get() netip.AddrPort {
	port := binary.BigEndian.Uint16(s.raw[2:])
	if binary.NativeEndian.Uint16(s.raw[:]) == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(s.raw[4:8])), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(s.raw[8:24])).Unmap(), port)
}

func familyOf(a netip.Addr) uintptr {
	if a.Unmap().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func sysSocket(family, kind uintptr) (int32, syscall.Errno) {
	fd, _, e := syscall.RawSyscall(unix.SYS_SOCKET, family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	return int32(fd), e
}

func sysAccept(fd int32, sa *sockaddr) (int32, syscall.Errno) {
	sa.len = uint32(len(sa.raw))
	n, _, e := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa.raw)),
		uintptr(unsafe.Pointer(&sa.len)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int32(n), e
}

func sysConnect(fd int32, sa *sockaddr) syscall.Errno {
	_, _, e := syscall.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa.raw)), uintptr(sa.len))
	return e
}

func sysRead(fd int32, p []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

func sysWrite(fd int32, p []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// sysSend writes without SIGPIPE.
func sysSend(fd int32, p []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		unix.MSG_NOSIGNAL, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// sysPeek tells whether a socket has an error pending, without taking anything from it.
func sysPeek(fd int32) syscall.Errno {
	var b [1]byte
	_, _, e := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b)), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	return e
}

// sysSplice moves at most n bytes; one of the two is a pipe.
func sysSplice(from, to int32, n int) (int, syscall.Errno) {
	m, _, e := syscall.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n),
		unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
	if e != 0 {
		return 0, e
	}
	return int(m), 0
}

// sysClose ignores errors: close(2) frees the descriptor in every case.
func sysClose(fd int32) { syscall.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

func sysShutdownWrite(fd int32) syscall.Errno {
	_, _, e := syscall.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0)
	return e
}

func sysSetInt(fd int32, level, name, value int) syscall.Errno {
	v := int32(value)
	_, _, e := syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name), uintptr(unsafe.Pointer(&v)), 4, 0)
	return e
}

// sysAbort closes a connection with RST: SO_LINGER with no time drops what is unsent.
func sysAbort(fd int32) {
	linger := [2]int32{1, 0}
	syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_LINGER, uintptr(unsafe.Pointer(&linger)), 8, 0)
	sysClose(fd)
}

// sysForget closes a connection without a word to the other side if the process may (CAP_NET_ADMIN): a socket in
// repair mode sends neither FIN nor RST. Otherwise it is closed in the ordinary way, which sends FIN.
func sysForget(fd int32) {
	if e := sysSetInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, 1); e != 0 {
		sysClose(fd) // EPERM: this is the fallback that the comment names
		return
	}
	sysClose(fd)
}

func sysEpollCreate() (int32, syscall.Errno) {
	fd, _, e := syscall.RawSyscall(unix.SYS_EPOLL_CREATE1, unix.EPOLL_CLOEXEC, 0, 0)
	return int32(fd), e
}

func sysEpollCtl(ep int32, op int, fd int32, ev *unix.EpollEvent) syscall.Errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(ep), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(ev)), 0, 0)
	return e
}

// sysEpollHold waits without giving the processor back to the Go scheduler.
func sysEpollHold(ep int32, evs []unix.EpollEvent, ms int) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(ep), uintptr(unsafe.Pointer(unsafe.SliceData(evs))),
		uintptr(len(evs)), uintptr(ms), 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// sysEpollWait waits in the ordinary way; ms < 0 means for ever.
func sysEpollWait(ep int32, evs []unix.EpollEvent, ms int) (int, syscall.Errno) {
	n, _, e := syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(ep), uintptr(unsafe.Pointer(unsafe.SliceData(evs))),
		uintptr(len(evs)), uintptr(ms), 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

func sysEventFD() (int32, syscall.Errno) {
	fd, _, e := syscall.RawSyscall(unix.SYS_EVENTFD2, 0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC, 0)
	return int32(fd), e
}

// mmsghdr is struct mmsghdr, recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [4]byte
}

func sysRecvmmsg(fd int32, msgs []mmsghdr) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(msgs))),
		uintptr(len(msgs)), unix.MSG_DONTWAIT, 0, 0)
	runtime.KeepAlive(msgs)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

func sysSendmmsg(fd int32, msgs []mmsghdr) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(msgs))),
		uintptr(len(msgs)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	runtime.KeepAlive(msgs)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}
