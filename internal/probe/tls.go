package probe

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"github.com/naru-lb/naru/internal/observe"
)

// handshake makes the connection a TLS one. It returns false with the outcome if that fails.
func (a *attempt) handshake() (outcome, bool) {
	got := &counter{Conn: a.conn}
	conn := tls.Client(got, a.tlsConfig())
	err := conn.Handshake() // ends with ctx, by the connection's deadline
	if err == nil {
		a.conn = conn
		return outcome{}, true
	}
	var record tls.RecordHeaderError
	var untrusted *tls.CertificateVerificationError
	o := a.failed(observe.L6RSP, "TLS handshake", err, got.n)
	switch {
	case o.result == observe.L6TOUT:
	case errors.As(err, &untrusted):
		o.connectsOnly = false // it does speak TLS
		o.detail = "TLS: certificate not accepted: " + untrusted.Err.Error()
	case errors.As(err, &record):
		o.detail = "no TLS handshake: got " + excerpt(got.first())
	}
	return o, false
}

// tlsConfig returns the settings of a handshake that accepts what clouds accept: any certificate unless asked to verify,
// and old versions, since nothing secret is said.
func (a *attempt) tlsConfig() *tls.Config {
	c := &tls.Config{
		ServerName:         a.serverName(),
		InsecureSkipVerify: !a.probe.Verify,
		NextProtos:         []string{"http/1.1"},
		// Post-quantum key shares double the cost of a handshake and break old servers; there is no secret to keep.
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
	}
	if !a.probe.Verify {
		c.MinVersion = tls.VersionTLS10
	}
	return c
}

// serverName returns the probe's host without a port, or the address.
func (a *attempt) serverName() string {
	if a.probe.Host == "" {
		return a.at.Addr().String()
	}
	if name, _, err := net.SplitHostPort(a.probe.Host); err == nil {
		return name
	}
	return strings.Trim(a.probe.Host, "[]")
}

// counter counts what is read from a connection and keeps how it begins, to say what somebody speaks.
type counter struct {
	net.Conn
	n     int
	begin [32]byte
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.n < len(c.begin) {
		copy(c.begin[c.n:], b[:n])
	}
	c.n += n
	return n, err
}

// first returns the first bytes that were read, 32 at most.
func (c *counter) first() []byte { return c.begin[:min(c.n, len(c.begin))] }
