package files

import (
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"syscall"
)

// maxFile is the length of the longest file that is read, in bytes.
const maxFile = 100 << 20

var errTooLarge = errors.New("it is larger than 100 MiB")

// text is what a file held when it was read.
type text struct {
	data    []byte
	sum     [sha256.Size]byte
	stamp   stamp
	doubted bool // the file may have been written since with the same stamp
}

// ended tells whether the last line has its end. A file that is being written mostly has not.
func (t text) ended() bool { return len(t.data) > 0 && t.data[len(t.data)-1] == '\n' }

// openFile opens a file without waiting for a writer if it turns out to be a pipe.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// read reads a file.
func (s *Source) read(path string) (text, error) {
	f, err := s.disk.open(path)
	if err != nil {
		return text{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return text{}, err
	}
	if !info.Mode().IsRegular() {
		return text{}, errors.New("it is no regular file")
	}
	if info.Size() > maxFile {
		return text{}, errTooLarge
	}
	data, err := readAll(f, info.Size())
	if err != nil {
		return text{}, err
	}
	st := stampOf(info)
	return text{data: data, sum: sha256.Sum256(data), stamp: st, doubted: st.doubtful(s.now())}, nil
}

// readAll reads to the end. The size is expected, but not relied on.
func readAll(r io.Reader, size int64) ([]byte, error) {
	data := make([]byte, 0, size+1)
	for {
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case err == io.EOF:
			return data, nil
		case err != nil:
			return nil, err
		case len(data) > maxFile:
			return nil, errTooLarge
		case len(data) == cap(data):
			data = append(data, 0)[:len(data)]
		}
	}
}

// stream is what was read from a pipe, which can be read only once.
type stream struct {
	text text
	err  error
}

// readStream reads a pipe or the standard input, or returns what it read before.
func (s *Source) readStream(path string) (text, error) {
	if got, ok := s.streams[path]; ok {
		return got.text, got.err
	}
	f, err := os.Stdin, error(nil)
	if path != stdin {
		f, err = os.Open(path)
	}
	got := stream{err: err}
	if err == nil {
		got.text.data, got.err = readAll(f, 0)
		got.text.sum = sha256.Sum256(got.text.data)
	}
	if err == nil && path != stdin {
		got.err = errors.Join(got.err, f.Close())
	}
	s.streams[path] = got
	return got.text, got.err
}
