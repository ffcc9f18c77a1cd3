//go:build amd64 || arm64

package edge

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// pipeSize is asked for; the kernel may give less (fs.pipe-user-pages-soft).
	pipeSize = 256 << 10
	// maxIdlePipes is how many empty pipes a loop keeps.
	maxIdlePipes = 32
	// maxPipes is how many pipes a loop has, with those in use. A full one is 256 KiB of the kernel's memory and takes
	// two descriptors from connections to come; beyond that bytes are copied.
	maxPipes = 512
)

// held is what was taken from one side and could not be given to the other side yet: bytes in a pipe, or a copy of
// at most bufferSize bytes. While there is any, nothing more is taken.
type held struct {
	in, out int32 // the ends of the pipe, 0 if there is none
	piped   int   // bytes in the pipe
	copied  []byte
}

// keep holds a copy of bytes.
func (l *loop) keep(p []byte) *held {
	return &held{copied: append([]byte(nil), p...)}
}

// pipe returns an empty pipe, nil if there is none to be had: then bytes are copied.
func (l *loop) pipe() *held {
	if n := len(l.helds); n > 0 {
		h := l.helds[n-1]
		l.helds = l.helds[:n-1]
		return h
	}
	if l.pipes >= maxPipes {
		return nil
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		return nil
	}
	// Without the larger size the pipe works too, only slower.
	_, _ = unix.FcntlInt(uintptr(ends[1]), unix.F_SETPIPE_SZ, pipeSize)
	l.pipes++
	return &held{out: int32(ends[0]), in: int32(ends[1])}
}

// putBack keeps an empty pipe for the next one who needs it.
func (l *loop) putBack(h *held) {
	if h.in == 0 {
		return
	}
	if len(l.helds) < maxIdlePipes {
		l.helds = append(l.helds, h)
		return
	}
	l.discard(h)
}

// discard gives up what is held, with the pipe.
func (l *loop) discard(h *held) {
	if h.in != 0 {
		sysClose(h.in)
		sysClose(h.out)
		l.pipes--
	}
}

// spliceOnce moves bytes through a pipe without copying them.
func (l *loop) spliceOnce(c *conn, from int) (int, syscall.Errno) {
	src := &c.side[from]
	h := l.pipe()
	if h == nil {
		src.can &^= bulky
		return l.copyOnce(c, from)
	}
	l.hasten(c, 1-from)
	n, e := sysSplice(src.fd, h.in, turn)
	if e != 0 || n == 0 {
		l.putBack(h)
	}
	switch {
	case e == unix.EAGAIN:
		src.can &^= readable
		return 0, 0
	case e == unix.EINTR:
		return 0, 0
	case e == unix.EINVAL:
		src.can &^= bulky
		return l.copyOnce(c, from)
	case e != 0:
		return 0, e
	case n == 0:
		src.can |= ended
		return 0, 0
	}
	h.piped = n
	c.held[from] = h
	if c.side[1-from].can&writable == 0 {
		return 0, 0
	}
	return l.flush(c, from)
}

// flush gives the other side what is held, as much as it takes.
func (l *loop) flush(c *conn, from int) (int, syscall.Errno) {
	h, dst := c.held[from], &c.side[1-from]
	var n int
	var e syscall.Errno
	if h.piped > 0 {
		n, e = sysSplice(h.out, dst.fd, h.piped)
		h.piped -= n
	} else {
		n, e = sysSend(dst.fd, h.copied)
		h.copied = h.copied[n:]
	}
	switch {
	case e == unix.EAGAIN:
		dst.can &^= writable
		return 0, 0
	case e != 0 && e != unix.EINTR:
		return n, e
	}
	if h.piped == 0 && len(h.copied) == 0 {
		c.held[from] = nil
		l.putBack(h)
	}
	return n, 0
}
