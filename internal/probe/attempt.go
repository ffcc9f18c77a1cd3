package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/proxyproto"
)

// userAgent is how probes introduce themselves.
const userAgent = "naru-probe/1"

// prober runs single probes.
type prober struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// attempt is one probe that runs.
type attempt struct {
	probe *plan.Probe
	at    netip.AddrPort
	conn  net.Conn
	ctx   context.Context // ends with the probe's timeout, or when nobody wants its result any more
	start time.Time
}

// run probes an address until ctx ends, which it does after the probe's timeout at the latest.
func (p *prober) run(ctx context.Context, spec *plan.Probe, at netip.AddrPort) outcome {
	a := &attempt{probe: spec, at: at, ctx: ctx, start: time.Now()}
	conn, err := p.dial(ctx, "tcp", at.String())
	if err != nil {
		return a.notConnected(err)
	}
	a.conn = conn
	defer a.close()
	if spec.Kind == plan.ProbeTCP && spec.ProxyProtocol == plan.ProxyNone {
		return outcome{result: observe.L4OK, detail: "connected"}
	}
	// The connection learns of the end of ctx by a deadline in the past, which wakes whoever reads or writes.
	stop := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0)) // fails only if the connection is closed already
	})
	defer stop()
	if err := a.introduce(); err != nil {
		o := a.failed(observe.L4CON, "PROXY header accepted", err, 0)
		o.connectsOnly = false // nothing was said yet that could be misunderstood
		return o
	}
	switch spec.Kind {
	case plan.ProbeHTTP:
		return a.http()
	case plan.ProbeHTTPS:
		if o, ok := a.handshake(); !ok {
			return o
		}
		return a.http()
	case plan.ProbeGRPC:
		return a.grpc()
	}
	return outcome{result: observe.L4OK, detail: "connected"}
}

// introduce tells a target that expects a PROXY header that this connection is no client's.
func (a *attempt) introduce() error {
	if a.probe.ProxyProtocol == plan.ProxyNone {
		return nil
	}
	var header [proxyproto.MaxAppended]byte
	_, err := a.conn.Write(proxyproto.AppendLocal(header[:0], a.probe.ProxyProtocol))
	return err
}

func (a *attempt) close() {
	// The verdict stands; how the connection ends changes nothing.
	_ = a.conn.Close()
}

// notConnected says why there is no connection.
func (a *attempt) notConnected(err error) outcome {
	switch {
	case isLocal(err):
		return outcome{fault: true, detail: "the probe could not be run: " + cause(err)}
	case a.timedOut(err):
		return outcome{
			result: observe.L4TOUT, reason: observe.ReasonTimeout,
			detail: fmt.Sprintf("timeout after %s, no connection to %s", a.probe.Timeout, a.at),
		}
	}
	return outcome{result: observe.L4CON, reason: observe.ReasonFailed, detail: fmt.Sprintf("connect: %s %s", cause(err), a.at)}
}

// failed says how a conversation ended before there was an answer: what was waited for, and how many bytes came. The
// result says how high it got; a timeout there is the matching one.
func (a *attempt) failed(result observe.Result, what string, err error, got int) outcome {
	o := outcome{result: result, reason: observe.ReasonFailed, connectsOnly: true}
	var op *net.OpError
	switch {
	case errors.As(err, &op) && op.Op == "remote error": // a TLS alert: it does speak TLS
		o.connectsOnly = false
		o.detail = fmt.Sprintf("no %s: it says %q", what, op.Err)
	case a.timedOut(err):
		o.reason = observe.ReasonTimeout
		o.detail = fmt.Sprintf("timeout after %s, connected but no %s", a.probe.Timeout, what)
		switch result {
		case observe.L6RSP:
			o.result = observe.L6TOUT
		case observe.L7RSP:
			o.result = observe.L7TOUT
		}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		o.detail = fmt.Sprintf("no %s: peer closed after %d bytes", what, got)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		o.detail = fmt.Sprintf("no %s: connection reset by peer after %d bytes", what, got)
	default:
		o.detail = fmt.Sprintf("no %s: %s", what, cause(err))
	}
	return o
}

func (a *attempt) timedOut(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout() || a.ctx.Err() != nil
}

// cause returns the last words of an error: "connection refused" of "dial tcp 10.1.2.3:80: connect: connection refused".
func cause(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}

// isLocal tells whether this machine lacks what a connection needs: descriptors, memory, ports, permission.
func isLocal(err error) bool {
	for _, n := range [...]syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.EPERM, syscall.EACCES, syscall.EAFNOSUPPORT} {
		if errors.Is(err, n) {
			return true
		}
	}
	return false
}
