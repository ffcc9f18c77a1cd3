package dialect

import (
	"fmt"
	"strings"

	"github.com/naru-lb/naru/internal/finding"
)

// vendor is a load balancer whose annotations are recognised but not read.
type vendor struct {
	name string
	// prefixes begin its annotations.
	prefixes []string
	// guards are those of its annotations that must not be passed over.
	guards []guard
	// internalUnless, if not nil, tells whether the Service would be internal without a word, and by which annotation.
	internalUnless func(annotations map[string]string) (key string, internal bool)
}

// guard is an annotation whose wish would be denied in a harmful way if it were passed over.
type guard struct {
	key string
	// asks tells whether a value, in lower case and not blank, asks for it.
	asks func(text string) bool
	// want says what it asks for, for people.
	want string
}

const (
	wantInternal = "an internal load balancer"
	ownInternal  = "naru.dev/internal"
)

func notFalse(text string) bool { return text != "false" }
func anything(string) bool      { return true }

func is(word string) func(string) bool { return func(text string) bool { return text == word } }

func isNot(word string) func(string) bool { return func(text string) bool { return text != word } }

const (
	beta    = "service.beta.kubernetes.io/"
	aws     = beta + "aws-load-balancer-"
	awsType = aws + "type"
)

// vendors lists whose annotations are recognised. Sources are the vendors' documentation of their Kubernetes services.
var vendors = []vendor{
	{name: "AWS", prefixes: []string{beta + "aws-", "service.kubernetes.io/aws-"}, internalUnless: awsDefault, guards: []guard{
		{aws + "internal", notFalse, wantInternal},
		{aws + "scheme", isNot("internet-facing"), wantInternal},
		{aws + "security-groups", anything, "a filter of clients"},
		{aws + "extra-security-groups", anything, "a filter of clients"},
		{aws + "security-group-prefix-lists", anything, "a filter of clients"},
		{aws + "ssl-cert", anything, "TLS"},
	}},
	{name: "Google Cloud", prefixes: []string{"networking.gke.io/load-balancer-", "cloud.google.com/load-balancer-", "networking.gke.io/internal-load-balancer-"}, guards: []guard{
		{"networking.gke.io/load-balancer-type", is("internal"), wantInternal},
		{"cloud.google.com/load-balancer-type", is("internal"), wantInternal},
	}},
	{name: "OpenStack", prefixes: []string{beta + "openstack-", "loadbalancer.openstack.org/"}, guards: []guard{
		{beta + "openstack-internal-load-balancer", notFalse, wantInternal},
	}},
	{name: "DigitalOcean", prefixes: []string{beta + "do-loadbalancer-", "kubernetes.digitalocean.com/load-balancer-"}, guards: []guard{
		{beta + "do-loadbalancer-network", is("internal"), wantInternal},
		{beta + "do-loadbalancer-allow-rules", anything, "a filter of clients"},
		{beta + "do-loadbalancer-deny-rules", anything, "a filter of clients"},
	}},
	{name: "Alibaba Cloud", prefixes: []string{beta + "alibaba-cloud-", beta + "alicloud-"}, guards: []guard{
		{beta + "alibaba-cloud-loadbalancer-address-type", is("intranet"), wantInternal},
		{beta + "alicloud-loadbalancer-address-type", is("intranet"), wantInternal},
	}},
	{name: "Oracle Cloud", prefixes: []string{beta + "oci-", "oci.oraclecloud.com/", "oci-network-load-balancer.oraclecloud.com/"}, guards: []guard{
		{beta + "oci-load-balancer-internal", notFalse, wantInternal},
		{"oci-network-load-balancer.oraclecloud.com/internal", notFalse, wantInternal},
	}},
	{name: "Tencent Cloud", prefixes: []string{"service.kubernetes.io/qcloud-", "service.cloud.tencent.com/"}, guards: []guard{
		{"service.kubernetes.io/qcloud-loadbalancer-internal-subnetid", anything, wantInternal},
	}},
	{name: "IBM Cloud", prefixes: []string{"service.kubernetes.io/ibm-load-balancer-"}, guards: []guard{
		{"service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type", is("private"), wantInternal},
	}},
	{name: "Baidu Cloud", prefixes: []string{beta + "cce-load-balancer-"}, guards: []guard{
		{beta + "cce-load-balancer-internal-vpc", notFalse, wantInternal},
	}},
	{name: "Scaleway", prefixes: []string{beta + "scw-loadbalancer-"}, guards: []guard{
		{beta + "scw-loadbalancer-private", notFalse, wantInternal},
	}},
	{name: "Hetzner", prefixes: []string{"load-balancer.hetzner.cloud/"}, guards: []guard{
		{"load-balancer.hetzner.cloud/disable-public-network", notFalse, wantInternal},
	}},
	{name: "Yandex Cloud", prefixes: []string{"yandex.cloud/load-balancer-"}, guards: []guard{
		{"yandex.cloud/load-balancer-type", is("internal"), wantInternal},
	}},
	{name: "Linode", prefixes: []string{beta + "linode-loadbalancer-"}},
	{name: "Exoscale", prefixes: []string{beta + "exoscale-loadbalancer-"}},
	{name: "kube-vip", prefixes: []string{"kube-vip.io/"}},
	{name: "Cilium", prefixes: []string{"lbipam.cilium.io/", "io.cilium/lb-ipam-"}},
	{name: "PureLB", prefixes: []string{"purelb.io/"}},
	{name: "LoxiLB", prefixes: []string{"loxilb.io/"}},
}

