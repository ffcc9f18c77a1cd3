package measure

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/naru-lb/naru/internal/echo"
	"github.com/naru-lb/naru/internal/plan"
)

const (
	// patience is how long one connection may take.
	patience = 5 * time.Second
	// introduction is how long a server that is not known yet may take to say its name.
	introduction = 2 * time.Second
	// attempts is how often a datagram is sent until it counts as lost.
	attempts = 3
)

// errNameless means that somebody is there who does not say a name.
var errNameless = errors.New("no pod said its name")

// ask opens one connection and returns the name that the pod says. A server that is a stranger still is sent nothing over
// TCP: that this side has said all it wants to is enough for a pod of internal/echo.
func (r *run) ask(ctx context.Context, stranger bool) (string, error) {
	conn, err := r.dial(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	limit := patience
	if stranger {
		limit = introduction
	}
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if r.options.Protocol == plan.UDP {
		return askUDP(ctx, conn, limit)
	}
	return askTCP(conn.(*net.TCPConn), stranger)
}

func askTCP(conn *net.TCPConn, stranger bool) (string, error) {
	var err error
	if stranger {
		err = conn.CloseWrite()
	} else {
		_, err = io.WriteString(conn, "\n")
	}
	if err != nil {
		return "", fmt.Errorf("ask for a name: %w", err)
	}
	line, err := bufio.NewReader(io.LimitReader(conn, 1024)).ReadString('\n')
	if a, ok := echo.ParseAnswer(line); ok {
		return a.Pod, nil
	}
	if err != nil && !errors.Is(err, io.EOF) && !(stranger && isTimeout(err)) {
		return "", fmt.Errorf("wait for an answer: %w", err)
	}
	return "", errNameless
}

// askUDP sends a datagram until one is answered.
func askUDP(ctx context.Context, conn net.Conn, limit time.Duration) (string, error) {
	buf := make([]byte, 2048)
	for range attempts {
		if _, err := io.WriteString(conn, "\n"); err != nil {
			return "", fmt.Errorf("send a datagram: %w", err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(limit / attempts)); err != nil {
			return "", err
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		n, err := conn.Read(buf)
		if isTimeout(err) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("wait for an answer: %w", err)
		}
		line, _, _ := strings.Cut(string(buf[:n]), "\n")
		if a, ok := echo.ParseAnswer(line); ok {
			return a.Pod, nil
		}
		return "", errNameless
	}
	return "", errNameless
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// The ports that connections come from. Most systems give theirs to clients in this range.
const (
	firstPort = 32768
	ports     = 1<<16 - firstPort
)

// dial opens a connection from the next port that is free. The ports are consecutive, as those of one busy client are: so
// each connection has its own, and the shares are those of many flows and not of the kernel's dice. When no port is left it
// waits for one: connections that are over keep theirs for a minute on some systems.
func (r *run) dial(ctx context.Context) (net.Conn, error) {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		for range ports {
			conn, err := r.dialFrom(ctx, r.nextPort())
			if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EADDRNOTAVAIL) {
				return conn, err
			}
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (r *run) nextPort() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.port = (r.port + 1) % ports
	return firstPort + r.port
}

func (r *run) dialFrom(ctx context.Context, port int) (net.Conn, error) {
	d := net.Dialer{Timeout: patience, KeepAlive: -1, LocalAddr: &net.TCPAddr{Port: port}}
	network := "tcp"
	if r.options.Protocol == plan.UDP {
		network, d.LocalAddr = "udp", &net.UDPAddr{Port: port}
	}
	conn, err := d.DialContext(ctx, network, r.options.Address.String())
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		// Closed by RST, a connection keeps no port.
		return conn, tcp.SetLinger(0)
	}
	return conn, nil
}
