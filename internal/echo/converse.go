package echo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/naru-lb/naru/internal/proxyproto"
)

// maxLine bounds a line, and all header lines of an HTTP request together, in bytes.
const maxLine = 16 << 10

// requestLine matches the first line of an HTTP/1 request (RFC 9112, section 3).
var requestLine = regexp.MustCompile(`^([A-Z]+) (\S+) HTTP/1\.[01]\r?\n$`)

// converse serves one TCP connection until one of the two ends it.
func (s *Server) converse(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(idle)); err != nil {
		return err
	}
	r := bufio.NewReaderSize(conn, maxLine)
	client, toldBy, err := readHeader(r)
	if err != nil {
		return fmt.Errorf("read the PROXY protocol header: %w", err)
	}
	if toldBy == "" || !client.IsValid() { // a LOCAL header says nothing of a client
		client, toldBy = conn.RemoteAddr().(*net.TCPAddr).AddrPort(), ""
	}
	answer := s.answer(client, toldBy)
	s.log.Debug("connection", "client", answer.Client, "toldBy", toldBy)
	line, err := firstLine(r)
	if err != nil {
		return err
	}
	if m := requestLine.FindSubmatch(line); m != nil {
		return respond(conn, r, string(m[1]), string(m[2]), answer)
	}
	line = append([]byte(answer.String()+"\n"), line...)
	if _, err := conn.Write(line); err != nil {
		return err
	}
	return sendBack(conn, r)
}

// firstLine returns the first line, if it may be that of an HTTP request, else what has come so far. It is empty if the
// client has closed its side without a word.
func firstLine(r *bufio.Reader) ([]byte, error) {
	first, err := r.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	case first[0] < 'A' || first[0] > 'Z':
		line, err := r.Peek(r.Buffered())
		if err == nil {
			_, err = r.Discard(len(line))
		}
		return line, err
	}
	line, err := r.ReadSlice('\n')
	if errors.Is(err, io.EOF) || errors.Is(err, bufio.ErrBufferFull) {
		err = nil
	}
	return line, err
}

// sendBack returns to the client what it sends, as long as it is not idle for too long.
func sendBack(conn net.Conn, r *bufio.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if err != nil {
			return err
		}
		if err := conn.SetDeadline(time.Now().Add(idle)); err != nil {
			return err
		}
		if _, err := conn.Write(buf[:n]); err != nil {
			return err
		}
	}
}

// respond answers an HTTP/1 request whose first line is read, and ends the connection.
func respond(conn net.Conn, r *bufio.Reader, method, target string, answer Answer) error {
	for left := maxLine; ; {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("read the request's header: %w", err)
		}
		if len(line) <= len("\r\n") && len(strings.TrimSpace(string(line))) == 0 {
			break
		}
		if left -= len(line); left < 0 {
			return errors.New("the request's header is too long")
		}
	}
	body := answer.String() + "\n"
	if path, _, _ := strings.Cut(target, "?"); path == "/healthz" {
		body = "ok\n"
	}
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", len(body))
	if method == "HEAD" {
		body = ""
	}
	if _, err := io.WriteString(conn, head+body); err != nil {
		return err
	}
	return finish(conn, r)
}

// finish closes a connection without losing what was written: a socket that is closed with unread data is reset, so
// what the client still sends is read first, for a second at most.
func finish(conn net.Conn, r *bufio.Reader) error {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	if err := tcp.CloseWrite(); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, r)
	return err
}

// readHeader reads a PROXY protocol header if there is one. It returns the client that the header names, which is not
// valid for a header of a local connection, and the header's version; "" if there is no header.
func readHeader(r *bufio.Reader) (client netip.AddrPort, version string, err error) {
	switch {
	case startsWith(r, signatureV2):
		version = "v2"
	case startsWith(r, signatureV1):
		version = "v1"
	default:
		return netip.AddrPort{}, "", nil
	}
	h, err := proxyproto.Read(r)
	return h.Source, version, err
}

// How headers start (haproxy.org proxy-protocol.txt, sections 2.1 and 2.2).
const (
	signatureV1 = "PROXY "
	signatureV2 = "\r\n\r\n\x00\r\nQUIT\n"
)

// startsWith tells whether the next bytes of r are prefix. It waits for no more bytes than are needed to know.
func startsWith(r *bufio.Reader, prefix string) bool {
	for n := 1; n <= len(prefix); n++ {
		b, err := r.Peek(n)
		if err != nil || b[n-1] != prefix[n-1] {
			return false
		}
	}
	return true
}
