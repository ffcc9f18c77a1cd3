package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// output is the format that a command answers in.
type output string

const (
	asText output = "text"
	asJSON output = "json"
	asYAML output = "yaml"
)

func (o *output) add(cmd *cobra.Command, formats ...output) {
	*o = asText
	cmd.Flags().VarP(&outputFlag{o, formats}, "output", "o", "output format: "+list(formats))
	_ = cmd.RegisterFlagCompletionFunc("output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return strings.Split(list(formats), ", "), cobra.ShellCompDirectiveNoFileComp
	}) // the flag exists
}

func list(formats []output) string {
	var names []string
	for _, f := range formats {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// outputFlag refuses formats that a command does not have.
type outputFlag struct {
	to      *output
	formats []output
}

func (f *outputFlag) String() string { return string(*f.to) }
func (f *outputFlag) Type() string   { return "format" }
func (f *outputFlag) Set(s string) error {
	if !slices.Contains(f.formats, output(s)) {
		return fmt.Errorf("the formats are %s", list(f.formats))
	}
	*f.to = output(s)
	return nil
}

// write writes a document in the format, text by the given function.
func (o output) write(w io.Writer, document any, text func(io.Writer) error) error {
	switch o {
	case asJSON:
		data, err := json.MarshalIndent(document, "", "  ")
		if err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
		_, err = w.Write(append(data, '\n'))
		return err
	case asYAML:
		data, err := yaml.Marshal(document)
		if err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
		_, err = w.Write(data)
		return err
	}
	return text(w)
}
