package endpoints

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/nearest"
)

// noPodsMatch says that the selector of a Service matches no Pod, and what was probably meant. It says nothing where
// there are no Pods at all: the manifests then leave them to something else.
func (d *Deriver) noPodsMatch(s *service) []finding.Finding {
	if d.pods == 0 {
		return nil
	}
	selector := selectorOf(s.spec)
	path, hint, fix := "spec.selector", "", ""
	sp := d.space(s.name.Namespace)
	if wrong, meant, ok := sp.nearestPair(selector); ok {
		path += pathStep(wrong.key)
		hint = fmt.Sprintf("; nearest: %s=%s (%s)", meant.key, meant.value, count(sp.values[meant.key][meant.value], "pod"))
		fix = meant.key + ": " + strconv.Quote(meant.value)
		if safeScalar(meant.value) {
			fix = meant.key + ": " + meant.value
		}
	} else if elsewhere := d.spaceWith(s.name.Namespace, selector); elsewhere != "" {
		hint = "; pods of namespace " + elsewhere + " would match"
		fix = "Move the Service to the namespace of the pods, which is " + elsewhere + ", or the pods to " + s.name.Namespace + "."
	} else if len(sp.pods) == 0 {
		hint = "; namespace " + s.name.Namespace + " has none"
		fix = "Add pods to namespace " + s.name.Namespace + ", or correct the Service's namespace."
	} else {
		fix = "Labels of the pods in namespace " + s.name.Namespace + ": " + sp.someLabels(selector) + "."
	}
	f := finding.New(finding.NoPodsMatch, "selector "+formatLabels(selector)+" matches no pod"+hint).
		With("There are no targets: connections are refused.", fix).At(s.object.Key.Finding(), path)
	return []finding.Finding{s.object.Locate(f)}
}

// maxCompared is how many values of a label are compared with a wrong one. Labels with more are made by programs.
const maxCompared = 200

// nearestPair returns a part of the selector that no Pod of the namespace has, and the label that was probably meant:
// the same key with a value at an edit distance of at most 2, or the same value under another key, or else any value
// of the key.
func (sp *space) nearestPair(selector map[string]string) (wrong, meant pair, ok bool) {
	best := 10
	for _, k := range slices.Sorted(maps.Keys(selector)) {
		v := selector[k]
		if len(sp.labels[pair{k, v}]) > 0 {
			continue
		}
		var values []string
		if len(sp.values[k]) <= maxCompared {
			values = slices.Sorted(maps.Keys(sp.values[k]))
		}
		for _, other := range values {
			d := nearest.Distance(v, other, 3)
			if d == 3 {
				d = 5
			}
			if d < best {
				wrong, meant, best = pair{k, v}, pair{k, other}, d
			}
		}
		for _, key := range slices.Sorted(maps.Keys(sp.values)) {
			if sp.values[key][v] > 0 && best > 4 {
				wrong, meant, best = pair{k, v}, pair{key, v}, 4
			}
		}
	}
	return wrong, meant, best < 10
}

// spaceWith returns the first other namespace with a Pod that the selector matches, or "".
func (d *Deriver) spaceWith(own string, selector map[string]string) string {
	first := ""
	for name, sp := range d.spaces {
		if name == own || first != "" && name > first {
			continue
		}
		for p := range sp.candidates(selector) {
			if selects(selector, p.Labels) {
				first = name
				break
			}
		}
	}
	return first
}

// someLabels lists labels of the namespace's Pods with the number of Pods that have each: those that the selector asks
// for if there are any, else the most frequent.
func (sp *space) someLabels(selector map[string]string) string {
	var shown []pair
	for _, k := range slices.Sorted(maps.Keys(selector)) {
		if p := (pair{k, selector[k]}); len(sp.labels[p]) > 0 {
			shown = append(shown, p)
		}
	}
	if len(shown) == 0 {
		shown = sp.frequentLabels()
	}
	if len(shown) == 0 {
		return "none"
	}
	words := make([]string, len(shown))
	for i, p := range shown {
		words[i] = fmt.Sprintf("%s=%s (%s)", p.key, p.value, count(len(sp.labels[p]), "pod"))
	}
	return strings.Join(words, ", ")
}

// frequentLabels returns the four labels that most Pods have. They are worked out once after each change of labels.
func (sp *space) frequentLabels() []pair {
	if sp.frequent == nil {
		all := slices.SortedFunc(maps.Keys(sp.labels), func(a, b pair) int {
			return cmp.Or(-cmp.Compare(len(sp.labels[a]), len(sp.labels[b])), strings.Compare(a.key, b.key), strings.Compare(a.value, b.value))
		})
		sp.frequent = slices.Clone(all[:min(4, len(all))])
	}
	return sp.frequent
}

