package manifest

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/naru-lb/naru/internal/finding"
)

// unread reports annotations in typographic quotes of an object of a kind that Naru does not read. They are wrong
// whoever reads them, and nobody says so: ingress-nginx takes “false” for true.
func (d *document) unread(root *yaml.Node, h header) {
	meta, _ := child(root, Step{Name: "metadata"})
	if meta.value == nil {
		return
	}
	annotations, ok := child(target(meta.value), Step{Name: "annotations"})
	if !ok || target(annotations.value).Kind != yaml.MappingNode {
		return
	}
	content := target(annotations.value).Content
	for i := 0; i+1 < len(content); i += 2 {
		key, value := content[i], content[i+1]
		straight := strings.Trim(value.Value, typographicQuotes)
		if value.Kind != yaml.ScalarNode || value.Style != 0 || len(straight) > len(value.Value)-4 {
			continue
		}
		f := finding.New(finding.CurlyQuotes, "the value has typographic quotes, which are part of it").As(finding.Warning)
		if _, isText := resolvePlain(straight).(string); !isText {
			f = finding.New(finding.CurlyQuotes, fmt.Sprintf("the value has typographic quotes, so it is not %s", clip(straight)))
		}
		f = f.With("Whoever reads the annotation sees the quotes, and takes it for something else than you wrote.",
			key.Value+": "+strconv.Quote(straight)).
			At(h.key(theSchema().kinds).Finding(), Path{{Name: "metadata"}, {Name: "annotations"}, {Name: key.Value}}.String())
		f.Place = d.text.nodePlace(value)
		d.reader.report(f)
	}
}
