// Package object holds the objects that Naru reads, as they are, and where each was written.
package object

import (
	"cmp"
	"strings"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/plan"
)

// Key names an object. Namespace is empty for kinds that have none.
type Key struct {
	Kind, Namespace, Name string
}

// Compare orders keys by kind, namespace and name.
func (k Key) Compare(o Key) int {
	return cmp.Or(strings.Compare(k.Kind, o.Kind), strings.Compare(k.Namespace, o.Namespace), strings.Compare(k.Name, o.Name))
}

// Finding returns the key as findings name objects.
func (k Key) Finding() finding.Object {
	return finding.Object{Kind: k.Kind, Namespace: k.Namespace, Name: k.Name}
}

// ServiceName returns the namespace and name of the key.
func (k Key) ServiceName() plan.ServiceName {
	return plan.ServiceName{Namespace: k.Namespace, Name: k.Name}
}

// String returns "Kind namespace/name".
func (k Key) String() string { return k.Finding().String() }

// Object is one object. Value is a pointer to one of the types that Kinds lists; it is shared and must not be
// modified.
type Object struct {
	Key
	Value any
	// Origin tells where the object was written; nil if it was not written in a file.
	Origin Origin
}

// Origin tells where an object and its fields stand.
type Origin interface {
	// Place returns the place of the value at path (finding.Finding.Path), or of its key if onKey is set. If the
	// path does not exist in the text it returns the place of the longest part that does.
	Place(path string, onKey bool) finding.Place
}

// Locate fills in the place of a finding about o from o's origin.
func (o Object) Locate(f finding.Finding) finding.Finding {
	if o.Origin != nil && f.Line == 0 {
		f.Place = o.Origin.Place(f.Path, f.OnKey)
	}
	return f
}

// Update is a change of the set of objects.
type Update struct {
	Set  []Object
	Gone []Key
}

// Empty tells whether nothing changed.
func (u Update) Empty() bool { return len(u.Set) == 0 && len(u.Gone) == 0 }
