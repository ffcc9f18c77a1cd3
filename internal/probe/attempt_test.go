package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// ask runs one probe.
func ask(t *testing.T, p plan.Probe, at netip.AddrPort) outcome {
	t.Helper()
	if p.Timeout == 0 {
		p.Timeout = 20 * time.Second // more than a test needs on a busy machine
	}
	ctx, cancel := context.WithTimeout(t.Context(), p.Timeout)
	defer cancel()
	probes := prober{dial: dialer(nil)}
	return probes.run(ctx, &p, at)
}

// check compares an outcome; "AT" in the detail stands for the address.
func (o outcome) check(t *testing.T, at netip.AddrPort, result observe.Result, reason, detail string, connectsOnly bool) {
	t.Helper()
	detail = strings.ReplaceAll(detail, "AT", at.String())
	if o.result != result || o.reason != reason || o.detail != detail || o.connectsOnly != connectsOnly || o.fault {
		t.Errorf("got %s, %s, %q, connects only: %v\nwant %s, %s, %q, %v",
			o.result, o.reason, o.detail, o.connectsOnly, result, reason, detail, connectsOnly)
	}
}

// blackHole accepts connections and says nothing until the other end leaves.
func blackHole(c net.Conn) {
	_, _ = io.Copy(io.Discard, c) // ends with whatever the probe does
}

func slam(c net.Conn) {
	// An abort, which fails only for a connection that is gone.
	_ = c.(*net.TCPConn).SetLinger(0)
}

const short = 150 * time.Millisecond

func TestWhatProbesSee(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	const failed, timeout, code = observe.ReasonFailed, observe.ReasonTimeout, observe.ReasonCode
	http := plan.Probe{Kind: plan.ProbeHTTP, MinStatus: 200, MaxStatus: 200}
	https, wide := http, http
	https.Kind, wide.MaxStatus = plan.ProbeHTTPS, 399
	grpc, tcp := plan.Probe{Kind: plan.ProbeGRPC}, plan.Probe{Kind: plan.ProbeTCP}
	hasty := func(p plan.Probe) plan.Probe { p.Timeout = short; return p }
	for _, c := range []struct {
		name         string
		probe        plan.Probe
		target       func(net.Conn) // nil for one that refuses
		result       observe.Result
		reason       string
		detail       string
		connectsOnly bool
	}{
		{"TCP, accepted", tcp, blackHole, observe.L4OK, "", "connected", false},
		{"TCP, refused", tcp, nil, observe.L4CON, failed, "connect: connection refused AT", false},
		{"HTTP 200", http, says(ok), observe.L7OK, "", "HTTP 200", false},
		{"HTTP, refused", http, nil, observe.L4CON, failed, "connect: connection refused AT", false},
		{"HTTP 404", http, says("HTTP/1.1 404 Not Found\r\n\r\n"), observe.L7STS, code, "HTTP 404, want 200", false},
		{"a redirect is not followed", http, says("HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n"), observe.L7STS, code, "HTTP 302, want 200", false},
		{"a redirect that is wanted", wide, says("HTTP/1.0 302\r\n\r\n"), observe.L7OK, "", "HTTP 302", false},
		{"HTTP 503 out of a range", wide, says("HTTP/1.1 503 Away\r\n\r\n"), observe.L7STS, code, "HTTP 503, want 200-399", false},
		{"an interim answer first", http, says("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok), observe.L7OK, "", "HTTP 200", false},
		{"a body without end", http, says("HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", 1<<20)), observe.L7OK, "", "HTTP 200", false},
		{"a mail server", http, says("220 mail.example ESMTP\r\n"), observe.L7RSP, failed,
			`no HTTP answer: got "220 mail.example ESMTP\r\n"`, true},
		{"something like HTTP", http, says("HTTP/1.1 2x0 OK\r\n\r\n"), observe.L7RSP, failed,
			`no HTTP answer: got HTTP: "HTTP/1.1 2x0 OK\r\n\r\n"`, true},
		{"a first line without end", http, says("HTTP/1.1 " + strings.Repeat("2", 5000)), observe.L7RSP, failed,
			`no HTTP answer: got HTTP: "HTTP/1.1 22222222222222222222222"`, true},
		{"interim answers without end", http, says(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 4000)), observe.L7RSP, failed,
			`no HTTP answer: got HTTP: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1."`, true},
		{"closed without a word", http, func(c net.Conn) { request(c) }, observe.L7RSP, failed, "no HTTP answer: peer closed after 0 bytes", true},
		{"closed within the first word", http, says("HTT"), observe.L7RSP, failed, "no HTTP answer: peer closed after 3 bytes", true},
		{"reset", http, func(c net.Conn) { request(c); slam(c) }, observe.L7RSP, failed,
			"no HTTP answer: connection reset by peer after 0 bytes", true},
		{"no word", hasty(http), blackHole, observe.L7TOUT, timeout, "timeout after 150ms, connected but no HTTP answer", true},
		{"HTTP to TLS, which sends an alert", http, says("\x15\x03\x01\x00\x02\x02\x46"), observe.L7RSP, failed, "no HTTP answer: got TLS", true},
		{"HTTPS to a silent one", hasty(https), blackHole, observe.L6TOUT, timeout, "timeout after 150ms, connected but no TLS handshake", true},
		{"HTTPS to HTTP", https, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") // the probe may be gone
			blackHole(c)
		}, observe.L6RSP, failed, `no TLS handshake: got HTTP: "HTTP/1.1 400 Bad Request\r\n\r\n"`, true},
		{"HTTPS, closed", https, func(c net.Conn) {
			_, _ = io.ReadFull(c, make([]byte, 5)) // so that it is no refusal
			slam(c)
		}, observe.L6RSP, failed, "no TLS handshake: connection reset by peer after 0 bytes", true},
		{"gRPC, refused", grpc, nil, observe.L4CON, failed, "connect: connection refused AT", false},
		{"gRPC to HTTP/1", grpc, says("HTTP/1.1 400 Bad Request\r\n\r\n"), observe.L7RSP, failed,
			`no gRPC answer: got HTTP: "HTTP/1.1 400 Bad Request\r\n\r\n"`, true},
		{"gRPC, closed", grpc, func(c net.Conn) {
			_, _ = io.ReadFull(c, make([]byte, 24)) // so that it is no refusal
			slam(c)
		}, observe.L7RSP, failed, "no gRPC answer: connection reset by peer after 0 bytes", true},
		{"gRPC to a silent one", hasty(grpc), blackHole, observe.L7TOUT, timeout, "timeout after 150ms, connected but no gRPC answer", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			at := refusing(t)
			if c.target != nil {
				at = serve(t, c.target)
			}
			ask(t, c.probe, at).check(t, at, c.result, c.reason, c.detail, c.connectsOnly)
		})
	}
}

