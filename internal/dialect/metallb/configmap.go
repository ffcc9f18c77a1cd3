package metallb

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/ipam"
	"github.com/naru-lb/naru/internal/nearest"
	"github.com/naru-lb/naru/internal/plan"
)

// Where MetalLB up to version 0.12 keeps its configuration.
const (
	configNamespace = "metallb-system"
	configName      = "config"
	configKey       = "config"
	configPath      = `data["config"]`
)

var hasPools = regexp.MustCompile(`(?m)^\s*["']?address-pools["']?\s*:`)

// IsConfigMap tells whether cm is the configuration of MetalLB up to version 0.12: named config in the namespace
// metallb-system, or any other whose key config lists address-pools, because MetalLB can be installed under other names.
func IsConfigMap(cm *corev1.ConfigMap) bool {
	text, ok := cm.Data[configKey]
	return ok && (cm.Namespace == configNamespace && cm.Name == configName || hasPools.MatchString(text))
}

// config is MetalLB's configuration. What it says of BGP is read and not used.
type config struct {
	Peers       []yaml.Node `yaml:"peers"`
	Communities yaml.Node   `yaml:"bgp-communities"`
	BFDProfiles []yaml.Node `yaml:"bfd-profiles"`
	Pools       []yaml.Node `yaml:"address-pools"`
}

type poolConfig struct {
	Name           string      `yaml:"name"`
	Protocol       string      `yaml:"protocol"`
	Addresses      []string    `yaml:"addresses"`
	AutoAssign     *bool       `yaml:"auto-assign"`
	AvoidBuggyIPs  bool        `yaml:"avoid-buggy-ips"`
	Advertisements []yaml.Node `yaml:"bgp-advertisements"`
}

// ConfigMapPools returns the pools of a ConfigMap that IsConfigMap recognises, with their names as written. A pool with
// an error has no ranges: no address may come from it. What it says of BGP is read without error; a note says that it is
// not announced.
func ConfigMapPools(cm *corev1.ConfigMap) ([]ipam.Pool, []finding.Finding) {
	r := configReader{object: finding.Object{Kind: "ConfigMap", Namespace: cm.Namespace, Name: cm.Name}}
	pools := r.read(cm.Data[configKey])
	for i := range r.found {
		r.found[i].Object = r.object
	}
	return pools, r.found
}

type configReader struct {
	object finding.Object
	found  []finding.Finding
}

func (r *configReader) add(f finding.Finding) {
	f.Path = configPath
	r.found = append(r.found, f)
}

func (r *configReader) read(text string) []ipam.Pool {
	var root yaml.Node
	var c config
	err := yaml.Unmarshal([]byte(text), &root)
	if err == nil {
		err = root.Decode(&c)
	}
	if err != nil {
		r.add(finding.New(finding.PoolInvalid, "MetalLB's configuration cannot be read: "+plainError(err)).
			With("There is no pool from it.", "Correct the YAML in "+configPath))
		return nil
	}
	for _, child := range root.Content {
		r.unknownKeys(child, rootKeys, 0)
	}
	r.noteBGP(c)
	pools := make([]ipam.Pool, 0, len(c.Pools))
	for i := range c.Pools {
		pool, ok := r.pool(&c.Pools[i], i)
		if !ok {
			continue
		}
		if slices.ContainsFunc(pools, func(p ipam.Pool) bool { return p.Name == pool.Name }) {
			r.add(finding.New(finding.PoolInvalid, inLine(&c.Pools[i])+"a second pool is named "+pool.Name).
				With("The second one is not used.", "Give each pool its own name."))
			continue
		}
		pools = append(pools, pool)
	}
	return pools
}

// pool reads one entry of address-pools; false means that it has no name to speak of.
func (r *configReader) pool(n *yaml.Node, i int) (ipam.Pool, bool) {
	var c poolConfig
	p := poolReader{}
	complain := func(message, fix string) { p.bad(configPath, inLine(n)+message, fix) }
	if err := n.Decode(&c); err != nil {
		p.bad(configPath, "a pool cannot be read: "+plainError(err), "")
	}
	p.pool = ipam.Pool{
		Name:          c.Name,
		Scope:         plan.Public,
		AutoAssign:    c.AutoAssign == nil || *c.AutoAssign,
		AvoidBuggyIPs: c.AvoidBuggyIPs,
		StrictSharing: true,
	}
	if c.Name == "" {
		complain(fmt.Sprintf("pool %d has no name", i+1), "- name: default")
	}
	switch c.Protocol {
	case "layer2", "bgp":
	case "":
		complain("pool "+c.Name+" has no protocol", "protocol: layer2")
	default:
		complain(fmt.Sprintf("protocol %q is neither layer2 nor bgp", c.Protocol), "protocol: layer2")
	}
	if r.unknownKeys(n, poolKeys, 0) {
		p.broken = true
	}
	if !p.broken || len(c.Addresses) > 0 {
		p.addresses(fmt.Sprintf("address-pools[%d].addresses", i), c.Addresses)
	}
	pool, found := p.done(r.object)
	for _, f := range found {
		if f.Path != configPath {
			// The addresses stand inside one string, so their path is for people.
			f.Message = f.Path + ": " + f.Message
		}
		r.add(f)
	}
	return pool, c.Name != ""
}

