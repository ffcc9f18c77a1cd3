package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/run"
)

// checkResult is the document of naru check.
type checkResult struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	run.Totals
	Findings []finding.Finding `json:"findings"`
}

func newCheck() *cobra.Command {
	var (
		m      manifests
		o      output
		failOn = severityFlag{finding.Error}
	)
	cmd := &cobra.Command{
		Use:     "check -f PATH...",
		GroupID: "look",
		Short:   "Find what is wrong with manifests before they are applied",
		Long: `Check reads manifests as strictly as the API server does, works out what would be served, and says what is not right: where,
what happens to traffic, and how to mend it. It needs no cluster and serves nothing.

It exits with 0 if there is no finding as bad as --fail-on says, 1 if there is, and 2 if something could not be read.`,
		Example: `  # A folder
  naru check -f examples/aks-tcp

  # What another program prints
  cat examples/aks-tcp/*.yaml | naru check -f -

  # In CI: warnings count too, for programs to read
  naru check -f examples/aks-tcp --fail-on warning -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			m.paths = append(m.paths, args...)
			return check(cmd, m, o, failOn.severity)
		},
	}
	m.add(cmd)
	o.add(cmd, asText, asJSON, asYAML)
	cmd.Flags().Var(&failOn, "fail-on", "the mildest severity that counts for the exit code: error, warning, note, never")
	return cmd
}

func check(cmd *cobra.Command, m manifests, o output, failOn finding.Severity) error {
	loaded, err := load(m)
	if err != nil {
		return err
	}
	result := checkResult{explain.APIVersion, "CheckResult", loaded.Totals, append([]finding.Finding{}, loaded.Findings...)}
	if err := o.write(cmd.OutOrStdout(), result, result.text); err != nil {
		return err
	}
	if loaded.Unreadable > 0 {
		return fmt.Errorf("%s could not be read", plural(loaded.Unreadable, "path"))
	}
	for _, f := range loaded.Findings {
		if failOn != "" && f.Severity.AtLeast(failOn) {
			return errBad
		}
	}
	return nil
}

// load reads manifests once.
func load(m manifests) (run.Loaded, error) {
	if len(m.paths) == 0 {
		return run.Loaded{}, errors.New("no manifests are given; name a file or a folder with -f PATH")
	}
	c, err := m.compile()
	if err != nil {
		return run.Loaded{}, err
	}
	return run.Load(m.paths, c)
}

func (r checkResult) text(w io.Writer) error {
	var b bytes.Buffer
	if err := explain.FindingsText(&b, r.Findings, readSource); err != nil {
		return err
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	b.WriteString(r.summary() + "\n")
	_, err := w.Write(b.Bytes())
	return err
}

// summary says what was looked at and what was found, in one line.
func (r checkResult) summary() string {
	s := plural(r.Files, "file") + ", " + plural(r.Objects, "object")
	if r.Ignored > 0 {
		s += fmt.Sprintf(" and %d of other kinds", r.Ignored)
	}
	if len(r.Findings) == 0 {
		return s + ", no findings"
	}
	var parts []string
	for _, severity := range []finding.Severity{finding.Error, finding.Warning, finding.Note} {
		n := 0
		for _, f := range r.Findings {
			if f.Severity == severity {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, plural(n, string(severity)))
		}
	}
	return s + ": " + strings.Join(parts, ", ")
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// severityFlag is a severity, or "never".
type severityFlag struct{ severity finding.Severity }

func (f *severityFlag) Type() string { return "severity" }

func (f *severityFlag) String() string {
	if f.severity == "" {
		return "never"
	}
	return string(f.severity)
}

func (f *severityFlag) Set(s string) error {
	switch severity := finding.Severity(s); severity {
	case finding.Error, finding.Warning, finding.Note:
		f.severity = severity
	case "never":
		f.severity = ""
	default:
		return errors.New("the severities are error, warning, note and never")
	}
	return nil
}
