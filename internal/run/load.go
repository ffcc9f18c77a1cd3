package run

import (
	"log/slog"

	"github.com/naru-lb/naru/internal/diagnosis"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/source/files"
)

// Loaded is what manifests say when they are read once and nothing is served.
type Loaded struct {
	Plan     *plan.Plan
	Findings []finding.Finding
	Totals
}

// Load reads manifests once and compiles them. Errors are those of files.New; whatever is wrong with the manifests is a
// finding.
func Load(paths []string, c Compile) (Loaded, error) {
	log := slog.New(slog.DiscardHandler)
	source, err := files.New(files.Options{Paths: paths, Logger: log})
	if err != nil {
		return Loaded{}, err
	}
	j := &journal{log: log}
	p := newPipeline(c, nil, j)
	p.apply(source.Load())
	now := p.compiler.Plan()
	for id, g := range now.Groups {
		j.replace("traffic/"+id.String(), p.locate(id.Service, diagnosis.Traffic(&g)))
	}
	return Loaded{Plan: now, Findings: j.store.All(), Totals: p.totals}, nil
}
