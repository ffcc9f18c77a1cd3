package files

import (
	"sync"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/object"
)

// origin is the Origin of an object for as long as it is handed out. It stays the same when the object's text moves, and
// remembers what it was asked for, so that an object is handed out again when that moved. It is asked from other
// goroutines than the one that reads.
type origin struct {
	mu    sync.Mutex
	now   object.Origin // nil if unknown
	asked map[question]finding.Place
}

type question struct {
	path  string
	onKey bool
}

// Place implements object.Origin.
func (o *origin) Place(path string, onKey bool) finding.Place {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.now == nil {
		return finding.Place{}
	}
	q := question{path, onKey}
	at, known := o.asked[q]
	if !known {
		at = o.now.Place(path, onKey)
		if o.asked == nil {
			o.asked = map[question]finding.Place{}
		}
		o.asked[q] = at
	}
	return at
}

// set replaces the text behind o. It returns true if a place that somebody asked for is another one now.
func (o *origin) set(now object.Origin) (moved bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = now
	for q, was := range o.asked {
		if now == nil || now.Place(q.path, q.onKey) != was {
			o.asked = nil
			return true
		}
	}
	return false
}
