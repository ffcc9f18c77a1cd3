package manifest

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/naru-lb/naru/internal/object"
)

// schema is what the kinds that Naru reads look like in JSON. It never changes.
type schema struct {
	kinds   []object.Kind
	structs map[reflect.Type]*structType
}

// structType lists the fields of a Go struct by their JSON names.
type structType struct {
	fields map[string]field
	names  []string // sorted
}

// field is one field of a struct: where it is and what it holds.
type field struct {
	index []int
	typ   reflect.Type
}

// theSchema returns the schema of object.Kinds. It is built once, when it is first asked for.
var theSchema = sync.OnceValue(func() *schema {
	s := &schema{kinds: object.Kinds(), structs: map[reflect.Type]*structType{}}
	for _, k := range s.kinds {
		s.add(reflect.TypeOf(k.New()))
	}
	return s
})

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// add adds all structs that t leads to, but for those that read their own JSON.
func (s *schema) add(t reflect.Type) {
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		s.add(t.Elem())
	case reflect.Struct:
		if s.structs[t] != nil {
			return
		}
		st := &structType{fields: map[string]field{}}
		s.structs[t] = st
		st.collect(t, nil)
		for name, f := range st.fields {
			st.names = append(st.names, name)
			s.add(f.typ)
		}
		slices.Sort(st.names)
	}
}

// collect adds the fields of t, which stands at index of the struct, and those of the structs that are inlined in it.
func (st *structType) collect(t reflect.Type, index []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		at := append(index[:len(index):len(index)], i)
		switch {
		case !f.IsExported() || tag == "-":
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct, options == "inline" && f.Type.Kind() == reflect.Struct:
			st.collect(f.Type, at)
		case name == "":
			st.fields[f.Name] = field{at, f.Type}
		default:
			st.fields[name] = field{at, f.Type}
		}
	}
}

// of returns the struct that values of type t hold, through pointers, lists and maps; nil if they hold none.
func (s *schema) of(t reflect.Type) *structType {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return s.structs[t]
}

// kind returns the kind with the given apiVersion and name.
func (s *schema) kind(t typeName) (object.Kind, bool) {
	for _, k := range s.kinds {
		if k.APIVersion == t.apiVersion && k.Name == t.kind {
			return k, true
		}
	}
	return object.Kind{}, false
}

// isField tells whether a path below root, an object, leads to a field of its kind, and not to a name in a map of it.
func isField(root *yaml.Node, path Path) bool {
	s := theSchema()
	h := readHeader(root, typeName{})
	k, ok := s.kind(h.typeName)
	if !ok || len(path) == 0 {
		return false
	}
	t := reflect.TypeOf(k.New())
	for i, step := range path {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch {
		case step.IsIndex && t.Kind() == reflect.Slice || t.Kind() == reflect.Map && i < len(path)-1:
			t = t.Elem()
		case s.structs[t] != nil:
			f, ok := s.structs[t].fields[step.Name]
			if !ok {
				return false
			}
			t = f.typ
		default:
			return false
		}
	}
	return true
}

// fieldPlace is a place at which a kind has a field of some name.
type fieldPlace struct {
	path Path // with index 0 for lists
	typ  reflect.Type
}

// placeDepth is how many levels below an object's top thePlaces goes.
const placeDepth = 5

// thePlaces returns the places of the fields of every kind, by name, the nearest to the top first. It is built once,
// when a field is first found to be in the wrong place.
var thePlaces = sync.OnceValue(func() map[reflect.Type]map[string][]fieldPlace {
	s := theSchema()
	all := map[reflect.Type]map[string][]fieldPlace{}
	for _, k := range s.kinds {
		t := reflect.TypeOf(k.New()).Elem()
		all[t] = s.places(t)
	}
	return all
})

func (s *schema) places(root reflect.Type) map[string][]fieldPlace {
	type level struct {
		st *structType
		at Path
	}
	out := map[string][]fieldPlace{}
	for queue := []level{{s.structs[root], nil}}; len(queue) > 0; queue = queue[1:] {
		l := queue[0]
		for _, name := range l.st.names {
			f := l.st.fields[name]
			at := l.at.Field(name)
			out[name] = append(out[name], fieldPlace{at, f.typ})
			next := s.of(f.typ)
			if next == nil || len(at) >= placeDepth || name == "status" || name == "managedFields" || name == "ownerReferences" {
				continue
			}
			if isList(f.typ) {
				at = at.Item(0)
			}
			queue = append(queue, level{next, at})
		}
	}
	return out
}

func isList(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Slice
}
