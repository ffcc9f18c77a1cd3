package explain

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/naru-lb/naru/internal/diagnosis"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// StatusDocument says whether everything is well, and what is not.
type StatusDocument struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"` // Status
	// Services counts Services by their state, Listeners listeners.
	Services  map[State]int `json:"services"`
	Frontends int           `json:"frontends"`
	Listeners map[State]int `json:"listeners"`
	// Mapped is how many listeners are served at another place than the plan wants.
	Mapped int       `json:"mapped,omitempty"`
	Pools  []PoolUse `json:"pools"`
	// Targets counts targets by the state of their health; those that nobody probes by what Kubernetes says of them.
	Targets map[string]int           `json:"targets"`
	Traffic observe.ListenerCounters `json:"traffic"`
	// NeedsYou lists what is not well, the worst first; Notes is how many findings are only good to know.
	NeedsYou []Need    `json:"needsYou"`
	Notes    int       `json:"notes"`
	At       time.Time `json:"at,omitzero"`
}

// PoolUse says how many addresses of a pool are in use.
type PoolUse struct {
	Pool string `json:"pool"` // empty for addresses of no pool
	Used int    `json:"used"`
	Size uint64 `json:"size,omitempty"` // 0 if unknown
}

// Need is one thing that is not well.
type Need struct {
	Severity finding.Severity `json:"severity"`
	Code     finding.Code     `json:"code"`
	Exposes  bool             `json:"exposes,omitempty"`
	About    string           `json:"about"`
	Message  string           `json:"message"`
	// Next is the command that goes deeper.
	Next string `json:"next"`
}

// Status returns how everything is.
func Status(v View) StatusDocument {
	d := StatusDocument{
		APIVersion: APIVersion, Kind: "Status",
		Services: map[State]int{}, Listeners: map[State]int{}, Targets: map[string]int{},
		Frontends: len(v.Plan.Frontends), Pools: poolUse(v), NeedsYou: []Need{}, At: v.Now,
	}
	for _, svc := range v.Plan.SortedServices() {
		one := Document{Addresses: svc.Addresses, Listeners: listenersOf(v, svc)}
		d.Services[one.worst()]++
		counted := map[plan.TargetID]bool{}
		for i := range one.Listeners {
			d.count(&one.Listeners[i], counted)
		}
	}
	d.needs(v)
	return d
}

// count adds a listener. Two listeners, of two addresses say, may have the same targets.
func (d *StatusDocument) count(l *Listener, counted map[plan.TargetID]bool) {
	d.Listeners[l.State]++
	if l.mapped() {
		d.Mapped++
	}
	for i := range l.Targets {
		t := &l.Targets[i]
		if id := (plan.TargetID{Group: t.Group, Address: t.Address}); !counted[id] {
			counted[id] = true
			d.Targets[t.stateWord()]++
		}
	}
	c := &d.Traffic
	c.Connections += l.Counters.Connections
	c.Active += l.Counters.Active
	c.Refused += l.Counters.Refused
	c.NoTarget += l.Counters.NoTarget
	c.IdleClosed += l.Counters.IdleClosed
	c.BytesIn += l.Counters.BytesIn
	c.BytesOut += l.Counters.BytesOut
}

// stateWord says in one word how a target is.
func (t *Target) stateWord() string {
	switch {
	case t.Excluded != "":
		return "excluded"
	case t.Readiness != plan.Ready:
		return string(t.Readiness)
	case t.Health == nil:
		return string(plan.Ready)
	}
	return string(cmp.Or(t.Health.State, observe.Initial))
}

func poolUse(v View) []PoolUse {
	used := map[string]int{}
	for name := range v.PoolSizes {
		used[name] = 0
	}
	for _, f := range v.Plan.Frontends {
		used[f.Pool]++
	}
	uses := make([]PoolUse, 0, len(used))
	for _, name := range slices.Sorted(maps.Keys(used)) {
		uses = append(uses, PoolUse{name, used[name], v.PoolSizes[name]})
	}
	return uses
}

func (d *StatusDocument) needs(v View) {
	fs := slices.Clone(v.Findings)
	finding.Sort(fs)
	for _, f := range fs {
		if f.Severity == finding.Note && !f.Exposes {
			d.Notes++
			continue
		}
		d.NeedsYou = append(d.NeedsYou, Need{
			Severity: f.Severity, Code: f.Code, Exposes: f.Exposes,
			About: about(f), Message: f.Message, Next: next(v, f),
		})
	}
}

