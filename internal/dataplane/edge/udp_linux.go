//go:build amd64 || arm64

package edge

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// udpSide is what a loop has of UDP.
type udpSide struct {
	sockets  []*udpSocket // nil where one was removed
	sessions []*session   // by index; nil where none is
	unused   []uint32     // indices of sessions
	count    int
	recent   session // head of a ring: older is the newest session, newer the one idle for longest
	batch    *batch
	quiet    bool // no new sessions, see quiesce
}

// udpSocket is a UDP socket that clients send to.
type udpSocket struct {
	socket   *loopSocket
	gen      uint32
	index    uint32
	sessions map[netip.AddrPort]*session
}

// batchSize is how many datagrams are received by one system call, and datagramSize how long each may be.
const (
	batchSize    = 32
	datagramSize = 64 << 10
)

// batch is the buffers of a loop for recvmmsg and sendmmsg. Pages that no datagram has reached cost nothing.
type batch struct {
	buffers []byte
	iovs    [batchSize]unix.Iovec
	names   [batchSize]sockaddr
	in      [batchSize]mmsghdr
	out     [batchSize]mmsghdr
}

func newBatch() *batch {
	b := &batch{buffers: make([]byte, batchSize*datagramSize)}
	for i := range batchSize {
		b.iovs[i].Base = &b.buffers[i*datagramSize]
		b.in[i].hdr.Name = &b.names[i].raw[0]
		b.in[i].hdr.Iov = &b.iovs[i]
		b.in[i].hdr.Iovlen = 1
		b.out[i].hdr.Iovlen = 1
	}
	return b
}

// receive takes up to batchSize datagrams from a socket.
func (b *batch) receive(fd int32) (int, syscall.Errno) {
	for i := range batchSize {
		b.iovs[i].Len = datagramSize
		b.in[i].hdr.Namelen = uint32(len(b.names[i].raw))
	}
	n, e := sysRecvmmsg(fd, b.in[:])
	if e != 0 {
		return 0, e
	}
	for i := range n {
		b.iovs[i].Len = uint64(b.in[i].len)
	}
	return n, 0
}

// send gives the received datagrams first to end (not included) to a socket: to the named address, or to the peer of
// the socket if it is nil. It returns how many were taken and why the next one was not.
func (b *batch) send(fd int32, first, end int, to *sockaddr) (int, syscall.Errno) {
	for i := first; i < end; i++ {
		b.out[i].hdr.Iov = &b.iovs[i]
		b.out[i].hdr.Name, b.out[i].hdr.Namelen = nil, 0
		if to != nil {
			b.out[i].hdr.Name, b.out[i].hdr.Namelen = &to.raw[0], to.len
		}
	}
	for sent := first; sent < end; {
		n, e := sysSendmmsg(fd, b.out[sent:end])
		if e != 0 {
			return sent - first, e
		}
		sent += n
	}
	return end - first, 0
}

// listenUDP returns a socket bound to the address. SO_REUSEADDR is not set: for UDP it would let others take the port.
func listenUDP(at netip.AddrPort) (fd int32, bound netip.AddrPort, err error) {
	fd, bound, err = bindSocket(unix.SOCK_DGRAM, at, func(fd int32) {
		// More room for bursts; the kernel gives at most net.core.rmem_max.
		sysSetInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, udpBuffer)
		sysSetInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, udpBuffer)
	})
	if err != nil {
		return 0, bound, fmt.Errorf("UDP: %w", err)
	}
	return fd, bound, nil
}

func (l *loop) addUDP(s *loopSocket) {
	u := &udpSocket{socket: s, gen: l.conns.generation(), sessions: map[netip.AddrPort]*session{}}
	i := slices.Index(l.udp.sockets, nil)
	if i < 0 {
		i = len(l.udp.sockets)
		l.udp.sockets = append(l.udp.sockets, nil)
	}
	u.index = uint32(i)
	l.udp.sockets[i] = u
	if l.udp.batch == nil {
		l.udp.batch = newBatch()
		l.udp.recent.newer, l.udp.recent.older = &l.udp.recent, &l.udp.recent
	}
	if e := l.watch(s.fd, unix.EPOLLIN, kindUDP, uint32(i), u.gen); e != 0 {
		l.group.log.Error("watch a UDP socket", "listener", s.l.key, "error", e)
	}
}

// removeUDP serves what waits in the socket, and closes it with its sessions.
func (l *loop) removeUDP(s *loopSocket) {
	i := slices.IndexFunc(l.udp.sockets, func(u *udpSocket) bool { return u != nil && u.socket == s })
	if i < 0 {
		return
	}
	u := l.udp.sockets[i]
	for range 64 {
		if l.takeDatagrams(u) < batchSize {
			break
		}
	}
	l.udp.sockets[i] = nil
	for _, x := range u.sessions {
		l.endSession(x)
	}
	sysClose(s.fd)
}

// onDatagrams handles what clients have sent to a UDP socket.
func (l *loop) onDatagrams(index, gen uint32) {
	u := l.udp.sockets[index]
	if u == nil || u.gen != gen {
		return
	}
	for range 4 { // then others have their turn
		if l.takeDatagrams(u) < batchSize {
			return
		}
	}
}

// takeDatagrams receives one batch and sends each run of datagrams of one client with one system call.
func (l *loop) takeDatagrams(u *udpSocket) int {
	b := l.udp.batch
	n, e := b.receive(u.socket.fd)
	if e != 0 {
		return 0 // EAGAIN, or an ICMP error of a reply that went out, which is of no use here
	}
	t := u.socket.l.terms.Load()
	for first := 0; first < n; {
		end := first + 1
		for end < n && b.names[end].raw == b.names[first].raw {
			end++
		}
		l.forward(u, t, first, end)
		first = end
	}
	return n
}

// size returns how long the datagrams first to end of the batch are together.
func (b *batch) size(first, end int) (n uint64) {
	for i := first; i < end; i++ {
		n += b.iovs[i].Len
	}
	return n
}

// The kernel's layout: 64 bytes for each message on 64-bit machines.
var _ [0]struct{} = [unsafe.Sizeof(mmsghdr{}) - 64]struct{}{}
