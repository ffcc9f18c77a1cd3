package plan

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// String returns "namespace/name".
func (s ServiceName) String() string { return s.Namespace + "/" + s.Name }

// Compare orders Services by namespace, then by name.
func (s ServiceName) Compare(o ServiceName) int {
	return cmp.Or(strings.Compare(s.Namespace, o.Namespace), strings.Compare(s.Name, o.Name))
}

// String returns "address:port/protocol".
func (k ListenerKey) String() string {
	return netip.AddrPortFrom(k.Address, k.Port).String() + "/" + string(k.Protocol)
}

// Compare orders Listeners by address, port and protocol.
func (k ListenerKey) Compare(o ListenerKey) int {
	return cmp.Or(k.Address.Compare(o.Address), cmp.Compare(k.Port, o.Port), strings.Compare(string(k.Protocol), string(o.Protocol)))
}

// String returns "namespace/name:port/protocol", followed by "/IPv6" for a group of IPv6 targets.
func (id GroupID) String() string {
	s := id.Service.String() + ":" + strconv.Itoa(int(id.Port)) + "/" + string(id.Protocol)
	if id.IPv6 {
		s += "/IPv6"
	}
	return s
}

// Compare orders groups by Service, port, protocol and family.
func (id GroupID) Compare(o GroupID) int {
	return cmp.Or(id.Service.Compare(o.Service), cmp.Compare(id.Port, o.Port),
		strings.Compare(string(id.Protocol), string(o.Protocol)), compareBool(id.IPv6, o.IPv6))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// String describes a probe in one line: "TCP every 5s, down after 2".
func (p *Probe) String() string {
	if p == nil {
		return "none, readiness decides"
	}
	var b strings.Builder
	b.WriteString(string(p.Kind))
	if p.Port != 0 {
		b.WriteString(" :" + strconv.Itoa(int(p.Port)))
		if p.OnNode {
			b.WriteString(" on the node")
		}
	}
	if p.Path != "" {
		b.WriteString(" " + p.Path)
	}
	b.WriteString(" every " + p.Interval.String() + ", down after " + strconv.Itoa(p.DownAfter))
	return b.String()
}

// SortedListeners returns the listeners of p in order of their keys.
func (p *Plan) SortedListeners() []Listener {
	return sorted(p.Listeners, func(a, b Listener) int { return a.Compare(b.ListenerKey) })
}

// SortedServices returns the Services of p in order of their names.
func (p *Plan) SortedServices() []Service {
	return sorted(p.Services, func(a, b Service) int { return a.Compare(b.ServiceName) })
}

// SortedFrontends returns the frontends of p in order of their addresses.
func (p *Plan) SortedFrontends() []Frontend {
	return sorted(p.Frontends, func(a, b Frontend) int { return a.Address.Compare(b.Address) })
}

// SortedGroups returns the target groups of p in order of their IDs.
func (p *Plan) SortedGroups() []TargetGroup {
	return sorted(p.Groups, func(a, b TargetGroup) int { return a.ID.Compare(b.ID) })
}

func sorted[K comparable, V any](m map[K]V, compare func(a, b V) int) []V {
	vs := make([]V, 0, len(m))
	for _, v := range m {
		vs = append(vs, v)
	}
	slices.SortFunc(vs, compare)
	return vs
}
