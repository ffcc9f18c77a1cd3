package files

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// notifier is what is used of fsnotify.Watcher.
type notifier interface {
	Add(dir string) error
	Remove(dir string) error
	WatchList() []string
	Events() <-chan fsnotify.Event
	Errors() <-chan error
	Close() error
}

type kernelNotifier struct{ *fsnotify.Watcher }

func (k kernelNotifier) Events() <-chan fsnotify.Event { return k.Watcher.Events }
func (k kernelNotifier) Errors() <-chan error          { return k.Watcher.Errors }

func newNotifier() (notifier, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return kernelNotifier{w}, nil
}

var errEnded = errors.New("the kernel's notices ended")

// watch waits until it is time to look at the files again.
type watch struct {
	source *Source
	kernel notifier // nil while polling
	events <-chan fsnotify.Event
	errors <-chan error
	dirs   map[string]*names // as in the last tree
	looked time.Time
}

func newWatch(s *Source) *watch {
	w := &watch{source: s}
	k, err := s.notify()
	if err != nil {
		w.poll(err)
		return w
	}
	w.kernel, w.events, w.errors = k, k.Events(), k.Errors()
	return w
}

func (w *watch) close() {
	if w.kernel == nil {
		return
	}
	if err := w.kernel.Close(); err != nil {
		w.source.opts.Logger.Warn("Closing the watch of manifests failed", "error", err)
	}
	w.kernel, w.events, w.errors = nil, nil, nil
}

// poll gives up watching: everything is looked at from time to time instead.
func (w *watch) poll(why error) {
	w.close()
	hint := ""
	switch {
	case errors.Is(why, syscall.ENOSPC):
		hint = "sysctl fs.inotify.max_user_watches=524288"
	case errors.Is(why, syscall.EMFILE):
		hint = "sysctl fs.inotify.max_user_instances=512"
	}
	w.source.opts.Logger.Warn("Manifests cannot be watched, so they are looked at from time to time",
		"every", w.source.opts.Poll, "reason", why, "remedy", hint)
}

// look walks the paths. All folders that it went through are watched before it looked into them for the last time, so
// that nothing that happens behind it is missed.
func (w *watch) look() tree {
	t := w.source.walk()
	for range 3 { // folders may come faster than they are watched; the kernel then tells of these
		if w.kernel == nil || !w.sync(t.watch) {
			break
		}
		t = w.source.walk()
	}
	w.dirs, w.looked = t.watch, w.source.now()
	return t
}

// sync watches exactly the given folders. It returns true if there are new ones. The list of the kernel counts, not
// what was added: it drops folders that are moved or deleted, also if another took their place since.
func (w *watch) sync(dirs map[string]*names) (added bool) {
	watched := map[string]bool{}
	for _, dir := range w.kernel.WatchList() {
		watched[dir] = true
		if dirs[dir] == nil {
			if err := w.kernel.Remove(dir); err != nil && !errors.Is(err, fsnotify.ErrNonExistentWatch) && !errors.Is(err, syscall.EINVAL) {
				w.source.opts.Logger.Debug("Ending the watch of a folder failed", "folder", dir, "error", err)
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		// Adding what is watched already is cheap, and needed where another folder took its place.
		err := w.kernel.Add(dir)
		switch {
		case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE):
			w.poll(fmt.Errorf("watching %s: %w", dir, err))
			return false
		case err != nil: // gone in between, or not readable, which walk reports
			w.source.opts.Logger.Debug("Watching a folder failed", "folder", dir, "error", err)
		case !watched[dir]:
			added = true
		}
	}
	return added
}

// wait returns true when it is time to look again: some time after something happened, at due if that is not zero, or
// because it was long ago. It returns false when ctx is done.
func (w *watch) wait(ctx context.Context, due time.Time) bool {
	opts := w.source.opts
	every := opts.Rescan
	if w.kernel == nil {
		every = opts.Poll
	}
	last := w.looked.Add(every)
	if !due.IsZero() && due.Before(last) {
		last = due
	}
	timer := time.NewTimer(last.Sub(w.source.now()))
	defer timer.Stop()
	var first time.Time // when something happened first
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case e, ok := <-w.events:
			if !ok {
				w.poll(errEnded)
				return true
			}
			if !w.concerns(e) {
				continue
			}
		case err, ok := <-w.errors:
			if !ok {
				w.poll(errEnded)
				return true
			}
			w.failed(err)
		}
		now := w.source.now()
		if first.IsZero() {
			first = now
		}
		timer.Reset(min(opts.Debounce, first.Add(opts.MaxDelay).Sub(now)))
	}
}

func (w *watch) failed(err error) {
	if errors.Is(err, fsnotify.ErrEventOverflow) {
		w.source.opts.Logger.Info("Manifests change faster than they are watched, so all are looked at")
		return
	}
	w.source.opts.Logger.Warn("Watching manifests failed, so all are looked at", "error", err)
}

// concerns tells whether an event may be about something that is read.
func (w *watch) concerns(e fsnotify.Event) bool {
	if w.dirs[e.Name] != nil {
		return true // the folder itself
	}
	dir, name := filepath.Split(e.Name)
	n := w.dirs[filepath.Clean(dir)]
	switch {
	case n == nil:
		return false
	case n.some[name]:
		return true
	case !n.all || ignored(name):
		return false
	}
	// Anything may be a folder or a link when it comes or goes.
	return isManifest(name) || e.Op != fsnotify.Write
}
