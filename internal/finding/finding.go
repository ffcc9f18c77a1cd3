// Package finding holds what Naru has to say about its input: whatever is not right or not understood becomes a
// Finding, never silence. Each belongs to a Rule of one table; the lines of naru check, the documentation and the
// events of a cluster are printed from the same row.
package finding

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity tells how bad a finding is.
type Severity string

// Error: will not work, is refused, or exposes more than it says. Warning: works, but not as written. Note: good to
// know.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// AtLeast tells whether s is as bad as t or worse.
func (s Severity) AtLeast(t Severity) bool { return s.rank() >= t.rank() }

func (s Severity) rank() int {
	switch s {
	case Error:
		return 2
	case Warning:
		return 1
	}
	return 0
}

// Code names a rule: "NR" and four digits. A code is never given to another rule.
type Code string

// Object names what a finding is about.
type Object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String returns "Kind namespace/name", or "" for the zero Object.
func (o Object) String() string {
	switch {
	case o == Object{}:
		return ""
	case o.Namespace == "":
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// Place is where something stands in a file. Lines and columns count from 1; columns count characters, and
// EndColumn is the first one behind it. The zero Place is unknown.
type Place struct {
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`
	Column    int    `json:"column,omitempty"`
	EndColumn int    `json:"endColumn,omitempty"`
}

// Location returns "file:line:column", as far as it is known.
func (p Place) Location() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Finding is one thing that is not right, or not understood, or good to know.
type Finding struct {
	Code     Code     `json:"code"`
	Reason   string   `json:"reason"`
	Severity Severity `json:"severity"`
	// Exposes is true if something becomes reachable for more people than the manifest says.
	Exposes bool   `json:"exposes"`
	Object  Object `json:"object,omitzero"`
	// Path is the field in the object: metadata.annotations["a/b"], spec.ports[0].port.
	Path string `json:"path,omitempty"`
	// OnKey is true if the field's key is meant and not its value.
	OnKey bool `json:"-"`
	Place
	// Message says what is wrong, in at most 80 characters where that is possible.
	Message string `json:"message"`
	// Effect says what happens to traffic.
	Effect string `json:"effect,omitempty"`
	// Fix says how to mend it; it can be pasted where that is possible.
	Fix string `json:"fix,omitempty"`
}

// New returns a finding of the rule with the given code, with the rule's reason and severity. What would garble a line of
// text is replaced in the message, wherever it came from. It panics if there is no such rule: codes are constants of this
// package.
func New(code Code, message string) Finding {
	r, ok := Lookup(code)
	if !ok {
		panic("finding: no rule " + string(code))
	}
	return Finding{Code: code, Reason: r.Reason, Severity: r.Severity, Message: oneLine(message)}
}

// At returns f with the object and the path of the field it is about.
func (f Finding) At(o Object, path string) Finding {
	f.Object, f.Path = o, path
	return f
}

// With returns f with its effect, which is one line as the message is, and its fix, which may be several.
func (f Finding) With(effect, fix string) Finding {
	f.Effect, f.Fix = oneLine(effect), fix
	return f
}

// IsControl tells whether a character has no look of its own, and may change that of others: control characters, and those
// that are invisible or turn the direction of writing.
func IsControl(r rune) bool {
	return r < 0x20 || r >= 0x7F && r < 0xA0 || r == 0xFEFF || r >= 0x200B && r <= 0x200F
}

func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if IsControl(r) {
			return '?'
		}
		return r
	}, text)
}

// As returns f with another severity than its rule's.
func (f Finding) As(s Severity) Finding {
	f.Severity = s
	return f
}

// Sort puts findings into the order they are shown in: what exposes first, then by severity, then by place and object.
func Sort(fs []Finding) {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(
			-cmp.Compare(exposed(a), exposed(b)),
			-cmp.Compare(a.Severity.rank(), b.Severity.rank()),
			strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Object.String(), b.Object.String()),
			strings.Compare(string(a.Code), string(b.Code)), strings.Compare(a.Path, b.Path),
			strings.Compare(a.Message, b.Message))
	})
}

func exposed(f Finding) int {
	if f.Exposes {
		return 1
	}
	return 0
}
