package manifest

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// scalar is what a scalar node means: nil, bool, int64, uint64, float64 or string, as kubectl's decoder
// (go.yaml.in/yaml/v2, YAML 1.1) understands it.
type scalar struct {
	value any
	// bad is set if the node's tag does not fit its text (!!int x).
	bad bool
}

// resolve returns the meaning of a scalar node.
func resolve(n *yaml.Node) scalar {
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		return resolveTagged(n.Tag, n.Value)
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return scalar{value: n.Value}
	}
	return scalar{value: resolvePlain(n.Value)}
}

func resolveTagged(tag, text string) scalar {
	v := resolvePlain(text)
	ok := true
	switch tag {
	case "!!binary":
		b, err := base64.StdEncoding.DecodeString(text)
		return scalar{value: string(b), bad: err != nil}
	case "!!bool":
		_, ok = v.(bool)
	case "!!null":
		ok = v == nil
	case "!!int":
		switch v.(type) {
		case int64, uint64:
		default:
			ok = false
		}
	case "!!float":
		switch n := v.(type) {
		case int64:
			v = float64(n)
		case float64:
		default:
			ok = false
		}
	default: // !!str, and tags of applications, whose values stay text
		v = text
	}
	return scalar{value: v, bad: !ok}
}

// yamlFloat is the syntax of decimal numbers (go.yaml.in/yaml/v2 resolve.go).
var yamlFloat = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// resolvePlain returns the meaning of a scalar without quotes (go.yaml.in/yaml/v2 resolve.go).
func resolvePlain(s string) any {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return true
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return false
	case ".nan", ".NaN", ".NAN":
		return math.NaN()
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		return math.Inf(1)
	case "-.inf", "-.Inf", "-.INF":
		return math.Inf(-1)
	}
	switch c := s[0]; {
	case c == '.':
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f
		}
	case c >= '0' && c <= '9' || c == '+' || c == '-':
		if v := resolveNumber(strings.ReplaceAll(s, "_", "")); v != nil {
			return v
		}
	}
	return s
}

// resolveNumber returns the number that s is, nil if it is none. A leading 0 is octal.
func resolveNumber(s string) any {
	if i, err := strconv.ParseInt(s, 0, 64); err == nil {
		return i
	}
	if u, err := strconv.ParseUint(s, 0, 64); err == nil {
		return u
	}
	if yamlFloat.MatchString(s) {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f
		}
	}
	return nil
}

// keyName returns the name that a key of a mapping has in JSON; false if it can have none.
func keyName(n *yaml.Node) (string, bool) {
	n = target(n)
	if n.Kind != yaml.ScalarNode {
		return "", false
	}
	r := resolve(n)
	switch v := r.value.(type) {
	case string:
		return v, !r.bad
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case float64:
		return floatKey(v), true
	}
	return "", false
}

// floatKey writes a number as sigs.k8s.io/yaml writes keys.
func floatKey(f float64) string {
	switch s := strconv.FormatFloat(f, 'g', -1, 64); s {
	case "+Inf":
		return ".inf"
	case "-Inf":
		return "-.inf"
	case "NaN":
		return ".nan"
	default:
		return s
	}
}

// wholeNumber returns the text of a number if JSON would write it without fraction and exponent.
func wholeNumber(f float64) (string, bool) {
	b, err := json.Marshal(f)
	if err != nil || strings.ContainsAny(string(b), ".eE") {
		return "", false
	}
	return string(b), true
}
