package files

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/object"
)

// follower runs a Source and follows what it hands out.
type follower struct {
	t   *testing.T
	dir string

	mu       sync.Mutex
	objects  map[object.Key]object.Object
	findings map[string][]finding.Finding
	gone     []string // names of objects that ever went
	batches  int
	news     chan struct{}
}

// patient returns a Source that takes nothing for removed, however slow the test's machine is.
func patient(t *testing.T, path string) *Source {
	s := newSource(t, path)
	s.opts.Settle = time.Hour
	return s
}

// run runs a Source until the test ends. Nothing is looked at without a reason while the test lasts.
func run(t *testing.T, s *Source) *follower {
	t.Helper()
	f := &follower{
		t: t, dir: s.opts.Paths[0], news: make(chan struct{}, 1),
		objects: map[object.Key]object.Object{}, findings: map[string][]finding.Finding{},
	}
	s.opts.Rescan = time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx, f.emit) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	f.until("the first batch", func() bool { return f.batches > 0 })
	return f
}

func (f *follower) emit(b Batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	follow(f.t, b, f.objects, f.findings)
	for _, k := range b.Update.Gone {
		f.gone = append(f.gone, k.Name)
	}
	f.batches++
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// until waits until something holds.
func (f *follower) until(what string, holds func() bool) {
	f.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		f.mu.Lock()
		ok := holds()
		f.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-f.news:
		case <-deadline:
			f.mu.Lock()
			defer f.mu.Unlock()
			f.t.Fatalf("%s did not come; there are %v, found %v", what, services(f.objects), f.findings)
		}
	}
}

// has waits for exactly these Services, as name:port.
func (f *follower) has(want ...string) {
	f.t.Helper()
	f.until(fmt.Sprint(want), func() bool { return slices.Equal(services(f.objects), want) })
}

// stayed checks that no object ever went, not even for a moment.
func (f *follower) stayed() {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.gone) > 0 {
		f.t.Errorf("%v went for a while", f.gone)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryWayOfSavingIsSeenAndRemovesNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		save func(t *testing.T, path, text string)
	}{
		{"written in place", write},
		{"emptied, then written", func(t *testing.T, path, text string) {
			check(t, os.Truncate(path, 0))
			write(t, path, text)
		}},
		{"emptied, then written in pieces", func(t *testing.T, path, text string) {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
			check(t, err)
			for i := 0; i < len(text); i += 7 {
				_, err := f.WriteString(text[i:min(i+7, len(text))])
				check(t, err)
			}
			check(t, f.Close())
		}},
		{"written beside, then renamed over", func(t *testing.T, path, text string) {
			write(t, path+".tmp", text)
			check(t, os.Rename(path+".tmp", path))
		}},
		{"deleted, then created", func(t *testing.T, path, text string) {
			check(t, os.Remove(path))
			write(t, path, text)
		}},
		{"renamed to a backup, then created, as vim does", func(t *testing.T, path, text string) {
			dir := filepath.Dir(path)
			write(t, filepath.Join(dir, ".f.yaml.swp"), "b0VIM")
			write(t, filepath.Join(dir, "4913"), "")
			check(t, os.Remove(filepath.Join(dir, "4913")))
			check(t, os.Rename(path, path+"~"))
			write(t, path, text)
			check(t, os.Remove(path+"~"))
			check(t, os.Remove(filepath.Join(dir, ".f.yaml.swp")))
		}},
		{"locked by a link, as emacs does", func(t *testing.T, path, text string) {
			lock := filepath.Join(filepath.Dir(path), ".#f.yaml")
			check(t, os.Symlink("user@host.1:2", lock))
			write(t, filepath.Join(filepath.Dir(path), "#f.yaml#"), text)
			write(t, path, text)
			check(t, os.Remove(lock))
		}},
		{"with the time of the file before", func(t *testing.T, path, text string) {
			info, err := os.Stat(path)
			check(t, err)
			write(t, path, text)
			check(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
		}},
	} {
		for _, named := range []string{"in a folder", "named itself"} {
			t.Run(c.name+", "+named, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				path := filepath.Join(dir, "f.yaml")
				write(t, path, svc("a", 1)+svc("b", 1))
				watched := dir
				if named == "named itself" {
					watched = path
				}
				f := run(t, patient(t, watched))
				f.has("a:1", "b:1")
				for n := 2; n <= 4; n++ {
					c.save(t, path, svc("a", n)+svc("b", n))
					f.has(fmt.Sprintf("a:%d", n), fmt.Sprintf("b:%d", n))
				}
				f.stayed()
			})
		}
	}
}

func TestFoldersThatComeAndMoveAreFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	f := run(t, patient(t, dir))
	write(t, in("one/two/three/a.yaml"), svc("a", 1))
	f.has("a:1")
	write(t, in("one/two/three/a.yaml"), svc("a", 2))
	f.has("a:2")
	check(t, os.Rename(in("one"), in("eins")))
	write(t, in("eins/two/three/a.yaml"), svc("a", 3))
	f.has("a:3")
	write(t, in("eins/two/three/a.yaml"), svc("a", 4))
	f.has("a:4")
	f.stayed()
}

func TestFoldersThatGoTakeTheirObjectsAlong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("one/two/a.yaml"), svc("a", 1))
	f := run(t, newSource(t, dir))
	f.has("a:1")
	check(t, os.RemoveAll(in("one")))
	f.has()
	write(t, in("one/two/a.yaml"), svc("a", 2))
	f.has("a:2")
	check(t, os.Remove(in("one/two/a.yaml")))
	write(t, in("one/two/a.yaml/b.yaml"), svc("b", 1))
	f.has("b:1")
	check(t, os.RemoveAll(in("one")))
	write(t, in("one"), "no manifest")
	f.has()
}

func TestAFolderIsReplacedByAnother(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	dir := filepath.Join(parent, "now")
	write(t, filepath.Join(dir, "a.yaml"), svc("a", 1))
	f := run(t, patient(t, dir))
	f.has("a:1")
	for n := 2; n <= 4; n++ {
		write(t, filepath.Join(parent, "next", "a.yaml"), svc("a", n))
		check(t, os.Rename(dir, filepath.Join(parent, fmt.Sprint("old", n))))
		check(t, os.Rename(filepath.Join(parent, "next"), dir))
		f.has(fmt.Sprint("a:", n))
		write(t, filepath.Join(dir, "a.yaml"), svc("a", 10*n))
		f.has(fmt.Sprint("a:", 10*n))
	}
	f.stayed()
}

func TestAPathThatDoesNotExistYetIsReadWhenItDoes(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	dir := filepath.Join(parent, "not/yet/there")
	f := run(t, newSource(t, dir))
	f.until("the finding", func() bool { return len(f.findings) == 1 })
	write(t, filepath.Join(dir, "a.yaml"), svc("a", 1))
	f.has("a:1")
	check(t, os.RemoveAll(filepath.Join(parent, "not")))
	f.has()
	f.until("the finding", func() bool { return len(f.findings) == 1 })
	write(t, filepath.Join(dir, "a.yaml"), svc("a", 2))
	f.has("a:2")
	f.until("no finding", func() bool { return len(f.findings) == 0 })
}

// configMap writes a folder as the kubelet's atomic writer does (kubernetes pkg/volume/util/atomic_writer.go).
type configMap struct {
	t   *testing.T
	dir string
	n   int
	now string
}

func (c *configMap) write(files map[string]string) {
	c.t.Helper()
	c.n++
	before := c.now
	c.now = fmt.Sprintf("..2026_01_01_%d", c.n)
	for name, text := range files {
		write(c.t, filepath.Join(c.dir, c.now, name), text)
	}
	check(c.t, os.Symlink(c.now, filepath.Join(c.dir, "..data_tmp")))
	check(c.t, os.Rename(filepath.Join(c.dir, "..data_tmp"), filepath.Join(c.dir, "..data")))
	for name := range files {
		if _, err := os.Lstat(filepath.Join(c.dir, name)); err != nil {
			check(c.t, os.Symlink(filepath.Join("..data", name), filepath.Join(c.dir, name)))
		}
	}
	entries, err := os.ReadDir(c.dir)
	check(c.t, err)
	for _, e := range entries {
		if _, still := files[e.Name()]; !still && !strings.HasPrefix(e.Name(), "..") {
			check(c.t, os.Remove(filepath.Join(c.dir, e.Name())))
		}
	}
	if before != "" {
		check(c.t, os.RemoveAll(filepath.Join(c.dir, before)))
	}
}

func TestAConfigMapIsSwappedByALink(t *testing.T) {
	for _, named := range []string{"", "a.yaml"} {
		t.Run("watching "+named, func(t *testing.T) {
			t.Parallel()
			c := configMap{t: t, dir: t.TempDir()}
			c.write(map[string]string{"a.yaml": svc("a", 1)})
			f := run(t, patient(t, filepath.Join(c.dir, named)))
			f.has("a:1")
			for n := 2; n <= 5; n++ {
				c.write(map[string]string{"a.yaml": svc("a", n)})
				f.has(fmt.Sprint("a:", n))
			}
			f.stayed()
		})
	}
}

func TestAConfigMapGainsAndLosesKeys(t *testing.T) {
	t.Parallel()
	c := configMap{t: t, dir: t.TempDir()}
	c.write(map[string]string{"a.yaml": svc("a", 1)})
	f := run(t, newSource(t, c.dir))
	f.has("a:1")
	c.write(map[string]string{"a.yaml": svc("a", 2), "b.yaml": svc("b", 2)})
	f.has("a:2", "b:2")
	c.write(map[string]string{"b.yaml": svc("b", 3)})
	f.has("b:3")
	f.until("no findings", func() bool { return len(f.findings) == 0 })
}

