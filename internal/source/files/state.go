package files

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/object"
)

// state is what was read, and what was handed out of it.
type state struct {
	source *Source
	files  map[string]*file
	bad    map[string]trouble // that is no file's
	// of lists the files that stand for an object in any way.
	of map[object.Key]map[*file]struct{}
	// handed are the objects as they were handed out.
	handed map[object.Key]handed
	// reported are the findings as they were handed out, by path.
	reported map[string][]finding.Finding
	totals   Batch
	running  bool // something was handed out
}

// handed is an object that was handed out.
type handed struct {
	value  any
	origin *origin
	by     *file
}

func newState(s *Source) *state {
	return &state{
		source:   s,
		files:    map[string]*file{},
		of:       map[object.Key]map[*file]struct{}{},
		handed:   map[object.Key]handed{},
		reported: map[string][]finding.Finding{},
	}
}

// round is one application of a tree.
type round struct {
	*state
	now     time.Time
	keys    map[object.Key]struct{} // that may have changed
	touched map[string]struct{}     // paths whose findings may have changed
	batch   Batch
}

// apply brings in what the paths hold now and returns what that changes, false if nothing.
func (st *state) apply(t tree) (Batch, bool) {
	r := &round{
		state:   st,
		now:     st.source.now(),
		keys:    map[object.Key]struct{}{},
		touched: map[string]struct{}{},
		batch:   Batch{Findings: map[string][]finding.Finding{}},
	}
	r.troubles(t)
	for _, path := range slices.Sorted(maps.Keys(t.files)) {
		r.look(path, t.files[path])
	}
	for path, f := range st.files {
		if _, there := t.files[path]; !there {
			r.missing(f, t)
		}
		if f.faded(r.now) {
			r.edit(f, func() { f.fading = nil })
		}
		if f.gone() && len(f.fading) == 0 {
			delete(st.files, path)
			r.touched[path] = struct{}{}
		}
	}
	r.objects()
	r.findings()
	r.count()
	changed := !r.batch.Update.Empty() || len(r.batch.Findings) > 0 || !reflect.DeepEqual(st.totals, r.totalsOnly())
	st.totals, st.running = r.totalsOnly(), true
	return r.batch, changed
}

// settles returns when the state has to be looked at again although nothing happens; zero if it has not.
func (st *state) settles() time.Time {
	var first time.Time
	for _, f := range st.files {
		if at := f.due(st.source.opts.Settle); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// edit lets change edit a file, and notes all objects that it stood for before and stands for then.
func (r *round) edit(f *file, change func()) {
	note := func(k object.Key) { r.keys[k] = struct{}{} }
	f.keys(func(k object.Key) {
		note(k)
		delete(r.of[k], f)
	})
	change()
	f.keys(func(k object.Key) {
		note(k)
		if r.of[k] == nil {
			r.of[k] = map[*file]struct{}{}
		}
		r.of[k][f] = struct{}{}
	})
	r.touched[f.path] = struct{}{}
}

// look reads a file if it may have changed.
func (r *round) look(path string, e entry) {
	f := r.files[path]
	if f == nil {
		f = &file{path: path, ended: r.running}
		r.files[path] = f
	}
	if f.known && f.waiting == nil && e.stamp == f.last.stamp && !f.last.doubted {
		return
	}
	read := r.source.read
	if e.stream {
		read = r.source.readStream
	}
	t, err := read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.edit(f, func() { f.vanish(r.now.Add(r.source.opts.Settle)) })
	case err != nil:
		r.refuse(f, trouble{"file", err, false})
	case f.known && t.sum == f.last.sum:
		f.last, f.waiting = t, nil
		f.last.data = nil
	case f.halfWritten(t, r.now, r.source.opts.Settle):
	default:
		r.take(f, t)
	}
}

func (r *round) take(f *file, t text) {
	fadeAt := r.now.Add(r.source.opts.Settle)
	if f.waiting != nil {
		fadeAt = r.now // it has waited already
	}
	res := r.source.parse(f.path, t.data)
	r.edit(f, func() { f.take(t, res, fadeAt) })
	t.data = nil
	f.last, f.known = t, true
}

func (r *round) refuse(f *file, t trouble) {
	if f.trouble != nil && f.trouble.err.Error() == t.err.Error() {
		return
	}
	r.edit(f, func() { f.refuse(t) })
}

// missing deals with a file that the paths no longer hold.
func (r *round) missing(f *file, t tree) {
	if b, ok := t.bad[f.path]; ok && !b.missing {
		r.refuse(f, b)
		return
	}
	for path, b := range t.bad {
		if !b.missing && strings.HasPrefix(f.path, path+string(filepath.Separator)) {
			return // nobody knows whether it is there
		}
	}
	if !f.gone() {
		r.edit(f, func() { f.vanish(r.now.Add(r.source.opts.Settle)) })
	}
}

// troubles notes what cannot be read and is no known file.
func (r *round) troubles(t tree) {
	for path := range r.bad {
		r.touched[path] = struct{}{}
	}
	r.bad = map[string]trouble{}
	for path, b := range t.bad {
		r.touched[path] = struct{}{}
		if r.files[path] == nil || b.missing {
			r.bad[path] = b
		}
	}
}

// claim is one place where an object is defined.
type claim struct {
	file   *file
	object object.Object
	kept   bool
}

// claims returns the places that define an object, the one that counts first: in order of the files' paths, and in a
// file in its order. What fades counts only if there is nothing else.
func (st *state) claims(k object.Key) []claim {
	files := slices.SortedFunc(maps.Keys(st.of[k]), func(a, b *file) int { return cmp.Compare(a.path, b.path) })
	var all []claim
	for _, f := range files {
		for _, o := range f.live[k] {
			all = append(all, claim{f, o, false})
		}
		if o, ok := f.kept[k]; ok {
			all = append(all, claim{f, o, true})
		}
	}
	if len(all) > 0 {
		return all
	}
	for _, f := range files {
		if o, ok := f.fading[k]; ok {
			return []claim{{f, o, true}}
		}
	}
	return nil
}

// objects hands out the objects that changed.
func (r *round) objects() {
	for _, k := range slices.SortedFunc(maps.Keys(r.keys), object.Key.Compare) {
		claims := r.claims(k)
		for f := range r.of[k] {
			r.touched[f.path] = struct{}{} // who else defines it may have changed
		}
		was, had := r.handed[k]
		if len(claims) == 0 {
			delete(r.of, k)
			if had {
				delete(r.handed, k)
				r.batch.Update.Gone = append(r.batch.Update.Gone, k)
			}
			continue
		}
		now := claims[0]
		h := handed{now.object.Value, was.origin, now.file}
		if h.origin == nil {
			h.origin = &origin{}
		}
		moved := h.origin.set(now.object.Origin)
		if had && reflect.DeepEqual(was.value, h.value) {
			h.value = was.value
			if !moved {
				r.handed[k] = h
				continue
			}
		}
		r.handed[k] = h
		r.batch.Update.Set = append(r.batch.Update.Set, object.Object{Key: k, Value: h.value, Origin: h.origin})
	}
}

// count fills in the totals.
func (r *round) count() {
	b := &r.batch
	for _, f := range r.files {
		if f.gone() {
			continue
		}
		b.Files++
		b.Documents += f.documents
		b.Ignored += f.ignored
		if f.trouble != nil {
			b.Unreadable++
		}
	}
	b.Objects = len(r.handed)
	b.Unreadable += len(r.bad)
}

func (r *round) totalsOnly() Batch {
	b := r.batch
	b.Update, b.Findings = object.Update{}, nil
	return b
}
