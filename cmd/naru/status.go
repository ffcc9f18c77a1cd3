package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/naru-lb/naru/internal/admin"
	"github.com/naru-lb/naru/internal/finding"
)

func newStatus() *cobra.Command {
	var (
		address string
		o       output
		quiet   bool
		failOn  severityFlag
	)
	cmd := &cobra.Command{
		Use:     "status",
		GroupID: "look",
		Short:   "Say whether everything is well, and what needs you",
		Long: `Status asks a running naru what it serves: frontends, listeners, targets and their health, traffic, and what is not well,
each with the command that goes deeper.

It exits with 0, or with 1 if something is as bad as --fail-on says.`,
		Example: `  naru status

  # Only what is not well; exit code 1 if there are errors
  naru status -q --fail-on error`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := admin.NewClient(address).Status(cmd.Context())
			if err != nil {
				return hint(err)
			}
			if err := o.write(cmd.OutOrStdout(), d, func(w io.Writer) error { return d.Text(w, quiet) }); err != nil {
				return err
			}
			for _, n := range d.NeedsYou {
				if failOn.severity != "" && n.Severity.AtLeast(failOn.severity) {
					return errBad
				}
			}
			return nil
		},
	}
	addAdmin(cmd, &address, "where the running naru answers")
	o.add(cmd, asText, asJSON, asYAML)
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print only what is not well")
	cmd.Flags().Var(&failOn, "fail-on", "exit with 1 if something is as bad: "+string(finding.Error)+", "+string(finding.Warning)+", never")
	return cmd
}