func TestAPathThatIsALinkIsFollowedToItsNewTarget(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	write(t, filepath.Join(parent, "v1/a.yaml"), svc("a", 1))
	write(t, filepath.Join(parent, "v2/a.yaml"), svc("a", 2))
	current := filepath.Join(parent, "current")
	check(t, os.Symlink("v1", current))
	f := run(t, patient(t, current))
	f.has("a:1")
	check(t, os.Symlink("v2", current+".tmp"))
	check(t, os.Rename(current+".tmp", current))
	f.has("a:2")
	write(t, filepath.Join(parent, "v2/a.yaml"), svc("a", 3))
	f.has("a:3")
	f.stayed()
}

func TestGarbageRemovesNothingAndIsSaid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "f.yaml")
	write(t, path, svc("a", 1))
	f := run(t, patient(t, dir))
	f.has("a:1")
	write(t, path, garbage)
	f.until("the finding", func() bool { return len(f.findings["file/"+path]) == 2 })
	f.stayed()
	write(t, path, svc("a", 2))
	f.has("a:2")
	f.until("no finding", func() bool { return len(f.findings) == 0 })
	f.stayed()
}

// fakeNotifier is the kernel under the control of a test.
type fakeNotifier struct {
	mu     sync.Mutex
	dirs   map[string]bool
	add    error
	events chan fsnotify.Event
	errors chan error
}

func newFake() *fakeNotifier {
	return &fakeNotifier{dirs: map[string]bool{}, events: make(chan fsnotify.Event), errors: make(chan error)}
}

func (f *fakeNotifier) Add(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.add == nil {
		f.dirs[dir] = true
	}
	return f.add
}

func (f *fakeNotifier) Remove(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.dirs, dir)
	return nil
}

func (f *fakeNotifier) WatchList() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.dirs))
}

func (f *fakeNotifier) Events() <-chan fsnotify.Event { return f.events }
func (f *fakeNotifier) Errors() <-chan error          { return f.errors }
func (f *fakeNotifier) Close() error                  { return nil }

func TestALostEventIsMadeUpFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, fake := newSource(t, dir), newFake()
	s.notify = func() (notifier, error) { return fake, nil }
	f := run(t, s)
	write(t, filepath.Join(dir, "a.yaml"), svc("a", 1))
	fake.errors <- fsnotify.ErrEventOverflow
	f.has("a:1")
}

func TestWithoutWatchesFilesArePolled(t *testing.T) {
	for _, c := range []struct {
		name   string
		notify func() (notifier, error)
		hint   string
	}{
		{"too many watches", func() (notifier, error) {
			fake := newFake()
			fake.add = fmt.Errorf("inotify_add_watch: %w", syscall.ENOSPC)
			return fake, nil
		}, "max_user_watches"},
		{"too many instances", func() (notifier, error) { return nil, syscall.EMFILE }, "max_user_instances"},
		{"the watch ends", func() (notifier, error) {
			fake := newFake()
			close(fake.events)
			return fake, nil
		}, "ended"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := newSource(t, dir)
			var log bytes.Buffer
			var mu sync.Mutex
			s.opts.Logger = slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil))
			s.opts.Poll = 20 * time.Millisecond
			s.notify = c.notify
			f := run(t, s)
			write(t, filepath.Join(dir, "a.yaml"), svc("a", 1))
			f.has("a:1")
			write(t, filepath.Join(dir, "a.yaml"), svc("a", 2))
			f.has("a:2")
			mu.Lock()
			defer mu.Unlock()
			if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, c.hint) {
				t.Errorf("logged %q", text)
			}
		})
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	to *bytes.Buffer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

func TestEventsOfOtherFilesConcernNobody(t *testing.T) {
	w := watch{dirs: map[string]*names{
		"/m":   {all: true, some: map[string]bool{"..data": true}},
		"/tmp": {some: map[string]bool{"root": true}},
	}}
	for _, c := range []struct {
		name string
		op   fsnotify.Op
		want bool
	}{
		{"/m/a.yaml", fsnotify.Write, true},
		{"/m/a.txt", fsnotify.Write, false},
		{"/m/sub", fsnotify.Create, true},
		{"/m/sub", fsnotify.Rename, true},
		{"/m/.a.yaml.swp", fsnotify.Create, false},
		{"/m/a.yaml~", fsnotify.Create, false},
		{"/m/..data", fsnotify.Create, true},
		{"/m", fsnotify.Remove, true},
		{"/tmp/other", fsnotify.Create, false},
		{"/tmp/root", fsnotify.Create, true},
	} {
		if got := w.concerns(fsnotify.Event{Name: c.name, Op: c.op}); got != c.want {
			t.Errorf("%v of %s: %v", c.op, c.name, got)
		}
	}
}
