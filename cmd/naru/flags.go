package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/naru-lb/naru/internal/admin"
	"github.com/naru-lb/naru/internal/run"
)

// manifests are the flags that say which manifests are read, and how.
type manifests struct {
	paths       []string
	classes     []string
	onlyClass   bool
	dnsZone     string
	serviceTags []string
}

func (m *manifests) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVarP(&m.paths, "filename", "f", nil, "file or folder of manifests, or - for standard input; may be given several times")
	f.StringSliceVar(&m.classes, "class", nil, "loadBalancerClass that is served besides "+`"naru.dev/naru"`)
	f.BoolVar(&m.onlyClass, "only-class", false, "leave Services without a loadBalancerClass alone")
	f.StringVar(&m.dnsZone, "dns-zone", "", "zone in which host names of azure-dns-label-name are (lb.example.net)")
	f.StringArrayVar(&m.serviceTags, "service-tag", nil, "address ranges of a tag of azure-allowed-service-tags, as TAG=CIDR,CIDR; may be given several times")
	// Nothing is asked of the shell but to complete file names.
	_ = cmd.MarkFlagFilename("filename", "yaml", "yml", "json") // the flag exists
}

// compile returns how manifests are read.
func (m *manifests) compile() (run.Compile, error) {
	c := run.Compile{Classes: m.classes, OnlyClass: m.onlyClass}
	c.Env.DNSZone = m.dnsZone
	for _, text := range m.serviceTags {
		tag, list, ok := strings.Cut(text, "=")
		if !ok || tag == "" {
			return c, fmt.Errorf("--service-tag %q is not TAG=CIDR,CIDR", text)
		}
		for cidr := range strings.SplitSeq(list, ",") {
			p, err := netip.ParsePrefix(strings.TrimSpace(cidr))
			if err != nil || p != p.Masked() {
				return c, fmt.Errorf("--service-tag %s: %q is not an address range like 203.0.113.0/24", tag, cidr)
			}
			if c.Env.ServiceTags == nil {
				c.Env.ServiceTags = map[string][]netip.Prefix{}
			}
			c.Env.ServiceTags[tag] = append(c.Env.ServiceTags[tag], p)
		}
	}
	return c, nil
}

// adminEnv names the environment variable for the flag --admin.
const adminEnv = "NARU_ADMIN"

func addAdmin(cmd *cobra.Command, address *string, usage string) {
	cmd.Flags().StringVar(address, "admin", cmp.Or(os.Getenv(adminEnv), admin.DefaultAddress), usage+`: "host:port", or the path of a Unix socket (environment: `+adminEnv+")")
}
