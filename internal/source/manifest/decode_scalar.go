package manifest

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/naru-lb/naru/internal/finding"
)

type schemaKind = runtimeschema.ObjectKind

func groupVersionKind(t typeName) runtimeschema.GroupVersionKind {
	return runtimeschema.FromAPIVersionAndKind(t.apiVersion, t.kind)
}

// scalar reads a scalar into a string, a number or a bool.
func (d *decoder) scalar(s slot, v reflect.Value) {
	if s.value.Kind != yaml.ScalarNode || !setScalar(resolve(s.value).value, v) {
		d.mismatch(s, v.Type())
	}
}

// setScalar sets v if encoding/json would do so.
func setScalar(value any, v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		text, ok := value.(string)
		if ok {
			v.SetString(text)
		}
		return ok
	case reflect.Bool:
		b, ok := value.(bool)
		if ok {
			v.SetBool(b)
		}
		return ok
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Int8, reflect.Int16:
		i, ok := toInt(value)
		if ok = ok && !v.OverflowInt(i); ok {
			v.SetInt(i)
		}
		return ok
	}
	return false
}

func toInt(value any) (int64, bool) {
	switch n := value.(type) {
	case int64:
		return n, true
	case float64:
		if text, ok := wholeNumber(n); ok {
			i, err := strconv.ParseInt(text, 10, 64)
			return i, err == nil
		}
	}
	return 0, false
}

// mapText reports a value of a map of texts, such as annotations, that is no text.
func (d *decoder) mapText(s slot) {
	n := target(s.value)
	if n.Kind != yaml.ScalarNode || n.Tag == "!!str" && n.Style&yaml.TaggedStyle != 0 {
		return
	}
	value := resolve(n).value
	if value != nil || len(d.at) < 2 || !labelMaps[d.at[len(d.at)-2].Name] {
		return
	}
	f := finding.New(finding.NotAString, fmt.Sprintf("the %s has no value", d.mapWord())).As(finding.Warning).
		With("The API server reads it as an empty text.", clip(keyText(s))+`: ""`)
	d.report(f, s, true)
}

// labelMaps are the fields whose values are labels or annotations.
var labelMaps = map[string]bool{"labels": true, "annotations": true, "selector": true, "matchLabels": true, "nodeSelector": true}

// mapWord returns what an entry of the map that the decoder is in is called.
func (d *decoder) mapWord() string {
	if len(d.at) > 1 && d.at[len(d.at)-2].Name == "annotations" {
		return "annotation"
	}
	return "label"
}

func keyText(s slot) string {
	if s.key == nil {
		return "-"
	}
	return target(s.key).Value
}

// mismatch reports a value of the wrong type.
func (d *decoder) mismatch(s slot, want reflect.Type) {
	n := target(s.value)
	if n.Kind == yaml.ScalarNode && n.Style == 0 && strings.ContainsAny(n.Value, typographicQuotes) {
		d.curly(s, n.Value)
		return
	}
	if len(d.at) > 1 && n.Kind == yaml.ScalarNode && want.Kind() == reflect.String && labelMaps[d.at[len(d.at)-2].Name] {
		f := finding.New(finding.NotAString, fmt.Sprintf("the value of the %s is %s, not text: it needs quotes", d.mapWord(), describe(n))).
			With("The API server refuses the object.", fmt.Sprintf("%s: %q", keyText(s), n.Value))
		d.report(f, s, false)
		return
	}
	if name, value, ok := strings.Cut(n.Value, ":"); ok && expected(want) == "a mapping" && n.Kind == yaml.ScalarNode && n.Style == 0 &&
		plainName(name) && value != "" {
		d.report(finding.New(finding.NotYAML, fmt.Sprintf("a blank is missing after '%s:'", clip(name))).
			With("The API server refuses the object.", name+": "+value), s, false)
		return
	}
	message := fmt.Sprintf("%s must be %s, not %s", d.last(), expected(want), describe(n))
	if n.Kind == yaml.ScalarNode && isWhole(want) && isNumber(resolve(n).value) {
		message = fmt.Sprintf("%s must be %s, and %s is not", d.last(), expected(want), clip(n.Value))
	}
	if lines, ok := d.asItem(n, want); ok {
		d.wrong(s, fmt.Sprintf("%s must be a list: a dash is missing before '%s'", d.last(), clip(keyText(slot{key: n.Content[0]}))), lines)
		return
	}
	d.wrong(s, message, mendType(s, n, want))
}

func isWhole(t reflect.Type) bool { return t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64 }

func isNumber(value any) bool {
	switch value.(type) {
	case int64, uint64, float64:
		return true
	}
	return false
}

