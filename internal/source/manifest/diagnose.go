package manifest

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/naru-lb/naru/internal/finding"
)

// mend is a mistake of a document that is no YAML, and the document without it.
type mend struct {
	finding finding.Finding
	// body is the mended text; "" if it is not known how to mend it.
	body  string
	edits edits // as in text
}

// maxMends is how many mistakes are mended to find what else is wrong.
const maxMends = 8

// brokenDocument tells what is wrong with a document that is no YAML. Each mistake whose mending is known is mended,
// in memory only, so that one run shows what else is wrong; objects of such a document count as broken.
func (r *reader) brokenDocument(t text, err error) {
	first := len(r.result.Findings)
	t.effort = &r.effort
	original := t
	for range maxMends {
		m := diagnose(&t, err)
		r.report(m.finding)
		if m.body == "" {
			break
		}
		t = text{file: t.file, body: m.body, line: t.line, column: t.column, edits: m.edits, effort: t.effort}
		root, next := parseYAML(t.body)
		if next == nil && root != nil {
			d := document{reader: r, source: &source{text: t}, text: &t, mended: true, budget: aliasBudget}
			before := len(r.result.Broken)
			d.object(root, nil, typeName{}, 0)
			r.name(first, r.result.Broken[before:])
			r.paths(first, &t, root)
			return
		}
		if err = next; err == nil {
			break
		}
	}
	broken := scanKeys(&original)
	r.result.Broken = append(r.result.Broken, broken...)
	r.name(first, broken)
}

// name gives the findings about a broken document the object that it holds, if it holds one.
func (r *reader) name(first int, broken []Broken) {
	if len(broken) != 1 || !broken[0].Known {
		return
	}
	for i := first; i < len(r.result.Findings); i++ {
		if f := &r.result.Findings[i]; f.Object == (finding.Object{}) {
			f.Object = broken[0].Key.Finding()
		}
	}
}

// paths gives the findings about a document that could be mended the paths that they have in the mended text.
func (r *reader) paths(first int, t *text, root *yaml.Node) {
	for i := first; i < len(r.result.Findings); i++ {
		f := &r.result.Findings[i]
		line := f.Line - t.line
		if f.Path == "" && len(t.body) <= maxMendable {
			f.Path = t.pathAt(root, line, f.Column-1).String()
			f.OnKey = f.Code == finding.Indentation
		}
	}
}

// pathAt returns the path of what starts at a column of the file's line, or else of what the line starts with.
func (t *text) pathAt(root *yaml.Node, line, column int) Path {
	if line == 0 {
		column -= t.column
	}
	if p := pathAt(root, line+1, t.edits.forth(line, column)+1); p != nil {
		return p
	}
	r := readRow(t.content(line))
	return pathAt(root, line+1, max(r.key, r.indent)+1)
}

// diagnose finds out why a document is no YAML. What is most likely to be the cause comes first.
func diagnose(t *text, err error) mend {
	if m, ok := badCharacter(t, err); ok {
		return m
	}
	if m, ok := brokenJSON(t); ok {
		return m
	}
	if len(t.body) <= maxDocument {
		for _, try := range []func(*text, error) (mend, bool){mendTabs, mendTypography, mendIndentation} {
			if m, ok := try(t, err); ok {
				return m
			}
		}
	}
	return syntax(t, err)
}

// scanKeys reads kind, namespace and name of a document that cannot be parsed, line by line; of each item if it is a
// list. It returns one entry at least.
func scanKeys(t *text) []Broken {
	var found []Broken
	at := keyScan{column: -1, meta: -1, child: -1}
	flush := func() {
		if at.kind != "" && at.name != "" {
			found = append(found, Broken{Key: at.key(theSchema().kinds), Known: true})
		}
		at = keyScan{column: -1, meta: -1, child: -1}
	}
	for _, r := range readRows(t) {
		if r.skip || r.key < 0 {
			continue
		}
		if at.column >= 0 && len(r.dashes) > 0 && r.dashes[0] < at.column || r.key < at.column {
			flush()
		}
		if r.name == "items" && (at.column < 0 || r.key == at.column) {
			at = keyScan{column: -1, meta: -1, child: -1}
			continue
		}
		at.line(r)
	}
	flush()
	if len(found) == 0 {
		return []Broken{scanJSON(t.body)}
	}
	return found
}

// keyScan is the object that scanKeys is in. Columns are -1 until they are known.
type keyScan struct {
	header
	column int // of the object's keys
	meta   int // of the key metadata, while lines are below it
	child  int // of the keys below metadata
}

func (k *keyScan) line(r row) {
	value := strings.Trim(r.value, `"'`)
	switch own := k.column < 0 || r.key == k.column; {
	case own && r.name == "apiVersion":
		k.column = r.key
	case own && r.name == "kind":
		k.column, k.kind = r.key, value
	case own && r.name == "metadata":
		k.column, k.meta = r.key, r.key
	case k.meta >= 0 && r.key <= k.meta:
		k.meta = -1
	case k.meta >= 0 && (k.child < 0 || r.key == k.child):
		k.child = r.key
		switch {
		case r.name == "name" && k.name == "":
			k.name = value
		case r.name == "namespace" && k.namespace == "":
			k.namespace = value
		}
	}
}

// scanJSON reads kind, namespace and name of a broken JSON object, if each of kind and metadata comes once.
func scanJSON(body string) Broken {
	kind, _, ok := jsonText(body, `"kind"`)
	_, meta, found := strings.Cut(body, `"metadata"`)
	if !ok || !found || strings.Contains(meta, `"metadata"`) {
		return Broken{}
	}
	meta, _, _ = strings.Cut(meta, "}")
	name, _, ok := jsonText(meta, `"name"`)
	if !ok || strings.HasSuffix(kind, "List") {
		return Broken{}
	}
	namespace, _, _ := jsonText(meta, `"namespace"`)
	h := header{typeName: typeName{kind: kind}, name: name, namespace: namespace}
	return Broken{Key: h.key(theSchema().kinds), Known: true}
}

// jsonText returns the text that follows the first of a key.
func jsonText(s, key string) (value, rest string, ok bool) {
	_, s, ok = strings.Cut(s, key)
	if !ok {
		return "", "", false
	}
	s = strings.TrimLeft(s, " \t\r\n")
	if s, ok = strings.CutPrefix(s, ":"); !ok {
		return "", "", false
	}
	s = strings.TrimLeft(s, " \t\r\n")
	end := quoteEnd(s)
	if end < 3 || s[0] != '"' {
		return "", "", false
	}
	return s[1 : end-1], s[end:], true
}
