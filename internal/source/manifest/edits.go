package manifest

import (
	"maps"
	"slices"
)

// edit is one change of a line: from a column on, counted from 0, old characters were replaced by new ones.
type edit struct{ at, old, new int }

// edits are the changes that mended a body, by line, in the order in which they were made. Mending adds and removes no
// lines.
type edits map[int][]edit

// clone returns edits that can be added to while es stays as it is.
func (es edits) clone() edits {
	if es == nil {
		return edits{}
	}
	return maps.Clone(es)
}

func (es edits) add(line int, e edit) { es[line] = append(slices.Clip(es[line]), e) }

// back returns the column that a column of the mended line has in the file.
func (es edits) back(line, column int) int {
	for _, e := range slices.Backward(es[line]) {
		column = shifted(column, e.at, e.new, e.old)
	}
	return column
}

// forth returns the column that a column of the file's line has in the mended one.
func (es edits) forth(line, column int) int {
	for _, e := range es[line] {
		column = shifted(column, e.at, e.old, e.new)
	}
	return column
}

// shifted returns where a column is after some characters were replaced by others. What was inside stays inside.
func shifted(column, at, before, after int) int {
	switch {
	case column >= at+before:
		return column - before + after
	case column > at:
		return min(column, at+after)
	}
	return column
}