// mendType returns the line as it should be, where that can be known.
func mendType(s slot, n *yaml.Node, want reflect.Type) string {
	key := keyText(s) + ": "
	if s.key == nil {
		key = "- "
	}
	switch {
	case n.Kind != yaml.ScalarNode:
	case want.Kind() == reflect.String:
		return fmt.Sprintf("%s%q", key, n.Value)
	case isWhole(want):
		if _, ok := resolvePlain(strings.TrimSpace(n.Value)).(int64); ok {
			return key + strings.TrimSpace(n.Value)
		}
	case want.Kind() == reflect.Bool:
		if b, ok := resolvePlain(strings.ToLower(strings.TrimSpace(n.Value))).(bool); ok {
			return key + strconv.FormatBool(b)
		}
	case want.Kind() == reflect.Slice && want.Elem().Kind() == reflect.String:
		return fmt.Sprintf("%s[%q]", key, n.Value)
	}
	return "Write " + expected(want) + "."
}

// typographicQuotes are the quotes that word processors and web pages put in the place of " and '.
const typographicQuotes = "“”„‟‘’‚‛«»″′"

// curly reports a value that is of the wrong type because its quotes are part of it.
func (d *decoder) curly(s slot, value string) {
	straight := strings.Trim(value, typographicQuotes)
	f := finding.New(finding.CurlyQuotes, fmt.Sprintf("%s has typographic quotes, which are part of the value", d.last())).
		With("The API server refuses the object.", fmt.Sprintf("%s: %s", keyText(s), straight))
	d.report(f, s, false)
}

// wrong reports a value that cannot be read.
func (d *decoder) wrong(s slot, message, fix string) {
	d.report(finding.New(finding.WrongType, message).With("The API server refuses the object.", fix), s, false)
}

// report records a finding about what the decoder is at.
func (d *decoder) report(f finding.Finding, s slot, onKey bool) {
	if len(d.found) > maxFindings {
		return
	}
	f = f.At(d.name, d.at.String())
	f.OnKey = onKey
	f.Place = d.doc.text.slotPlace(s, onKey)
	d.record(f)
}

// maxFindings is how many findings about one object are told.
const maxFindings = 100

// record adds a finding. Of the mistakes in lines of a template only the first is told, and what it is.
func (d *decoder) record(f finding.Finding) {
	if m, ok := template(d.doc.text, f.Line-d.doc.text.line); ok && f.Severity == finding.Error {
		if d.doc.template {
			return
		}
		d.doc.template = true
		f = m.finding.At(f.Object, f.Path)
	}
	switch {
	case len(d.found) < maxFindings:
		d.found = append(d.found, f)
	case len(d.found) == maxFindings:
		f.Message, f.Fix = "there are more mistakes in this object than are listed", "Mend those that are listed first."
		d.found = append(d.found, f)
	}
}

// last returns the name of the field that the decoder is at, in quotes.
func (d *decoder) last() string {
	for i := len(d.at) - 1; i >= 0; i-- {
		if !d.at[i].IsIndex {
			if i < len(d.at)-1 {
				return fmt.Sprintf("an item of '%s'", clip(d.at[i].Name))
			}
			return fmt.Sprintf("'%s'", clip(d.at[i].Name))
		}
	}
	return "the object"
}

// expected says what a type wants to be written.
func expected(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[intstr.IntOrString]():
		return "a whole number or a name"
	case reflect.TypeFor[resource.Quantity]():
		return "a quantity such as 500m or 1Gi"
	case reflect.TypeFor[metav1.Time](), reflect.TypeFor[metav1.MicroTime]():
		return "a time such as 2026-01-31T12:00:00Z"
	case reflect.TypeFor[metav1.Duration]():
		return "a duration such as 30s"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int32, reflect.Int64, reflect.Int, reflect.Int16, reflect.Int8:
		return "a whole number"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "base64 text"
		}
		return "a list"
	}
	return "a mapping"
}

// describe says what a node is.
func describe(n *yaml.Node) string {
	n = target(n)
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch v := resolve(n).value.(type) {
	case nil:
		return "empty"
	case bool:
		return "true or false"
	case string:
		return fmt.Sprintf("the text %q", clipTo(v, 24))
	}
	return "the number " + clipTo(n.Value, 24)
}

// shortKey shortens a key for a message: of a long one with a prefix it leaves the name.
func shortKey(s string) string {
	if i := strings.LastIndexByte(s, '/'); i >= 0 && len(s) > 40 {
		s = s[i+1:]
	}
	return clip(s)
}

// clipTo shortens s to n characters.
func clipTo(s string, n int) string {
	if head := len(s) - len(skipRunes(s, n)); head < len(s) {
		return s[:head] + "..."
	}
	return s
}
