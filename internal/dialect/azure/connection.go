package azure

import (
	"time"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/plan"
)

func connectionRows() []dialect.Row {
	return []dialect.Row{
		{Name: "azure-load-balancer-tcp-idle-timeout", Section: secRule, Verdict: dialect.Honour, Values: "4 to 100 minutes", Default: "4", Example: "30",
			Doc:       "Ends a TCP connection that carried nothing for so long.",
			Mistaken:  []string{"azure-load-balancer-idle-timeout", "azure-load-balancer-tcp-idle-timeout-in-minutes"},
			Elsewhere: failsAll,
			Read: dialect.Int(4, 100, "minutes", func(v *dialect.Value, n int64) {
				d := time.Duration(n) * time.Minute
				if v.Claim(dialect.IdleTimeout, d.String()) {
					v.Intent.Traffic.IdleTimeout = d
				}
			})},
		{Name: "azure-load-balancer-disable-tcp-reset", Section: secRule, Verdict: dialect.Honour, Values: trueFalse, Default: "`false`", Example: "true",
			Doc: "Forgets a connection after its idle timeout without telling the two ends (RST).",
			Read: dialect.FoldedBool(func(v *dialect.Value, b bool) {
				v.Intent.Traffic.SilentIdle = b
			})},
	}
}

const noPrivateLink = "Private Link has no equivalent here"

func privateLinkRows() []dialect.Row {
	pls := func(name, doc, example string) dialect.Row {
		return accepted(secPLS, "azure-pls-"+name, doc, example, noPrivateLink)
	}
	return []dialect.Row{
		pls("create", "Creates a Private Link service.", "true"),
		pls("name", "Name of the Private Link service.", "pls"),
		pls("resource-group", "Its resource group.", "rg"),
		pls("ip-configuration-subnet", "Its subnet.", "snet"),
		pls("ip-configuration-ip-address-count", "How many addresses it has.", "1"),
		pls("ip-configuration-ip-address", "Its addresses.", "10.0.0.7"),
		pls("fqdns", "Its names.", "a.example.com"),
		{Name: "azure-pls-proxy-protocol", Section: secPLS, Verdict: dialect.Honour, Values: trueFalse, Default: "`false`", Example: "true",
			Doc: "Says that the pods expect PROXY protocol v2, so it is sent to them.",
			Read: dialect.FoldedBool(func(v *dialect.Value, b bool) {
				if b && v.Claim(dialect.PROXYProtocol, string(plan.ProxyV2)) {
					v.Intent.Traffic.ProxyProtocol = plan.ProxyV2
				}
			})},
		pls("visibility", "Who sees it.", "*"),
		pls("auto-approval", "Who gets in without being asked.", "*"),
	}
}
