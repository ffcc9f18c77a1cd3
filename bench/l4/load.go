//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// load makes connections through a proxy, and is the servers behind it. One thread does both with one epoll set and few
// system calls, so that it has less to do than any proxy between the two ends.
type load struct {
	ep      int
	events  [128]unix.EpollEvent
	ends    []end
	unused  []int32
	gen     int32
	buffer  []byte
	page    int // a file in memory that streams are sent from
	target  unix.SockaddrInet4
	refill  bool // a client that is done is followed by a new one
	stay    bool // clients stay when they have got their answer
	pending int  // clients that have not got their answer

	count  counts
	delays []time.Duration // from connect to the end of the answer
	start  time.Time
}

// counts is what was done.
type counts struct {
	done   int   // connections that got their answer
	failed int   // connections that did not
	cause  error // of the first that did not
	bytes  int64 // that streams have brought
}

// end is one end of a connection, or something else to wait for.
type end struct {
	fd    int32
	gen   int32
	kind  uint8
	got   int32         // bytes
	since time.Duration // when a client began
}

// The kinds of an end.
const (
	none     uint8 = iota
	listener       // of the servers
	served         // a server's end that has not been told what to do, or echoes
	source         // a server's end that sends for ever
	asking         // a client's end that waits for its answer
	idle           // a client's end that has got its answer
	sink           // a client's end that takes a stream
	clock          // timerfd: new connections are due
)

const (
	request  = 64        // bytes that are echoed
	sendSize = 256 << 10 // bytes a server sends at once
	takeSize = 1 << 20   // bytes a client takes at once
	streamMe = 's'       // the first byte of a client that wants a stream
)

// newLoad starts the servers.
func newLoad() (*load, error) {
	l := &load{buffer: make([]byte, takeSize), start: time.Now()}
	var err error
	if l.ep, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("create an epoll set: %w", err)
	}
	if err := l.fillPage(); err != nil {
		return nil, errors.Join(err, unix.Close(l.ep))
	}
	for _, addr := range servers() {
		if err := l.listen(addr); err != nil {
			l.close()
			return nil, fmt.Errorf("listen on %s, port %d, as a server: %w", addr, serverPort, err)
		}
	}
	return l, nil
}

// close ends everything.
func (l *load) close() {
	for i := range l.ends {
		if l.ends[i].kind != none {
			l.drop(int32(i))
		}
	}
	// Descriptors are closed whatever close(2) returns.
	_ = unix.Close(l.page)
	_ = unix.Close(l.ep)
}

// fillPage makes the file that streams are sent from.
func (l *load) fillPage() (err error) {
	if l.page, err = unix.MemfdCreate("naru-bench", unix.MFD_CLOEXEC); err != nil {
		return fmt.Errorf("create a file in memory: %w", err)
	}
	if _, err = unix.Write(l.page, l.buffer[:sendSize]); err != nil {
		err = errors.Join(fmt.Errorf("fill a file in memory: %w", err), unix.Close(l.page))
	}
	return err
}

func (l *load) listen(addr netip.Addr) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.Bind(fd, &unix.SockaddrInet4{Port: serverPort, Addr: addr.As4()}),
		unix.Listen(fd, 65535),
	)
	if err == nil {
		_, err = l.add(fd, listener, unix.EPOLLIN)
	}
	if err != nil {
		err = errors.Join(err, unix.Close(fd))
	}
	return err
}

// add watches a descriptor. Events are told for as long as they last (level-triggered).
func (l *load) add(fd int, kind uint8, events uint32) (int32, error) {
	var i int32
	if n := len(l.unused); n > 0 {
		i = l.unused[n-1]
		l.unused = l.unused[:n-1]
	} else {
		i = int32(len(l.ends))
		l.ends = append(l.ends, end{})
	}
	l.gen++
	ev := unix.EpollEvent{Events: events, Fd: i, Pad: l.gen}
	if err := unix.EpollCtl(l.ep, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		l.unused = append(l.unused, i)
		return 0, err
	}
	l.ends[i] = end{fd: int32(fd), gen: l.gen, kind: kind}
	return i, nil
}

// drop closes an end.
func (l *load) drop(i int32) {
	// A descriptor is closed whatever close(2) returns.
	_ = unix.Close(int(l.ends[i].fd))
	l.ends[i] = end{}
	l.unused = append(l.unused, i)
}

// run lets the load go on for a time, or until enough says so (nil: never).
func (l *load) run(ctx context.Context, d time.Duration, enough func() bool) error {
	for deadline := time.Now().Add(d); enough == nil || !enough(); {
		left := time.Until(deadline)
		if left <= 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := unix.EpollWait(l.ep, l.events[:], int(min(left, 50*time.Millisecond)/time.Millisecond))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for events of the load: %w", err)
		}
		for i := range max(n, 0) {
			ev := &l.events[i]
			if l.ends[ev.Fd].gen == ev.Pad {
				l.handle(ev.Fd, ev.Events)
			}
		}
	}
	return nil
}

