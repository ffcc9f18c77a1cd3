package dialect

import (
	"fmt"

	"github.com/naru-lb/naru/internal/finding"
)

// Topic is something that annotations of several dialects can decide.
type Topic string

// The topics.
const (
	Exposure       Topic = "internal or public"
	PoolName       Topic = "pool"
	WantedIPv4     Topic = "IPv4 address"
	WantedIPv6     Topic = "IPv6 address"
	ReservedIPv4   Topic = "reserved IPv4 address"
	ReservedIPv6   Topic = "reserved IPv6 address"
	ResourceGroup  Topic = "resource group"
	IdleTimeout    Topic = "idle timeout"
	PROXYProtocol  Topic = "PROXY protocol"
	ProbeKind      Topic = "probe protocol"
	ProbePort      Topic = "probe port"
	ProbePath      Topic = "probe path"
	ProbeInterval  Topic = "probe interval"
	ProbeThreshold Topic = "probe threshold"
)

type claimKey struct {
	topic Topic
	port  uint16
}

type claim struct {
	src   source
	key   string
	value string
}

// Claim tells whether the annotation may decide a topic, for its port or for all. It may not if one that comes first
// has decided already: then it is overruled, and a finding says so unless both say the same. The value is only
// compared and shown.
func (v *Value) Claim(topic Topic, value string) bool {
	ports := []uint16{v.Port, 0}
	for _, port := range ports {
		prior, ok := v.claims[claimKey{topic, port}]
		if !ok || prior.src == v.src {
			continue
		}
		v.overruled = true
		if prior.value != value {
			v.reportOverruled(topic, value, prior)
		}
		return false
	}
	v.claims[claimKey{topic, v.Port}] = claim{v.src, v.Key, value}
	return true
}

// ClaimedElsewhere tells whether another table than the one whose Finish runs decides a topic for a port.
func (r *Reading) ClaimedElsewhere(topic Topic, port uint16) bool {
	for _, p := range []uint16{port, 0} {
		if c, ok := r.claims[claimKey{topic, p}]; ok && c.src.table != r.table {
			return true
		}
	}
	return false
}

func (v *Value) reportOverruled(topic Topic, value string, prior claim) {
	f := finding.New(finding.AnnotationConflict, fmt.Sprintf("%s overrules this: %s instead of %s", baseName(prior.key), Quoted(prior.value), Quoted(value))).
		With(fmt.Sprintf("The %s is what %s says.", topic, prior.key), "Remove the one that is not meant.")
	f.Exposes = v.Row.Guards && value != "false"
	v.Add(f, v.Path())
}
