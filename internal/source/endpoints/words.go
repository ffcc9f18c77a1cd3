package endpoints

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// formatLabels writes labels as kubectl does: a=b,c=d in order of their keys.
func formatLabels(labels map[string]string) string {
	var b strings.Builder
	for i, k := range slices.Sorted(maps.Keys(labels)) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(k + "=" + labels[k])
	}
	return b.String()
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// describeDeclared names up to three ports that Pods declare, and up to three of these Pods. The protocol is told
// where it is another than expected.
func describeDeclared(pods []*corev1.Pod, expected corev1.Protocol) string {
	var ports, names []string
	for _, p := range pods {
		any := false
		for declared := range declaredPorts(p) {
			any = true
			text := strconv.Itoa(int(declared.ContainerPort))
			if proto := protocolOf(declared.Protocol); proto != expected {
				text += "/" + string(proto)
			}
			if !slices.Contains(ports, text) {
				ports = append(ports, text)
			}
		}
		if any {
			names = append(names, p.Name)
		}
	}
	if len(ports) == 0 {
		return "no ports"
	}
	return shorten(ports) + " (" + shorten(names) + ")"
}

func shorten(words []string) string {
	if len(words) <= 3 {
		return strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:2], ", "), len(words)-2)
}

// pathStep returns a key of a map as a step of finding.Finding.Path.
func pathStep(key string) string {
	if key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == "" {
		return "." + key
	}
	return `["` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"]`
}

// safeScalar tells whether a label's value is a string in YAML without quotes: it starts with a letter and is none of
// the words that YAML 1.1 reads as something else.
func safeScalar(s string) bool {
	if s == "" || s[0] < 'A' || s[0] > 'Z' && s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return !slices.Contains([]string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}, strings.ToLower(s))
}
