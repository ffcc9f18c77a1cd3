package dialect

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/naru-lb/naru/internal/finding"
)

// Env is what dialects have to know about the cluster. The zero Env has nothing configured.
type Env struct {
	// ServiceTags are the address ranges behind names like AzureFrontDoor.Backend.
	ServiceTags map[string][]netip.Prefix
	// DNSZone is the zone that names are published in: "lb.example.net".
	DNSZone string
}

// Read reads the annotations of a Service. Of tables that contradict each other the earlier one wins. The findings
// carry the object and the path, not the place in a file.
func Read(svc *corev1.Service, tables []*Table, env Env) (Intent, []finding.Finding) {
	var intent Intent
	if len(svc.Annotations) == 0 {
		return intent, nil
	}
	r := &Reading{
		Service: svc,
		Env:     env,
		Intent:  &intent,
		tables:  tables,
		claims:  map[claimKey]claim{},
		given:   map[givenKey]*Value{},
		used:    map[string]bool{},
	}
	keys := r.sortKeys()
	for _, t := range tables {
		for i := range t.Prefixes {
			src := source{t, i}
			for _, key := range keys.owned[src] {
				r.readKey(src, key)
			}
		}
	}
	r.spreadHealthPort()
	for _, t := range tables {
		if t.Finish != nil && keys.has(t) {
			r.table = t
			t.Finish(r)
		}
	}
	r.doubtProbes()
	r.readForeign(keys.foreign)
	r.readStray(keys.stray)
	r.reportNotes()
	intent.Dialects = slices.Sorted(maps.Keys(r.used))
	for i := range r.findings {
		r.findings[i].Object = finding.Object{Kind: "Service", Namespace: svc.Namespace, Name: svc.Name}
	}
	finding.Sort(r.findings)
	return intent, r.findings
}

// Reading is one run of Read.
type Reading struct {
	Service *corev1.Service
	Env     Env
	Intent  *Intent
	// HealthPort is what is asked of the probe of spec.healthCheckNodePort. It holds for every port that does not say
	// otherwise itself.
	HealthPort ProbeIntent

	tables   []*Table
	table    *Table // whose Finish runs
	claims   map[claimKey]claim
	given    map[givenKey]*Value
	used     map[string]bool
	notes    []note
	findings []finding.Finding
}

// source is one prefix of one table.
type source struct {
	table  *Table
	prefix int
}

func (s source) text() string { return s.table.Prefixes[s.prefix].Text }

type givenKey struct {
	table *Table
	row   string
	port  uint16
}

type note struct {
	text, key string
}

// sortedKeys are the keys of all annotations, by who reads them, each list in order.
type sortedKeys struct {
	owned   map[source][]string
	foreign map[*vendor][]string
	stray   []string
}

func (k sortedKeys) has(t *Table) bool {
	for src := range k.owned {
		if src.table == t {
			return true
		}
	}
	return false
}

// sortKeys gives each annotation to the table or the foreign vendor with the longest prefix that it begins with.
func (r *Reading) sortKeys() sortedKeys {
	keys := sortedKeys{owned: map[source][]string{}, foreign: map[*vendor][]string{}}
	for _, key := range slices.Sorted(maps.Keys(r.Service.Annotations)) {
		var best source
		longest := 0
		for _, t := range r.tables {
			for i, p := range t.Prefixes {
				if len(p.Text) > longest && strings.HasPrefix(key, p.Text) {
					best, longest = source{t, i}, len(p.Text)
				}
			}
		}
		v, n := vendorOf(key)
		switch {
		case n > longest:
			keys.foreign[v] = append(keys.foreign[v], key)
		case longest > 0:
			keys.owned[best] = append(keys.owned[best], key)
		default:
			keys.stray = append(keys.stray, key)
		}
	}
	return keys
}

// readKey reads one annotation of a table.
func (r *Reading) readKey(src source, key string) {
	raw := r.Service.Annotations[key]
	row, port := src.table.find(strings.TrimPrefix(key, src.text()))
	if row == nil {
		r.reportUnknown(key)
		return
	}
	v := &Value{Reading: r, Row: row, Key: key, Raw: raw, Text: strings.TrimSpace(raw), Port: port, src: src}
	if port != 0 && !r.hasPort(port) && !r.isHealthPort(row, port) {
		r.reportAbsentPort(v)
		return
	}
	if newer := src.table.Prefixes[src.prefix].Newer; newer != "" && row.Verdict != Accept {
		v.Report(finding.AnnotationDeprecated, "the annotation has a newer name", "None: it is read all the same.",
			line(newer+strings.TrimPrefix(key, src.text()), v.Text))
	}
	if row.Read == nil {
		r.accept(v)
		return
	}
	if v.Text == "" && !row.BlankIsValue {
		v.Report(finding.AnnotationCoerced, "the value is blank, which counts as not set", "As without the annotation.",
			"Remove the annotation, or give it a value.")
		return
	}
	r.used[src.table.Name] = true
	if !v.checkQuotes() {
		return
	}
	row.Read(v)
	if !v.bad && !v.overruled {
		r.given[givenKey{src.table, row.Name, port}] = v
	}
}

