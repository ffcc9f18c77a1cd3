package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/naru-lb/naru/internal/diagnosis"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// sentence is one thing to say about a listener.
type sentence struct{ label, text string }

// sentences say in words what the picture and the table show, and why it is so.
func (d *Document) sentences(l *Listener) []sentence {
	all := []sentence{
		{"Share", l.shareText()},
		{"Measured", d.measuredText(l)},
		{"Change", d.changeText()},
		{"Client", l.clientText()},
		{"Affinity", l.affinityText()},
		{"Way in", l.wayIn()},
		{"Let in", l.letIn()},
		{"Address", l.addressSeen()},
		{"Idle", l.idleText()},
		{"Probe", l.probeText()},
		{"From", l.origin()},
	}
	return slices.DeleteFunc(all, func(s sentence) bool { return s.text == "" })
}

func (l *Listener) shareText() string {
	n := l.eligible()
	switch {
	case n == 0:
		return "nobody gets connections: " + l.Nobody + "."
	case n == 1:
		return "one target gets every connection." + l.exception()
	case l.Spread == plan.ByNode:
		return l.byNode() + l.slotsText() + l.exception()
	}
	return "by pod: every pod counts the same, on whatever node." + l.slotsText() + l.exception()
}

func (l *Listener) eligible() (n int) {
	for _, t := range l.Targets {
		if t.Share > 0 {
			n++
		}
	}
	return n
}

// exception says why targets get connections that normally get none.
func (l *Listener) exception() string {
	switch {
	case l.FailedOpen:
		return "\nEvery ready target fails the probe. Nobody asked for that probe, so it is not obeyed (" + string(finding.FailedOpen) + ")."
	case l.Fallback:
		return "\nNo target is ready, so those that terminate still get connections."
	}
	return ""
}

// byNode says how Local shares, and names the pods that have most to do.
func (l *Listener) byNode() string {
	pods := map[string]int{}
	most, least := 0.0, 1.0
	for _, t := range l.Targets {
		if t.Share > 0 {
			pods[t.Node]++
			most, least = max(most, t.Share), min(least, t.Share)
		}
	}
	text := fmt.Sprintf("first by node (%s with pods, %.0f %% each), then by pod on the node.", plural(len(pods), "node"), 100/float64(len(pods)))
	if ratio := most / least; ratio > 1.2 {
		var busy []string
		for _, t := range l.Targets {
			if t.Share > 0.95*most {
				busy = append(busy, t.Name)
			}
		}
		text += fmt.Sprintf(" %s %.1f times the work of the least busy pod (%s).", listed(busy, "does", "do"), ratio, finding.UnevenByNode)
	}
	return text
}

// listed returns "a does", "a and b do", "a, b and 5 more do".
func listed(names []string, one, many string) string {
	switch n := len(names); {
	case n == 1:
		return names[0] + " " + one
	case n <= 3:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1] + " " + many
	default:
		return fmt.Sprintf("%s, %s and %d more %s", names[0], names[1], n-2, many)
	}
}

// slotsText says the exact shares in slots of the ring, as long as there are few.
func (l *Listener) slotsText() string {
	var slots []string
	for _, t := range l.Targets {
		if t.Slots > 0 {
			slots = append(slots, fmt.Sprint(t.Slots))
		}
	}
	if len(slots) > 6 {
		return ""
	}
	return fmt.Sprintf(" Exactly: %s of %d slots.", strings.Join(slots, " + "), l.Slots)
}

func (d *Document) measuredText(l *Listener) string {
	m := l.Measured
	switch {
	case m == nil:
		return ""
	case m.Answered == 0:
		return fmt.Sprintf("not one of %s reached a target: %s.\n  %s", plural(m.Failed, "connection"), m.FirstError, tryConnect(l.Bound))
	}
	text := fmt.Sprintf("%s, told apart by ", plural(m.Answered, "connection"))
	if m.By == "counters" {
		text += "Naru's counters: other clients of the same minute are counted too. "
	} else {
		text += "the names that the pods said. "
	}
	text += l.judged(m)
	if m.Strangers > 0 {
		text += fmt.Sprintf("\nThere are answers of somebody who is not a target: %s.", thousands(uint64(m.Strangers)))
	}
	if m.Failed > 0 {
		text += fmt.Sprintf("\n%s failed, the first one: %s.", plural(m.Failed, "connection"), m.FirstError)
	}
	if !m.AsPredicted {
		text += fmt.Sprintf("\nThe targets may have changed meanwhile. Once more:\n  %s --measure %d", diagnosis.ExplainCommand(d.Service), m.Wanted)
	}
	return text
}

// judged compares what was measured with what was predicted.
func (l *Listener) judged(m *Measurement) string {
	switch {
	case l.AffinitySeconds > 0 && m.AsPredicted:
		return "With session affinity one client stays with one pod: this is as predicted, and says nothing of many clients."
	case l.AffinitySeconds > 0:
		return "With session affinity one client should stay with one pod: this is NOT as predicted."
	case m.AsPredicted && m.WorstPoints > m.ChancePoints:
		return fmt.Sprintf("Chance alone moves a pod by %.1f points, mostly; the largest distance is %.1f, less than twice that: this still is as predicted.", m.ChancePoints, m.WorstPoints)
	case m.AsPredicted:
		return fmt.Sprintf("Chance alone moves a pod by %.1f points, the largest distance is %.1f: this is as predicted.", m.ChancePoints, m.WorstPoints)
	}
	return fmt.Sprintf("Chance alone moves a pod by %.1f points, but the largest distance is %.1f: this is NOT as predicted.", m.ChancePoints, m.WorstPoints)
}

