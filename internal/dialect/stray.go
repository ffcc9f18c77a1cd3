package dialect

import (
	"strings"

	"github.com/naru-lb/naru/internal/nearest"
)

// readStray looks for annotations that were meant for one of the tables, but begin with another prefix. All others
// belong to somebody else, and nothing is said about them.
func (r *Reading) readStray(keys []string) {
	for _, key := range keys {
		if r.strayed(key) {
			r.reportUnknown(key)
		}
	}
}

func (r *Reading) strayed(key string) bool {
	name := baseName(key)
	domain := strings.TrimSuffix(key, name)
	if domain == "" && len(name) < 10 {
		return false
	}
	near := nearby(key, r.candidates())
	return r.byPort(key, near).row != nil || byMistake(key, near).row != nil || byName(key, near).row != nil
}

// nearDomain tells whether a domain, with its slash, may be a mistaken form of a known one.
func nearDomain(domain, known string) bool {
	const kubernetes = "kubernetes.io/"
	label, _, _ := strings.Cut(domain, ".")
	knownLabel, _, _ := strings.Cut(known, ".")
	return domain == "" || label == knownLabel ||
		strings.HasSuffix(domain, kubernetes) && strings.HasSuffix(known, kubernetes) ||
		nearest.Distance(domain, known, 3) < 3
}
