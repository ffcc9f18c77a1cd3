package manifest

import (
	"strconv"
	"strings"
)

// Step is one part of a path: a name, or an index into a list.
type Step struct {
	Name    string
	Index   int
	IsIndex bool
}

// Path is the way to a field of an object. Its text is what finding.Finding.Path holds:
// spec.ports[0].port, metadata.annotations["a.b/c"].
type Path []Step

// Field returns the path of a field, or of a key of a map, below p.
func (p Path) Field(name string) Path { return append(p[:len(p):len(p)], Step{Name: name}) }

// Item returns the path of an item, counted from 0, of the list at p.
func (p Path) Item(i int) Path { return append(p[:len(p):len(p)], Step{Index: i, IsIndex: true}) }

// String returns the path as findings write it. Names with other characters than letters, digits, "-" and "_" are
// put between [" and "], with " and \ escaped by \.
func (p Path) String() string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.IsIndex:
			b.WriteString("[" + strconv.Itoa(s.Index) + "]")
		case plainName(s.Name):
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.Name)
		default:
			b.WriteString(`["` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s.Name) + `"]`)
		}
	}
	return b.String()
}

func plainName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != ""
}

// ParsePath reads what Path.String wrote. Of a text that is no path it returns the part before the mistake.
func ParsePath(s string) Path {
	var p Path
	for s != "" {
		switch {
		case strings.HasPrefix(s, `["`):
			name, rest, ok := cutQuoted(s[2:])
			if !ok {
				return p
			}
			p, s = append(p, Step{Name: name}), rest
		case s[0] == '[':
			digits, rest, ok := strings.Cut(s[1:], "]")
			i, err := strconv.Atoi(digits)
			if !ok || err != nil || i < 0 {
				return p
			}
			p, s = append(p, Step{Index: i, IsIndex: true}), rest
		default:
			s = strings.TrimPrefix(s, ".")
			end := strings.IndexAny(s, ".[")
			if end < 0 {
				end = len(s)
			}
			if end == 0 {
				return p
			}
			p, s = append(p, Step{Name: s[:end]}), s[end:]
		}
	}
	return p
}

// cutQuoted cuts s behind the next unescaped "] and returns what stands before it.
func cutQuoted(s string) (name, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case strings.HasPrefix(s[i:], `"]`):
			return b.String(), s[i+2:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}
