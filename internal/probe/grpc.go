package probe

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/naru-lb/naru/internal/observe"
)

// The one call of the health service (grpc/grpc, doc/health-checking.md), made on the one stream of a connection.
const (
	healthMethod = "/grpc.health.v1.Health/Check"
	stream       = 1

	statusNotFound      = "5"
	statusUnimplemented = "12"
)

var errNotGRPC = errors.New("not gRPC")

// grpc asks the health service over HTTP/2 without TLS whether the service named by the path is serving.
func (a *attempt) grpc() outcome {
	got := &counter{Conn: a.conn}
	c := &grpcCall{out: bufio.NewWriter(a.conn)}
	c.framer = http2.NewFramer(c.out, io.LimitReader(got, maxAnswer))
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.framer.MaxHeaderListSize = maxAnswer

	err := c.send(a.host(), a.probe.Path, a.probe.Timeout)
	if err == nil {
		err = c.receive()
	}
	switch {
	case err == nil:
		return c.judge(a.probe.Path)
	case c.settings || got.n == 0 || a.timedOut(err):
		return a.failed(observe.L7RSP, "gRPC answer", err, got.n)
	}
	return noGRPC("got " + excerpt(got.first()))
}

func noGRPC(why string) outcome {
	return outcome{result: observe.L7RSP, reason: observe.ReasonFailed, connectsOnly: true, detail: "no gRPC answer: " + why}
}

// grpcCall is a call that runs, and what has been answered so far.
type grpcCall struct {
	framer *http2.Framer
	out    *bufio.Writer

	settings bool // the peer speaks HTTP/2
	header   map[string]string
	message  []byte
}

func (c *grpcCall) send(host, service string, timeout time.Duration) error {
	var headers strings.Builder
	enc := hpack.NewEncoder(&headers)
	for _, f := range [...]hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: healthMethod},
		{Name: ":authority", Value: host}, {Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
		{Name: "grpc-timeout", Value: strconv.FormatInt(timeout.Milliseconds(), 10) + "m"},
		{Name: "user-agent", Value: userAgent},
	} {
		if err := enc.WriteField(f); err != nil {
			return err
		}
	}
	if _, err := c.out.WriteString(http2.ClientPreface); err != nil {
		return err
	}
	if err := c.framer.WriteSettings(http2.Setting{ID: http2.SettingEnablePush}); err != nil {
		return err
	}
	h := http2.HeadersFrameParam{StreamID: stream, BlockFragment: []byte(headers.String()), EndHeaders: true}
	if err := c.framer.WriteHeaders(h); err != nil {
		return err
	}
	if err := c.framer.WriteData(stream, true, healthRequest(service)); err != nil {
		return err
	}
	return c.out.Flush()
}

// receive reads frames until the answer is complete.
func (c *grpcCall) receive() error {
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return err
		}
		done, err := c.take(frame)
		if done || err != nil {
			return err
		}
		if err := c.out.Flush(); err != nil {
			return err
		}
	}
}

// take takes one frame, and tells whether it was the answer's last.
func (c *grpcCall) take(frame http2.Frame) (done bool, err error) {
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		c.settings = true
		if !f.IsAck() {
			return false, c.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return false, c.framer.WritePing(true, f.Data)
		}
	case *http2.MetaHeadersFrame:
		if c.header == nil {
			c.header = map[string]string{}
		}
		for _, field := range f.Fields {
			c.header[field.Name] = field.Value
		}
		return f.StreamEnded(), nil
	case *http2.DataFrame:
		c.message = append(c.message, f.Data()...)
		return f.StreamEnded(), nil
	case *http2.RSTStreamFrame:
		return false, fmt.Errorf("stream reset: %s", f.ErrCode)
	case *http2.GoAwayFrame:
		if f.LastStreamID < stream {
			return false, fmt.Errorf("connection given up: %s", f.ErrCode)
		}
	}
	return false, nil
}

// judge reads the complete answer.
func (c *grpcCall) judge(service string) outcome {
	if s := c.header[":status"]; s != "200" {
		return outcome{result: observe.L7STS, reason: observe.ReasonCode, detail: "HTTP " + s + ", want gRPC"}
	}
	if t := c.header["content-type"]; !strings.HasPrefix(t, "application/grpc") {
		return noGRPC("content type " + strconv.Quote(t))
	}
	if s := c.header["grpc-status"]; s != "0" && s != "" {
		return outcome{result: observe.L7STS, reason: observe.ReasonCode, detail: "gRPC " + statusWords(s, service, c.header["grpc-message"])}
	}
	serving, err := servingStatus(c.message)
	if err != nil {
		return noGRPC("a health message that cannot be read")
	}
	names := [...]string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}
	name := strconv.FormatUint(serving, 10)
	if serving < uint64(len(names)) {
		name = names[serving]
	}
	if name == "SERVING" {
		return outcome{result: observe.L7OK, detail: "gRPC SERVING"}
	}
	return outcome{result: observe.L7STS, reason: observe.ReasonCode, detail: "gRPC " + name + ", want SERVING"}
}

// statusWords explains a grpc-status that is not OK.
func statusWords(status, service, message string) string {
	switch status {
	case statusUnimplemented:
		return "status 12: the server has no health service"
	case statusNotFound:
		return fmt.Sprintf("status 5: the server does not know the service %q", service)
	}
	return fmt.Sprintf("status %.3s: %.80s", status, message)
}

// healthRequest returns the message HealthCheckRequest{service = 1}, behind the 5 bytes that gRPC puts before a message:
// not compressed, length.
func healthRequest(service string) []byte {
	var body []byte
	if service != "" {
		body = append(body, 1<<3|2)
		body = binary.AppendUvarint(body, uint64(len(service)))
		body = append(body, service...)
	}
	b := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body)))
	return append(b, body...)
}

// servingStatus reads the message HealthCheckResponse{status = 1} behind its 5 bytes. Other fields are skipped.
func servingStatus(b []byte) (status uint64, err error) {
	if len(b) < 5 || b[0] != 0 || int64(binary.BigEndian.Uint32(b[1:])) != int64(len(b)-5) {
		return 0, errNotGRPC
	}
	for b = b[5:]; len(b) > 0; {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, errNotGRPC
		}
		value, size := field(b[n:], tag&7)
		if size < 0 || size > len(b)-n {
			return 0, errNotGRPC
		}
		if tag == 1<<3 {
			status = value
		}
		b = b[n+size:]
	}
	return status, nil
}

// field returns the value of a varint field and the size of any field, -1 if it cannot be read.
func field(b []byte, wireType uint64) (value uint64, size int) {
	switch wireType {
	case 0:
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, -1
		}
		return v, n
	case 1:
		return 0, 8
	case 2:
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b)) {
			return 0, -1
		}
		return 0, n + int(length)
	case 5:
		return 0, 4
	}
	return 0, -1
}
