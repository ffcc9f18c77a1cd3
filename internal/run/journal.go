package run

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/naru-lb/naru/internal/finding"
)

// journal keeps the findings that stand, and logs those that come and go as soon as it is told to. It may be used from
// several goroutines.
type journal struct {
	store   finding.Store
	log     *slog.Logger
	logging atomic.Bool
}

// replace sets the findings of one owner.
func (j *journal) replace(owner string, now []finding.Finding) {
	was := j.store.Replace(owner, now)
	if !j.logging.Load() {
		return
	}
	for _, f := range now {
		if f.Severity != finding.Note && !contains(was, f) {
			j.log.Log(context.Background(), level(f.Severity), f.Message, attributes(f)...)
		}
	}
	for _, f := range was {
		if f.Severity != finding.Note && !contains(now, f) {
			j.log.Info("No longer so: "+f.Message, attributes(f)...)
		}
	}
}

func contains(fs []finding.Finding, f finding.Finding) bool {
	return slices.ContainsFunc(fs, func(o finding.Finding) bool {
		return o.Code == f.Code && o.Object == f.Object && o.Path == f.Path && o.Message == f.Message
	})
}

func level(s finding.Severity) slog.Level {
	if s == finding.Error {
		return slog.LevelError
	}
	return slog.LevelWarn
}

func attributes(f finding.Finding) []any {
	all := []any{"code", f.Code}
	if f.Object.Name != "" {
		all = append(all, "object", f.Object.String())
	}
	if f.File != "" {
		all = append(all, "at", f.Location())
	}
	if f.Effect != "" {
		all = append(all, "effect", f.Effect)
	}
	if f.Fix != "" {
		all = append(all, "fix", f.Fix)
	}
	return all
}
