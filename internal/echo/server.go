// Package echo is a tiny server that stands in for a pod: it says who it is and whose connection it thinks it has.
//
// On one port it answers HTTP requests (so that curl works), and to any other TCP client it says one line about itself
// and then sends back what it gets (so that nc works). A client that says nothing and closes its side gets the line too.
// A PROXY protocol header, version 1 or 2, may come first. UDP datagrams are answered by the line and their own content.
package echo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"
)

// idle is how long a client may say nothing before its connection is closed.
const idle = 10 * time.Minute

// Options say who the server is.
type Options struct {
	// Name and Node are what it answers with; Name must not be empty.
	Name, Node string
	// Logger gets connections, at level debug, and failures. Nil discards.
	Logger *slog.Logger
}

// Server answers on one address, TCP and UDP.
type Server struct {
	opts     Options
	log      *slog.Logger
	listener net.Listener
	packets  *net.UDPConn
	serving  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]struct{}
}

// Listen starts a server on address; port 0 takes any that is free. The error can be told by errors.Is with those of
// bind(2).
func Listen(ctx context.Context, address netip.AddrPort, opts Options) (*Server, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	listener, packets, err := listen(ctx, address)
	for range 16 { // a port that is free for TCP need not be free for UDP
		if address.Port() != 0 || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
		listener, packets, err = listen(ctx, address)
	}
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts: opts, log: opts.Logger.With("pod", opts.Name),
		listener: listener, packets: packets,
		open: map[net.Conn]struct{}{},
	}
	s.serving.Go(s.accept)
	s.serving.Go(s.answerDatagrams)
	return s, nil
}

// listen opens a TCP and a UDP socket with the same port.
func listen(ctx context.Context, address netip.AddrPort) (net.Listener, *net.UDPConn, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address.String())
	if err != nil {
		return nil, nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	bound := listener.Addr().(*net.TCPAddr).AddrPort()
	packets, err := config.ListenPacket(ctx, "udp", bound.String())
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("listen on %s/UDP: %w", bound, err), listener.Close())
	}
	return listener, packets.(*net.UDPConn), nil
}

// Address returns where the server listens.
func (s *Server) Address() netip.AddrPort { return s.listener.Addr().(*net.TCPAddr).AddrPort() }

// Name returns what the server calls itself.
func (s *Server) Name() string { return s.opts.Name }

// Close stops the server and ends its connections. Closing twice is fine.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	open := make([]net.Conn, 0, len(s.open))
	for c := range s.open {
		open = append(open, c)
	}
	s.mu.Unlock()
	err := errors.Join(s.listener.Close(), s.packets.Close())
	for _, c := range open {
		err = errors.Join(err, ignoreClosed(c.Close()))
	}
	s.serving.Wait()
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.log.Warn("cannot accept a connection", "err", err)
			time.Sleep(50 * time.Millisecond) // out of descriptors, most likely: let some be closed
			continue
		}
		if !s.track(conn) {
			return
		}
		s.serving.Go(func() {
			defer s.forget(conn)
			if err := s.converse(conn); err != nil && !errors.Is(err, io.EOF) {
				s.log.Debug("connection ended", "client", conn.RemoteAddr(), "err", err)
			}
		})
	}
}

func (s *Server) track(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.log.Debug("closing", "err", c.Close())
		return false
	}
	s.open[c] = struct{}{}
	return true
}

func (s *Server) forget(c net.Conn) {
	s.mu.Lock()
	delete(s.open, c)
	s.mu.Unlock()
	if err := ignoreClosed(c.Close()); err != nil {
		s.log.Debug("connection did not close well", "err", err)
	}
}

// maxDatagram is how long a UDP datagram over IPv4 can be, in bytes.
const maxDatagram = 65507

func (s *Server) answerDatagrams() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := s.packets.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.log.Debug("cannot read a datagram", "err", err)
			continue
		case isAnswer(buf[:n]):
			continue // of another server, in whose name somebody wrote: the two would never stop
		}
		reply := append([]byte(s.answer(from, "").String()+"\n"), buf[:n]...)
		if _, err := s.packets.WriteToUDPAddrPort(reply[:min(len(reply), maxDatagram)], from); err != nil {
			s.log.Debug("cannot answer a datagram", "client", from, "err", err)
		}
	}
}

func isAnswer(datagram []byte) bool {
	line, _, _ := strings.Cut(string(datagram), "\n")
	_, ok := ParseAnswer(line)
	return ok
}

func (s *Server) answer(client netip.AddrPort, toldBy string) Answer {
	return Answer{
		Pod: s.opts.Name, Node: s.opts.Node, ToldBy: toldBy,
		Client: netip.AddrPortFrom(client.Addr().Unmap(), client.Port()),
	}
}