// awsDefault follows the AWS Load Balancer Controller: what it makes is internal unless the scheme says otherwise.
func awsDefault(annotations map[string]string) (string, bool) {
	kind := strings.ToLower(strings.TrimSpace(annotations[awsType]))
	_, scheme := annotations[aws+"scheme"]
	_, internal := annotations[aws+"internal"]
	return awsType, (kind == "external" || kind == "nlb-ip") && !scheme && !internal
}

// vendorOf returns whose annotation it is, and how long the prefix is that says so; 0 if it is nobody's.
func vendorOf(key string) (*vendor, int) {
	var best *vendor
	longest := 0
	for i := range vendors {
		for _, p := range vendors[i].prefixes {
			if len(p) > longest && strings.HasPrefix(key, p) {
				best, longest = &vendors[i], len(p)
			}
		}
	}
	return best, longest
}

// readForeign says of each vendor that its annotations are not read, and refuses the Service if that would harm.
func (r *Reading) readForeign(byVendor map[*vendor][]string) {
	for i := range vendors {
		v := &vendors[i]
		keys := byVendor[v]
		if len(keys) == 0 {
			continue
		}
		if !r.refuseForeign(v, keys) {
			r.noteForeign(v, keys)
		}
	}
}

func (r *Reading) noteForeign(v *vendor, keys []string) {
	f := finding.New(finding.AnnotationIgnored, "annotations of "+v.name+" are not read yet").As(finding.Warning)
	f.Path, f.OnKey = PathOf(keys[0]), true
	f.Effect = "It does nothing here."
	if more := keys[1:]; len(more) > 0 {
		f.Effect = "It does nothing here, nor do " + strings.Join(baseNames(more), ", ") + "."
	}
	f.Fix = "Use the fields of the Service, or annotations that are read."
	r.findings = append(r.findings, f)
}

// refuseForeign refuses the Service for each annotation that asks for something that must not be passed over. Naru's
// own word on whether the Service is internal settles that for all vendors.
func (r *Reading) refuseForeign(v *vendor, keys []string) bool {
	settled := r.exposureSettled()
	refused := false
	for _, g := range v.guards {
		raw, ok := r.Service.Annotations[g.key]
		text := strings.ToLower(strings.TrimSpace(raw))
		if !ok || text == "" || !g.asks(text) || g.want == wantInternal && settled {
			continue
		}
		r.refuse(g.key, fmt.Sprintf("asks %s for %s, which is not read yet", v.name, g.want), fixFor(g.want))
		refused = true
	}
	if v.internalUnless != nil && !settled {
		if key, internal := v.internalUnless(r.Service.Annotations); internal {
			r.refuse(key, v.name+" makes this internal by default, which is not read yet", fixFor(wantInternal))
			refused = true
		}
	}
	return refused
}

// exposureSettled tells whether the Service is internal already, or Naru's own annotation says that it need not be.
func (r *Reading) exposureSettled() bool {
	c, ok := r.claims[claimKey{Exposure, 0}]
	return ok && (c.value == "true" || c.key == ownInternal)
}

func (r *Reading) refuse(key, message, fix string) {
	f := finding.New(finding.AnnotationUnsupported, message).With(refusedExposesEffect, fix)
	f.Path, f.OnKey, f.Exposes = PathOf(key), true, true
	r.findings = append(r.findings, f)
	r.Intent.Refused = true
}

func fixFor(want string) string {
	switch want {
	case wantInternal:
		return line(ownInternal, "true")
	case "TLS":
		return "Remove it, if the connection may be carried as it is."
	}
	return `Remove it, and set loadBalancerSourceRanges: ["203.0.113.0/24"]`
}
