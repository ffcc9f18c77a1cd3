// Command naru is the cloud load balancer for Kubernetes clusters that have no cloud.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set when the program is built by make.
var version = ""

func main() {
	os.Exit(execute(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit codes of all commands, whatever the output format.
const (
	exitFine    = 0
	exitBad     = 1 // the command ran, and the answer is bad
	exitUnknown = 2 // the command could not answer: usage, unreadable input, nobody to ask
)

// errBad ends a command with exitBad when all that is to be said was said.
var errBad = errors.New("the answer is bad")

// execute runs one command and returns its exit code.
func execute(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	switch err := root.ExecuteContext(ctx); {
	case err == nil:
		return exitFine
	case errors.Is(err, errBad):
		return exitBad
	default:
		fmt.Fprintln(errOut, "Error:", err)
		return exitUnknown
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "naru",
		Short: "The cloud load balancer for Kubernetes clusters that have no cloud",
		Long: `Naru gives any cluster the external-traffic layer of the clouds, and runs the manifests that people already have: those
for Azure and MetalLB unchanged. It needs no cluster to run; a folder of manifests is enough. And it explains itself.`,
		Example: `  # Try it: a cluster of two nodes inside one process
  naru demo

  # Serve a folder of manifests, and look at what is served
  naru run -f examples/aks-tcp
  naru status
  naru explain svc/kimmap-backend-tcp -n kimmap

  # Find what is wrong with manifests before they are applied
  naru check -f examples/aks-tcp`,
		Version:       versionText(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddGroup(&cobra.Group{ID: "serve", Title: "Serve:"}, &cobra.Group{ID: "look", Title: "Look:"})
	root.AddCommand(newRun(), newDemo(), newEcho(), newCheck(), newExplain(), newStatus(), newVersion())
	return root
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "naru", versionText())
			return err
		},
	}
}

// versionText is what make wrote into the program, else what Go did.
func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
