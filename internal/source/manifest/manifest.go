// Package manifest reads Kubernetes manifests: the text of one file in, objects and findings out, as strict as the
// Kubernetes API server and with the exact place of whatever is wrong.
//
// The way of a file through the package:
//
//	split.go      text -> documents, so that a broken one spoils no other
//	long.go       a list too long to be read at once -> its items
//	diagnose.go   a document that is no YAML -> what is wrong, and the text as it was probably meant
//	edits.go      places in a text that was mended -> places in the file
//	list.go       a list of objects -> its items
//	identify.go   apiVersion and kind -> a kind that Naru reads, one that it leaves alone, or a mistake
//	decode.go     YAML nodes -> Go types, refusing what the API server's strict decoding refuses
//	fallen.go     fields in the wrong column -> what they fell out of
//	defaults.go   what the API server fills in
//	validate*.go  what the API server's validation refuses
//
// Scalars mean what they mean to kubectl (YAML 1.1: yes, on and 0x1F are no strings), see scalar.go.
package manifest

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/object"
)

// Result is what a file says.
type Result struct {
	// Objects are those that can be used, defaults filled in, in the order of the file.
	Objects []object.Object
	// Ignored are objects of kinds that Naru does not read.
	Ignored []Ignored
	// Findings are in the order of their places; each has one.
	Findings []finding.Finding
	// Documents counts the documents that hold anything.
	Documents int
	// Broken are the documents and list items that cannot be used.
	Broken []Broken
}

// Ignored is an object of a kind that Naru does not read.
type Ignored struct {
	APIVersion string
	object.Key
	Place finding.Place
}

// Broken is a document, or an item of a list, that cannot be used.
type Broken struct {
	Key object.Key
	// Known is true if Key could still be read.
	Known bool
}

// Parse reads one file. It never fails: what cannot be used is told in the findings. The file's name is only put
// into places. Its time is linear in the length of data, and so is its memory: limits for documents, objects, aliases
// and findings see to it.
func Parse(file string, data []byte) Result {
	r := newReader(file)
	r.read(data)
	return r.result
}

func newReader(file string) *reader {
	return &reader{file: file, notes: map[typeName]int{}, effort: tryEffort}
}

func (r *reader) read(data []byte) {
	body, problem := decodeText(data)
	if problem != "" {
		r.result.Documents, r.result.Broken = 1, []Broken{{}}
		f := finding.New(finding.NotYAML, problem).With("Nothing in the file is applied.", "Save the file as UTF-8.")
		f.Place = finding.Place{File: r.file, Line: 1, Column: 1, EndColumn: 1}
		r.report(f)
		return
	}
	for _, t := range split(r.file, body) {
		r.document(t)
	}
	r.noteIgnored()
	slices.SortStableFunc(r.result.Findings, func(a, b finding.Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// typeName is what a manifest calls a type.
type typeName struct{ apiVersion, kind string }

// reader collects the result of one file.
type reader struct {
	file   string
	result Result
	notes  map[typeName]int // how many objects of a type were ignored
	effort int              // as in text
}

// maxPerFile is how many findings about one file are told.
const maxPerFile = 1000

// report adds findings, until there are too many to be read by anybody.
func (r *reader) report(fs ...finding.Finding) {
	for _, f := range fs {
		switch n := len(r.result.Findings); {
		case n < maxPerFile:
			r.result.Findings = append(r.result.Findings, f)
		case n == maxPerFile:
			f.Object, f.Path = finding.Object{}, ""
			f.Message, f.Fix = "there are more mistakes in this file than are listed", "Mend those that are listed first."
			r.result.Findings = append(r.result.Findings, f)
		}
	}
}

// noteIgnored adds one note for each type that was ignored.
func (r *reader) noteIgnored() {
	for _, ig := range r.result.Ignored {
		t := typeName{ig.APIVersion, ig.Kind}
		count := r.notes[t]
		if count == 0 {
			continue
		}
		delete(r.notes, t)
		message := fmt.Sprintf("Naru does not read %s (%s)", clip(t.kind), clip(t.apiVersion))
		if count > 1 {
			message += fmt.Sprintf("; the file has %d of them", count)
		}
		f := finding.New(finding.UnknownKind, message).At(ig.Key.Finding(), "kind").
			With("None: the object is left alone.", "")
		f.OnKey, f.Place = true, ig.Place
		r.report(f)
	}
}

// clip shortens text of a manifest so that it fits into a message.
func clip(s string) string { return clipTo(s, 40) }
