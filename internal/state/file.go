// Package state keeps the addresses that Services have in a file, so that they have them again after a restart.
//
//	f, err := state.Open("/var/lib/naru/state")
//	...
//	compiler := compile.New(compile.Options{Records: f.Contents().Records})
//	...
//	err = f.Save(compiler.Records())
//
// The file is text, a record a line, each with a checksum, behind a first line that says how many there are: what a
// crash or a bad disk leaves of it can be read, and what is missing is known. It is never changed in place: a new one is
// written beside it, flushed, and renamed over it, and the one before is kept with the suffix ".previous". A lock keeps
// two processes from using the same file.
package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/naru-lb/naru/internal/ipam"
)

// ErrLocked says that another process uses the file.
var ErrLocked = errors.New("another process uses it")

// Contents is what a file said when it was opened.
type Contents struct {
	// Records are those that could be read, in order of their owners.
	Records []ipam.Record
	// Damage says what is wrong with the file; nil if nothing is.
	Damage *Damage
}

// Damage says what could not be read.
type Damage struct {
	// Reason says for people what is wrong: "line 3 is damaged".
	Reason string
	// Expected is how many records there should be, -1 if nobody knows.
	Expected int
	// Recovered is how many of those that were read came from the file before, because the newest lacks them. They
	// may be older than what was lost.
	Recovered int
	// Copy is where the damaged file was kept; empty if that was not possible, and CopyError then says why.
	Copy      string
	CopyError error
}

// File is an open file of records. Its methods are not for concurrent use.
type File struct {
	path     string
	lock     *os.File
	contents Contents
}

// Open locks a file and reads it. A file that does not exist has no records, and one that is damaged as many as can be
// read of it and of the one before; neither is an error. Errors are that the folder cannot be made, that the file exists
// but cannot be read, and ErrLocked.
func Open(path string) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the state file: %w", err)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("lock the state file %s: %w", path, err)
	}
	f := &File{path: path, lock: lock}
	if err := f.read(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Path returns the file's path.
func (f *File) Path() string { return f.path }

// Contents returns what the file said when it was opened.
func (f *File) Contents() Contents { return f.contents }

// Close lets another process use the file.
func (f *File) Close() error { return f.lock.Close() }

func (f *File) read() error {
	data, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return f.readPrevious()
	}
	if err != nil {
		return fmt.Errorf("read the state file: %w", err)
	}
	d := decode(data)
	f.contents.Records = d.records
	if d.problem == "" {
		return nil
	}
	damage := &Damage{Reason: d.problem, Expected: d.expected}
	damage.Copy, damage.CopyError = f.keepCopy(data)
	f.contents.Damage = damage
	f.recover()
	return nil
}

// readPrevious covers the moment of a crash in which only the file before had its name.
func (f *File) readPrevious() error {
	data, err := os.ReadFile(f.previous())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("read the state file: %w", err)
	}
	f.contents.Records = decode(data).records
	f.contents.Damage = &Damage{
		Reason: "it is gone, only the one before it is there", Expected: -1, Recovered: len(f.contents.Records),
	}
	return nil
}

// recover adds the records that only the file before has. That file is of no use if it cannot be read, and then there is
// nothing to recover.
func (f *File) recover() {
	data, err := os.ReadFile(f.previous())
	if err != nil {
		return
	}
	had := map[ipam.Owner]bool{}
	for _, r := range f.contents.Records {
		had[r.Owner] = true
	}
	for _, r := range decode(data).records {
		if !had[r.Owner] {
			f.contents.Records = append(f.contents.Records, r)
			f.contents.Damage.Recovered++
		}
	}
	sortRecords(f.contents.Records)
}

func (f *File) previous() string { return f.path + ".previous" }

// keepCopy keeps a damaged file, so that nothing of it is lost when the next one is written.
func (f *File) keepCopy(data []byte) (string, error) {
	name := f.path + ".damaged-" + time.Now().UTC().Format("20060102T150405Z")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		return "", fmt.Errorf("keep a copy of the damaged state file: %w", err)
	}
	return name, nil
}
