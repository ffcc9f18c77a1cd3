package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/naru-lb/naru/internal/admin"
	"github.com/naru-lb/naru/internal/demo"
	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/run"
)

func newDemo() *cobra.Command {
	var (
		f            serveFlags
		dir          string
		kill, revive string
	)
	cmd := &cobra.Command{
		Use:     "demo",
		GroupID: "serve",
		Short:   "Try naru: a cluster of two nodes and five pods inside this process",
		Long: `Demo serves built-in manifests with pods of its own, tiny servers in this process that say who they are: an AKS-style TCP
service with a named address and an Azure probe, and a web service of three pods on two nodes (1 + 2) under
externalTrafficPolicy Cluster and Local. It needs no root and no cluster, and leaves nothing behind.

The manifests are in the folder that it names; edit them and see what happens.`,
		Example: `  naru demo

  # In another terminal
  naru explain svc/web-local --measure 3000
  naru demo --kill web-1
  naru status
  naru demo --revive web-1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client := admin.NewClient(f.admin)
			switch {
			case kill != "":
				return report(cmd, kill+" is stopped", client.Kill(cmd.Context(), kill))
			case revive != "":
				return report(cmd, revive+" runs again", client.Revive(cmd.Context(), revive))
			}
			return serveDemo(cmd, f, dir)
		},
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&dir, "dir", "", "folder for the manifests, kept afterwards (default: a temporary one)")
	flags.StringVar(&kill, "kill", "", "stop a pod of the demo that runs")
	flags.StringVar(&revive, "revive", "", "start a pod that was stopped")
	cmd.MarkFlagsMutuallyExclusive("kill", "revive")
	return cmd
}

func report(cmd *cobra.Command, done string, err error) error {
	if err != nil {
		return hint(err)
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), done)
	return err
}

func serveDemo(cmd *cobra.Command, f serveFlags, dir string) (err error) {
	work, err := os.MkdirTemp("", "naru-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if dir == "" {
		dir = filepath.Join(work, "manifests")
	}
	d, err := demo.Start(cmd.Context(), demo.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return f.serve(cmd, run.Options{
		Paths: []string{dir},
		State: filepath.Join(work, "state"),
		Pods:  d,
		Ready: func(s run.Started) { welcome(cmd.OutOrStdout(), d, dir, s) },
	})
}

// welcome prints what is served and what to try.
func welcome(w io.Writer, d *demo.Demo, dir string, s run.Started) {
	var b bytes.Buffer
	b.WriteString("A cluster of 2 nodes and 5 pods, inside this process. The manifests are in " + dir + "\n\n")
	if err := explain.Frontends(s.View).Text(&b); err != nil {
		slog.Error("cannot print what is served", "error", err)
	}
	b.WriteString("\nTry it in another terminal:\n\n")
	commands := d.Commands(program(s.Admin), bound(s.View))
	width := 0
	for _, c := range commands {
		width = max(width, len(c.Line))
	}
	for _, c := range commands {
		fmt.Fprintf(&b, "  %-*s   # %s\n", width, c.Line, c.Shows)
	}
	b.WriteString("\nCtrl-C ends it and leaves nothing behind.\n")
	if _, err := w.Write(b.Bytes()); err != nil {
		slog.Error("cannot print what is served", "error", err)
	}
}

// bound says where the Services of a view are served.
func bound(v explain.View) map[plan.ServiceName]netip.AddrPort {
	all := map[plan.ServiceName]netip.AddrPort{}
	for key, b := range v.Bindings {
		if l, ok := v.Plan.Listeners[key]; ok && b.Bound.IsValid() {
			all[l.Service] = b.Bound
		}
	}
	return all
}

// program is how this program is called from another terminal, so that it finds this process.
func program(address string) string {
	name := os.Args[0]
	if address != admin.DefaultAddress {
		name = adminEnv + "=" + address + " " + name
	}
	if strings.ContainsAny(name, "'\"\\$`") {
		return "naru"
	}
	return name
}
