package endpoints_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/naru-lb/naru/internal/object"
	"github.com/naru-lb/naru/internal/source/endpoints"
)

//lint:file-ignore SA1019 Endpoints are deprecated, but manifests have them.

func meta(namespace, name string, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}
}

func objectOf(kind string, m metav1.ObjectMeta, value any) object.Object {
	return object.Object{Key: object.Key{Kind: kind, Namespace: m.Namespace, Name: m.Name}, Value: value}
}

func serviceObject(namespace, name string, selector map[string]string, target intstr.IntOrString) object.Object {
	m := meta(namespace, name, nil)
	return objectOf(object.Service, m, &corev1.Service{ObjectMeta: m, Spec: corev1.ServiceSpec{
		Selector: selector, Ports: []corev1.ServicePort{{Port: 80, TargetPort: target}},
	}})
}

func podObject(namespace, name, ip, node string, labels map[string]string, port int32) object.Object {
	m := meta(namespace, name, labels)
	return objectOf(object.Pod, m, &corev1.Pod{
		ObjectMeta: m,
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{
			Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: port}},
		}}},
		Status: corev1.PodStatus{PodIP: ip},
	})
}

func terminating(o object.Object) object.Object {
	p := o.Value.(*corev1.Pod).DeepCopy()
	now := metav1.NewTime(time.Unix(0, 0))
	p.DeletionTimestamp = &now
	o.Value = p
	return o
}

// randomObject returns an object out of few names, so that they meet.
func randomObject(r *rand.Rand) object.Object {
	namespace := fmt.Sprintf("ns%d", r.IntN(2))
	name := fmt.Sprintf("s%d", r.IntN(4))
	labels := map[string]string{"app": fmt.Sprintf("a%d", r.IntN(3))}
	if r.IntN(3) == 0 {
		labels["tier"] = fmt.Sprintf("t%d", r.IntN(2))
	}
	switch r.IntN(12) {
	case 0, 1, 2:
		target := []intstr.IntOrString{intstr.FromInt32(8080), intstr.FromString("http"), intstr.FromString("htp"), {}}[r.IntN(4)]
		return serviceObject(namespace, name, labels, target)
	case 3:
		m := meta(namespace, name, nil)
		return objectOf(object.Endpoints, m, &corev1.Endpoints{ObjectMeta: m, Subsets: []corev1.EndpointSubset{{
			Addresses: []corev1.EndpointAddress{{IP: fmt.Sprintf("10.2.0.%d", r.IntN(5))}}, Ports: []corev1.EndpointPort{{Port: 1}},
		}}})
	case 4:
		m := meta(namespace, fmt.Sprintf("s%d-derived-1", r.IntN(4)), map[string]string{discoveryv1.LabelServiceName: name})
		return objectOf(object.EndpointSlice, m, &discoveryv1.EndpointSlice{ObjectMeta: m})
	case 5:
		m := meta("", fmt.Sprintf("n%d", r.IntN(3)), map[string]string{corev1.LabelTopologyZone: fmt.Sprintf("z%d", r.IntN(2))})
		return objectOf(object.Node, m, &corev1.Node{ObjectMeta: m})
	default:
		n := r.IntN(300)
		return podObject(namespace, fmt.Sprintf("p%d", n), fmt.Sprintf("10.1.%d.%d", n/250, n%250), fmt.Sprintf("n%d", r.IntN(3)), labels, int32(8080+r.IntN(2)))
	}
}

func TestManySmallChangesComeToTheSameAsOneLargeOne(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		w, input := newWorld(t), map[object.Key]object.Object{}
		for range 60 {
			var u object.Update
			for k := range input {
				if r.IntN(12) == 0 {
					u.Gone = append(u.Gone, k)
					delete(input, k)
				}
			}
			for range r.IntN(40) {
				o := randomObject(r)
				u.Set = append(u.Set, o)
				input[o.Key] = o
			}
			w.apply(u)
		}
		fresh := newWorld(t)
		var all object.Update
		for _, o := range input {
			all.Set = append(all.Set, o)
		}
		fresh.apply(all)
		if !reflect.DeepEqual(w.objects, fresh.objects) {
			t.Fatalf("seed %d: objects differ: got\n%s\nwant\n%s", seed, w.slices(), fresh.slices())
		}
		if !reflect.DeepEqual(w.findings, fresh.findings) {
			t.Fatalf("seed %d: findings differ: got\n%v\nwant\n%v", seed, w.findings, fresh.findings)
		}
	}
}

func TestOnePodConcernsOneSliceOfManyAndNoneIsTooLarge(t *testing.T) {
	w := newWorld(t)
	selector := map[string]string{"app": "a"}
	u := object.Update{Set: []object.Object{serviceObject("ns", "big", selector, intstr.FromInt32(8080))}}
	for i := range 1000 {
		u.Set = append(u.Set, podObject("ns", fmt.Sprintf("p%d", i), fmt.Sprintf("10.0.%d.%d", i/250, i%250), "", selector, 8080))
	}
	if first := w.apply(u); len(first) < 10 || len(first) > 20 {
		t.Errorf("1000 endpoints are in %d slices", len(first))
	}
	for _, o := range w.objects {
		if s, ok := o.Value.(*discoveryv1.EndpointSlice); ok && len(s.Endpoints) > 100 {
			t.Errorf("%s has %d endpoints", o.Name, len(s.Endpoints))
		}
	}
	for i := range 20 {
		name := fmt.Sprintf("p%d", i*50)
		moved := podObject("ns", name, fmt.Sprintf("10.1.0.%d", i), "", selector, 8080)
		if touched := w.apply(object.Update{Set: []object.Object{moved}}); len(touched) != 1 {
			t.Errorf("the change of %s touched %v", name, touched)
		}
	}
	if touched := w.apply(object.Update{Set: u.Set[:1]}); len(touched) != 0 {
		t.Errorf("the Service did not change, but %v did", touched)
	}
}

func BenchmarkOnePodOfTenThousandChanges(b *testing.B) {
	d := endpoints.New()
	var u object.Update
	for s := range 1000 {
		selector := map[string]string{"app": fmt.Sprintf("a%d", s)}
		u.Set = append(u.Set, serviceObject("ns", fmt.Sprintf("s%d", s), selector, intstr.FromInt32(8080)))
		for p := range 10 {
			u.Set = append(u.Set, podObject("ns", fmt.Sprintf("p%d-%d", s, p), fmt.Sprintf("10.%d.%d.%d", s/250, s%250, p), "", selector, 8080))
		}
	}
	d.Apply(u)
	versions := []object.Object{
		podObject("ns", "p500-1", "10.9.0.1", "", map[string]string{"app": "a500"}, 8080),
		podObject("ns", "p500-1", "10.9.0.2", "", map[string]string{"app": "a500"}, 8080),
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		out, _ := d.Apply(object.Update{Set: versions[i%2 : i%2+1]})
		if len(out.Set) != 2 {
			b.Fatalf("%d objects", len(out.Set))
		}
		i++
	}
}
