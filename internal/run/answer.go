package run

import (
	"errors"

	"github.com/naru-lb/naru/internal/admin"
)

// answer starts to answer questions about the process.
func (s *server) answer() error {
	a, err := admin.Listen(s.options.Admin, admin.Options{
		View:    s.view,
		Ready:   s.notReady,
		Metrics: s.metrics,
		Pods:    s.options.Pods,
		Version: s.options.Version,
		Logger:  s.log,
	})
	if err != nil {
		return err
	}
	s.admin = a
	return nil
}

// notReady says why the process is not ready, nil if it is.
func (s *server) notReady() error {
	if !s.start.isReady() {
		return errors.New("the manifests are not served yet")
	}
	return nil
}

func (s *server) started() Started {
	s.mu.Lock()
	totals := s.pipeline.totals
	s.mu.Unlock()
	return Started{View: s.view(), Totals: totals, State: s.record.file.Path(), Admin: s.admin.Address()}
}
