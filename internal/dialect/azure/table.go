// Package azure reads the annotations of the Azure cloud provider (kubernetes-sigs/cloud-provider-azure), so that a
// Service written for AKS does here what its author expected there.
package azure

import "github.com/naru-lb/naru/internal/dialect"

const prefix = "service.beta.kubernetes.io/"

// Names of the rows that other rows depend on.
const (
	keyIPv4        = "azure-load-balancer-ipv4"
	keyIPv6        = "azure-load-balancer-ipv6"
	keyPIP         = "azure-pip-name"
	keyPIPv6       = "azure-pip-name-ipv6"
	keyPrefix      = "azure-pip-prefix-id"
	keyPrefixV6    = "azure-pip-prefix-id-ipv6"
	keyInternal    = "azure-load-balancer-internal"
	keySubnet      = "azure-load-balancer-internal-subnet"
	keyHAPorts     = "azure-load-balancer-enable-high-availability-ports"
	keyNoNSG       = "azure-disable-load-balancer-nsg-rule"
	keyRanges      = "load-balancer-source-ranges"
	keyIPRanges    = "azure-allowed-ip-ranges"
	keyServiceTags = "azure-allowed-service-tags"

	keyInterval     = "azure-load-balancer-health-probe-interval"
	keyCount        = "azure-load-balancer-health-probe-num-of-probe"
	keyPath         = "azure-load-balancer-health-probe-request-path"
	keyPortInterval = "port_{port}_health-probe_interval"
	keyPortCount    = "port_{port}_health-probe_num-of-probe"
	keyPortPath     = "port_{port}_health-probe_request-path"
)

// Sections of the documentation.
const (
	secAddress = "Address, public IP, DNS"
	secPlace   = "Placement and exposure"
	secProbe   = "Health probe, for all ports"
	secPort    = "For one port"
	secRule    = "Connections"
	secAccess  = "Who gets in"
	secPLS     = "Private Link"
)

const intro = "Services written for Azure Kubernetes Service work unchanged. `{port}` is the number of a port in `spec.ports`, " +
	"not its name, target port or node port. Annotations for one port win over those for all ports, under both values of " +
	"`externalTrafficPolicy`."

var table = dialect.NewTable(dialect.Table{
	Name:     "azure",
	Title:    "Azure annotations of a Service",
	Intro:    intro,
	Prefixes: []dialect.Prefix{{Text: prefix}},
	Rows:     rows(),
	Finish:   finish,
})

// Table returns the Azure vocabulary.
func Table() *dialect.Table { return table }

func rows() []dialect.Row {
	var all []dialect.Row
	for _, part := range [][]dialect.Row{addressRows(), placementRows(), probeRows(), portRows(), connectionRows(), accessRows(), privateLinkRows()} {
		all = append(all, part...)
	}
	return all
}

// accepted makes a row for an annotation that means nothing outside Azure.
func accepted(section, name, doc, example, note string) dialect.Row {
	return dialect.Row{Name: name, Section: section, Verdict: dialect.Accept, Doc: doc, Values: "any", Example: example, Note: note}
}

const trueFalse = "`true`, `false`"
