package manifest

// removedAPI is an API version that is served no longer.
type removedAPI struct {
	apiVersion string
	kinds      []string // nil: all
	since      string   // the release that serves it no longer
	instead    string   // the apiVersion to use, or what else to do
	kind       string   // the new kind if it has another name
}

// removedAPIs follows https://kubernetes.io/docs/reference/using-api/deprecation-guide/ and, for others, the release
// notes of the projects.
var removedAPIs = []removedAPI{
	{"extensions/v1beta1", []string{"Ingress"}, "Kubernetes 1.22", "networking.k8s.io/v1", ""},
	{"extensions/v1beta1", []string{"NetworkPolicy"}, "Kubernetes 1.16", "networking.k8s.io/v1", ""},
	{"extensions/v1beta1", []string{"PodSecurityPolicy"}, "Kubernetes 1.25", "", ""},
	{"extensions/v1beta1", nil, "Kubernetes 1.16", "apps/v1", ""},
	{"apps/v1beta1", nil, "Kubernetes 1.16", "apps/v1", ""},
	{"apps/v1beta2", nil, "Kubernetes 1.16", "apps/v1", ""},
	{"networking.k8s.io/v1beta1", []string{"Ingress", "IngressClass"}, "Kubernetes 1.22", "networking.k8s.io/v1", ""},
	{"discovery.k8s.io/v1alpha1", nil, "Kubernetes 1.21", "discovery.k8s.io/v1", ""},
	{"discovery.k8s.io/v1beta1", nil, "Kubernetes 1.25", "discovery.k8s.io/v1", ""},
	{"policy/v1beta1", []string{"PodDisruptionBudget"}, "Kubernetes 1.25", "policy/v1", ""},
	{"policy/v1beta1", []string{"PodSecurityPolicy"}, "Kubernetes 1.25", "", ""},
	{"batch/v1beta1", []string{"CronJob"}, "Kubernetes 1.25", "batch/v1", ""},
	{"batch/v2alpha1", nil, "Kubernetes 1.21", "batch/v1", ""},
	{"autoscaling/v2beta1", nil, "Kubernetes 1.25", "autoscaling/v2", ""},
	{"autoscaling/v2beta2", nil, "Kubernetes 1.26", "autoscaling/v2", ""},
	{"rbac.authorization.k8s.io/v1alpha1", nil, "Kubernetes 1.22", "rbac.authorization.k8s.io/v1", ""},
	{"rbac.authorization.k8s.io/v1beta1", nil, "Kubernetes 1.22", "rbac.authorization.k8s.io/v1", ""},
	{"admissionregistration.k8s.io/v1beta1", []string{"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"}, "Kubernetes 1.22", "admissionregistration.k8s.io/v1", ""},
	{"apiextensions.k8s.io/v1beta1", nil, "Kubernetes 1.22", "apiextensions.k8s.io/v1", ""},
	{"apiregistration.k8s.io/v1beta1", nil, "Kubernetes 1.22", "apiregistration.k8s.io/v1", ""},
	{"certificates.k8s.io/v1beta1", []string{"CertificateSigningRequest"}, "Kubernetes 1.22", "certificates.k8s.io/v1", ""},
	{"coordination.k8s.io/v1beta1", []string{"Lease"}, "Kubernetes 1.22", "coordination.k8s.io/v1", ""},
	{"storage.k8s.io/v1beta1", []string{"CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"}, "Kubernetes 1.22", "storage.k8s.io/v1", ""},
	{"storage.k8s.io/v1beta1", []string{"CSIStorageCapacity"}, "Kubernetes 1.27", "storage.k8s.io/v1", ""},
	{"scheduling.k8s.io/v1beta1", nil, "Kubernetes 1.22", "scheduling.k8s.io/v1", ""},
	{"events.k8s.io/v1beta1", nil, "Kubernetes 1.25", "events.k8s.io/v1", ""},
	{"node.k8s.io/v1beta1", nil, "Kubernetes 1.25", "node.k8s.io/v1", ""},
	{"flowcontrol.apiserver.k8s.io/v1beta1", nil, "Kubernetes 1.26", "flowcontrol.apiserver.k8s.io/v1", ""},
	{"flowcontrol.apiserver.k8s.io/v1beta2", nil, "Kubernetes 1.29", "flowcontrol.apiserver.k8s.io/v1", ""},
	{"flowcontrol.apiserver.k8s.io/v1beta3", nil, "Kubernetes 1.32", "flowcontrol.apiserver.k8s.io/v1", ""},
	{"metallb.io/v1alpha1", []string{"AddressPool"}, "MetalLB 0.14", "metallb.io/v1beta1", "IPAddressPool"},
	{"metallb.io/v1alpha1", nil, "MetalLB 0.14", "metallb.io/v1beta1", ""},
	{"metallb.io/v1beta1", []string{"AddressPool"}, "MetalLB 0.14", "metallb.io/v1beta1", "IPAddressPool"},
}

// removed returns the row for a type that is served no longer.
func removed(t typeName) (removedAPI, bool) {
	for _, r := range removedAPIs {
		if r.apiVersion != t.apiVersion {
			continue
		}
		if r.kinds == nil {
			return r, true
		}
		for _, k := range r.kinds {
			if k == t.kind {
				return r, true
			}
		}
	}
	return removedAPI{}, false
}
