// Package run is the process behind naru run: it ties the packages together in which manifests become a plan, and a plan is
// served, and hands what is seen to whoever asks.
//
//	files --batch--> pipeline (endpoints, compile) --change--> edge, probe
//	                                                             |
//	             findings <-- diagnosis <------ bindings, health-+
//
// pipeline.go is the way down, server.go what is served, watch.go what is seen, ready.go when all of it is there, record.go
// the addresses that have to be remembered. Load goes the same way once, for commands that only look at files.
package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/naru-lb/naru/internal/admin"
	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/source/files"
)

// Options say what is served and how.
type Options struct {
	Compile
	// Paths are the files and folders of manifests.
	Paths []string
	// State is the file in which the addresses of Services are recorded.
	State string
	// Admin is where the process answers questions about itself: "host:port" or the path of a Unix socket.
	Admin string
	// Version is told to who asks.
	Version string
	// Logger gets what happens; slog.Default() if nil.
	Logger *slog.Logger
	// Grace is how long running connections may go on when the process is asked to end; 0 ends them at once.
	Grace time.Duration
	// Ready is called once, when everything that the manifests ask for is served or has a finding that says why not, and
	// the first probes are over.
	Ready func(Started)
	// Pods, if not nil, can be stopped and started by who asks the process: those of the demo.
	Pods admin.Pods
}

// Started is what there is when a process is ready.
type Started struct {
	View   explain.View
	Totals Totals
	// State and Admin are the file of addresses and where questions are answered.
	State, Admin string
}

// Run serves until ctx is done; running connections then have Options.Grace to end, or until now is closed. It returns
// nil after that, and before it only the error for which it could not start.
func Run(ctx context.Context, now <-chan struct{}, o Options) error {
	o.Logger = cmp.Or(o.Logger, slog.Default())
	source, err := files.New(files.Options{Paths: o.Paths, Logger: o.Logger})
	if err != nil {
		return err
	}
	s, err := newServer(o)
	if err != nil {
		return err
	}
	if err := s.answer(); err != nil {
		return errors.Join(err, s.close())
	}
	err = source.Run(ctx, s.take)
	return errors.Join(err, s.drain(now), s.close())
}

// drain stops to listen and waits for what runs.
func (s *server) drain(now <-chan struct{}) error {
	s.log.Info("Ending: no new connections, running ones may finish", "within", s.options.Grace)
	ctx, cancel := context.WithTimeout(context.Background(), s.options.Grace)
	defer cancel()
	go func() {
		select {
		case <-now:
			cancel()
		case <-ctx.Done():
		}
	}()
	running := s.edge.Stats()
	err := s.edge.Shutdown(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		s.log.Warn("Connections that still ran were reset", "connections", running.Connections)
		return nil
	case err != nil:
		return fmt.Errorf("end the connections: %w", err)
	}
	return nil
}
