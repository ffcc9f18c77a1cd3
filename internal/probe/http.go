package probe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/naru-lb/naru/internal/observe"
)

const (
	// maxAnswer is how many bytes of an answer are read at most.
	maxAnswer = 16 << 10
	// lingerFor is how long the rest of an answer is waited for after its status is known, so that the target sees an
	// orderly end and no reset.
	lingerFor = 100 * time.Millisecond
)

var errNotHTTP = errors.New("not HTTP")

// http asks for the path and judges the status. Redirects are answers like any other.
//
// It is no general client: one request a connection, of which only the status line is needed. net/http would cost two
// goroutines and a transport for each probe.
func (a *attempt) http() outcome {
	got := &counter{Conn: a.conn}
	r := bufio.NewReaderSize(io.LimitReader(got, maxAnswer), 1<<10)
	// A server may answer before it has read the request, and close: what it said counts, not that writing failed.
	_, writeErr := a.conn.Write(a.request())
	status, err := readStatus(r)
	if err == nil {
		o := a.judge(status)
		o.took = time.Since(a.start)
		a.linger(r)
		return o
	}
	if errors.Is(err, errNotHTTP) || got.n >= maxAnswer {
		return outcome{
			result: observe.L7RSP, reason: observe.ReasonFailed, connectsOnly: true,
			detail: "no HTTP answer: got " + excerpt(got.first()),
		}
	}
	if writeErr != nil && got.n == 0 {
		err = writeErr
	}
	return a.failed(observe.L7RSP, "HTTP answer", err, got.n)
}

// judge compares the status with what is wanted.
func (a *attempt) judge(status int) outcome {
	lowest, highest := a.probe.MinStatus, a.probe.MaxStatus
	if lowest == 0 {
		lowest, highest = 200, max(200, highest)
	}
	highest = max(lowest, highest)
	said := "HTTP " + strconv.Itoa(status)
	if status >= lowest && status <= highest {
		return outcome{result: observe.L7OK, detail: said}
	}
	want := strconv.Itoa(lowest)
	if highest != lowest {
		want += "-" + strconv.Itoa(highest)
	}
	return outcome{result: observe.L7STS, reason: observe.ReasonCode, detail: said + ", want " + want}
}

// linger reads what is left of the answer, as far as it comes soon.
func (a *attempt) linger(r *bufio.Reader) {
	if deadline, ok := a.ctx.Deadline(); ok && time.Until(deadline) < lingerFor {
		return // the deadline of ctx is the nearer one
	}
	if err := a.conn.SetReadDeadline(time.Now().Add(lingerFor)); err != nil {
		return
	}
	// The verdict is known: an answer that is cut short changes nothing.
	_, _ = io.Copy(io.Discard, r)
}

// request returns the bytes of the request.
func (a *attempt) request() []byte {
	b := make([]byte, 0, 256)
	b = append(b, "GET "...)
	b = appendTarget(b, a.probe.Path)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, a.host()...)
	b = append(b, "\r\nUser-Agent: "+userAgent+"\r\nAccept: */*\r\nConnection: close\r\n\r\n"...)
	return b
}

// host returns the probe's host, or the address where it names none that can be written in a header.
func (a *attempt) host() string {
	if h := a.probe.Host; h != "" && strings.IndexFunc(h, func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0 {
		return h
	}
	return a.at.String()
}

// appendTarget appends a path as a request target (RFC 9112, section 3.2.1): from the root, without what would end the
// line.
func appendTarget(b []byte, path string) []byte {
	if !strings.HasPrefix(path, "/") {
		b = append(b, '/')
	}
	for i := range len(path) {
		if c := path[i]; c > ' ' && c < 0x7f {
			b = append(b, c)
		} else {
			b = fmt.Appendf(b, "%%%02X", c)
		}
	}
	return b
}

// readStatus reads answers up to the first final one (RFC 9110, section 15.2) and returns its status. It knows from 7
// bytes whether somebody speaks HTTP at all.
func readStatus(r *bufio.Reader) (int, error) {
	const begin = "HTTP/1."
	for {
		if b, err := r.Peek(len(begin)); !strings.HasPrefix(begin, string(b)) {
			return 0, errNotHTTP
		} else if err != nil {
			return 0, err
		}
		line, err := readLine(r)
		status, ok := parseStatus(line)
		switch {
		case ok && (status >= 200 || status == 101):
			return status, nil
		case err != nil:
			return 0, err
		case !ok:
			return 0, errNotHTTP
		}
		for line != "" { // the headers of an interim answer
			if line, err = readLine(r); err != nil {
				return 0, err
			}
		}
	}
}

// readLine reads a line and returns it without its end. With an error it returns what there was of the line.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err = errNotHTTP
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), err
}

// parseStatus reads a status line: "HTTP/1.1 200 OK" (RFC 9112, section 4), the text being optional as it is in life.
func parseStatus(line string) (int, bool) {
	const prefix = len("HTTP/1.x ")
	if len(line) < prefix+3 || !strings.HasPrefix(line, "HTTP/1.") || line[7] < '0' || line[7] > '9' || line[8] != ' ' {
		return 0, false
	}
	if len(line) > prefix+3 && line[prefix+3] != ' ' {
		return 0, false
	}
	status := 0
	for _, c := range line[prefix : prefix+3] {
		if c < '0' || c > '9' {
			return 0, false
		}
		status = status*10 + int(c-'0')
	}
	return status, status >= 100 && status <= 599
}

// excerpt shows what somebody said instead of an answer, and names it if it is known.
func excerpt(b []byte) string {
	switch {
	case len(b) == 0:
		return "nothing"
	case len(b) >= 2 && (b[0] == 0x15 || b[0] == 0x16) && b[1] == 3:
		return "TLS"
	case strings.HasPrefix(string(b), "HTTP/"):
		return "HTTP: " + strconv.Quote(string(b))
	case len(b) >= 9 && b[0] == 0 && b[3] == 4 && b[5] == 0:
		return "HTTP/2"
	}
	return strconv.Quote(string(b))
}
