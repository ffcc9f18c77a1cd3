// Package nearest finds what somebody probably meant: the known word that is nearest to a wrong one.
package nearest

import (
	"cmp"
	"slices"
	"strings"
)

// Word returns the word that s was probably meant to be: one that differs only in case, else the one at the smallest
// edit distance. Short words allow fewer edits (a third of their length, at most 2). It returns "" if none is near.
func Word(s string, words []string) string {
	best, least := "", min(2, len(s)/3)+1
	for _, w := range words {
		if strings.EqualFold(s, w) {
			return w
		}
		if d := Distance(strings.ToLower(s), strings.ToLower(w), least); d < least {
			best, least = w, d
		}
	}
	return best
}

// Words returns up to n words that are like s, the nearest first: those at a small edit distance, then those that
// begin or end as s does.
func Words(s string, words []string, n int) []string {
	s = strings.ToLower(s)
	rank := func(w string) int {
		w = strings.ToLower(w)
		if d := Distance(s, w, 4); d <= min(3, len(s)/2) {
			return d
		}
		if prefix := 5; len(s) >= prefix && (strings.HasPrefix(w, s[:prefix]) || strings.HasSuffix(w, s[len(s)-prefix:])) {
			return 4
		}
		return 5
	}
	like := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return rank(w) > 4 })
	slices.SortFunc(like, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b)) })
	return like[:min(n, len(like))]
}

// Distance returns how many insertions, deletions, replacements and swaps of neighbouring bytes turn a into b
// (optimal string alignment), or limit if it is that many or more, or if a word has more than 256 bytes.
func Distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit || len(a) > 256 || len(b) > 256 {
		return limit
	}
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least >= limit {
			return limit
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
