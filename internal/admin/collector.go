package admin

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

var (
	planObjects = describe("naru_plan_objects", "What is served, by kind.", "kind")
	findings    = describe("naru_findings", "Findings that stand now.", "code", "severity")
	waiting     = describe("naru_services_without_address", "Services that ask for an address and have none.")
	targets     = describe("naru_targets", "Targets by their state.", label("state")...)
	up          = describe("naru_listener_up", "1 if the port is served where the plan wants it, on all addresses.", label()...)
	connections = describe("naru_l4_connections_total", "Connections and UDP sessions accepted.", label()...)
	flows       = describe("naru_l4_flows", "Connections and UDP sessions that run now.", label()...)
	bytes       = describe("naru_l4_bytes_total", "Bytes carried; in is from clients, out to them.", label("direction")...)
	drops       = describe("naru_l4_drops_total", "Connections that were not carried, or ended, by reason.", label("reason")...)
	pools       = describe("naru_pool_addresses", "Addresses that a pool holds.", "pool")
	used        = describe("naru_pool_addresses_used", "Addresses of a pool that are in use.", "pool")
)

// label returns the labels of metrics about a port of a Service, and more.
func label(more ...string) []string {
	return append([]string{"namespace", "service", "port", "protocol"}, more...)
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// collector makes metrics of what is known when it is asked.
type collector struct {
	view func() explain.View
}

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{planObjects, findings, waiting, targets, up, connections, flows, bytes, drops, pools, used} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	v := c.view()
	e := emitter{out}
	e.plan(v)
	e.findings(v.Findings)
	e.listeners(v)
	e.targets(v)
}

type emitter struct{ out chan<- prometheus.Metric }

func (e emitter) gauge(d *prometheus.Desc, value float64, labels ...string) {
	e.out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (e emitter) counter(d *prometheus.Desc, value uint64, labels ...string) {
	e.out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
}

func (e emitter) plan(v explain.View) {
	e.gauge(planObjects, float64(len(v.Plan.Frontends)), "frontend")
	e.gauge(planObjects, float64(len(v.Plan.Listeners)), "listener")
	e.gauge(planObjects, float64(len(v.Plan.Groups)), "group")
	e.gauge(planObjects, float64(len(v.Plan.Services)), "service")
	without := 0
	for _, s := range v.Plan.Services {
		if len(s.Addresses) == 0 {
			without++
		}
	}
	e.gauge(waiting, float64(without))
	inUse := map[string]int{}
	for _, f := range v.Plan.Frontends {
		inUse[f.Pool]++
	}
	for pool, size := range v.PoolSizes {
		e.gauge(pools, float64(size), pool)
		e.gauge(used, float64(inUse[pool]), pool)
	}
}

func (e emitter) findings(fs []finding.Finding) {
	type key struct {
		code     finding.Code
		severity finding.Severity
	}
	count := map[key]int{}
	for _, f := range fs {
		count[key{f.Code, f.Severity}]++
	}
	for k, n := range count {
		e.gauge(findings, float64(n), string(k.code), string(k.severity))
	}
}

// servicePort is what metrics of traffic are about: a port of a Service, on all its addresses together.
type servicePort struct {
	service  plan.ServiceName
	port     uint16
	protocol plan.Protocol
}

func (p servicePort) labels(more ...string) []string {
	return append([]string{p.service.Namespace, p.service.Name, strconv.Itoa(int(p.port)), string(p.protocol)}, more...)
}

// traffic is what the listeners of a port did.
type traffic struct {
	observe.ListenerCounters
	up bool
}

func (e emitter) listeners(v explain.View) {
	sum := map[servicePort]traffic{}
	for key, l := range v.Plan.Listeners {
		p := servicePort{l.Service, l.Port, l.Protocol}
		t, seen := sum[p]
		c := v.Listener(key)
		t.Connections += c.Connections
		t.Active += c.Active
		t.Refused += c.Refused
		t.NoTarget += c.NoTarget
		t.IdleClosed += c.IdleClosed
		t.BytesIn += c.BytesIn
		t.BytesOut += c.BytesOut
		b := v.Bindings[key]
		t.up = (t.up || !seen) && b.Bound.IsValid() && b.Problem == ""
		sum[p] = t
	}
	for p, t := range sum {
		e.traffic(p, t)
	}
}

func (e emitter) traffic(p servicePort, t traffic) {
	isUp := 0.0
	if t.up {
		isUp = 1
	}
	e.gauge(up, isUp, p.labels()...)
	e.counter(connections, t.Connections, p.labels()...)
	e.gauge(flows, float64(t.Active), p.labels()...)
	e.counter(bytes, t.BytesIn, p.labels("in")...)
	e.counter(bytes, t.BytesOut, p.labels("out")...)
	e.counter(drops, t.Refused, p.labels("source-range")...)
	e.counter(drops, t.NoTarget, p.labels("no-target")...)
	e.counter(drops, t.IdleClosed, p.labels("idle")...)
}

func (e emitter) targets(v explain.View) {
	states := []observe.State{observe.Initial, observe.Healthy, observe.Unhealthy, observe.Draining, observe.Unused}
	sum := map[servicePort]map[observe.State]int{}
	for id := range v.Plan.Groups {
		p := servicePort{id.Service, id.Port, id.Protocol}
		if sum[p] == nil {
			sum[p] = map[observe.State]int{}
		}
		for _, h := range v.Health(id) {
			sum[p][h.State]++
		}
	}
	for p, count := range sum {
		for _, state := range states {
			e.gauge(targets, float64(count[state]), p.labels(string(state))...)
		}
	}
}