// noteBGP says once that BGP is not announced.
func (r *configReader) noteBGP(c config) {
	var parts []string
	if len(c.Peers) > 0 {
		parts = append(parts, "peers")
	}
	if len(c.BFDProfiles) > 0 {
		parts = append(parts, "bfd-profiles")
	}
	if len(c.Communities.Content) > 0 {
		parts = append(parts, "bgp-communities")
	}
	for i := range c.Pools {
		var p poolConfig
		if c.Pools[i].Decode(&p) == nil && (p.Protocol == "bgp" || len(p.Advertisements) > 0) {
			parts = append(parts, "pools with protocol bgp")
			break
		}
	}
	if len(parts) > 0 {
		r.add(finding.New(finding.FieldIgnored, "read, but not announced by this data plane: "+strings.Join(parts, ", ")).
			With("Addresses are given out and served; nobody announces them by BGP.", "Route the addresses to the machines that serve them."))
	}
}

// keys are the keys of a mapping, or of the mappings in a list, and what is below each. A nil map leaves out the check.
type keys map[string]keys

var (
	rootKeys = keys{
		"peers": {
			"my-asn": nil, "peer-asn": nil, "peer-address": nil, "source-address": nil, "peer-port": nil, "hold-time": nil,
			"keepalive-time": nil, "router-id": nil, "password": nil, "bfd-profile": nil, "ebgp-multihop": nil,
			"node-selectors": {"match-labels": nil, "match-expressions": {"key": nil, "operator": nil, "values": nil}},
		},
		"bgp-communities": nil,
		"bfd-profiles": {
			"name": nil, "receive-interval": nil, "transmit-interval": nil, "detect-multiplier": nil, "echo-interval": nil,
			"echo-mode": nil, "passive-mode": nil, "minimum-ttl": nil,
		},
		"address-pools": nil, // each pool is checked by itself
	}
	poolKeys = keys{
		"name": nil, "protocol": nil, "addresses": nil, "auto-assign": nil, "avoid-buggy-ips": nil,
		"bgp-advertisements": {"aggregation-length": nil, "aggregation-length-v6": nil, "localpref": nil, "communities": nil},
	}
)

// unknownKeys reports keys that MetalLB does not know, and tells whether there are any. Aliases are not followed, so
// that it costs no more than the text is long.
func (r *configReader) unknownKeys(n *yaml.Node, known keys, depth int) bool {
	const deepest = 8
	if known == nil || depth > deepest {
		return false
	}
	found := false
	if n.Kind == yaml.SequenceNode {
		for _, child := range n.Content {
			found = r.unknownKeys(child, known, depth+1) || found
		}
	}
	if n.Kind != yaml.MappingNode {
		return found
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		below, ok := known[key.Value]
		switch {
		case key.Tag == "!!merge":
		case ok:
			found = r.unknownKeys(n.Content[i+1], below, depth+1) || found
		default:
			r.reportUnknownKey(key, known)
			found = true
		}
	}
	return found
}

func (r *configReader) reportUnknownKey(key *yaml.Node, known keys) {
	var names []string
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	f := finding.New(finding.UnknownField, fmt.Sprintf("%sunknown key %s", inLine(key), dialect.Quoted(key.Value))).
		With("MetalLB refuses the configuration. A pool that has it is not used here.", "Keys there are: "+strings.Join(names, ", "))
	if name := nearest.Word(key.Value, names); name != "" {
		f.Message += ", did you mean " + name + "?"
		f.Fix = name + ":"
	}
	r.add(f)
}

func inLine(n *yaml.Node) string { return fmt.Sprintf("line %d: ", n.Line) }

// plainError takes the first complaint out of an error of the YAML reader, on one line.
func plainError(err error) string {
	text := err.Error()
	var types *yaml.TypeError
	if errors.As(err, &types) && len(types.Errors) > 0 {
		text = types.Errors[0]
	}
	text = strings.TrimPrefix(text, "yaml: ")
	text, _, _ = strings.Cut(text, "\n")
	return dialect.Clip(text, 100)
}
