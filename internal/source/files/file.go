package files

import (
	"crypto/sha256"
	"time"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/object"
	"github.com/naru-lb/naru/internal/source/manifest"
)

// file is one file and the objects that it stands for.
type file struct {
	path string
	// last is what was read last, without the data; known is false if it has to be read whatever its stamp.
	last  text
	known bool
	// ended is true if the last line of the text that counts has its end, and for files that appear while running.
	ended bool
	// waiting is a text that looks half-written, seen first at since.
	waiting *[sha256.Size]byte
	since   time.Time

	// live are the objects that the text defines, mostly one for a key.
	live map[object.Key][]object.Object
	// kept are objects of earlier texts whose documents cannot be read now.
	kept map[object.Key]object.Object
	// fading are objects of earlier texts that are no longer defined. They stay until fadeAt.
	fading map[object.Key]object.Object
	fadeAt time.Time

	documents, ignored int
	findings           []finding.Finding // about the text
	trouble            *trouble          // why it cannot be read
}

// keys calls f with every object that the file stands for in any way.
func (f *file) keys(visit func(object.Key)) {
	for k := range f.live {
		visit(k)
	}
	for k := range f.kept {
		visit(k)
	}
	for k := range f.fading {
		visit(k)
	}
}

// standing returns the objects that have to stay if they cannot be read.
func (f *file) standing() map[object.Key]object.Object {
	m := make(map[object.Key]object.Object, len(f.live)+len(f.kept))
	for k, o := range f.kept {
		m[k] = o
	}
	for k, os := range f.live {
		m[k] = os[0]
	}
	return m
}

// halfWritten tells whether a text looks as if it was still being written: empty, or cut off in the middle of a line
// where the text before was not. It is put off until it stayed so for the time of settle.
func (f *file) halfWritten(t text, now time.Time, settle time.Duration) bool {
	if !f.ended || t.ended() {
		f.waiting = nil
		return false
	}
	if f.waiting == nil || *f.waiting != t.sum {
		f.waiting, f.since = &t.sum, now
		f.fadeAt = now.Add(settle) // it may be about to define again what fades
	}
	return now.Sub(f.since) < settle
}

// take makes res the text that counts. Objects whose document is broken stay as they were: those that are named, and if
// a broken document does not tell its name, all that the text does not define. All others that it does not define fade.
func (f *file) take(t text, res manifest.Result, fadeAt time.Time) {
	was := f.standing()
	f.ended, f.waiting, f.trouble = t.ended(), nil, nil
	f.documents, f.ignored, f.findings = res.Documents, len(res.Ignored), res.Findings
	f.live = make(map[object.Key][]object.Object, len(res.Objects))
	for _, o := range res.Objects {
		f.live[o.Key] = append(f.live[o.Key], o)
	}
	broken, nameless := map[object.Key]bool{}, false
	for _, b := range res.Broken {
		broken[b.Key] = b.Known
		nameless = nameless || !b.Known
	}
	f.kept = map[object.Key]object.Object{}
	for k, o := range was {
		if _, defined := f.live[k]; !defined && (nameless || broken[k]) {
			f.kept[k] = o
		}
	}
	f.fade(was, fadeAt)
}

// fade lets objects go that are neither defined nor kept any more.
func (f *file) fade(was map[object.Key]object.Object, at time.Time) {
	if f.fading == nil {
		f.fading = map[object.Key]object.Object{}
	}
	for k, o := range was {
		f.fading[k] = o
	}
	for k := range f.live {
		delete(f.fading, k)
	}
	for k := range f.kept {
		delete(f.fading, k)
	}
	f.fadeAt = at
}

// refuse notes that the file is there but cannot be read. All its objects stay.
func (f *file) refuse(t trouble) {
	f.kept = f.standing()
	f.live, f.findings, f.documents, f.ignored = nil, nil, 0, 0
	f.known, f.trouble, f.waiting = false, &t, nil
}

// vanish notes that the file is not there any more.
func (f *file) vanish(fadeAt time.Time) {
	if f.gone() {
		return
	}
	was := f.standing()
	f.live, f.kept, f.findings, f.documents, f.ignored = nil, nil, nil, 0, 0
	f.known, f.trouble, f.waiting = false, nil, nil
	f.fade(was, fadeAt)
}

// gone tells whether nothing but fading objects is left of the file.
func (f *file) gone() bool {
	return !f.known && f.trouble == nil && f.waiting == nil && len(f.live) == 0 && len(f.kept) == 0
}

// faded tells whether there are objects that faded for long enough.
func (f *file) faded(now time.Time) bool { return len(f.fading) > 0 && !now.Before(f.fadeAt) }

// due returns when the file has to be looked at again although nothing happens; zero if it has not.
func (f *file) due(settle time.Duration) time.Time {
	var at time.Time
	if len(f.fading) > 0 {
		at = f.fadeAt
	}
	if f.waiting != nil {
		if again := f.since.Add(settle); at.IsZero() || again.Before(at) {
			at = again
		}
	}
	return at
}
