package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/run"
)

// serveFlags are the flags of commands that serve.
type serveFlags struct {
	admin    string
	grace    time.Duration
	logLevel slog.Level
}

func (f *serveFlags) add(cmd *cobra.Command) {
	addAdmin(cmd, &f.admin, "where to answer other commands, and Prometheus")
	cmd.Flags().DurationVar(&f.grace, "grace", 30*time.Second, "how long running connections may go on after SIGTERM")
	cmd.Flags().TextVar(&f.logLevel, "log-level", slog.LevelInfo, "debug, info, warn or error")
}

func newRun() *cobra.Command {
	var (
		m     manifests
		f     serveFlags
		state string
	)
	cmd := &cobra.Command{
		Use:     "run -f PATH...",
		GroupID: "serve",
		Short:   "Serve the manifests of a folder on this machine, without a cluster",
		Long: `Run serves the Services of type LoadBalancer in a folder of manifests: it gives them addresses, probes their pods, and carries
their TCP and UDP traffic. It follows every change of the files; connections that a change does not concern notice nothing.
A manifest with a mistake never takes down what is served.

It needs no root. An address that this machine does not have is served on the loopback address instead, and a port below 1024
on another one; findings say so, and how to change it. The pods of the manifests must be reachable from this machine.

SIGTERM or Ctrl-C lets running connections finish, a second one ends at once.`,
		Example: `  naru run -f examples/aks-tcp

  # In another terminal
  naru status
  naru explain svc/kimmap-backend-tcp -n kimmap
  curl http://127.0.0.1:6278/metrics`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := m.compile()
			if err != nil {
				return err
			}
			if state == "" {
				if state, err = run.DefaultState(m.paths); err != nil {
					return err
				}
			}
			return f.serve(cmd, run.Options{Compile: c, Paths: m.paths, State: state, Ready: started(cmd.OutOrStdout())})
		},
	}
	m.add(cmd)
	_ = cmd.MarkFlagRequired("filename") // the flag exists
	f.add(cmd)
	cmd.Flags().StringVar(&state, "state", "", "file in which the addresses of Services are recorded (default: one for each set of paths, in the state folder of the system or user)")
	return cmd
}

// serve serves until a signal comes.
func (f *serveFlags) serve(cmd *cobra.Command, o run.Options) error {
	o.Admin, o.Grace, o.Version = f.admin, f.grace, versionText()
	o.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: f.logLevel}))
	ctx, now, stop := signals(cmd.Context())
	defer stop()
	return run.Run(ctx, now, o)
}

// signals returns a context that the first SIGTERM or SIGINT ends, and a channel that the second one closes.
func signals(parent context.Context) (ctx context.Context, second <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	got := make(chan os.Signal, 2)
	signal.Notify(got, syscall.SIGTERM, syscall.SIGINT)
	now, ended := make(chan struct{}), make(chan struct{})
	go func() {
		select {
		case <-got:
			cancel()
		case <-ended:
			return
		}
		select {
		case <-got:
			close(now)
		case <-ended:
		}
	}()
	return ctx, now, func() { signal.Stop(got); cancel(); close(ended) }
}

// started prints what is served when a process is ready.
func started(w io.Writer) func(run.Started) {
	return func(s run.Started) {
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s read: %s\n\n", plural(s.Totals.Files, "file"), plural(s.Totals.Objects, "object"))
		if err := explain.Frontends(s.View).Text(&b); err != nil {
			slog.Error("cannot print what is served", "error", err)
		}
		if fs := worthy(s.View.Findings); len(fs) > 0 {
			b.WriteString("\n")
			if err := explain.FindingsText(&b, fs, readSource); err != nil {
				slog.Error("cannot print the findings", "error", err)
			}
		}
		fmt.Fprintf(&b, "\nAddresses are recorded in %s\nOther commands, and Prometheus, ask %s: naru status\n", s.State, s.Admin)
		if _, err := w.Write(b.Bytes()); err != nil {
			slog.Error("cannot print what is served", "error", err)
		}
	}
}

// worthy leaves out what is only good to know: naru check and naru status tell it.
func worthy(fs []finding.Finding) []finding.Finding {
	var out []finding.Finding
	for _, f := range fs {
		if f.Severity != finding.Note || f.Exposes {
			out = append(out, f)
		}
	}
	return out
}

func readSource(file string) []byte {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil // standard input, or gone since: the finding is shown without its lines
	}
	return data
}
