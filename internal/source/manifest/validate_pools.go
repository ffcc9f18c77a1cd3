package manifest

import "github.com/naru-lb/naru/internal/object"

// poolRules are what the custom resources' definitions demand. Ranges are judged where addresses are given out.
var poolRules = map[string][]rule{
	object.AddressPool: {
		{path: "spec", required: true},
		{path: "spec.addresses", required: true},
		{path: "spec.scope", values: scopes},
		{path: "spec.priority", test: between(0, 1<<31-1)},
	},
	object.PublicIP: {
		{path: "spec", required: true},
		{path: "spec.address", required: true},
		{path: "spec.scope", values: scopes},
	},
	object.IPAddressPool: {
		{path: "spec", required: true},
		{path: "spec.addresses", required: true},
	},
}

var scopes = []string{"public", "internal"}
