package files

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/object"
)

// findings hands out the findings that changed.
func (r *round) findings() {
	for path := range r.touched {
		var found []finding.Finding
		if t, ok := r.bad[path]; ok {
			found = append(found, unreadable(path, t, false))
		}
		if f := r.files[path]; f != nil {
			found = append(found, r.about(f)...)
		}
		if reflect.DeepEqual(found, r.reported[path]) {
			continue
		}
		r.batch.Findings["file/"+path] = append([]finding.Finding{}, found...)
		if r.reported[path] = found; len(found) == 0 {
			delete(r.reported, path)
		}
	}
}

// about returns all findings about a file.
func (r *round) about(f *file) []finding.Finding {
	var found []finding.Finding
	if f.trouble != nil {
		found = append(found, unreadable(f.path, *f.trouble, len(f.kept) > 0))
	}
	found = append(found, f.findings...)
	if k, ok := r.keptFinding(f); ok {
		found = append(found, k)
	}
	return append(found, r.duplicates(f)...)
}

// keptFinding names the objects of a file that are served as they were.
func (r *round) keptFinding(f *file) (finding.Finding, bool) {
	var kept []object.Key
	for k := range f.kept {
		if c := r.claims(k); c[0].file == f && c[0].kept {
			kept = append(kept, k)
		}
	}
	if len(kept) == 0 {
		return finding.Finding{}, false
	}
	slices.SortFunc(kept, object.Key.Compare)
	message := kept[0].String() + " stays as it was before the last change"
	switch n := len(kept); {
	case n > 3:
		message = fmt.Sprintf("%s, %s and %d more stay as they were before the last change", kept[0], kept[1], n-2)
	case n > 1:
		message = strings.Join(keyNames(kept), ", ") + " stay as they were before the last change"
	}
	fix := "Mend what cannot be read in " + f.path + ", or delete it."
	found := finding.New(finding.LastGoodKept, message).With("Traffic goes on as before the last change.", fix)
	found.Object = kept[0].Finding()
	found.Place = finding.Place{File: f.path}
	for _, other := range f.findings {
		if other.Severity == finding.Error {
			found.Place = other.Place
			break
		}
	}
	return found, true
}

func keyNames(keys []object.Key) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.String()
	}
	return out
}

// duplicates reports the objects of a file that are also defined elsewhere, before it.
func (r *round) duplicates(f *file) []finding.Finding {
	var found []finding.Finding
	for k, own := range f.live {
		if len(own) == 1 && len(r.of[k]) == 1 {
			continue
		}
		claims := r.claims(k)
		first := claims[0]
		firstPlace := place(first.object, first.file.path)
		for _, c := range claims[1:] {
			if c.file != f || c.kept {
				continue
			}
			here := place(c.object, f.path)
			d := finding.New(finding.DuplicateObj, fmt.Sprintf("%s is also defined at %s", k, at(firstPlace))).
				With(fmt.Sprintf("Only the first one counts, that at %s; this one, at %s, is left out.", at(firstPlace), at(here)),
					"Remove one of the two.").
				At(k.Finding(), "metadata.name")
			d.Place = here
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b finding.Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return found
}

// place returns where the name of an object stands.
func place(o object.Object, path string) finding.Place {
	if o.Origin == nil {
		return finding.Place{File: path}
	}
	return o.Origin.Place("metadata.name", false)
}

func at(p finding.Place) string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// unreadable reports something that cannot be read.
func unreadable(path string, t trouble, keeps bool) finding.Finding {
	message := fmt.Sprintf("the %s cannot be read: %s", t.what, reason(t.err))
	fix := "Make it readable, or leave it out."
	switch {
	case t.missing && t.what == "link":
		message, fix = "the link leads to a file that does not exist", "Correct the link, or remove it."
	case t.missing:
		message, fix = "the path does not exist", "Correct the path, or create it: it is read as soon as it is there."
	case errors.Is(t.err, errTooLarge):
		message, fix = "the file is larger than 100 MiB", "Split it, or leave it out if it is no manifest."
	case errors.Is(t.err, fs.ErrPermission) && t.what == "folder":
		fix = "chmod a+rx " + quote(path)
	case errors.Is(t.err, fs.ErrPermission):
		fix = "chmod a+r " + quote(path)
	}
	effect := "Nothing in it is served."
	if keeps || t.what == "folder" {
		effect = "What was read of it before is served on."
	}
	f := finding.New(finding.Unreadable, message).With(effect, fix)
	f.Place = finding.Place{File: path}
	return f
}

// quote returns a path as a shell reads it.
func quote(path string) string {
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
