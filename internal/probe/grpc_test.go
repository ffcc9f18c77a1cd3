package probe

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// serveGRPC answers calls over HTTP/2 without TLS with a real server, and returns its address.
func serveGRPC(t *testing.T, handler http.HandlerFunc) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handler, Protocols: new(http.Protocols)}
	s.Protocols.SetUnencryptedHTTP2(true)
	done := make(chan error)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// reply answers a call with a message and a status, as gRPC does: the status is in the trailer.
func reply(message, status string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		_, _ = w.Write([]byte(message)) // the test fails if it does not arrive
		w.Header().Set("Grpc-Status", status)
	}
}

// refuse answers with a status and no message: all is in the header.
func refuse(status, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", status)
		w.Header().Set("Grpc-Message", message)
	}
}

func TestWhatGRPCProbesSee(t *testing.T) {
	const code, failed = observe.ReasonCode, observe.ReasonFailed
	for _, c := range []struct {
		name         string
		handler      http.HandlerFunc
		result       observe.Result
		reason       string
		detail       string
		connectsOnly bool
	}{
		{"serving", reply("\x00\x00\x00\x00\x02\x08\x01", "0"), observe.L7OK, "", "gRPC SERVING", false},
		{"serving, with fields of the future", reply("\x00\x00\x00\x00\x0b\x12\x02hi\x08\x01\x1d1234", "0"), observe.L7OK, "", "gRPC SERVING", false},
		{"not serving", reply("\x00\x00\x00\x00\x02\x08\x02", "0"), observe.L7STS, code, "gRPC NOT_SERVING, want SERVING", false},
		{"an empty message", reply("\x00\x00\x00\x00\x00", "0"), observe.L7STS, code, "gRPC UNKNOWN, want SERVING", false},
		{"a status of the future", reply("\x00\x00\x00\x00\x02\x08\x09", "0"), observe.L7STS, code, "gRPC 9, want SERVING", false},
		{"no such service", refuse("5", "unknown service"), observe.L7STS, code, `gRPC status 5: the server does not know the service "shop"`, false},
		{"no health service", refuse("12", ""), observe.L7STS, code, "gRPC status 12: the server has no health service", false},
		{"another error", refuse("14", "try later"), observe.L7STS, code, "gRPC status 14: try later", false},
		{"half a message", reply("\x00\x00\x00\x00\x05\x08\x01", "0"), observe.L7RSP, failed, "no gRPC answer: a health message that cannot be read", true},
		{"a web server that speaks HTTP/2", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
		}, observe.L7RSP, failed, `no gRPC answer: content type "text/html"`, true},
		{"and knows no such page", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
		}, observe.L7STS, code, "HTTP 404, want gRPC", false},
		{"a reset", func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}, observe.L7RSP, failed, "no gRPC answer: stream reset: INTERNAL_ERROR", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			at := serveGRPC(t, c.handler)
			ask(t, plan.Probe{Kind: plan.ProbeGRPC, Path: "shop"}, at).check(t, at, c.result, c.reason, c.detail, c.connectsOnly)
		})
	}
}

func TestTheGRPCCallIsAsTheHealthServiceWantsIt(t *testing.T) {
	var got *http.Request
	var body [64]byte
	var n int
	at := serveGRPC(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		n, _ = r.Body.Read(body[:]) // what is read is compared
		reply("\x00\x00\x00\x00\x02\x08\x01", "0")(w, r)
	})
	if o := ask(t, plan.Probe{Kind: plan.ProbeGRPC, Path: "shop", Host: "grpc.example"}, at); o.result != observe.L7OK {
		t.Fatalf("got %+v", o)
	}
	if got.Method != "POST" || got.URL.Path != "/grpc.health.v1.Health/Check" || got.Host != "grpc.example" ||
		got.Header.Get("Content-Type") != "application/grpc" || got.Header.Get("Te") != "trailers" ||
		got.Header.Get("Grpc-Timeout") != "20000m" || got.UserAgent() != "naru-probe/1" {
		t.Errorf("got %+v", got)
	}
	if s := string(body[:n]); s != "\x00\x00\x00\x00\x06\x0a\x04shop" {
		t.Errorf("the message is %q", s)
	}
}

func FuzzServingStatus(f *testing.F) {
	for _, s := range []string{"\x00\x00\x00\x00\x02\x08\x01", "\x00\x00\x00\x00\x00", "\x00\x00\x00\x00\x04\x12\x02hi", "\x00\x00\x00\x00\x05\x1d1234", "\x01"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if status, err := servingStatus(b); err != nil && status != 0 {
			t.Fatalf("%d, %v", status, err)
		}
	})
}
