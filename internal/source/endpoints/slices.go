package endpoints

import (
	"encoding/json"
	"hash/fnv"
	"slices"
	"strconv"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/naru-lb/naru/internal/object"
)

// maxEndpoints is how many endpoints a slice holds at most, the default of the endpoint slice controller.
const maxEndpoints = 100

// The names of derived slices are the Service's name, one of these and a number. Where a Service has several kinds of
// slices, the family or a hash of the ports stands before the number.
const (
	derivedMark  = "-derived-"
	mirroredMark = "-mirrored-"
)

// group is what goes into slices together: endpoints of one family with the same ports.
type group struct {
	family discoveryv1.AddressType
	ports  []discoveryv1.EndpointPort
	// byID holds the endpoints by what names them in the group: the Pod's name, or the address.
	byID map[string]discoveryv1.Endpoint
}

// groups collects groups by family and ports.
type groups map[groupKey]*group

type groupKey struct {
	family discoveryv1.AddressType
	ports  string // hash
}

func (g groups) at(family discoveryv1.AddressType, ports []discoveryv1.EndpointPort) *group {
	k := groupKey{family, hashPorts(ports)}
	if g[k] == nil {
		g[k] = &group{family, ports, map[string]discoveryv1.Endpoint{}}
	}
	return g[k]
}

// hashPorts returns a name for a list of ports, 16 hexadecimal digits.
func hashPorts(ports []discoveryv1.EndpointPort) string {
	h := fnv.New64a()
	// Encoding plain fields into a hash does not fail.
	_ = json.NewEncoder(h).Encode(ports)
	return strconv.FormatUint(h.Sum64(), 16)
}

// build cuts the groups into slices. The names of slices of several port lists (many) hold the hash of the list.
func (d *Deriver) build(s *service, g groups, mark string, many bool) map[string]*discoveryv1.EndpointSlice {
	out := map[string]*discoveryv1.EndpointSlice{}
	for k, group := range g {
		prefix := s.name.Name + mark
		if k.family == discoveryv1.AddressTypeIPv6 {
			prefix += "v6-"
		}
		if many {
			prefix += k.ports + "-"
		}
		ids := make([]placed, 0, len(group.byID))
		for id := range group.byID {
			ids = append(ids, placed{id, place(id)})
		}
		slices.SortFunc(ids, comparePlaced)
		cut(ids, 0, 1, func(n uint64, ids []placed) {
			name := prefix + strconv.FormatUint(n, 10)
			for d.taken(s.name.Namespace, name) {
				name += "-x"
			}
			out[name] = group.slice(s, name, ids)
		})
	}
	return out
}

// taken tells whether an EndpointSlice of the manifests has the name.
func (d *Deriver) taken(namespace, name string) bool {
	_, taken := d.real[object.Key{Kind: object.EndpointSlice, Namespace: namespace, Name: name}]
	return taken
}

// placed is an endpoint's ID and where it is put.
type placed struct {
	id    string
	place uint64
}

func comparePlaced(a, b placed) int {
	switch {
	case a.place < b.place:
		return -1
	case a.place > b.place:
		return 1
	case a.id < b.id:
		return -1
	}
	return 1
}

// place spreads IDs evenly over 64 bits (FNV-1a, mixed by the finalizer of SplitMix64).
func place(id string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id)) // never fails, says package hash
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// cut divides IDs, which are in order of their places, in two by the next bit of the place until no part is larger
// than a slice may be. Which slice an endpoint is in thus depends on what there is and not on how it came about, and
// one endpoint more or less concerns one slice, but for the times when a slice becomes two or two become one. Parts
// are numbered like a heap: 1 is all, 2n and 2n+1 are the halves of n.
func cut(ids []placed, depth int, n uint64, emit func(n uint64, ids []placed)) {
	if len(ids) == 0 {
		return
	}
	if len(ids) <= maxEndpoints || depth == 63 {
		emit(n, ids)
		return
	}
	bit := uint64(1) << (63 - depth)
	half, _ := slices.BinarySearchFunc(ids, bit, func(p placed, bit uint64) int {
		if p.place&bit == 0 {
			return -1
		}
		return 1
	})
	cut(ids[:half], depth+1, 2*n, emit)
	cut(ids[half:], depth+1, 2*n+1, emit)
}

// slice returns the slice with the given endpoints, in order of their IDs.
func (g *group) slice(s *service, name string, ids []placed) *discoveryv1.EndpointSlice {
	names := make([]string, len(ids))
	for i, p := range ids {
		names[i] = p.id
	}
	slices.Sort(names)
	slice := &discoveryv1.EndpointSlice{
		TypeMeta: metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: object.EndpointSlice},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.name.Namespace,
			Name:      name,
			Labels:    map[string]string{discoveryv1.LabelServiceName: s.name.Name, discoveryv1.LabelManagedBy: "endpoints.naru.dev"},
		},
		AddressType: g.family,
		Ports:       g.ports,
		Endpoints:   make([]discoveryv1.Endpoint, len(names)),
	}
	for i, id := range names {
		slice.Endpoints[i] = g.byID[id]
	}
	return slice
}