func TestAConnectionThatIsNotMadeInTime(t *testing.T) {
	at := netip.MustParseAddrPort("10.1.2.3:80")
	for _, c := range []struct {
		name  string
		err   error
		want  observe.Result
		words string
	}{
		{"the deadline", context.DeadlineExceeded, observe.L4TOUT, "timeout after 5s, no connection to AT"},
		{"the kernel gives up", syscall.ETIMEDOUT, observe.L4TOUT, "timeout after 5s, no connection to AT"},
		{"no route", syscall.EHOSTUNREACH, observe.L4CON, "connect: no route to host AT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := prober{dial: func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: c.err}
			}}
			o := p.run(t.Context(), &plan.Probe{Kind: plan.ProbeTCP, Timeout: 5 * time.Second}, at)
			if o.result != c.want || o.detail != strings.ReplaceAll(c.words, "AT", at.String()) {
				t.Errorf("got %+v", o)
			}
		})
	}
	p := prober{dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: syscall.EMFILE}
	}}
	if o := p.run(t.Context(), &plan.Probe{}, at); !o.fault || o.detail != "the probe could not be run: too many open files" {
		t.Errorf("no descriptors: %+v", o)
	}
}

func TestTheRequestIsTheConfiguredOne(t *testing.T) {
	for _, c := range []struct {
		name, path, host string
		first, hostLine  string
	}{
		{"defaults", "", "", "GET / HTTP/1.1", "Host: AT"},
		{"path and host", "/healthz?full=1", "shop.example", "GET /healthz?full=1 HTTP/1.1", "Host: shop.example"},
		{"a path that is not from the root", "healthz", "shop.example:8443", "GET /healthz HTTP/1.1", "Host: shop.example:8443"},
		{"nothing gets into the next line", "/a b\r\nX: y", "shop\r\nX: y", "GET /a%20b%0D%0AX:%20y HTTP/1.1", "Host: AT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got string
			at := serve(t, func(conn net.Conn) {
				got = request(conn)
				_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n") // the test fails if it does not arrive
			})
			o := ask(t, plan.Probe{Kind: plan.ProbeHTTP, Path: c.path, Host: c.host, MinStatus: 204, MaxStatus: 204}, at)
			if o.result != observe.L7OK {
				t.Fatalf("got %+v", o)
			}
			want := c.first + "\r\n" + strings.ReplaceAll(c.hostLine, "AT", at.String()) +
				"\r\nUser-Agent: naru-probe/1\r\nAccept: */*\r\nConnection: close\r\n\r\n"
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestCertificatesAreCheckedOnlyIfAskedFor(t *testing.T) {
	var name string
	config := selfSigned(t)
	config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		name = h.ServerName
		return nil, nil
	}
	at := serve(t, func(c net.Conn) {
		s := tls.Server(c, config)
		if !strings.HasPrefix(request(s), "GET /ready HTTP/1.1\r\nHost: shop.example:8443\r\n") {
			return
		}
		_, _ = io.WriteString(s, "HTTP/1.1 200 OK\r\n\r\n") // the test fails if it does not arrive
	})
	p := plan.Probe{Kind: plan.ProbeHTTPS, Path: "/ready", Host: "shop.example:8443", MinStatus: 200, MaxStatus: 200}
	ask(t, p, at).check(t, at, observe.L7OK, "", "HTTP 200", false)
	if name != "shop.example" {
		t.Errorf("the handshake asks for %q", name)
	}
	p.Verify = true
	o := ask(t, p, at)
	if o.result != observe.L6RSP || !strings.HasPrefix(o.detail, "TLS: certificate not accepted: ") || o.connectsOnly {
		t.Errorf("got %+v", o)
	}
}

func TestATargetThatWantsACertificateSpeaksTLS(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			config := selfSigned(t)
			config.ClientAuth, config.MaxVersion = tls.RequireAnyClientCert, version
			at := serve(t, func(c net.Conn) {
				request(tls.Server(c, config))
				blackHole(c)
			})
			o := ask(t, plan.Probe{Kind: plan.ProbeHTTPS}, at)
			if o.result.OK() || o.connectsOnly || !strings.Contains(o.detail, "it says") {
				t.Errorf("got %+v", o)
			}
		})
	}
}

