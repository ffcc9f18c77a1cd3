package dialect

import (
	"strconv"
	"strings"
)

// Verdict tells what becomes of an annotation.
type Verdict string

// Honour: does what it says. Accept: has no meaning here; everything else works, and a note says so. Reject: asks for
// something that must not be left out silently, so the Service is refused.
const (
	Honour Verdict = "honour"
	Accept Verdict = "accept"
	Reject Verdict = "reject"
)

// Table is one vocabulary. It is made by NewTable and never changes.
type Table struct {
	// Name names the dialect: "azure".
	Name string
	// Title and Intro open its page of documentation.
	Title, Intro string
	// Prefixes are what its annotations begin with, the one that wins first.
	Prefixes []Prefix
	Rows     []Row
	// Finish applies the rules that join several annotations. It runs after all tables were read, and only if the
	// Service has an annotation of this table.
	Finish func(*Reading)

	exact    map[string]*Row
	patterns []*Row
}

// Prefix begins the names of a table's annotations.
type Prefix struct {
	Text string // up to and including the slash
	// Newer, if not empty, is the prefix to use instead of this one, which is read all the same.
	Newer string
}

// Row is one annotation. Reading, documentation and suggestions all come from it.
type Row struct {
	// Name is the annotation's name behind the prefix. "{port}" in it stands for the number of a port of the Service.
	Name    string
	Section string // groups rows in the documentation
	Verdict Verdict
	// Doc says in one line what it does here. Values says what can be written, Default what holds without it, and Bad
	// what a value does that is not understood; by default the Service is refused.
	Doc, Values, Default, Bad string
	// Example is a value that is understood.
	Example string
	// Guards is true if the annotation limits who can reach the Service. What is not understood in its value or its
	// name is then never passed over.
	Guards bool
	// Elsewhere says what becomes of a value that is not understood where the annotation comes from.
	Elsewhere string
	// OnHealthPort is true if {port} may also be spec.healthCheckNodePort, under externalTrafficPolicy Local.
	OnHealthPort bool
	// AnyCase is true if the annotation's name may be written in any case.
	AnyCase bool
	// BlankIsValue is true if a blank value says something. Otherwise it counts as not set.
	BlankIsValue bool
	// Note is what to say about an annotation that is accepted; those with the same Note are named in one finding. An
	// empty Note says nothing.
	Note string
	// Read reads the value; nil for rows that are only accepted.
	Read Reader
	// Mistaken are names that people write instead of Name.
	Mistaken []string
}

// Reader reads the value of an annotation into the Intent. Parsers make Readers; see Bool, Int and the others.
type Reader func(*Value)

// NewTable returns t, ready to be read.
func NewTable(t Table) *Table {
	t.exact = make(map[string]*Row, len(t.Rows))
	for i := range t.Rows {
		r := &t.Rows[i]
		if strings.Contains(r.Name, portMark) {
			t.patterns = append(t.patterns, r)
		} else {
			t.exact[r.Name] = r
		}
	}
	return &t
}

const portMark = "{port}"

// find returns the row for a name behind the prefix, and the port in it, 0 if the row has none.
func (t *Table) find(name string) (*Row, uint16) {
	if r := t.exact[name]; r != nil {
		return r, 0
	}
	for i := range t.Rows {
		if r := &t.Rows[i]; r.AnyCase && strings.EqualFold(r.Name, name) {
			return r, 0
		}
	}
	for _, r := range t.patterns {
		if port, ok := r.match(name); ok {
			return r, port
		}
	}
	return nil, 0
}

// match takes the port out of a name that fits the row's pattern. The port is written as Kubernetes writes it.
func (r *Row) match(name string) (uint16, bool) {
	text, ok := r.middle(name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != text {
		return 0, false
	}
	return uint16(n), true
}

// middle returns what stands in place of {port} in a name that fits the rest of the row's pattern.
func (r *Row) middle(name string) (string, bool) {
	head, tail, _ := strings.Cut(r.Name, portMark)
	rest, ok := strings.CutPrefix(name, head)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, tail)
}

// forPort returns the annotation's name for a port.
func (r *Row) forPort(port uint16) string {
	return strings.Replace(r.Name, portMark, strconv.Itoa(int(port)), 1)
}
