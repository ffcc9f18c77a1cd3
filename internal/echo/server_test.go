package echo_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/echo"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/proxyproto"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

func start(t *testing.T) *echo.Server {
	t.Helper()
	s, err := echo.Listen(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"), echo.Options{Name: "web-1", Node: "w2"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func dial(t *testing.T, s *echo.Server, network string) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout(network, s.Address().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

// all reads until the server closes its side.
func all(t *testing.T, conn net.Conn) string {
	t.Helper()
	data, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("after %q: %v", data, err)
	}
	return string(data)
}

func finishWriting(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
}

func self(conn net.Conn) string { return conn.LocalAddr().String() }

// header returns a PROXY protocol header that names a client.
func header(v plan.ProxyProtocol) string {
	return string(proxyproto.Append(nil, v, netip.MustParseAddrPort("198.51.100.7:4312"), netip.MustParseAddrPort("192.0.2.1:80")))
}

func TestATCPClientIsTold(t *testing.T) {
	const named = "pod web-1 on node w2, client 198.51.100.7:4312 (told by PROXY protocol "
	for name, c := range map[string]struct{ says, hears string }{
		"a line, and gets it back":                       {"hello\n", "pod web-1 on node w2, client SELF\nhello\n"},
		"a line that begins like a request":              {"HELLO you\n", "pod web-1 on node w2, client SELF\nHELLO you\n"},
		"without a line end":                             {"hello", "pod web-1 on node w2, client SELF\nhello"},
		"what looks like a request, without line end":    {"GET / HTTP/1.1", "pod web-1 on node w2, client SELF\nGET / HTTP/1.1"},
		"nothing but the end":                            {"", "pod web-1 on node w2, client SELF\n"},
		"an empty line":                                  {"\n", "pod web-1 on node w2, client SELF\n\n"},
		"part of a header of version 2 and then no more": {"\r\n\r\n", "pod web-1 on node w2, client SELF\n\r\n\r\n"},
		"what only begins like a header":                 {"PROXIMITY\n", "pod web-1 on node w2, client SELF\nPROXIMITY\n"},
		"binary":                                         {"\x16\x03\x01\x00", "pod web-1 on node w2, client SELF\n\x16\x03\x01\x00"},
		"version 1, then a line":                         {header(plan.ProxyV1) + "hello\n", named + "v1)\nhello\n"},
		"version 2, then a line":                         {header(plan.ProxyV2) + "hello\n", named + "v2)\nhello\n"},
		"version 2 as AWS writes it":                     {header(plan.ProxyV2AWS) + "hello\n", named + "v2)\nhello\n"},
		"version 2, then nothing":                        {header(plan.ProxyV2), named + "v2)\n"},
		"version 1 of nobody":                            {"PROXY UNKNOWN\r\nhello\n", "pod web-1 on node w2, client SELF\nhello\n"},
		"version 2 of a local connection": {
			string(proxyproto.AppendLocal(nil, plan.ProxyV2)) + "hello\n", "pod web-1 on node w2, client SELF\nhello\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, start(t), "tcp")
			send(t, conn, c.says)
			finishWriting(t, conn)
			want := strings.ReplaceAll(c.hears, "SELF", self(conn))
			if got := all(t, conn); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestAClientThatSaysSomethingIsAnsweredBeforeItEnds(t *testing.T) {
	for _, says := range []string{"hello", "HELLO\n", header(plan.ProxyV2) + "x"} {
		conn := dial(t, start(t), "tcp")
		send(t, conn, says)
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "pod web-1 ") {
			t.Errorf("after %q: got %q, %v", says, line, err)
		}
	}
}

func TestMuchIsSentBackUnchanged(t *testing.T) {
	conn := dial(t, start(t), "tcp")
	text := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() {
		_, _ = conn.Write(text)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	line, rest, _ := strings.Cut(all(t, conn), "\n")
	if _, ok := echo.ParseAnswer(line); !ok || rest != string(text) {
		t.Errorf("%q is followed by %d bytes, want the %d that were sent", line, len(rest), len(text))
	}
}

func TestMalformedHeadersEndTheConnectionWithoutAnAnswer(t *testing.T) {
	for name, says := range map[string]string{
		"version 1, bad address":         "PROXY TCP4 198.51.100.700 192.0.2.1 4312 80\r\nhello\n",
		"version 1, too long":            "PROXY " + strings.Repeat("x", 500) + "\r\nhello\n",
		"version 1, cut short":           "PROXY TCP4 198.51",
		"version 2, unknown command":     "\r\n\r\n\x00\r\nQUIT\n\x2f\x11\x00\x0c0123456789ab",
		"version 2, unknown version":     "\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x0c0123456789ab",
		"version 2, addresses too short": "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x040123hello\n",
		"version 2, much too long":       "\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff0123",
		"version 2, cut short":           header(plan.ProxyV2)[:20],
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, start(t), "tcp")
			send(t, conn, says)
			finishWriting(t, conn)
			data, err := io.ReadAll(conn)
			if len(data) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("got %q, %v; want the end and nothing else", data, err)
			}
		})
	}
}

