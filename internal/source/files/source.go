// Package files reads manifests from files and folders and follows their changes:
//
//	src, err := files.New(files.Options{Paths: []string{"manifests"}})
//	...
//	err = src.Run(ctx, func(b files.Batch) { compiler.Apply(b.Update) })
//
// The way of a change through the package:
//
//	watch.go   the kernel says that something happened in a folder, or it is time to look
//	walk.go    paths -> the files that there are now, and the folders to watch
//	read.go    a file whose stamp changed -> its text, if that changed too
//	file.go    text -> the objects that the file stands for, with the last good version of what is broken
//	state.go   objects of all files -> what changed, and which of two files wins
//
// What is served never depends on a half-written file. A change is looked at when nothing happened for Options.Debounce.
// Objects that a document can no longer be read for stay as they were. Objects that are no longer defined go when that
// has been so for Options.Settle: editors empty files before they write them, and delete them before they create them.
//
// An object is handed out again when its content changed, or when a place in it that somebody asked for (because there is
// a finding about it) moved. Otherwise only its Origin, which stays the same pointer, learns of the new text.
package files

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/object"
	"github.com/naru-lb/naru/internal/source/manifest"
)

// Options configure a Source. Only Paths is required.
type Options struct {
	// Paths are files, folders, or "-" for the standard input. In folders, files named *.yaml, *.yml and *.json are read
	// in all folders below, but for hidden ones; a file that is named itself is read whatever it is called. A path that
	// does not exist yet is read when it does. Pipes are read once.
	Paths []string
	// Logger gets what concerns watching; slog.Default() if nil.
	Logger *slog.Logger
	// Debounce is how long nothing may happen before changes are read, 50 ms by default.
	Debounce time.Duration
	// MaxDelay is when changes are read at the latest, 500 ms by default.
	MaxDelay time.Duration
	// Settle is how long something has to be missing before it counts as removed, 500 ms by default.
	Settle time.Duration
	// Rescan is how often everything is looked at although nothing seems to have happened, 30 s by default. Network file
	// systems do not report changes that others make.
	Rescan time.Duration
	// Poll is how often everything is looked at where changes cannot be watched, 1 s by default.
	Poll time.Duration
}

// Batch is a change of what the files say.
type Batch struct {
	Update object.Update
	// Findings are those of every file whose findings changed, by "file/" and its path; empty if it has none now.
	Findings map[string][]finding.Finding
	// Files, Documents, Objects and Ignored count what there is now. Ignored are objects of kinds that Naru does not read.
	Files, Documents, Objects, Ignored int
	// Unreadable counts the files and folders that cannot be read now, paths that do not exist among them.
	Unreadable int
}

// Source reads the files of some paths. Its methods are not for concurrent use.
type Source struct {
	opts    Options
	disk    disk
	parse   func(file string, data []byte) manifest.Result
	notify  func() (notifier, error)
	now     func() time.Time
	streams map[string]stream
}

// disk is what tests replace of the file system.
type disk struct {
	open    func(path string) (*os.File, error)
	readDir func(path string) ([]os.DirEntry, error)
}

// New returns a Source. It touches no file.
func New(opts Options) (*Source, error) {
	if len(opts.Paths) == 0 {
		return nil, errors.New("reading manifests: no path is given")
	}
	paths := make([]string, len(opts.Paths))
	for i, p := range opts.Paths {
		if p == "" {
			return nil, errors.New("reading manifests: a path is empty")
		}
		paths[i] = filepath.Clean(p)
	}
	opts.Paths = paths
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&opts.Debounce, 50 * time.Millisecond},
		{&opts.MaxDelay, 500 * time.Millisecond},
		{&opts.Settle, 500 * time.Millisecond},
		{&opts.Rescan, 30 * time.Second},
		{&opts.Poll, time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.fallback
		}
	}
	return &Source{
		opts:    opts,
		disk:    disk{open: openFile, readDir: os.ReadDir},
		parse:   manifest.Parse,
		notify:  newNotifier,
		now:     time.Now,
		streams: map[string]stream{},
	}, nil
}

// Load reads everything once and returns the whole.
func (s *Source) Load() Batch {
	st := newState(s)
	b, _ := st.apply(s.walk())
	return b
}

// Run reads everything and hands it to emit, then does the same with every change, from the goroutine that it was called
// from, until ctx is done. It returns nil then; it has no other end.
func (s *Source) Run(ctx context.Context, emit func(Batch)) error {
	w := newWatch(s)
	defer w.close()
	st := newState(s)
	b, _ := st.apply(w.look())
	emit(b)
	for w.wait(ctx, st.settles()) {
		if b, changed := st.apply(w.look()); changed {
			emit(b)
		}
	}
	return nil
}