// about names what a finding is about: the Service, any other object with its kind, or the file.
func about(f finding.Finding) string {
	switch {
	case f.Object.Kind == "Service":
		return f.Object.Namespace + "/" + f.Object.Name
	case f.Object != finding.Object{}:
		return f.Object.String()
	}
	return f.File
}

// next returns the command that says more about a finding.
func next(v View, f finding.Finding) string {
	name := plan.ServiceName{Namespace: f.Object.Namespace, Name: f.Object.Name}
	if _, known := v.Plan.Services[name]; known && f.Object.Kind == "Service" {
		return diagnosis.ExplainCommand(name)
	}
	if f.File != "" {
		return "naru check -f " + quoted(f.File)
	}
	return "naru explain " + string(f.Code)
}

// Text writes the status as a screen of text; with quiet only what is not well.
func (d StatusDocument) Text(w io.Writer, quiet bool) error {
	s := &screen{}
	if !quiet {
		d.summary(s)
		s.blank()
	}
	if len(d.NeedsYou) > 0 {
		d.list(s)
	} else if !quiet {
		s.said("Needs you", labelWidth, "nothing"+d.notes())
	}
	return s.writeTo(w)
}

func (d *StatusDocument) summary(s *screen) {
	listeners := 0
	for _, n := range d.Listeners {
		listeners += n
	}
	targets := 0
	for _, n := range d.Targets {
		targets += n
	}
	s.said("Services", labelWidth, counts(d.Services, "no Service", NoAddress, Down, Degraded, Serving, Planned))
	text := fmt.Sprintf("%s, %s", plural(d.Frontends, "address"), plural(listeners, "listener"))
	if listeners > 0 {
		text += ": " + counts(d.Listeners, "", Serving, Degraded, Down, Planned)
	}
	if d.Mapped > 0 {
		text += fmt.Sprintf(" (%d at another address or port)", d.Mapped)
	}
	s.said("Frontends", labelWidth, text)
	s.said("Addresses", labelWidth, d.poolText())
	text = plural(targets, "target")
	if targets > 0 {
		text += ": " + counts(d.Targets, "", "healthy", "ready", "initial", "unhealthy", "draining", "unused", "terminating", "not-ready", "excluded")
	}
	s.said("Targets", labelWidth, text)
	s.said("Traffic", labelWidth, d.trafficText())
}

// counts returns "3 serving, 1 down" in the given order.
func counts[K ~string](m map[K]int, none string, order ...K) string {
	var parts []string
	for _, k := range order {
		if m[k] > 0 {
			parts = append(parts, thousands(uint64(m[k]))+" "+strings.ReplaceAll(string(k), "-", " "))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), none)
}

func (d *StatusDocument) poolText() string {
	var parts []string
	for _, p := range d.Pools {
		switch {
		case p.Pool == "":
			parts = append(parts, fmt.Sprintf("%d of no pool", p.Used))
		case p.Size == 0:
			parts = append(parts, fmt.Sprintf("%s %d used", p.Pool, p.Used))
		default:
			parts = append(parts, fmt.Sprintf("%s %d of %s used", p.Pool, p.Used, thousands(p.Size)))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}

func (d *StatusDocument) trafficText() string {
	t := d.Traffic
	text := fmt.Sprintf("%s so far, %s open, %s in, %s out",
		plural(int(t.Connections), "connection"), thousands(uint64(max(t.Active, 0))), size(t.BytesIn), size(t.BytesOut))
	if t.NoTarget > 0 {
		text += fmt.Sprintf(", %s found no target", thousands(t.NoTarget))
	}
	if t.Refused > 0 {
		text += fmt.Sprintf(", %s refused by source ranges", thousands(t.Refused))
	}
	return text
}

// mostNeeds is how many things that are not well are listed.
const mostNeeds = 20

func (d *StatusDocument) list(s *screen) {
	s.said("Needs you", labelWidth, fmt.Sprint(len(d.NeedsYou))+d.notes())
	var rows [][]string
	var commands []string
	for _, n := range d.NeedsYou[:min(mostNeeds, len(d.NeedsYou))] {
		code := string(n.Code)
		if n.Exposes {
			code += " EXPOSES"
		}
		rows = append(rows, []string{"", string(n.Severity), code, n.About, n.Message})
		if !slices.Contains(commands, n.Next) {
			commands = append(commands, n.Next)
		}
	}
	s.table(rows)
	if more := len(d.NeedsYou) - mostNeeds; more > 0 {
		s.line("   and %d more (-o json lists them)", more)
	}
	s.blank()
	for _, c := range commands {
		s.line("   %s", c)
	}
}

func (d *StatusDocument) notes() string {
	if d.Notes == 0 {
		return ""
	}
	return ", and " + plural(d.Notes, "note")
}