// portFindings compares the target ports of a Service with what its Pods declare.
func portFindings(s *service) []finding.Finding {
	var pods []*corev1.Pod
	for _, name := range slices.Sorted(maps.Keys(s.members)) {
		if p := s.members[name].Pod; !finished(p) {
			pods = append(pods, p)
		}
	}
	if len(pods) == 0 {
		return nil
	}
	var found []finding.Finding
	for i := range s.spec.Spec.Ports {
		port := &s.spec.Spec.Ports[i]
		check := numberNotDeclared
		if port.TargetPort.Type == intstr.String && port.TargetPort.StrVal != "" {
			check = nameNotFound
		}
		if f, wrong := check(port, pods); wrong {
			path := fmt.Sprintf("spec.ports[%d].targetPort", i)
			found = append(found, s.object.Locate(f.At(s.object.Key.Finding(), path)))
		}
	}
	return found
}

// nameNotFound reports a named target port that not all Pods have.
func nameNotFound(port *corev1.ServicePort, pods []*corev1.Pod) (finding.Finding, bool) {
	name, lacking := port.TargetPort.StrVal, 0
	var names []string
	otherProtocol := corev1.Protocol("")
	for _, p := range pods {
		if _, ok := targetPort(port, p); ok {
			continue
		}
		lacking++
		for declared := range declaredPorts(p) {
			switch {
			case declared.Name == name:
				otherProtocol = protocolOf(declared.Protocol)
			case declared.Name != "" && protocolOf(declared.Protocol) == protocolOf(port.Protocol):
				names = append(names, declared.Name)
			}
		}
	}
	if lacking == 0 {
		return finding.Finding{}, false
	}
	slices.Sort(names)
	names = slices.Compact(names)
	message := fmt.Sprintf("no pod that the selector matches has a port named %q", name)
	effect, severity := "The port has no targets: connections to it are refused.", finding.Error
	if lacking < len(pods) {
		message = fmt.Sprintf("%d of %s have no port named %q", lacking, count(len(pods), "pod"), name)
		effect, severity = "Those pods get no connections of this port; the others get all.", finding.Warning
	}
	fix := ""
	switch meant := nearest.Word(name, names); {
	case otherProtocol != "":
		message += fmt.Sprintf(" for %s, but for %s", protocolOf(port.Protocol), otherProtocol)
		fix = "protocol: " + string(otherProtocol)
	case meant != "":
		fix = "targetPort: " + meant
	case len(names) > 0:
		fix = "Name a port that the pods have: " + strings.Join(names, ", ") + "."
	default:
		fix = "Give the container's port this name, or use its number. The pods declare " + describeDeclared(pods, protocolOf(port.Protocol)) + "."
	}
	return finding.New(finding.PortNotFound, message).With(effect, fix).As(severity), true
}

// numberNotDeclared reports a target port that no Pod declares although each declares some. A Pod that declares none
// may listen anywhere.
func numberNotDeclared(port *corev1.ServicePort, pods []*corev1.Pod) (finding.Finding, bool) {
	numbers, protocol := map[int32]bool{}, protocolOf(port.Protocol)
	var target int32
	var other corev1.Protocol // that the number is declared for
	for _, p := range pods {
		target, _ = targetPort(port, p)
		any := false
		for declared := range declaredPorts(p) {
			any = true
			switch same := protocolOf(declared.Protocol) == protocol; {
			case same && declared.ContainerPort == target:
				return finding.Finding{}, false
			case same:
				numbers[declared.ContainerPort] = true
			case declared.ContainerPort == target:
				other = protocolOf(declared.Protocol)
			}
		}
		if !any {
			return finding.Finding{}, false
		}
	}
	number := strconv.Itoa(int(target))
	fix := "Correct targetPort, or declare the port in the pods: containerPort: " + number
	switch {
	case other != "":
		number += "/" + string(protocol)
		fix = "protocol: " + string(other)
	case len(numbers) == 1:
		for n := range numbers {
			fix = "targetPort: " + strconv.Itoa(int(n))
		}
	}
	message := fmt.Sprintf("port %d leads to %s, but the pods declare %s", port.Port, number, describeDeclared(pods, protocol))
	return finding.New(finding.TargetPortNotOpen, message).With("If nothing listens there, connections are refused.", fix), true
}
