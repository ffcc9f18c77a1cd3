package dialect

import (
	"fmt"
	"slices"
	"strings"
)

// Markdown returns the page of documentation of a table. It is made from the rows alone, so it says what is read.
func Markdown(t *Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n", t.Title, t.Intro)
	fmt.Fprintf(&b, "This page is printed from the table in `internal/dialect/%s` by `make generate`.\n\n", t.Name)
	b.WriteString("| Verdict | What becomes of the annotation |\n|---|---|\n")
	b.WriteString("| **honour** | It does what it says. |\n")
	b.WriteString("| **accept** | It has no meaning here. Everything else works, and a note says so. |\n")
	b.WriteString("| **reject** | It asks for what must not be left out silently. The Service keeps what it had; a new one gets no address. |\n\n")
	for _, p := range t.Prefixes {
		if p.Newer == "" {
			fmt.Fprintf(&b, "Names begin with `%s`", p.Text)
		} else {
			fmt.Fprintf(&b, "; the older `%s` is read too", p.Text)
		}
	}
	b.WriteString(". A blank value counts as not set, with a warning.\n")
	for _, section := range sections(t) {
		fmt.Fprintf(&b, "\n## %s\n\n| Annotation | Verdict | Values | Default | What it does | A value that is not understood |\n|---|---|---|---|---|---|\n", section)
		for _, r := range t.Rows {
			if r.Section == section {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", r.Name, r.Verdict, cell(r.Values), cell(r.Default), cell(r.doc()), cell(r.bad()))
			}
		}
	}
	return b.String()
}

func sections(t *Table) []string {
	var list []string
	for _, r := range t.Rows {
		if !slices.Contains(list, r.Section) {
			list = append(list, r.Section)
		}
	}
	return list
}

func (r *Row) doc() string {
	if r.Guards {
		return r.Doc + " Limits who can reach the Service, so a misspelt name is refused too."
	}
	return r.Doc
}

func (r *Row) bad() string {
	switch {
	case r.Bad != "":
		return r.Bad
	case r.Read == nil:
		return "not looked at"
	}
	return "refused"
}

func cell(text string) string {
	if text == "" {
		return "-"
	}
	return strings.ReplaceAll(text, "|", `\|`)
}