func TestTargetsThatExpectAProxyHeaderGetOne(t *testing.T) {
	const v2 = "0d0a0d0a000d0a515549540a20000000"
	for _, c := range []struct {
		version plan.ProxyProtocol
		hex     string
	}{
		{plan.ProxyV1, hex.EncodeToString([]byte("PROXY UNKNOWN\r\n"))},
		{plan.ProxyV2, v2},
		{plan.ProxyV2AWS, "0d0a0d0a000d0a515549540a20110054030004bce5951f04004a" + strings.Repeat("00", 74)},
	} {
		want, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []plan.ProbeKind{plan.ProbeTCP, plan.ProbeHTTP, plan.ProbeHTTPS} {
			t.Run(string(kind)+" "+string(c.version), func(t *testing.T) {
				got := make(chan string, 1)
				config := selfSigned(t)
				at := serve(t, func(conn net.Conn) {
					b := make([]byte, len(want))
					_, _ = io.ReadFull(conn, b) // what is missing is seen by the comparison
					got <- string(b)
					if kind == plan.ProbeHTTPS {
						conn = tls.Server(conn, config)
					}
					if request(conn) != "" {
						_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n") // the test fails if it does not arrive
					}
				})
				if o := ask(t, plan.Probe{Kind: kind, ProxyProtocol: c.version}, at); !o.result.OK() {
					t.Errorf("%+v", o)
				}
				if s := <-got; s != string(want) {
					t.Errorf("got %x", s)
				}
			})
		}
	}
}

func FuzzReadStatus(f *testing.F) {
	for _, s := range []string{"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 302\n", "HTTP/1.1 100 \r\nA: b\r\n\r\nHTTP/1.1 404 x\r\n", "220 hi\r\n", "HTTP/2 200\r\n", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		status, err := readStatus(bufio.NewReaderSize(strings.NewReader(s), 1<<10))
		if (err == nil) != (status >= 101 && status <= 599) {
			t.Fatalf("%d, %v", status, err)
		}
		if err == nil && !strings.HasPrefix(s, "HTTP/1.") {
			t.Fatalf("%q is no HTTP", s)
		}
	})
}
