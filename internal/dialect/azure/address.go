package azure

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/naru-lb/naru/internal/dialect"
)

func addressRows() []dialect.Row {
	honour := func(r dialect.Row) dialect.Row {
		r.Section, r.Verdict = secAddress, dialect.Honour
		return r
	}
	return []dialect.Row{
		honour(dialect.Row{Name: keyIPv4, Values: "an IPv4 address", Default: "any free address", Example: "198.51.100.9",
			Doc:  "Asks for exactly this address of a pool or PublicIP. Wins over `spec.loadBalancerIP`. Services that ask for the same one share it if their ports differ.",
			Read: dialect.Address(false, setWanted(0, dialect.WantedIPv4))}),
		honour(dialect.Row{Name: keyIPv6, Values: "an IPv6 address", Default: "any free address", Example: "2001:db8::9",
			Doc: "The same for IPv6.", Read: dialect.Address(true, setWanted(1, dialect.WantedIPv6))}),
		honour(dialect.Row{Name: keyPIP, Values: "name of a PublicIP, in any case", Example: "kimmap-tcp-pip",
			Doc:      "Binds the reserved address with this name. Without it the Service waits, and is served as soon as it exists. For an IPv6-only Service it names the IPv6 address.",
			Mistaken: []string{"azure-public-ip-name", "azure-pip"},
			Read:     readPIP(0, dialect.ReservedIPv4)}),
		honour(dialect.Row{Name: keyPIPv6, Values: "name of a PublicIP, in any case", Example: "kimmap-tcp-pip-v6",
			Doc: "The reserved IPv6 address. Ignored with a warning if the Service has no IPv6 address.", Read: readPIP(1, dialect.ReservedIPv6)}),
		honour(dialect.Row{Name: keyPrefix, Values: "resource ID or name", Default: "any pool",
			Example: "/subscriptions/0/resourceGroups/rg/providers/Microsoft.Network/publicIPPrefixes/partners",
			Doc:     "Takes the address from the pool whose name or alias is the last part of the ID. Loses to `azure-pip-name`.", Read: readPrefix(0)}),
		honour(dialect.Row{Name: keyPrefixV6, Values: "resource ID or name", Default: "any pool",
			Example: "partners-v6", Doc: "The same for IPv6.", Read: readPrefix(1)}),
		honour(dialect.Row{Name: "azure-load-balancer-resource-group", Values: "name, in any case", Default: "any group", Example: "rg-network",
			Doc:  "Looks for the PublicIP in this resource group (`spec.resourceGroup` of the PublicIP).",
			Read: dialect.Text(setResourceGroup)}),
		honour(dialect.Row{Name: "azure-additional-public-ips", Values: "IP addresses, separated by commas", Default: "none", Example: "203.0.113.4,203.0.113.5",
			Doc: "Serves these addresses too. They are not announced: somebody else routes them here.", Read: dialect.Addresses(setAdditional)}),
		honour(dialect.Row{Name: "azure-pip-tags", Values: "`key=value`, separated by commas", Default: "none", Example: "owner=team-a,stage=prod",
			Bad: "the pair is left out, with a warning", Doc: "Labels of the address in status and API.", Read: readTags}),
		accepted(secAddress, "azure-pip-ip-tags", "Tags of Azure's routing. An address is never replaced because of them.", "RoutingPreference=Internet",
			"IP tags of Azure's routing have no meaning here"),
		honour(dialect.Row{Name: "azure-dns-label-name", Values: "a DNS label", Default: "no name", Example: "kimmap", BlankIsValue: true,
			Bad: "the name is not published; the Service is served", Doc: "Publishes this name in the configured DNS zone. Without a zone it is accepted with a note. Blank removes the name.",
			Read: readDNSLabel}),
	}
}

func setWanted(family int, topic dialect.Topic) func(*dialect.Value, netip.Addr) {
	return func(v *dialect.Value, a netip.Addr) {
		if v.Claim(topic, a.String()) {
			v.Intent.Address.Wanted[family] = dialect.WantedAddress{Address: a, Path: v.Path()}
		}
	}
}

// The longest names that are taken; Azure's own limit is 80 for names and 90 for resource groups.
const maxName = 253

func readPIP(family int, topic dialect.Topic) dialect.Reader {
	return dialect.Text(func(v *dialect.Value, name string) {
		name = lastSegment(name)
		if name == "" || len(name) > maxName {
			v.Bad("the value is not the name of a PublicIP", v.Line("my-address"))
			return
		}
		if v.Claim(topic, name) {
			v.Intent.Address.PublicIP[family] = dialect.Name{Value: name, Path: v.Path()}
		}
	})
}

// readPrefix takes the name out of an ARM resource ID.
func readPrefix(family int) dialect.Reader {
	return dialect.Text(func(v *dialect.Value, id string) {
		name := lastSegment(id)
		if name == "" || len(name) > maxName {
			v.Bad("the value is not the ID of a prefix", v.Line("my-pool"))
			return
		}
		v.Intent.Address.Prefix[family] = dialect.Name{Value: name, Path: v.Path()}
	})
}

func lastSegment(id string) string {
	id = strings.TrimRight(id, "/")
	return strings.TrimSpace(id[strings.LastIndexByte(id, '/')+1:])
}

func setResourceGroup(v *dialect.Value, group string) {
	if v.Claim(dialect.ResourceGroup, group) {
		v.Intent.Address.ResourceGroup = group
	}
}

func setAdditional(v *dialect.Value, addrs []netip.Addr) {
	for _, a := range addrs {
		if w := (dialect.WantedAddress{Address: a, Path: v.Path()}); !slices.Contains(v.Intent.Address.Additional, w) {
			v.Intent.Address.Additional = append(v.Intent.Address.Additional, w)
		}
	}
}

// readTags leaves out what is not a pair, or is reserved by Azure (cloud-provider-azure, SystemTags).
func readTags(v *dialect.Value) {
	tags := map[string]string{}
	items := dialect.Items(v.Text)
	if len(items) == 0 {
		v.Ignore("the list has no tag", "There are no labels.", v.Line("owner=team-a"))
	}
	for _, item := range items {
		key, value, isPair := strings.Cut(item, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case !isPair || key == "":
			v.Ignore("a tag is not written as key=value", "This tag is left out: "+dialect.Clip(item, 40), v.Line("owner=team-a"))
		case reservedTag(key):
			v.Ignore("the tag "+dialect.Clip(key, 40)+" is reserved by Azure", "This tag is left out.", "Choose another key.")
		default:
			tags[key] = value
		}
	}
	if len(tags) > 0 {
		v.Intent.Tags = tags
	}
}

func reservedTag(key string) bool {
	key = strings.ToLower(key)
	return strings.HasPrefix(key, "aks-managed") || strings.HasPrefix(key, "k8s-azure") || key == "service" || key == "cluster-name"
}

func readDNSLabel(v *dialect.Value) {
	label := strings.ToLower(v.Text)
	switch {
	case label == "":
		return
	case !isDNSLabel(label):
		v.Ignore("the value is not a DNS label (RFC 1123)", "The name is not published; the Service is served.", v.Line("kimmap"))
		return
	case v.Env.DNSZone == "":
		v.Note("no DNS zone is configured, so the name is not published")
		return
	case label != v.Text:
		v.Coerced(label)
	}
	v.Intent.DNSLabel = dialect.Name{Value: label, Path: v.Path()}
}

// isDNSLabel follows RFC 1123: 1 to 63 letters, digits and hyphens, no hyphen at either end.
func isDNSLabel(s string) bool {
	if len(s) == 0 || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
