package finding

import (
	"slices"
	"sync"
)

// Store keeps the findings that stand at the moment, by who found them. A finder replaces its own and never touches
// those of others, so that a change costs as much as it changes. The zero Store is empty and ready; it may be used
// from several goroutines.
type Store struct {
	mu    sync.Mutex
	owner map[string][]Finding
}

// Replace sets the findings of one owner, "file/a.yaml" or "service/ns/name" say, and returns those that it had; none
// removes the owner.
func (s *Store) Replace(owner string, fs []Finding) (was []Finding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was = s.owner[owner]
	if len(fs) == 0 {
		delete(s.owner, owner)
		return was
	}
	if s.owner == nil {
		s.owner = map[string][]Finding{}
	}
	s.owner[owner] = fs
	return was
}

// All returns all findings in the order they are shown in, without those that others explain.
func (s *Store) All() []Finding {
	s.mu.Lock()
	var all []Finding
	for _, fs := range s.owner {
		all = append(all, fs...)
	}
	s.mu.Unlock()
	all = withoutExplained(all)
	Sort(all)
	return all
}

// explains lists the findings that are only the consequence of another one about the same object, by that one's code.
var explains = map[Code]Code{
	NoPodsMatch:  NoEndpoints,
	PortNotFound: NoEndpoints,
}

// withoutExplained leaves out what is only the consequence of another finding, so that one mistake is told once.
func withoutExplained(fs []Finding) []Finding {
	type key struct {
		object Object
		code   Code
	}
	explained := map[key]bool{}
	for _, f := range fs {
		if code, ok := explains[f.Code]; ok {
			explained[key{f.Object, code}] = true
		}
	}
	return slices.DeleteFunc(fs, func(f Finding) bool { return explained[key{f.Object, f.Code}] })
}
