package dialect

import (
	"fmt"
	"strings"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/nearest"
)

// reportUnknown says that nobody reads an annotation, and which one was probably meant. One that was probably meant to
// limit who can reach the Service refuses it, unless it would have limited nobody.
func (r *Reading) reportUnknown(key string) {
	text := strings.TrimSpace(r.Service.Annotations[key])
	name := baseName(key)
	f := finding.New(finding.AnnotationUnknown, "nobody reads "+Clip(name, 60)).With("The annotation does nothing.", "Remove it.")
	f.Path, f.OnKey = PathOf(key), true
	if c := r.suggest(key); c.row != nil {
		f.Message = "unknown annotation " + Clip(name, 60)
		if m := f.Message + ", did you mean " + c.shown(key) + "?"; len(m) <= 100 {
			f.Message = m
		}
		f.Effect = "The annotation does nothing. Did you mean " + c.key + "?"
		f.Fix = line(c.key, text)
		if value, isBool := parseBool(text); c.row.Guards && text != "" && (value || !isBool) {
			f = f.As(finding.Error)
			f.Exposes = true
			f.Effect = strings.TrimSpace(c.row.Elsewhere + " " + refusedExposesEffect)
			r.Intent.Refused = true
		}
	}
	r.findings = append(r.findings, f)
}

// candidate is an annotation that may have been meant.
type candidate struct {
	key string // whole, for a port that the Service has
	row *Row
}

// shown returns what of the candidate's key differs from key: the name, or all if the prefix differs too.
func (c candidate) shown(key string) string {
	if strings.TrimSuffix(c.key, baseName(c.key)) == strings.TrimSuffix(key, baseName(key)) {
		return baseName(c.key)
	}
	return c.key
}

// suggest finds the annotation that was probably meant by a key: one that lacks its port, has the port's name in place
// of the number, is a known mistake, is at most two letters away, has another prefix, or ends in the same words. Those
// with a prefix like the key's come before all others.
func (r *Reading) suggest(key string) candidate {
	all := r.candidates()
	for _, list := range [][]candidate{nearby(key, all), all} {
		for _, find := range []func(string, []candidate) candidate{r.byPort, byMistake, byDistance, byName, byTail} {
			if c := find(key, list); c.row != nil {
				return c
			}
		}
	}
	return candidate{}
}

// candidates lists what the tables know under their newest prefix. Rows with a port are listed for each port.
func (r *Reading) candidates() []candidate {
	var all []candidate
	for _, t := range r.tables {
		for i := range t.Rows {
			row := &t.Rows[i]
			if !strings.Contains(row.Name, portMark) {
				all = append(all, candidate{t.Prefixes[0].Text + row.Name, row})
				continue
			}
			for _, p := range r.Service.Spec.Ports {
				all = append(all, candidate{t.Prefixes[0].Text + row.forPort(uint16(p.Port)), row})
			}
		}
	}
	return all
}

// nearby returns the candidates whose prefix the key's may be a mistaken form of.
func nearby(key string, all []candidate) []candidate {
	domain := strings.TrimSuffix(key, baseName(key))
	var near []candidate
	for _, c := range all {
		if nearDomain(domain, strings.TrimSuffix(c.key, baseName(c.key))) {
			near = append(near, c)
		}
	}
	return near
}

// byPort finds a row whose pattern fits but for the port: none at all, or one by name.
func (r *Reading) byPort(key string, all []candidate) candidate {
	name := baseName(key)
	for _, c := range all {
		if !strings.Contains(c.row.Name, portMark) {
			continue
		}
		if normal(name) == normal(strings.Replace(c.row.Name, portMark+"_", "", 1)) {
			return c
		}
		middle, ok := c.row.middle(name)
		if !ok {
			continue
		}
		prefix := strings.TrimSuffix(c.key, baseName(c.key))
		for _, p := range r.Service.Spec.Ports {
			if strings.EqualFold(p.Name, middle) && p.Name != "" || strings.TrimLeft(middle, "0") == fmt.Sprint(p.Port) {
				return candidate{prefix + c.row.forPort(uint16(p.Port)), c.row}
			}
		}
		return c
	}
	return candidate{}
}

func byMistake(key string, all []candidate) candidate {
	name := normal(baseName(key))
	for _, c := range all {
		for _, m := range c.row.Mistaken {
			if normal(m) == name {
				return c
			}
		}
	}
	return candidate{}
}

// byDistance finds the nearest key, at most two letters away.
func byDistance(key string, all []candidate) candidate {
	best, least := candidate{}, 3
	for _, c := range all {
		if d := nearest.Distance(key, c.key, least); d < least {
			best, least = c, d
		}
	}
	return best
}

// byName finds the same name, or one at most two letters away in a long one, under another prefix.
func byName(key string, all []candidate) candidate {
	name := normal(baseName(key))
	best, least := candidate{}, 3
	for _, c := range all {
		known := normal(baseName(c.key))
		if d := nearest.Distance(name, known, least); d < least && (d == 0 || len(known) >= 8) {
			best, least = c, d
		}
	}
	return best
}

// byTail finds the key that shares the longest end with key, of two words at least.
func byTail(key string, all []candidate) candidate {
	name := normal(baseName(key))
	best, longest := candidate{}, 0
	for _, c := range all {
		if n := commonTail(name, normal(baseName(c.key))); n > longest {
			best, longest = c, n
		}
	}
	return best
}

// commonTail returns how many letters the longest common end of whole words has, 0 if it is less than two words.
func commonTail(a, b string) int {
	as, bs := strings.Split(a, "-"), strings.Split(b, "-")
	words, letters := 0, 0
	for words < len(as) && words < len(bs) && as[len(as)-1-words] == bs[len(bs)-1-words] {
		letters += len(as[len(as)-1-words]) + 1
		words++
	}
	if words < 2 || letters < 10 {
		return 0
	}
	return letters
}

// normal writes names that differ only in case and in the marks between words alike.
func normal(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '_' || r == '.':
			return '-'
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, name)
}