func TestHTTPIsAnswered(t *testing.T) {
	s := start(t)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/", "pod web-1 on node w2, client "},
		{"GET", "/any/path?x=1", "pod web-1 on node w2, client "},
		{"GET", "/healthz", "ok\n"},
		{"GET", "/healthz?full", "ok\n"},
		{"POST", "/", "pod web-1 on node w2, client "},
		{"HEAD", "/", ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+s.Address().String()+c.path, strings.NewReader(strings.Repeat("x", 1<<20)))
		if err != nil {
			t.Fatal(err)
		}
		if c.method != "POST" {
			req.Body = nil
			req.ContentLength = 0
		}
		resp, err := (&http.Client{Timeout: patience}).Do(req)
		if err != nil {
			t.Fatalf("%s %s: %v", c.method, c.path, err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || !strings.HasPrefix(string(body), c.body) || c.body == "" && len(body) > 0 {
			t.Errorf("%s %s: got status %d, body %q, %v", c.method, c.path, resp.StatusCode, body, err)
		}
	}
}

func TestHTTPBehindAHeaderIsAnsweredWithTheClientOfTheHeader(t *testing.T) {
	for _, v := range []plan.ProxyProtocol{plan.ProxyV1, plan.ProxyV2} {
		conn := dial(t, start(t), "tcp")
		send(t, conn, header(v)+"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if got := all(t, conn); !strings.HasSuffix(got, "\r\n\r\npod web-1 on node w2, client 198.51.100.7:4312 (told by PROXY protocol "+string(v)+")\n") {
			t.Errorf("%s: got %q", v, got)
		}
	}
}

func TestASlowClientIsAnswered(t *testing.T) {
	conn := dial(t, start(t), "tcp")
	for _, b := range []byte(header(plan.ProxyV2) + "GET / HTTP/1.1\r\nHost: x\r\n\r\n") {
		send(t, conn, string([]byte{b}))
		time.Sleep(time.Millisecond)
	}
	if got := all(t, conn); !strings.Contains(got, "client 198.51.100.7:4312") {
		t.Errorf("got %q", got)
	}
}

func TestARequestThatNeverEndsIsEnded(t *testing.T) {
	for name, says := range map[string]string{
		"one header line": "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 1<<20),
		"many of them":    "GET / HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", 1<<18),
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, start(t), "tcp")
			go func() { _, _ = io.WriteString(conn, says) }()
			if data, _ := io.ReadAll(conn); len(data) > 0 { // it ends by RST, as there is unread data
				t.Errorf("got %q", data)
			}
		})
	}
}

func TestDatagramsAreAnswered(t *testing.T) {
	for name, c := range map[string]struct{ says, hears string }{
		"text":              {"hello", "pod web-1 on node w2, client SELF\nhello"},
		"empty":             {"", "pod web-1 on node w2, client SELF\n"},
		"a pod's name only": {"pod a", "pod web-1 on node w2, client SELF\npod a"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, start(t), "udp")
			if _, err := conn.Write([]byte(c.says)); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 64<<10)
			n, err := conn.Read(buf)
			if want := strings.ReplaceAll(c.hears, "SELF", self(conn)); err != nil || string(buf[:n]) != want {
				t.Errorf("got %q, %v, want %q", buf[:n], err, want)
			}
		})
	}
}

func TestTheLongestDatagramIsAnsweredAsFarAsItFits(t *testing.T) {
	conn := dial(t, start(t), "udp")
	if _, err := conn.Write(make([]byte, 65507)); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(make([]byte, 64<<10))
	if err != nil || n != 65507 {
		t.Errorf("got %d bytes, %v", n, err)
	}
}

func TestTwoServersDoNotAnswerEachOtherForEver(t *testing.T) {
	conn := dial(t, start(t), "udp")
	for _, says := range []string{"pod b on node w1, client 192.0.2.1:7\nhello", "pod b, client 192.0.2.1:7", "end"} {
		if _, err := conn.Write([]byte(says)); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 2048)
	n, err := conn.Read(buf)
	if err != nil || !strings.HasSuffix(string(buf[:n]), "\nend") {
		t.Errorf("the first answer is %q, %v; want that to the last datagram", buf[:n], err)
	}
}

func TestCloseEndsRunningConnections(t *testing.T) {
	s := start(t)
	conn := dial(t, s, "tcp")
	send(t, conn, "hello\n")
	r := bufio.NewReader(conn)
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want the end", err)
	}
	if _, err := net.DialTimeout("tcp", s.Address().String(), patience); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("connecting afterwards: got %v, want that it is refused", err)
	}
}

func TestATakenAddressIsAnErrorThatCanBeTold(t *testing.T) {
	s := start(t)
	if _, err := echo.Listen(t.Context(), s.Address(), echo.Options{Name: "web-2"}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := echo.Listen(ctx, netip.MustParseAddrPort("203.0.113.1:80"), echo.Options{Name: "web-2"}); err == nil {
		t.Error("no error for an address that is not of this machine")
	}
}
