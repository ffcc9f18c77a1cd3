package manifest

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/nearest"
	"github.com/naru-lb/naru/internal/object"
)

// header is what has to be known of an object before it can be decoded.
type header struct {
	typeName
	kindSlot, versionSlot slot
	namespace, name       string
}

// readHeader reads what an object says of itself. Keys that are nearly right (Kind, apiversion) count; the decoder
// reports them. What an item of a typed list leaves out comes from the list.
func readHeader(root *yaml.Node, inherited typeName) header {
	var h header
	h.kindSlot, h.kind = nearKey(root, "kind")
	h.versionSlot, h.apiVersion = nearKey(root, "apiVersion")
	if h.kind == "" && h.kindSlot.key == nil {
		h.kind = inherited.kind
	}
	if h.apiVersion == "" && h.versionSlot.key == nil {
		h.apiVersion = inherited.apiVersion
	}
	if meta, ok := child(root, Step{Name: "metadata"}); ok {
		in := target(meta.value)
		if emptyScalar(in) {
			in = root // what should be in it fell out
		}
		h.name, h.namespace = textAt(in, "name"), textAt(in, "namespace")
	}
	return h
}

// nearKey returns the value of a key of n that is or nearly is name.
func nearKey(n *yaml.Node, name string) (slot, string) {
	if s, ok := child(n, Step{Name: name}); ok {
		return s, scalarText(s.value)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key, ok := keyName(n.Content[i]); ok && key != "metadata" && nearest.Word(key, []string{name}) != "" {
			return slot{n.Content[i], n.Content[i+1]}, scalarText(n.Content[i+1])
		}
	}
	return slot{}, ""
}

func textAt(n *yaml.Node, name string) string {
	s, ok := child(n, Step{Name: name})
	if !ok {
		return ""
	}
	return scalarText(s.value)
}

// scalarText returns a scalar as it is written, "" for anything else and for null.
func scalarText(n *yaml.Node) string {
	n = target(n)
	if n.Kind != yaml.ScalarNode || resolve(n).value == nil {
		return ""
	}
	return n.Value
}

// key returns the key that the object has, or would have if its kind were one that is read.
func (h header) key(kinds []object.Kind) object.Key {
	k := object.Key{Kind: h.kind, Namespace: h.namespace, Name: h.name}
	for _, kind := range kinds {
		if kind.Name != h.kind {
			continue
		}
		if !kind.Namespaced {
			k.Namespace = ""
		} else if k.Namespace == "" {
			k.Namespace = "default"
		}
	}
	return k
}

// verdict is what identify makes of an object's type.
type verdict int

const (
	read    verdict = iota // a kind that Naru reads
	ignore                 // one that it leaves alone
	refuse                 // a mistake, for which there is a finding
	unpack                 // a list
	missing                // it does not say what it is
)

// identify tells what to do with an object. The kind is the one that is meant; it is valid for read, and for refuse
// where a kind that is read was meant.
func identify(h header) (verdict, object.Kind, finding.Finding) {
	s := theSchema()
	if h.kind == "" || h.apiVersion == "" {
		return missing, object.Kind{}, finding.Finding{}
	}
	if k, ok := s.kind(h.typeName); ok {
		return read, k, finding.Finding{}
	}
	if straight := straightened(h.typeName); straight != h.typeName {
		k, _ := s.kind(straight)
		return refuse, k, curlyType(h.typeName, straight)
	}
	if strings.HasSuffix(h.kind, "List") && h.kind != "List" || h.kind == "List" && h.apiVersion == "v1" {
		return unpack, object.Kind{}, finding.Finding{}
	}
	if r, ok := removed(h.typeName); ok {
		k, _ := kindNamed(s, h.kind)
		return refuse, k, r.finding(h)
	}
	if k, ok := kindNamed(s, h.kind); ok && ours(k, h.apiVersion) {
		message := fmt.Sprintf("%s has apiVersion %s, not %q", k.Name, k.APIVersion, clip(h.apiVersion))
		f := finding.New(finding.BadObject, message).
			With("The API server refuses the object.", "apiVersion: "+k.APIVersion)
		f.Path = "apiVersion"
		return refuse, k, f
	}
	for _, k := range s.kinds {
		if group(k.APIVersion) == group(h.apiVersion) && nearest.Word(h.kind, []string{k.Name, k.Name + "s"}) != "" {
			message := fmt.Sprintf("there is no kind %q; did you mean %s?", clip(h.kind), k.Name)
			f := finding.New(finding.UnknownKind, message).As(finding.Error).
				With("The API server refuses the object.", "kind: "+k.Name)
			f.Path = "kind"
			return refuse, k, f
		}
	}
	return ignore, object.Kind{}, finding.Finding{}
}

func (r removedAPI) finding(h header) finding.Finding {
	message := fmt.Sprintf("%s %s is not served since %s", clip(h.kind), r.apiVersion, r.since)
	fix := "Remove the object: nothing takes its place."
	if r.instead != "" {
		fix = "apiVersion: " + r.instead
	}
	if r.kind != "" {
		fix += "\nkind: " + r.kind
	}
	f := finding.New(finding.RemovedAPI, message).With("The API server refuses the object.", fix)
	f.Path = "apiVersion"
	return f
}

func kindNamed(s *schema, name string) (object.Kind, bool) {
	for _, k := range s.kinds {
		if k.Name == name {
			return k, true
		}
	}
	return object.Kind{}, false
}

// straightened returns a type without typographic quotes and blanks.
func straightened(t typeName) typeName {
	const odd = typographicQuotes + typographicBlanks
	return typeName{strings.Trim(t.apiVersion, odd), strings.Trim(t.kind, odd)}
}

func curlyType(t, straight typeName) finding.Finding {
	path, fix := "kind", "kind: "+clip(straight.kind)
	if t.apiVersion != straight.apiVersion {
		path, fix = "apiVersion", "apiVersion: "+clip(straight.apiVersion)
	}
	f := finding.New(finding.CurlyQuotes, fmt.Sprintf("'%s' has typographic quotes or blanks, which are part of the value", path)).
		With("The API server refuses the object.", fix)
	f.Path = path
	return f
}

// ours tells whether apiVersion cannot be that of somebody else's kind of the same name: it is nearly the right one, or
// in its group, or in one of those that Kubernetes keeps for itself, which have no dot or end in .k8s.io.
func ours(k object.Kind, apiVersion string) bool {
	g := group(apiVersion)
	return g == group(k.APIVersion) || !strings.Contains(g, ".") || strings.HasSuffix(g, ".k8s.io") ||
		nearest.Word(apiVersion, []string{k.APIVersion}) != ""
}

// group returns the API group of an apiVersion, "" for the core group.
func group(apiVersion string) string {
	g, _, ok := strings.Cut(apiVersion, "/")
	if !ok {
		return ""
	}
	return g
}
