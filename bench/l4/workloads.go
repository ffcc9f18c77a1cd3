//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// workload is a kind of load.
type workload struct {
	name    string
	clients int // connections at a time that each get an answer and end, and are followed by others
	rate    int // connections a second, whether or not earlier ones are done
	streams int // long streams from a server to a client
}

func workloads() []workload {
	return []workload{
		{name: "new connections, as many as go", clients: 64},
		{name: "new connections, 2000/s", rate: 2000},
		{name: "1 stream", streams: 1},
		{name: "16 streams", streams: 16},
	}
}

// begin starts a workload on a proxy.
func (l *load) begin(w workload, at netip.AddrPort) error {
	l.aim(at)
	l.refill = w.clients > 0
	for range w.clients {
		l.open(asking)
	}
	for range w.streams {
		l.open(sink)
	}
	if l.count.failed > 0 {
		return fmt.Errorf("begin %s: %d connections failed, the first: %w", w.name, l.count.failed, l.count.cause)
	}
	if w.rate > 0 {
		return l.startClock(time.Second / time.Duration(w.rate))
	}
	return nil
}

func (l *load) aim(at netip.AddrPort) {
	l.target = unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	l.forget()
}

// forget begins to count anew.
func (l *load) forget() { l.count, l.delays = counts{}, l.delays[:0] }

func (l *load) startClock(every time.Duration) error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("create a timer: %w", err)
	}
	step := unix.NsecToTimespec(every.Nanoseconds())
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: step, Value: step}, nil); err != nil {
		return errors.Join(fmt.Errorf("set a timer: %w", err), unix.Close(fd))
	}
	_, err = l.add(fd, clock, unix.EPOLLIN)
	return err
}

// finish ends all clients, and waits until the proxy has ended what it had with the servers.
func (l *load) finish(ctx context.Context) error {
	l.refill, l.stay, l.pending = false, false, 0
	for i := range l.ends {
		if k := l.ends[i].kind; k == asking || k == idle || k == sink || k == clock {
			l.drop(int32(i))
		}
	}
	if err := l.run(ctx, 10*time.Second, func() bool { return !l.serving() }); err != nil {
		return err
	}
	if l.serving() {
		return errors.New("the proxy keeps connections to servers 10 s after their clients have ended")
	}
	return nil
}

func (l *load) serving() bool {
	for i := range l.ends {
		if k := l.ends[i].kind; k == served || k == source {
			return true
		}
	}
	return false
}

// probe tries one connection.
func (l *load) probe(ctx context.Context, at netip.AddrPort) error {
	l.aim(at)
	l.open(asking)
	err := l.run(ctx, time.Second, func() bool { return l.count.done+l.count.failed > 0 })
	if err == nil && l.count.done == 0 {
		err = cmp.Or(l.count.cause, errors.New("no answer"))
	}
	return errors.Join(err, l.finish(ctx))
}

// settle opens n connections that stay when they have got their answer.
func (l *load) settle(ctx context.Context, n int) error {
	l.forget()
	l.stay = true
	err := l.run(ctx, 20*time.Second, func() bool {
		for l.pending < 64 && l.count.done+l.pending < n && l.count.failed == 0 {
			l.open(asking)
		}
		return l.count.done == n || l.count.failed > 0
	})
	if err == nil && l.count.done < n {
		err = fmt.Errorf("of %d idle connections %d are there, %d failed, the first: %w", n, l.count.done, l.count.failed, l.count.cause)
	}
	return err
}
