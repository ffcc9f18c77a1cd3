package manifest

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/object"
)

// metadataRules hold for all kinds (apimachinery pkg/api/validation/objectmeta.go).
var metadataRules = []rule{
	{path: "metadata.labels.*", test: qualified},
	{path: "metadata.annotations.*", test: func(s string) string { return qualified(strings.ToLower(s)) }},
	{path: "metadata.namespace", test: dnsLabel},
}

// metadata checks what every object needs: a name that its kind allows, and a namespace only where there are any.
func (d *decoder) metadata(kind object.Kind) {
	meta, ok := child(d.root, Step{Name: "metadata"})
	if !ok || target(meta.value).Kind != yaml.MappingNode {
		if !ok || emptyScalar(target(meta.value)) {
			d.nameless(meta, "the object has no metadata.name", "metadata:\n  name: ...")
		}
		return
	}
	in := target(meta.value)
	path := Path{{Name: "metadata"}, {Name: "name"}}
	name, ok := child(in, Step{Name: "name"})
	text := textAt(in, "name")
	switch {
	case text != "":
		if problem := nameTest(kind.Name)(text); problem != "" {
			d.invalid(path, fmt.Sprintf("the name %q %s", clipTo(text, 24), problem), "Choose another name.")
		}
	case ok && target(name.value).Kind != yaml.ScalarNode: // the decoder has reported it
	case textAt(in, "generateName") != "":
		d.nameless(meta, "the object has a generateName, but Naru needs a fixed metadata.name", "  name: ...")
	default:
		d.nameless(meta, "the object has no metadata.name", "  name: ...")
	}
	if ns, ok := child(in, Step{Name: "namespace"}); ok && !kind.Namespaced && scalarText(ns.value) != "" {
		d.add(Path{{Name: "metadata"}, {Name: "namespace"}}, onKey(finding.New(finding.FieldIgnored,
			fmt.Sprintf("%s is in no namespace: the field has no effect", kind.Name)).With("None.", "Remove the field.")))
	}
	d.labelValues(in)
}

func onKey(f finding.Finding) finding.Finding {
	f.OnKey = true
	return f
}

// nameless reports an object without a name, at its metadata or else at its beginning.
func (d *decoder) nameless(meta slot, message, fix string) {
	f := onKey(finding.New(finding.BadObject, message).With("The API server refuses the object.", fix))
	if meta.value == nil {
		f.Place = d.doc.text.nodePlace(d.root)
	} else {
		f.Place = d.doc.text.slotPlace(meta, true)
	}
	d.add(Path{{Name: "metadata"}, {Name: "name"}}, f)
}

// labelValues checks the values of labels; annotations may hold any text.
func (d *decoder) labelValues(meta *yaml.Node) {
	labels, ok := child(meta, Step{Name: "labels"})
	if !ok || target(labels.value).Kind != yaml.MappingNode {
		return
	}
	content := target(labels.value).Content
	for i := 0; i+1 < len(content); i += 2 {
		name, ok := keyName(content[i])
		value := scalarText(content[i+1])
		if !ok || value == "" {
			continue
		}
		if problem := labelValue(value); problem != "" {
			d.invalid(Path{{Name: "metadata"}, {Name: "labels"}, {Name: name}},
				fmt.Sprintf("the label %s, not %q", problem, clipTo(value, 24)), "Correct the value.")
		}
	}
}

// nameTest returns the test for names of a kind (kubernetes pkg/apis/core/validation).
func nameTest(kind string) func(string) string {
	switch kind {
	case object.Service:
		return func(s string) string {
			if len(validation.IsDNS1035Label(s)) == 0 {
				return ""
			}
			return "must be a-z, 0-9, -, at most 63, a letter first"
		}
	case object.Namespace:
		return dnsLabel
	}
	return subdomain
}

func dnsLabel(s string) string {
	if len(validation.IsDNS1123Label(s)) == 0 {
		return ""
	}
	return "must be a-z, 0-9 and - within, at most 63"
}

func subdomain(s string) string {
	if len(validation.IsDNS1123Subdomain(s)) == 0 {
		return ""
	}
	return "must be a-z, 0-9, - and . within"
}

func qualified(s string) string {
	if strings.ContainsAny(s, typographicQuotes) {
		return "has typographic quotes, which are part of it"
	}
	if len(validation.IsQualifiedName(s)) == 0 {
		return ""
	}
	return "must be prefix/name, of letters, digits, -, _ and ."
}

func labelValue(s string) string {
	if len(validation.IsValidLabelValue(s)) == 0 {
		return ""
	}
	return "must be letters, digits, -, _ and ., 63 at most"
}
