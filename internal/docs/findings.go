package main

import (
	"fmt"
	"strings"

	"github.com/naru-lb/naru/internal/finding"
)

// families are the chapters of the page, by the first digit of the codes.
var families = map[byte]string{
	'0': "Input", '1': "Annotations and values", '2': "References", '3': "Health", '4': "Addresses",
	'5': "Announcement and network", '7': "Traffic behaviour",
}

func findings() string {
	var b strings.Builder
	b.WriteString("# Findings\n\nWhatever is not right or not understood becomes a finding: a line of `naru check`, of `naru status`, and of the log.\n" +
		"An *error* will not work, is refused, or exposes more than it says; a *warning* works, but not as written; a *note* is\n" +
		"good to know. `naru explain NR3101` prints the row of one code.\n\n" +
		"This page is printed from `internal/finding/rules.go` by `make generate`.\n")
	var family byte
	for _, r := range finding.Rules() {
		if digit := r.Code[2]; digit != family {
			family = digit
			fmt.Fprintf(&b, "\n## %s\n\n| Code | Reason | Severity | What is wrong | What happens | How to mend it |\n| --- | --- | --- | --- | --- | --- |\n", families[family])
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.Code, r.Reason, r.Severity, r.Title, r.Effect, r.Mend)
	}
	return b.String()
}
