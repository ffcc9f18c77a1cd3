// Package v1beta1 holds the MetalLB resources that Naru reads, with the same JSON as metallb.io/v1beta1.
package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GroupVersion is the apiVersion of all types in this package.
const GroupVersion = "metallb.io/v1beta1"

// IPAddressPool is MetalLB's pool of addresses.
type IPAddressPool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   IPAddressPoolSpec   `json:"spec"`
	Status IPAddressPoolStatus `json:"status,omitempty"`
}

// IPAddressPoolSpec says which addresses the pool holds, and who may have them.
type IPAddressPoolSpec struct {
	// Addresses are prefixes and ranges, IPv4 and IPv6.
	Addresses []string `json:"addresses"`
	// AutoAssign is true by default.
	AutoAssign    *bool `json:"autoAssign,omitempty"`
	AvoidBuggyIPs bool  `json:"avoidBuggyIPs,omitempty"`
	// AllocateTo is called serviceAllocation in manifests; unset or empty, everybody may have addresses.
	AllocateTo *ServiceAllocation `json:"serviceAllocation,omitempty"`
}

// ServiceAllocation limits who may have addresses of the pool.
type ServiceAllocation struct {
	// Priority is 1 for the first pool to ask; 0 comes after all others.
	Priority           int                    `json:"priority,omitempty"`
	Namespaces         []string               `json:"namespaces,omitempty"`
	NamespaceSelectors []metav1.LabelSelector `json:"namespaceSelectors,omitempty"`
	ServiceSelectors   []metav1.LabelSelector `json:"serviceSelectors,omitempty"`
}

// IPAddressPoolStatus is written by MetalLB and not read by Naru.
type IPAddressPoolStatus struct {
	AssignedIPv4  int64 `json:"assignedIPv4"`
	AssignedIPv6  int64 `json:"assignedIPv6"`
	AvailableIPv4 int64 `json:"availableIPv4"`
	AvailableIPv6 int64 `json:"availableIPv6"`
}
