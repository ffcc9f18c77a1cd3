package azure

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/plan"
)

// The limits of an Azure probe (cloud-provider-azure, buildHealthProbesForPort).
const (
	minInterval    = 5 // seconds
	minCount       = 2
	maxProduct     = 120 // seconds; interval times count must be less
	defaultSeconds = 5
	defaultCount   = 2
)

// failsAll is what Azure's provider does about a value that it does not understand.
const failsAll = "On AKS the whole Service fails to sync."

const (
	intervalValues = "whole seconds, at least 5; times the number of probes less than 120"
	countValues    = "at least 2; times the interval less than 120"
)

func probeRows() []dialect.Row {
	return []dialect.Row{
		{Name: "azure-load-balancer-health-probe-protocol", Section: secProbe, Verdict: dialect.Honour, Values: "`tcp`, `http`, `https`, in any case", Default: "`tcp`",
			Example: "http", Bad: "`tcp`, with a warning", Doc: "What the probe speaks. `appProtocol` of a port and annotations for one port win over it.", Read: readProtocol},
		{Name: keyInterval, Section: secProbe, Verdict: dialect.Honour, Values: intervalValues, Default: "5", Example: "10",
			Doc: "Time from one probe to the next.", Elsewhere: failsAll, Read: dialect.Int(minInterval, math.MaxInt32, "seconds", setInterval)},
		{Name: keyCount, Section: secProbe, Verdict: dialect.Honour, Values: countValues, Default: "2", Example: "4",
			Doc:       "How many results in a row turn a target healthy or unhealthy.",
			Mistaken:  []string{"azure-load-balancer-health-probe-threshold", "azure-load-balancer-health-probe-count"},
			Elsewhere: failsAll, Read: dialect.Int(minCount, math.MaxInt32, "", setCount)},
		{Name: keyPath, Section: secProbe, Verdict: dialect.Honour, Values: "a path", Default: "`/`", Example: "/healthz",
			Doc:      "The path of an HTTP probe; the answer must be 200. The first slash may be missing, with a warning.",
			Mistaken: []string{"azure-load-balancer-health-probe-path"},
			Read:     dialect.ReadProbePath},
	}
}

func portRows() []dialect.Row {
	port := func(name string, r dialect.Row) dialect.Row {
		r.Name, r.Section, r.Verdict = "port_{port}_"+name, secPort, dialect.Honour
		return r
	}
	return []dialect.Row{
		port("no_lb_rule", dialect.Row{Values: trueFalse, Default: "`false`", Example: "true", Guards: true, Doc: "Does not serve this port.",
			Read: dialect.FoldedBool(func(v *dialect.Value, b bool) {
				v.EditPort(v.Port, func(p *dialect.PortIntent) { p.NotServed = b })
			})}),
		port("no_probe_rule", dialect.Row{Values: trueFalse, Default: "`false`", Example: "true", Doc: "Readiness alone decides; there is no probe.",
			Read: dialect.FoldedBool(setNoProbe)}),
		port("health-probe_protocol", dialect.Row{Values: "`tcp`, `http`, `https`, in any case", Default: "`appProtocol`, else what holds for all ports",
			Example: "TCP", Bad: "`tcp`, with a warning", Doc: "What the probe of this port speaks.", Read: readProtocol}),
		port("health-probe_port", dialect.Row{Values: "name (in any case) or number of a port of the Service, or a port of the node", Default: "the port itself",
			Example: "8080", Doc: "Probes another port. A port of the Service stands for the pods' port behind it; any other number for a port of the node.",
			Elsewhere: failsAll, Read: dialect.ReadProbePort}),
		port("health-probe_interval", dialect.Row{Values: intervalValues, Default: "what holds for all ports", Example: "10", OnHealthPort: true,
			Doc:       "Time from one probe to the next. Under `Local`, `{port}` may also be the health check node port.",
			Elsewhere: failsAll, Read: dialect.Int(minInterval, math.MaxInt32, "seconds", setInterval)}),
		port("health-probe_num-of-probe", dialect.Row{Values: countValues, Default: "what holds for all ports", Example: "4", OnHealthPort: true,
			Doc:       "How many results in a row turn a target healthy or unhealthy. Under `Local`, `{port}` may also be the health check node port.",
			Mistaken:  []string{"load-balancer-health-probe-num-of-probe"},
			Elsewhere: failsAll, Read: dialect.Int(minCount, math.MaxInt32, "", setCount)}),
		port("health-probe_request-path", dialect.Row{Values: "a path", Default: "what holds for all ports", Example: "/ready",
			Doc:  "The path of an HTTP probe; the answer must be 200. The first slash may be missing, with a warning.",
			Read: dialect.ReadProbePath}),
	}
}

// readProtocol takes an unknown protocol for tcp, as Azure does, but says so.
func readProtocol(v *dialect.Value) {
	switch strings.ToLower(v.Text) {
	case "tcp":
		dialect.SetProbeKind(v, plan.ProbeTCP)
	case "http":
		dialect.SetProbeKind(v, plan.ProbeHTTP)
	case "https":
		dialect.SetProbeKind(v, plan.ProbeHTTPS)
	default:
		v.Ignore("unknown protocol "+dialect.Clip(v.Text, 40)+", using tcp", "The probe only connects, as it does on Azure.", v.Line("tcp"))
		dialect.SetProbeKind(v, plan.ProbeTCP)
	}
}

func setInterval(v *dialect.Value, seconds int64) {
	d := time.Duration(seconds) * time.Second
	if v.Claim(dialect.ProbeInterval, d.String()) {
		v.EditProbe(func(p *dialect.ProbeIntent) { p.Interval = d })
	}
}

func setCount(v *dialect.Value, n int64) {
	if v.Claim(dialect.ProbeThreshold, strconv.FormatInt(n, 10)) {
		v.EditProbe(func(p *dialect.ProbeIntent) { p.Threshold = int(n) })
	}
}

func setNoProbe(v *dialect.Value, none bool) {
	if none && v.Claim(dialect.ProbeKind, "none") {
		v.EditPort(v.Port, func(p *dialect.PortIntent) { p.NoProbe = true })
	}
}