func (l *load) handle(i int32, events uint32) {
	kind := l.ends[i].kind
	if (kind == asking || kind == sink) && events == unix.EPOLLOUT {
		l.connected(i)
		return
	}
	switch kind {
	case listener:
		l.accept(int(l.ends[i].fd))
	case served:
		l.serve(i, events)
	case source:
		l.send(i, events)
	case asking:
		l.answer(i)
	case sink:
		l.take(i)
	case clock:
		l.tick(int(l.ends[i].fd))
	case idle:
		l.fail(errors.New("an idle connection was ended"))
		l.drop(i)
	}
}

// accept takes all connections that wait. syscall.Accept4 is one system call, that of x/sys two.
func (l *load) accept(fd int) {
	for {
		c, _, err := syscall.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return // EAGAIN; a connection that could not be taken is missed by its client
		}
		if _, err := l.add(c, served, unix.EPOLLIN|unix.EPOLLRDHUP); err != nil {
			_ = unix.Close(c) // missed by its client
		}
	}
}

// serve echoes, until the other side has nothing more to say.
func (l *load) serve(i int32, events uint32) {
	e := &l.ends[i]
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		l.drop(i) // a client ends after it has got its answer
		return
	}
	n, err := unix.Read(int(e.fd), l.buffer[:request])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return
	case err != nil || n == 0:
		l.drop(i)
		return
	case l.buffer[0] == streamMe:
		ev := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLRDHUP, Fd: i, Pad: e.gen}
		e.kind = source
		if unix.EpollCtl(l.ep, unix.EPOLL_CTL_MOD, int(e.fd), &ev) != nil {
			l.drop(i)
		}
		return
	}
	if m, err := unix.Write(int(e.fd), l.buffer[:n]); err != nil || m < n {
		l.drop(i)
	}
}

// send sends from a file, which copies nothing: by copying, the load would have more to do than a proxy that splices, and
// would be what is measured.
func (l *load) send(i int32, events uint32) {
	var offset int64
	_, err := unix.Sendfile(int(l.ends[i].fd), l.page, &offset, sendSize)
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 || err != nil && err != unix.EAGAIN && err != unix.EINTR {
		l.drop(i)
	}
}

// open begins a connection. On loopback connect(2) is mostly as good as done when it returns, so that the request can
// be sent at once.
func (l *load) open(kind uint8) {
	began := time.Since(l.start)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		l.fail(fmt.Errorf("open a socket: %w", err))
		return
	}
	events := uint32(unix.EPOLLIN | unix.EPOLLRDHUP)
	if err = unix.Connect(fd, &l.target); err == nil || err == unix.EINPROGRESS {
		if err = l.ask(fd, kind); err == unix.EAGAIN {
			events, err = unix.EPOLLOUT, nil // it is not done
		}
	}
	var i int32
	if err == nil {
		i, err = l.add(fd, kind, events)
	}
	if err != nil {
		l.fail(fmt.Errorf("connect to the proxy: %w", err))
		_ = unix.Close(fd) // it failed already
		return
	}
	l.ends[i].since = began
	if kind == asking {
		l.pending++
	}
}

// ask sends the request.
func (l *load) ask(fd int, kind uint8) error {
	l.buffer[0] = 0
	if kind == sink {
		l.buffer[0] = streamMe
	}
	_, err := unix.Write(fd, l.buffer[:request])
	return err
}

// connected sends the request of a connection that took longer. Whether it failed is found by reading.
func (l *load) connected(i int32) {
	e := &l.ends[i]
	// An error comes again when the answer is read.
	_ = l.ask(int(e.fd), e.kind)
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: i, Pad: e.gen}
	_ = unix.EpollCtl(l.ep, unix.EPOLL_CTL_MOD, int(e.fd), &ev) // the descriptor is in the set
}

// answer takes the answer of a client.
func (l *load) answer(i int32) {
	e := &l.ends[i]
	n, err := unix.Read(int(e.fd), l.buffer[:request])
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	e.got += int32(max(n, 0))
	if err == nil && n > 0 && e.got < request {
		return
	}
	l.pending--
	if e.got == request {
		l.count.done++
		l.delays = append(l.delays, time.Since(l.start)-e.since)
	} else {
		l.fail(ended("before its answer", err))
	}
	if e.got == request && l.stay {
		e.kind = idle
	} else {
		l.drop(i)
	}
	if l.refill {
		l.open(asking)
	}
}

func (l *load) fail(cause error) {
	if l.count.failed++; l.count.failed == 1 {
		l.count.cause = cause
	}
}

// ended says how a connection has ended too early.
func ended(when string, err error) error {
	if err == nil {
		err = io.EOF
	}
	return fmt.Errorf("a connection was ended %s: %w", when, err)
}

// take throws away what has come: with MSG_TRUNC, TCP does not even copy it (tcp(7)).
func (l *load) take(i int32) {
	n, _, err := unix.Recvfrom(int(l.ends[i].fd), l.buffer, unix.MSG_TRUNC)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
	case err != nil || n == 0:
		l.fail(ended("while its stream ran", err))
		l.drop(i)
	default:
		l.count.bytes += int64(n)
	}
}

// tick opens the connections that are due.
func (l *load) tick(fd int) {
	var due [8]byte
	if n, err := unix.Read(fd, due[:]); err != nil || n != len(due) {
		return
	}
	for range due[0] { // more than 255 at once are a stall of the machine, not a load
		l.open(asking)
	}
}
