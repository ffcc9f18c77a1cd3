package manifest

import "k8s.io/apimachinery/pkg/util/validation"

// endpointSliceRules follow kubernetes pkg/apis/discovery/validation, but for addresses of the host itself, which the
// API server refuses and which are what one machine without a cluster has.
var endpointSliceRules = []rule{
	{path: "addressType", required: true, values: []string{"IPv4", "IPv6", "FQDN"}},
	{path: "endpoints[].addresses", required: true},
	{path: "endpoints[].nodeName", test: subdomain},
	{path: "ports[].port", test: portNumber},
	{path: "ports[].protocol", values: protocols},
	{path: "ports[].name", test: dnsLabel},
	{path: "ports[].appProtocol", test: qualified},
}

// endpointsRules follow kubernetes pkg/apis/core/validation ValidateEndpoints, with the same exception.
var endpointsRules = []rule{
	{path: "subsets[].addresses[].ip", required: true, test: address},
	{path: "subsets[].notReadyAddresses[].ip", required: true, test: address},
	{path: "subsets[].ports[].port", required: true, test: portNumber},
	{path: "subsets[].ports[].protocol", values: protocols},
	{path: "subsets[].ports[].name", test: dnsLabel},
}

// podRules are those of kubernetes pkg/apis/core/validation ValidatePod that concern what Naru reads of a Pod.
var podRules = []rule{
	{path: "spec", required: true},
	{path: "spec.containers", required: true},
	{path: "spec.containers[].name", required: true, test: dnsLabel},
	{path: "spec.containers[].ports[].containerPort", required: true, test: portNumber},
	{path: "spec.containers[].ports[].hostPort", test: between(0, 65535)},
	{path: "spec.containers[].ports[].protocol", values: protocols},
	{path: "spec.containers[].ports[].name", test: portName},
	{path: "spec.nodeName", test: subdomain},
	{path: "status.podIP", test: address},
	{path: "status.podIPs[].ip", test: address},
	{path: "status.phase", values: []string{"Pending", "Running", "Succeeded", "Failed", "Unknown"}},
}

// dataRules hold for ConfigMap and Secret.
var dataRules = []rule{
	{path: "data.*", test: dataKey},
	{path: "binaryData.*", test: dataKey},
	{path: "stringData.*", test: dataKey},
}

func dataKey(s string) string {
	if len(validation.IsConfigMapKey(s)) == 0 {
		return ""
	}
	return "must be letters, digits, -, _ and ., 253 at most"
}
