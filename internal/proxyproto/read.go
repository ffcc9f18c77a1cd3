package proxyproto

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Read reads a header and leaves r at the first byte behind it; on an error nothing is taken from r. Besides the errors
// of Parse it returns those of r, and io.ErrUnexpectedEOF if r ends within the header. A header that does not fit in
// r's buffer counts as malformed; the default size holds all.
func Read(r *bufio.Reader) (Header, error) {
	for need := 1; ; {
		b, err := r.Peek(max(need, r.Buffered()))
		h, n, parseErr := Parse(b)
		switch {
		case parseErr == nil:
			h.tlvs = bytes.Clone(h.tlvs)
			if _, err := r.Discard(n); err != nil {
				return Header{}, fmt.Errorf("read PROXY protocol header: %w", err)
			}
			return h, nil
		case !errors.Is(parseErr, ErrShort):
			return Header{}, parseErr
		case errors.Is(err, bufio.ErrBufferFull):
			return Header{}, malformed("longer than the buffer")
		case errors.Is(err, io.EOF) && len(b) > 0:
			return Header{}, fmt.Errorf("read PROXY protocol header: %w", io.ErrUnexpectedEOF)
		case err != nil:
			return Header{}, fmt.Errorf("read PROXY protocol header: %w", err)
		}
		need = n
	}
}
