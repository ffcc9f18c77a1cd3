package azure

import (
	"strconv"

	"github.com/naru-lb/naru/internal/dialect"
)

func placementRows() []dialect.Row {
	return []dialect.Row{
		{Name: keyInternal, Section: secPlace, Verdict: dialect.Honour, Values: trueFalse, Default: "`false`", Example: "true", Guards: true,
			Doc:       "Takes the address from an internal pool.",
			Elsewhere: "On AKS the Service becomes public, without a word.",
			Mistaken:  []string{"azure-internal-load-balancer", "azure-load-balancer-is-internal", "azure-load-balancer-private"},
			Read: dialect.Bool(func(v *dialect.Value, b bool) {
				if v.Claim(dialect.Exposure, strconv.FormatBool(b)) {
					v.Intent.Address.Internal = b
				}
			})},
		{Name: keySubnet, Section: secPlace, Verdict: dialect.Honour, Values: "name of a subnet", Default: "any internal pool", Example: "snet-lb",
			Doc: "Takes the address from the internal pool with this subnet, alias or name. Ignored with a warning on a Service that is not internal.",
			Read: dialect.Text(func(v *dialect.Value, subnet string) {
				v.Intent.Address.Subnet = dialect.Name{Value: subnet, Path: v.Path()}
			})},
		accepted(secPlace, "azure-load-balancer-mode", "Chooses VM sets of Azure's old Basic load balancer.", "auto", "the choice of VM sets has no meaning here"),
		{Name: "azure-load-balancer-configurations", Section: secPlace, Verdict: dialect.Accept, Values: "any", Example: "lb1,lb2", AnyCase: true,
			Doc: "Chooses among several Azure load balancers. The name may be written in any case.", Note: "the choice among Azure load balancers has no meaning here"},
		{Name: keyHAPorts, Section: secPlace, Verdict: dialect.Reject, Values: trueFalse, Default: "`false`", Example: "false",
			Doc:  "One rule for all ports. On an internal Service `true` is rejected: list the ports in `spec.ports`. On any other it is ignored with a warning, as Azure does.",
			Read: dialect.FoldedBool(func(*dialect.Value, bool) {})},
		accepted(secPlace, "azure-disable-load-balancer-floating-ip", "Chooses how Azure reaches the nodes.", "true", "floating IP has no meaning here: pods are reached directly"),
		{Name: keyNoNSG, Section: secPlace, Verdict: dialect.Honour, Values: trueFalse, Default: "`false`", Example: "true",
			Doc: "Lets everybody in, whatever ranges are set; a warning says so if any are.",
			Read: dialect.FoldedBool(func(v *dialect.Value, b bool) {
				v.Intent.Traffic.NoFilter = b
			})},
		accepted(secPlace, "azure-shared-securityrule", "Removed from Azure's provider in 2026.", "true", ""),
		{Name: "azure-load-balancer-mixed-protocols", Section: secPlace, Verdict: dialect.Accept, Values: trueFalse, Default: "`false`", Example: "false",
			Doc:  "Removed from Azure's provider. `true` does nothing: list both protocols in `spec.ports`.",
			Read: dialect.FoldedBool(readMixedProtocols)},
	}
}

func readMixedProtocols(v *dialect.Value, mixed bool) {
	if mixed {
		v.Misplaced("Azure reads this no more", "Only the protocols in spec.ports are served.", "List a TCP and a UDP port in spec.ports.")
	}
}
