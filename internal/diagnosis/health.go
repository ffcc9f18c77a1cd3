// Package diagnosis says what is wrong with what is seen of a plan: it turns health, bindings and shares into findings. It
// is pure; who serves a plan calls it when something changed, for what changed.
package diagnosis

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/ring"
)

// Health returns the findings about the health of a group's targets. If none of those that are ready passes the probe
// there is one finding for all, that says whether probe and server fit together; else one for each that does not pass.
func Health(g *plan.TargetGroup, health map[netip.AddrPort]observe.Health) []finding.Finding {
	ready, sick := 0, []patient(nil)
	for i := range g.Targets {
		t := &g.Targets[i]
		if t.Readiness != plan.Ready || t.Excluded != "" {
			continue
		}
		ready++
		if h := health[t.Address]; h.State == observe.Unhealthy {
			sick = append(sick, patient{t, h})
		}
	}
	var found []finding.Finding
	switch {
	case len(sick) == 0:
		return nil
	case len(sick) == ready:
		found = append(found, allUnhealthy(g, sick))
	default:
		for _, p := range sick {
			found = append(found, finding.New(finding.TargetUnhealthy, fmt.Sprintf("%s (%s) is unhealthy: %s", p.target.Name, p.target.Address, p.health.Detail)).
				With("It takes no new connections; running ones go on.", ExplainCommand(g.ID.Service)))
		}
	}
	for i := range found {
		found[i].Object = object(g.ID.Service)
		if found[i].Code != finding.TargetUnhealthy && strings.HasPrefix(g.Probe.From, "metadata.") {
			found[i].Path = g.Probe.From
		}
	}
	return found
}

// patient is a target that is not healthy.
type patient struct {
	target *plan.Target
	health observe.Health
}

// allUnhealthy says why no target passes, as well as that can be known from what they answered.
func allUnhealthy(g *plan.TargetGroup, sick []patient) finding.Finding {
	what := fmt.Sprintf("port %d of the pods", sick[0].target.Address.Port())
	if g.Probe.Port != 0 {
		what = fmt.Sprintf("port %d, which is probed,", g.Probe.Port)
	}
	open := ring.Select(g, func(netip.AddrPort) observe.State { return observe.Unhealthy }).FailedOpen
	f := finding.New(finding.AllTargetsUnhealthy, fmt.Sprintf("all targets (%d) are unhealthy: %s", len(sick), sick[0].health.Detail)).
		With("", ExplainCommand(g.ID.Service))
	switch {
	case every(sick, func(h observe.Health) bool { return h.Result == observe.L7STS }):
		f = finding.New(finding.ProbeStatusCode, fmt.Sprintf("all targets (%d) answer the probe, but not with success: %s", len(sick), sick[0].health.Detail)).
			With("", probeFix(g, "request-path", "probe-path", "/a/path/that/answers/200"))
		if !open {
			f = f.As(finding.Error)
		}
	case every(sick, func(h observe.Health) bool { return h.ConnectsOnly }):
		f = finding.New(finding.ProbeMismatch, fmt.Sprintf("%s accepts TCP but does not answer %s: %s", what, g.Probe.Kind, sick[0].health.Detail)).
			With("", probeFix(g, "protocol", "probe-kind", "tcp"))
	case open:
		f = finding.New(finding.FailedOpen, f.Message).With("", f.Fix)
	}
	f.Effect = "No new connections are accepted; running ones go on. The manifest asks for this probe, so it is obeyed."
	if open {
		f.Effect = "Nobody asked for this probe, so it is not obeyed: new connections go to all ready targets."
	}
	return f
}

func every(sick []patient, is func(observe.Health) bool) bool {
	for _, p := range sick {
		if !is(p.health) {
			return false
		}
	}
	return true
}

// probeFix is an annotation that mends a probe, in the words of who wrote the manifest: Azure's where the probe comes from
// one of its annotations, else Naru's own.
func probeFix(g *plan.TargetGroup, azure, naru, value string) string {
	if strings.Contains(g.Probe.From, "health-probe") {
		return fmt.Sprintf("service.beta.kubernetes.io/port_%d_health-probe_%s: %q", g.ID.Port, azure, value)
	}
	return fmt.Sprintf("naru.dev/%s.%d: %q", naru, g.ID.Port, value)
}

func object(s plan.ServiceName) finding.Object {
	return finding.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}
}

// ExplainCommand is the command that goes deeper into a Service.
func ExplainCommand(s plan.ServiceName) string {
	return "naru explain svc/" + s.Name + " -n " + s.Namespace
}
