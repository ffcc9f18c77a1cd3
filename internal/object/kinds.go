package object

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	metallbv1beta1 "github.com/naru-lb/naru/api/metallb/v1beta1"
	"github.com/naru-lb/naru/api/v1alpha1"
)

// The kinds that Naru reads.
const (
	Service       = "Service"
	EndpointSlice = "EndpointSlice"
	Endpoints     = "Endpoints"
	Pod           = "Pod"
	Node          = "Node"
	Namespace     = "Namespace"
	Secret        = "Secret"
	ConfigMap     = "ConfigMap"
	AddressPool   = "AddressPool"
	PublicIP      = "PublicIP"
	IPAddressPool = "IPAddressPool"
)

// Kind describes a kind of object that Naru reads.
type Kind struct {
	APIVersion string // group/version as manifests write it: v1, discovery.k8s.io/v1
	Name       string
	Namespaced bool
	New        func() any // a pointer to a zero value
}

// Kinds returns all kinds that Naru reads.
func Kinds() []Kind {
	return []Kind{
		{"v1", Service, true, func() any { return new(corev1.Service) }},
		{"discovery.k8s.io/v1", EndpointSlice, true, func() any { return new(discoveryv1.EndpointSlice) }},
		//lint:ignore SA1019 legacy manifests have it
		{"v1", Endpoints, true, func() any { return new(corev1.Endpoints) }},
		{"v1", Pod, true, func() any { return new(corev1.Pod) }},
		{"v1", Node, false, func() any { return new(corev1.Node) }},
		{"v1", Namespace, false, func() any { return new(corev1.Namespace) }},
		{"v1", Secret, true, func() any { return new(corev1.Secret) }},
		{"v1", ConfigMap, true, func() any { return new(corev1.ConfigMap) }},
		{v1alpha1.GroupVersion, AddressPool, false, func() any { return new(v1alpha1.AddressPool) }},
		{v1alpha1.GroupVersion, PublicIP, false, func() any { return new(v1alpha1.PublicIP) }},
		{metallbv1beta1.GroupVersion, IPAddressPool, true, func() any { return new(metallbv1beta1.IPAddressPool) }},
	}
}
