package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

func routes(o Options) http.Handler {
	mux := http.NewServeMux()
	get := func(path string, document func(r *http.Request) (any, error)) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			d, err := document(r)
			answer(w, d, err)
		})
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := o.Ready(); err != nil {
			say(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		say(w, http.StatusOK, "ok")
	})
	if o.Metrics != nil {
		mux.Handle("GET /metrics", o.Metrics.handler())
	}
	get("/v1/plan", func(*http.Request) (any, error) { return planDocument(o.View()), nil })
	get("/v1/health", func(*http.Request) (any, error) { return healthDocument(o.View()), nil })
	get("/v1/findings", func(*http.Request) (any, error) { return findingsDocument(o.View()), nil })
	get("/v1/status", func(*http.Request) (any, error) { return explain.Status(o.View()), nil })
	get("/v1/frontends", func(*http.Request) (any, error) { return explain.Frontends(o.View()), nil })
	get("/v1/services/{namespace}/{name}", func(r *http.Request) (any, error) { return explainService(o.View(), r) })
	if o.Pods != nil {
		get("/v1/pods", func(*http.Request) (any, error) { return podsDocument{head("Pods"), o.Pods.Names()}, nil })
		mux.HandleFunc("POST /v1/pods/{name}/kill", change(o.Pods.Kill))
		mux.HandleFunc("POST /v1/pods/{name}/revive", change(o.Pods.Revive))
	}
	return mux
}

// document is the head of every JSON document.
type document struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

func head(kind string) document { return document{explain.APIVersion, kind} }

// Plan is the whole plan as a document.
type Plan struct {
	document
	Frontends []plan.Frontend    `json:"frontends"`
	Listeners []plan.Listener    `json:"listeners"`
	Groups    []plan.TargetGroup `json:"groups"`
	Services  []plan.Service     `json:"services"`
}

func planDocument(v explain.View) Plan {
	return Plan{head("Plan"), v.Plan.SortedFrontends(), v.Plan.SortedListeners(), v.Plan.SortedGroups(), v.Plan.SortedServices()}
}

// Health is the health of all targets as a document.
type Health struct {
	document
	Targets []TargetHealth `json:"targets"`
}

// TargetHealth is the health of one target.
type TargetHealth struct {
	plan.TargetID
	Name string `json:"name"`
	observe.Health
}

func healthDocument(v explain.View) Health {
	d := Health{head("Health"), []TargetHealth{}}
	for _, g := range v.Plan.SortedGroups() {
		known := v.Health(g.ID)
		for _, t := range g.Targets {
			if h, ok := known[t.Address]; ok {
				d.Targets = append(d.Targets, TargetHealth{plan.TargetID{Group: g.ID, Address: t.Address}, t.Name, h})
			}
		}
	}
	return d
}

// Findings are all findings as a document.
type Findings struct {
	document
	Findings []finding.Finding `json:"findings"`
}

func findingsDocument(v explain.View) Findings {
	return Findings{head("Findings"), append([]finding.Finding{}, v.Findings...)}
}

type podsDocument struct {
	document
	Pods []string `json:"pods"`
}

// explainService reads what is asked: ?from=192.0.2.7 or 192.0.2.7:40000, and any number of ?if=field=value.
func explainService(v explain.View, r *http.Request) (any, error) {
	var o explain.Options
	query := r.URL.Query()
	if from := query.Get("from"); from != "" {
		client, err := ParseClient(from)
		if err != nil {
			return nil, err
		}
		o.From = client
	}
	var err error
	if o.If, err = ParseAssumptions(query["if"]); err != nil {
		return nil, err
	}
	return explain.Explain(v, plan.ServiceName{Namespace: r.PathValue("namespace"), Name: r.PathValue("name")}, o)
}

// ParseAssumptions reads what explain shall take for granted, each as FIELD=VALUE.
func ParseAssumptions(texts []string) (map[string]string, error) {
	all := map[string]string{}
	for _, text := range texts {
		field, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not FIELD=VALUE", text)
		}
		all[field] = value
	}
	return all, nil
}

// ParseClient reads an address, with or without a port. Without one the port is 0, which means any.
func ParseClient(s string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a.Unmap(), 0), nil
	}
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is neither an address nor an address and a port (192.0.2.7, 192.0.2.7:40000, [2001:db8::7]:40000)", s)
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
}

func change(do func(name string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := do(r.PathValue("name"))
		answer(w, head("Done"), err)
	}
}

// failure is the document that says what went wrong.
type failure struct {
	document
	Error string `json:"error"`
}

func answer(w http.ResponseWriter, d any, err error) {
	var unknown *explain.UnknownServiceError
	switch {
	case errors.As(err, &unknown):
		fail(w, http.StatusNotFound, err.Error())
	case err != nil:
		fail(w, http.StatusBadRequest, err.Error())
	default:
		writeJSON(w, http.StatusOK, d)
	}
}

func fail(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, failure{head("Failure"), message})
}

func writeJSON(w http.ResponseWriter, status int, d any) {
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		say(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // the client is gone if this fails
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // the client is gone if this fails
}
