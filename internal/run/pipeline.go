package run

import (
	"strings"

	"github.com/naru-lb/naru/internal/compile"
	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/ipam"
	"github.com/naru-lb/naru/internal/object"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/source/endpoints"
	"github.com/naru-lb/naru/internal/source/files"
)

// Compile says how manifests are read.
type Compile struct {
	// Classes are the values of loadBalancerClass that are served besides Naru's own; OnlyClass leaves Services without
	// one alone.
	Classes   []string
	OnlyClass bool
	// Env is what dialects have to know.
	Env dialect.Env
}

// Totals count what manifests hold.
type Totals struct {
	Files     int `json:"files"`
	Documents int `json:"documents"`
	Objects   int `json:"objects"`
	// Ignored are objects of kinds that Naru does not read.
	Ignored int `json:"ignored"`
	// Unreadable are files and folders that cannot be read.
	Unreadable int `json:"unreadable"`
}

// pipeline is the way of manifests down to the plan: what files say, EndpointSlices derived, compiled.
type pipeline struct {
	deriver  *endpoints.Deriver
	compiler *compile.Compiler
	services map[plan.ServiceName]object.Object
	broken   map[string]bool // files with a mistake, by the owner of their findings
	totals   Totals
	journal  *journal
}

func newPipeline(c Compile, records []ipam.Record, j *journal) *pipeline {
	return &pipeline{
		deriver: endpoints.New(),
		compiler: compile.New(compile.Options{
			Classes: c.Classes, OnlyClass: c.OnlyClass, Env: c.Env, Records: records,
		}),
		services: map[plan.ServiceName]object.Object{},
		broken:   map[string]bool{},
		journal:  j,
	}
}

// apply brings in a change of the files and returns what it changes in the plan.
func (p *pipeline) apply(b files.Batch) plan.Change {
	p.totals = Totals{Files: b.Files, Documents: b.Documents, Objects: b.Objects, Ignored: b.Ignored, Unreadable: b.Unreadable}
	for owner, fs := range b.Findings {
		p.journal.replace(owner, fs)
		p.noteBroken(owner, fs)
	}
	p.noteServices(b.Update)
	derived, found := p.deriver.Apply(b.Update)
	for name, fs := range found {
		p.journal.replace("endpoints/"+name.String(), fs)
	}
	return p.report(p.compiler.Apply(derived))
}

// forget gives up the recorded addresses of Services that do not exist, if that can be known: while a manifest cannot be
// read it may hold any of them.
func (p *pipeline) forget() plan.Change {
	if p.totals.Unreadable > 0 || len(p.broken) > 0 {
		return plan.Change{}
	}
	return p.report(p.compiler.Forget())
}

func (p *pipeline) report(r compile.Result) plan.Change {
	for owner, fs := range r.Findings {
		p.journal.replace(owner, fs)
	}
	return r.Change
}

func (p *pipeline) noteBroken(owner string, fs []finding.Finding) {
	delete(p.broken, owner)
	for _, f := range fs {
		if f.Severity == finding.Error {
			p.broken[owner] = true
		}
	}
}

func (p *pipeline) noteServices(u object.Update) {
	for _, k := range u.Gone {
		if k.Kind == object.Service {
			delete(p.services, k.ServiceName())
		}
	}
	for _, o := range u.Set {
		if o.Kind == object.Service {
			p.services[o.ServiceName()] = o
		}
	}
}

// locate fills in where the Services that findings are about were written.
func (p *pipeline) locate(name plan.ServiceName, fs []finding.Finding) []finding.Finding {
	o, ok := p.services[name]
	for i := range fs {
		if ok && strings.HasPrefix(fs[i].Path, "metadata.") || ok && strings.HasPrefix(fs[i].Path, "spec.") {
			fs[i] = o.Locate(fs[i])
		}
	}
	return fs
}
