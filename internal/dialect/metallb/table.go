// Package metallb reads what MetalLB reads: the annotations of Services, IPAddressPool objects, and the ConfigMap of
// versions up to 0.12. The allocator then gives out the same addresses.
package metallb

import (
	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/finding"
)

const keyIPs = "loadBalancerIPs"

const intro = "Services, `IPAddressPool` objects and the `ConfigMap` of MetalLB work unchanged. An annotation that begins with " +
	"`metallb.io/` wins over the same one with the older prefix."

var table = dialect.NewTable(dialect.Table{
	Name:  "metallb",
	Title: "MetalLB annotations of a Service",
	Intro: intro,
	Prefixes: []dialect.Prefix{
		{Text: "metallb.io/"},
		{Text: "metallb.universe.tf/", Newer: "metallb.io/"},
	},
	Rows:   rows(),
	Finish: finish,
})

// Table returns the vocabulary of MetalLB.
func Table() *dialect.Table { return table }

func rows() []dialect.Row {
	const section = "Address"
	return []dialect.Row{
		{Name: "address-pool", Section: section, Verdict: dialect.Honour, Values: "name of a pool", Default: "any pool", Example: "default",
			Doc:      "Takes the address from this pool, also if it has `autoAssign: false`. Whom the pool admits counts all the same.",
			Mistaken: []string{"pool", "ip-address-pool"},
			Read: dialect.Text(func(v *dialect.Value, name string) {
				if v.Claim(dialect.PoolName, name) {
					v.Intent.Address.Pool = dialect.Name{Value: name, Path: v.Path()}
				}
			})},
		{Name: keyIPs, Section: section, Verdict: dialect.Honour, Values: "one IPv4 and one IPv6 address at most, separated by commas", Default: "any free address",
			Example: "192.168.1.240,2001:db8::10", Mistaken: []string{"load-balancer-ips", "load-balancer-ip", "ip"},
			Doc:  "Asks for exactly these addresses. Rejected if `spec.loadBalancerIP` is set too.",
			Read: dialect.Addresses(dialect.SetWanted)},
		{Name: "allow-shared-ip", Section: section, Verdict: dialect.Honour, Values: "any text", Default: "not shared", Example: "dns",
			Doc:      "Services with the same text may share an address, if their ports differ, and their selectors are the same or none has `externalTrafficPolicy: Local`.",
			Mistaken: []string{"allow-sharing", "shared-ip", "sharing-key"},
			Read: dialect.Text(func(v *dialect.Value, key string) {
				v.Intent.Address.SharingKey = key
			})},
		{Name: "ip-allocated-from-pool", Section: section, Verdict: dialect.Accept, Values: "any", Example: "default",
			Doc: "Written by MetalLB to say where the address came from. Not read."},
	}
}

// finish refuses a Service that asks for addresses in two ways, as MetalLB does.
func finish(r *dialect.Reading) {
	if v := r.Given(keyIPs, 0); v != nil && r.Service.Spec.LoadBalancerIP != "" {
		v.Refuse(finding.AnnotationConflict, "spec.loadBalancerIP is set too", "Remove spec.loadBalancerIP: the annotation does the same, for two families.")
	}
}