func (l *Listener) clientText() string {
	p := l.From
	switch {
	case p == nil:
		return ""
	case p.Refused:
		return fmt.Sprintf("%s is not let in: it is in none of the source ranges.", p.Client.Addr())
	case p.ByShare:
		return fmt.Sprintf("each connection of %s goes its own way, by the shares: it depends on the client's port. Ask with a port to see one.", p.Client.Addr())
	case !p.Target.IsValid():
		return fmt.Sprintf("%s gets no target.", p.Client.Addr())
	case p.AnyPort:
		return fmt.Sprintf("%s gets %s, from every port, unless its last connection went elsewhere and is still remembered.", p.Client.Addr(), p.Name)
	}
	return fmt.Sprintf("%s gets %s, as long as the targets stay as they are.", p.Client, p.Name)
}

func (l *Listener) affinityText() string {
	if l.AffinitySeconds == 0 {
		return ""
	}
	return fmt.Sprintf("a client's address stays with its pod for %s after its last connection. Many clients behind one address count as one.", seconds(l.AffinitySeconds))
}

func (l *Listener) wayIn() string {
	switch {
	case l.State == Planned:
		return "nothing is served at the moment: this is what the manifests say. naru run serves them."
	case !l.Bound.IsValid():
		return fmt.Sprintf("%s cannot be listened on: %s.", l.ListenerKey, dash(l.Detail))
	case l.mapped():
		return fmt.Sprintf("clients must use %s instead of %s: %s%s.", l.Bound, l.addressCell()[0], l.Detail, code(l.Problem))
	case l.Nobody != "" && l.Protocol == plan.UDP:
		return "Naru receives the datagrams here, and has nobody to send them to."
	case l.Nobody != "":
		return "Naru accepts the connection here, and ends it at once by RST, since nobody is there to take it."
	case l.Protocol == plan.UDP:
		return "Naru receives the datagrams here. A client's address and port are a session, which has a socket of its own to one pod."
	}
	return "Naru accepts the connection here and opens another one to the pod: one relay, no further hop."
}

// changeText says what a what-if does not change.
func (d *Document) changeText() string {
	switch {
	case len(d.WhatIf) == 0:
		return ""
	case d.Policy == "Local":
		return "only the shares: the way in, the address that pods see, and the probe stay as they are. Nodes labelled " +
			"node.kubernetes.io/exclude-from-external-load-balancers, if there are any, would take no part."
	}
	return "only the shares: the way in, the address that pods see, and the probe stay as they are."
}

// code returns the code of the finding that goes with a problem of a binding, " (NR5205)".
func code(problem observe.Problem) string {
	for _, r := range finding.Rules() {
		if r.Reason == string(problem) {
			return " (" + string(r.Code) + ")"
		}
	}
	return ""
}

func (l *Listener) letIn() string {
	switch {
	case l.SourceRanges == nil:
		return ""
	case len(l.SourceRanges) == 0:
		return "nobody: there are source ranges, but none that can be used."
	}
	const most = 4
	var texts []string
	for _, r := range l.SourceRanges[:min(most, len(l.SourceRanges))] {
		texts = append(texts, r.String())
	}
	text := "only clients of " + strings.Join(texts, ", ")
	if more := len(l.SourceRanges) - most; more > 0 {
		text += " and " + plural(more, "range") + " more"
	}
	return text + "."
}

// addressSeen says whose address the pods see.
func (l *Listener) addressSeen() string {
	switch {
	case l.ProxyProtocol != plan.ProxyNone:
		return "the pod's socket shows Naru's address; the PROXY protocol header (" + string(l.ProxyProtocol) + ") before the first byte tells it the client's."
	case l.Protocol == plan.UDP:
		return "the pod sees Naru's address instead of the client's (" + string(finding.AddressHidden) + ")."
	}
	return "the pod sees Naru's address instead of the client's (" + string(finding.AddressHidden) +
		"). Pods that understand it are told by the PROXY protocol: annotation naru.dev/proxy-protocol: v2"
}

func (l *Listener) idleText() string {
	switch {
	case l.IdleSeconds == 0:
		return "connections may be silent for as long as they like."
	case l.Protocol == plan.UDP:
		return "a session without a datagram for " + seconds(l.IdleSeconds) + " is forgotten; the next one starts anew."
	case l.ResetOnIdle:
		return "a connection that carries nothing for " + seconds(l.IdleSeconds) + " is ended, both sides are told by RST."
	}
	return "a connection that carries nothing for " + seconds(l.IdleSeconds) + " is forgotten silently."
}

func (l *Listener) probeText() string {
	p := l.Probe
	switch {
	case p.None:
		return "none: the readiness that Kubernetes reports decides."
	case p.Explicit:
		return p.Text + from(p.From) + ". It was asked for, so it is obeyed: a pod that fails gets no new connection."
	}
	return p.Text + from(p.From) + ". Nobody asked for it, so it is not obeyed if no pod at all passes."
}

func from(origin string) string {
	if origin == "" {
		return " (the default)"
	}
	return " (" + origin + ")"
}

// origin says where the address is from.
func (l *Listener) origin() string {
	scope := ""
	if l.Scope != "" {
		scope = string(l.Scope) + " "
	}
	switch {
	case l.PublicIP != "" && l.Pool != "":
		return scope + "address reserved as PublicIP " + l.PublicIP + ", within pool " + l.Pool + "."
	case l.PublicIP != "":
		return scope + "address reserved as PublicIP " + l.PublicIP + "."
	case l.Pool != "":
		return scope + "address from pool " + l.Pool + "."
	}
	return scope + "address that the manifest names; no pool holds it."
}

func seconds(n int) string { return short(time.Duration(n) * time.Second) }
