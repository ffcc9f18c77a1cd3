package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/naru-lb/naru/internal/ipam"
)

// Save replaces the file. When it returns without an error, the records outlive a crash of the machine; if it fails, the
// file is as it was. Nothing is written if the records are those that the file has.
func (f *File) Save(records []ipam.Record) error {
	records = slices.Clone(records)
	sortRecords(records)
	if f.contents.Damage == nil && equal(records, f.contents.Records) {
		return nil
	}
	data, err := encode(records)
	if err != nil {
		return err
	}
	if err := f.replace(data); err != nil {
		return fmt.Errorf("write the state file: %w", err)
	}
	f.contents = Contents{Records: records}
	return nil
}

func (f *File) replace(data []byte) error {
	fresh := f.path + ".new"
	if err := writeSynced(fresh, data); err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(fresh)))
	}
	// A damaged file must not take the place of a good one before it; it has been copied elsewhere.
	if f.contents.Damage == nil {
		if err := ignoreMissing(f.keepPrevious()); err != nil {
			return err
		}
	}
	if err := os.Rename(fresh, f.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(f.path))
}

// keepPrevious gives the file a second name, so that there is no moment without it.
func (f *File) keepPrevious() error {
	if err := ignoreMissing(os.Remove(f.previous())); err != nil {
		return err
	}
	return os.Link(f.path, f.previous())
}

func writeSynced(path string, data []byte) (err error) {
	w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Sync()
}

// syncDir makes the names of a folder outlive a crash.
func syncDir(path string) (err error) {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Sync()
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