func (r *Reading) accept(v *Value) {
	if v.Row.Note != "" {
		r.used[v.src.table.Name] = true
		r.notes = append(r.notes, note{v.Row.Note, v.Key})
	}
}

// Note reports an annotation that is accepted without effect. Those with the same text are named in one finding.
func (v *Value) Note(text string) { v.notes = append(v.notes, note{text, v.Key}) }

func (r *Reading) reportNotes() {
	keys := map[string][]string{}
	var texts []string
	for _, n := range r.notes {
		if keys[n.text] == nil {
			texts = append(texts, n.text)
		}
		keys[n.text] = append(keys[n.text], n.key)
	}
	for _, text := range texts {
		f := finding.New(finding.AnnotationIgnored, text)
		f.Path, f.OnKey = PathOf(keys[text][0]), true
		f.Effect = "None: everything else works."
		if more := keys[text][1:]; len(more) > 0 {
			f.Effect = "None: everything else works. The same holds for " + strings.Join(baseNames(more), ", ") + "."
		}
		r.findings = append(r.findings, f)
	}
}

// Given returns the annotation of the table whose Finish runs, or nil if it is not set, was not understood or is
// overruled. The port is 0 for rows without one.
func (r *Reading) Given(row string, port uint16) *Value {
	return r.given[givenKey{r.table, row, port}]
}

// GivenForPort returns the annotation of a row for a port, or else the one for the health check node port.
func (r *Reading) GivenForPort(row string, port uint16) *Value {
	if v := r.Given(row, port); v != nil {
		return v
	}
	if h := r.Service.Spec.HealthCheckNodePort; h > 0 && h <= 65535 && !r.hasPort(uint16(h)) {
		return r.Given(row, uint16(h))
	}
	return nil
}

// Add adds a finding at path; it does not refuse the Service.
func (r *Reading) Add(f finding.Finding, path string) {
	f.Path = path
	r.findings = append(r.findings, f)
}

func (r *Reading) hasPort(port uint16) bool {
	return slices.ContainsFunc(r.Service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == int32(port) })
}

func (r *Reading) isHealthPort(row *Row, port uint16) bool {
	spec := r.Service.Spec
	return row.OnHealthPort && spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal && spec.HealthCheckNodePort == int32(port)
}

// spreadHealthPort gives what is asked of the health check node port to all ports that do not say otherwise.
func (r *Reading) spreadHealthPort() {
	if r.HealthPort == (ProbeIntent{}) {
		return
	}
	for _, p := range r.Service.Spec.Ports {
		r.EditPort(uint16(p.Port), func(at *PortIntent) {
			if at.Probe.Interval == 0 {
				at.Probe.Interval = r.HealthPort.Interval
			}
			if at.Probe.Threshold == 0 {
				at.Probe.Threshold = r.HealthPort.Threshold
			}
			if at.Probe.From == "" {
				at.Probe.From = r.HealthPort.From
			}
		})
	}
}

// EditPort changes what is asked for a port of the Service.
func (r *Reading) EditPort(port uint16, edit func(*PortIntent)) {
	if r.Intent.Ports == nil {
		r.Intent.Ports = map[uint16]PortIntent{}
	}
	p := r.Intent.Ports[port]
	edit(&p)
	r.Intent.Ports[port] = p
}

func (r *Reading) reportAbsentPort(v *Value) {
	f := finding.New(finding.AnnotationUnknown, fmt.Sprintf("the Service has no port %d", v.Port))
	f.Path, f.OnKey = PathOf(v.Key), true
	f.Effect = "The annotation does nothing. Ports of the Service: " + r.portList() + "."
	if ports := r.Service.Spec.Ports; len(ports) > 0 {
		f.Fix = line(v.src.text()+v.Row.forPort(uint16(ports[0].Port)), v.Text)
	}
	r.findings = append(r.findings, f)
}

func (r *Reading) portList() string {
	var list []string
	for _, p := range r.Service.Spec.Ports {
		text := strconv.Itoa(int(p.Port))
		if p.Name != "" {
			text += " (" + p.Name + ")"
		}
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// PathOf returns the path of an annotation as findings write it.
func PathOf(key string) string { return "metadata.annotations[" + strconv.Quote(key) + "]" }

func baseNames(keys []string) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = baseName(k)
	}
	return names
}

// baseName returns the part of a key behind the slash.
func baseName(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }
