package azure

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/finding"
)

// finish applies the rules that join several annotations.
func finish(r *dialect.Reading) {
	settleNames(r)
	settlePlacement(r)
	settleAccess(r)
	checkProbeLimits(r)
	for _, p := range r.Service.Spec.Ports {
		if v := r.Given(keyPortPath, uint16(p.Port)); v != nil && p.Protocol != corev1.ProtocolUDP {
			v.WarnUnusedPath()
		}
	}
	if v := r.Given(keyPath, 0); v != nil {
		v.WarnUnusedPath()
	}
}

// settleNames decides between the ways to name an address: azure-pip-name first, then the address itself.
func settleNames(r *dialect.Reading) {
	a := &r.Intent.Address
	dialect.SettleFamilies(r, r.Given(keyPIP, 0), r.Given(keyPIPv6, 0))
	for i, keys := range [2][3]string{{keyPIP, keyIPv4, keyPrefix}, {keyPIPv6, keyIPv6, keyPrefixV6}} {
		if a.PublicIP[i].Value == "" {
			continue
		}
		if v := r.Given(keys[1], 0); v != nil {
			a.Wanted[i] = dialect.WantedAddress{}
			overruled(v, a.PublicIP[i])
		}
		if v := r.Given(keys[2], 0); v != nil {
			a.Prefix[i] = dialect.Name{}
			overruled(v, a.PublicIP[i])
		}
	}
}

func overruled(v *dialect.Value, by dialect.Name) {
	v.Report(finding.AnnotationConflict, "the reserved address "+dialect.Clip(by.Value, 40)+" overrules this", "The address is that of the reserved one.", "Remove one of the two.")
}

func settlePlacement(r *dialect.Reading) {
	internal := r.Intent.Address.Internal
	if v := r.Given(keySubnet, 0); v != nil && !internal {
		r.Intent.Address.Subnet = dialect.Name{}
		v.Misplaced("a subnet means nothing to a Service that is not internal", "The annotation does nothing.", prefix+keyInternal+`: "true"`)
	}
	v := r.Given(keyHAPorts, 0)
	switch {
	case v == nil || !v.IsTrue():
	case internal:
		v.Refuse(finding.AnnotationUnsupported, "one rule for all ports is not carried by this data plane", "List the ports in spec.ports, and remove "+v.Key)
	default:
		v.Misplaced("a rule for all ports needs an internal Service", "The ports in spec.ports are served, as on Azure.", "Remove "+v.Key)
	}
}

// settleAccess warns where Azure would do something else about who gets in.
func settleAccess(r *dialect.Reading) {
	field := len(r.Service.Spec.LoadBalancerSourceRanges) > 0
	if v := r.Given(keyNoNSG, 0); v != nil && v.IsTrue() && (field || r.Intent.Traffic.RangesSet) {
		f := finding.New(finding.AnnotationConflict, "source ranges are set, and this annotation switches them off").
			With("Everybody gets in.", "Remove one of the two.")
		f.Exposes, f.OnKey = true, true
		r.Add(f, v.Path())
	}
	if !field {
		return
	}
	for _, key := range []string{keyIPRanges, keyRanges, keyServiceTags} {
		if v := r.Given(key, 0); v != nil {
			v.Report(finding.AnnotationConflict, "spec.loadBalancerSourceRanges is set too", "Clients of either are let in. "+unlike(key),
				"Put all ranges into spec.loadBalancerSourceRanges.")
		}
	}
}

func unlike(key string) string {
	switch key {
	case keyIPRanges:
		return "Azure refuses to have both."
	case keyRanges:
		return "Others read only the field."
	}
	return "On Azure kube-proxy drops those of the service tag."
}

// checkProbeLimits refuses what Azure refuses: interval times number of probes must be less than 120 s, for every port
// that is probed. Other dialects have their own limits. The largest product that can be read fits 64 bits.
func checkProbeLimits(r *dialect.Reading) {
	seen := map[[2]string]bool{}
	for _, p := range r.Service.Spec.Ports {
		port := uint16(p.Port)
		at := r.Intent.Ports[port]
		if p.Protocol == corev1.ProtocolUDP || p.Protocol == corev1.ProtocolSCTP || at.NotServed || at.NoProbe ||
			r.ClaimedElsewhere(dialect.ProbeInterval, port) || r.ClaimedElsewhere(dialect.ProbeThreshold, port) {
			continue
		}
		interval, seconds := effective(r, keyPortInterval, keyInterval, port, defaultSeconds)
		count, n := effective(r, keyPortCount, keyCount, port, defaultCount)
		if seconds*n < maxProduct {
			continue
		}
		pair := [2]string{keyOf(interval), keyOf(count)}
		if !seen[pair] {
			seen[pair] = true
			refuseProduct(interval, count, seconds, n)
		}
	}
}

// effective returns the annotation that sets a number for a port, nil if none does, and the number: the port's own, else
// that of the health check node port, else the one for all ports.
func effective(r *dialect.Reading, ownRow, allRow string, port uint16, otherwise int64) (*dialect.Value, int64) {
	v := r.GivenForPort(ownRow, port)
	if v == nil {
		v = r.Given(allRow, 0)
	}
	if v == nil {
		return nil, otherwise
	}
	n, err := strconv.ParseInt(v.Text, 10, 64)
	if err != nil {
		return nil, otherwise // not reached: only numbers that were understood are given
	}
	return v, n
}

func keyOf(v *dialect.Value) string {
	if v == nil {
		return ""
	}
	return v.Key
}

// refuseProduct blames the interval if it is set, and shows the largest one that fits.
func refuseProduct(interval, count *dialect.Value, seconds, n int64) {
	message := fmt.Sprintf("%d s × %d = %d s, must be < %d", seconds, n, seconds*n, maxProduct)
	most := (maxProduct - 1) / n
	switch {
	case interval != nil && most >= minInterval:
		interval.Bad(fmt.Sprintf("%s; use ≤ %d or lower num-of-probe", message, most), interval.Line(strconv.FormatInt(most, 10)))
	case interval != nil && (maxProduct-1)/seconds >= minCount && count != nil:
		count.Bad(message+"; lower num-of-probe or interval", count.Line(strconv.FormatInt((maxProduct-1)/seconds, 10)))
	case interval != nil:
		interval.Bad(message+"; lower both", interval.Line("5"))
	default:
		count.Bad(message+"; lower num-of-probe", count.Line(strconv.FormatInt((maxProduct-1)/seconds, 10)))
	}
}
