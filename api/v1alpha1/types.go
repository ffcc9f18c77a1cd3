// Package v1alpha1 holds Naru's own resources, of the API group naru.dev.
package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GroupVersion is the apiVersion of all types in this package.
const GroupVersion = "naru.dev/v1alpha1"

// AddressPool is a set of addresses that Services of type LoadBalancer get theirs from. It is not namespaced.
type AddressPool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec AddressPoolSpec `json:"spec"`
}

// AddressPoolSpec says which addresses a pool holds, and who may have them.
type AddressPoolSpec struct {
	// Addresses are prefixes ("198.51.100.0/28"), ranges ("192.0.2.10-192.0.2.20") and single addresses, IPv4 and IPv6.
	Addresses []string `json:"addresses"`
	// Scope is "public" (the default) or "internal". Services that ask for an internal load balancer get addresses
	// of internal pools only, and all others of public pools only.
	Scope string `json:"scope,omitempty"`
	// Subnet is the name that azure-load-balancer-internal-subnet asks for. The pool's own name counts too.
	Subnet string `json:"subnet,omitempty"`
	// Aliases are more names that manifests know the pool by: subnets, public IP prefixes, their resource IDs.
	Aliases []string `json:"aliases,omitempty"`
	// AutoAssign, true by default, lets Services that name no pool have addresses of this one.
	AutoAssign *bool `json:"autoAssign,omitempty"`
	// AvoidBuggyIPs leaves out IPv4 addresses that end in .0 or .255.
	AvoidBuggyIPs bool `json:"avoidBuggyIPs,omitempty"`
	// Priority orders the pools that a Service may use: 1 first, 0 (the default) after all others.
	Priority int32 `json:"priority,omitempty"`
	// Allocation limits who may have addresses of the pool; unset, everybody may.
	Allocation *Allocation `json:"serviceAllocation,omitempty"`
}

// Allocation limits a pool to Services whose namespace is listed or selected, and which a Service selector matches.
// An empty list does not limit.
type Allocation struct {
	Namespaces         []string               `json:"namespaces,omitempty"`
	NamespaceSelectors []metav1.LabelSelector `json:"namespaceSelectors,omitempty"`
	ServiceSelectors   []metav1.LabelSelector `json:"serviceSelectors,omitempty"`
}

// PublicIP is one named, reserved address: it is never given to a Service that does not ask for it, and stays when the
// Services that use it are gone. It is not namespaced.
type PublicIP struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec PublicIPSpec `json:"spec"`
}

// PublicIPSpec says which address is reserved, and who may use it.
type PublicIPSpec struct {
	// Address is the reserved address, IPv4 or IPv6.
	Address string `json:"address"`
	// Name is what manifests call it (azure-pip-name), in any case; by default the object's own name.
	Name string `json:"name,omitempty"`
	// ResourceGroup is the group that manifests look for it in (azure-load-balancer-resource-group), in any case;
	// by default "default".
	ResourceGroup string `json:"resourceGroup,omitempty"`
	// Scope is "public" (the default) or "internal".
	Scope string `json:"scope,omitempty"`
	// AllowedNamespaces limits who may use it; empty, everybody may.
	AllowedNamespaces []string `json:"allowedNamespaces,omitempty"`
}
