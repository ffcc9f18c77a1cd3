package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/naru-lb/naru/internal/admin"
	"github.com/naru-lb/naru/internal/dataplane/edge"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/probe"
	"github.com/naru-lb/naru/internal/source/files"
)

// server is a running process.
type server struct {
	options Options
	log     *slog.Logger
	journal *journal
	edge    *edge.Edge
	probes  *probe.Manager
	metrics *admin.Metrics
	admin   *admin.Server
	start   readiness

	mu       sync.Mutex // guards what follows; nothing that may call back is called under it
	pipeline *pipeline
	record   *recorder
	saved    uint64 // the edition of the records that was written last, 0 for none
}

func newServer(o Options) (*server, error) {
	s := &server{options: o, log: o.Logger, journal: &journal{log: o.Logger}}
	s.metrics = admin.NewMetrics(o.Version, s.view)
	var err error
	if s.record, err = openRecorder(o.State, s.journal, s.saveAgain); err != nil {
		return nil, err
	}
	s.pipeline = newPipeline(o.Compile, s.record.known(), s.journal)
	// What the data plane has to say of listeners becomes findings.
	silent := slog.New(slog.DiscardHandler)
	if s.edge, err = edge.New(edge.Options{Logger: silent, OnBinding: s.bound}); err != nil {
		return nil, errors.Join(fmt.Errorf("start the data plane: %w", err), s.record.close())
	}
	s.probes = probe.New(probe.Options{Logger: o.Logger, OnTransition: s.changed, OnProbe: s.metrics.Probed})
	return s, nil
}

// take brings in a change of the manifests. Addresses are recorded before they are served, so that no crash makes a
// Service lose one that somebody may know already.
func (s *server) take(b files.Batch) {
	began := time.Now()
	for _, change := range s.compile(b) {
		s.edge.Apply(change)
		s.probes.Apply(change)
		s.diagnose(change)
	}
	s.metrics.Applied(time.Since(began))
	s.start.applied(s)
}

func (s *server) compile(b files.Batch) []plan.Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	changes := []plan.Change{s.pipeline.apply(b)}
	if !s.record.settled {
		changes = append(changes, s.pipeline.forget())
		s.record.settle(s.pipeline.compiler.Plan())
	}
	if s.pipeline.compiler.Edition() != s.saved {
		s.save()
	}
	return changes
}

func (s *server) save() {
	s.saved = s.pipeline.compiler.Edition()
	s.record.save(s.pipeline.compiler.Records())
}

// saveAgain writes the records once more after it failed.
func (s *server) saveAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.save()
}

func (s *server) close() error {
	s.start.stop()
	s.probes.Close()
	err := s.edge.Close()
	s.mu.Lock()
	err = errors.Join(err, s.record.close())
	s.mu.Unlock()
	if s.admin != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err = errors.Join(err, s.admin.Close(ctx))
	}
	return err
}
