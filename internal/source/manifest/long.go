package manifest

import "strings"

// splitLong cuts a document that is too long to be read at once into the items of the list that it is, if it is one as
// kubectl prints it (kubectl get -o yaml): apiVersion v1, kind List, and items in blocks of their own. Such lists have no
// bound; their items do. Any other document stays as it is.
func splitLong(t text) []text {
	if len(t.body) <= maxDocument {
		return []text{t}
	}
	var items []text
	isList, inItems, indent := false, false, -1
	start, first, number := 0, 0, t.line-1
	emit := func(end int) {
		if start > 0 {
			body := t.body[start:end]
			// The dash becomes a blank: the item is a mapping of its own, and its columns are those of the file.
			item := body[:indent] + " " + body[indent+1:]
			items = append(items, text{file: t.file, body: item, line: first})
		}
		start = 0
	}
	for at := 0; at < len(t.body); {
		number++
		end, next := lineEnd(t.body, at)
		line := strings.TrimRight(t.body[at:end], " \t")
		dash := strings.TrimLeft(line, " ")
		column := len(line) - len(dash)
		switch {
		case dash == "" || dash[0] == '#' || isMarker(line, "---"):
		case inItems && dash[0] == '-' && isMarker(dash, "-") && (indent < 0 || column == indent):
			emit(at)
			indent, start, first = column, at, number
		case column == 0:
			emit(at)
			inItems = line == "items:"
			if !inItems && !isListHeader(line) {
				return []text{t}
			}
			isList = isList || line == "kind: List"
		case inItems && column <= indent:
			return []text{t}
		}
		at = next
	}
	emit(len(t.body))
	if !isList || len(items) == 0 {
		return []text{t}
	}
	return items
}

// isListHeader tells whether a line may stand beside the items of a list.
func isListHeader(line string) bool {
	return line == "apiVersion: v1" || line == "kind: List" || strings.HasPrefix(line, "metadata:")
}
