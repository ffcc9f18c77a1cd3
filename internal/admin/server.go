// Package admin answers questions about a running process, on a local address: whether it is alive and ready, metrics for
// Prometheus, and as JSON all that the commands show.
//
//	GET /healthz, /readyz                     200, or 503 and why not
//	GET /metrics                              Prometheus
//	GET /v1/plan, /v1/health, /v1/findings    what is served, how the targets are, what is wrong
//	GET /v1/status, /v1/frontends             the documents behind naru status and the table of naru run
//	GET /v1/services/NAMESPACE/NAME           the document behind naru explain; ?from=CLIENT, ?if=FIELD=VALUE
//	GET /v1/pods, POST /v1/pods/NAME/kill, /v1/pods/NAME/revive    the pods of naru demo
//
// It gives no secrets away, but it is meant for this machine: it refuses requests whose Host is a name other than localhost
// (a web page could make a browser send them, by DNS rebinding), and changes need a header that no web page can send.
package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/naru-lb/naru/internal/explain"
)

// DefaultAddress is where a process answers unless somebody says otherwise. 6278 is NARU on a telephone.
const DefaultAddress = "127.0.0.1:6278"

// Options are what a Server answers from. View and Ready are required.
type Options struct {
	// View returns what is known now.
	View func() explain.View
	// Ready says why the process is not ready, nil if it is.
	Ready   func() error
	Metrics *Metrics
	// Pods are those that can be stopped; nil if there are none.
	Pods    Pods
	Version string
	Logger  *slog.Logger
}

// Pods can be stopped and started by name.
type Pods interface {
	Names() []string
	Kill(name string) error
	Revive(name string) error
}

// Server answers until it is closed.
type Server struct {
	http     *http.Server
	listener net.Listener
	address  string
}

// Listen starts a Server at "host:port", or at the path of a Unix socket, which only this user may use. The error says
// what to do if another process answers there already.
func Listen(address string, o Options) (*Server, error) {
	l, err := listen(address)
	if err != nil {
		return nil, err
	}
	s := &Server{
		http: &http.Server{
			Handler:           local(routes(o)),
			ReadHeaderTimeout: 5 * time.Second,
			IdleTimeout:       time.Minute,
			MaxHeaderBytes:    64 << 10,
			ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
		},
		listener: l,
		address:  address,
	}
	if l.Addr().Network() == "tcp" {
		s.address = l.Addr().String()
	}
	go func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			o.Logger.Error("The admin API ended", "error", err)
		}
	}()
	return s, nil
}

// Address returns where the Server answers, with the port that it got.
func (s *Server) Address() string { return s.address }

// Close ends the Server. Requests that run may finish until ctx is done.
func (s *Server) Close(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("close the admin API: %w", err), s.http.Close())
	}
	return nil
}

func isSocket(address string) bool { return strings.Contains(address, "/") }

func listen(address string) (net.Listener, error) {
	if isSocket(address) {
		return listenSocket(address)
	}
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("the admin API cannot use %s: another program answers there, another naru perhaps; give this one its own with --admin 127.0.0.1:0", address)
	}
	if err != nil {
		return nil, fmt.Errorf("start the admin API: %w", err)
	}
	return l, nil
}

// listenSocket takes the place of a socket that nobody listens on any more, as a killed process leaves it.
func listenSocket(path string) (net.Listener, error) {
	if conn, err := net.Dial("unix", path); err == nil {
		return nil, errors.Join(fmt.Errorf("the admin API cannot use %s: another naru answers there; give this one its own with --admin", path), conn.Close())
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("start the admin API: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("start the admin API: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("start the admin API: %w", err), l.Close())
	}
	return l, nil
}

// local refuses what a web page could make a browser send.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		_, err := netip.ParseAddr(strings.Trim(host, "[]"))
		switch {
		case err != nil && host != "localhost":
			fail(w, http.StatusForbidden, "ask by address or as localhost, not as "+host)
		case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Header.Get(changeHeader) == "":
			fail(w, http.StatusForbidden, "a change needs the header "+changeHeader)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// changeHeader has to be there, with any value, in a request that changes something.
const changeHeader = "Naru-Change"
