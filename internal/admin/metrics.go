package admin

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// Metrics are what Prometheus reads. What is known anyway is collected when it asks (collector.go); what only happens is
// counted here. All methods may be called from several goroutines.
type Metrics struct {
	registry    *prometheus.Registry
	probes      *prometheus.CounterVec
	took        *prometheus.HistogramVec
	transitions *prometheus.CounterVec
	apply       prometheus.Histogram
}

// NewMetrics returns Metrics that collect from a view.
func NewMetrics(version string, view func() explain.View) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		probes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "naru_probes_total", Help: "Health probes by protocol and by how they ended.",
		}, []string{"protocol", "result"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "naru_probe_duration_seconds", Help: "How long health probes took.",
			Buckets: []float64{.0001, .001, .01, .1, 1, 10},
		}, []string{"protocol"}),
		transitions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "naru_target_state_changes_total", Help: "Changes of targets' health, by the new state.",
		}, []string{"to"}),
		apply: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "naru_apply_delay_seconds", Help: "Time from reading a change of the manifests to serving it.",
			Buckets: []float64{.0001, .001, .01, .1, 1, 10},
		}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "naru_build_info", Help: "Always 1, with the version.", ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(m.probes, m.took, m.transitions, m.apply, info, collector{view},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Probed counts a probe.
func (m *Metrics) Probed(kind plan.ProbeKind, r observe.Result, took time.Duration) {
	m.probes.WithLabelValues(string(kind), string(r)).Inc()
	m.took.WithLabelValues(string(kind)).Observe(took.Seconds())
}

// Changed counts transitions of targets.
func (m *Metrics) Changed(ts []observe.Transition) {
	for _, t := range ts {
		m.transitions.WithLabelValues(string(t.Health.State)).Inc()
	}
}

// Applied notes how long a change of the manifests took to be served.
func (m *Metrics) Applied(took time.Duration) { m.apply.Observe(took.Seconds()) }

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}
