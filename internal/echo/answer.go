package echo

import (
	"net/netip"
	"strings"
)

// Answer is what an echo pod says of itself and of a connection, in one line.
type Answer struct {
	Pod  string
	Node string // empty if the pod does not know
	// Client is the address that the pod takes the connection to come from.
	Client netip.AddrPort
	// ToldBy is the version of the PROXY protocol header that named Client, "v1" or "v2"; empty if it is the peer's.
	ToldBy string
}

// String returns the line, without a line end: "pod web-1 on node w2, client 192.0.2.7:40312".
func (a Answer) String() string {
	var b strings.Builder
	b.WriteString("pod " + a.Pod)
	if a.Node != "" {
		b.WriteString(" on node " + a.Node)
	}
	b.WriteString(", client " + a.Client.String())
	if a.ToldBy != "" {
		b.WriteString(" (told by PROXY protocol " + a.ToldBy + ")")
	}
	return b.String()
}

// ParseAnswer reads a line that String wrote. It is false for any other text.
func ParseAnswer(line string) (Answer, bool) {
	who, from, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ", client ")
	pod, isPod := strings.CutPrefix(who, "pod ")
	if !ok || !isPod {
		return Answer{}, false
	}
	var a Answer
	a.Pod, a.Node, _ = strings.Cut(pod, " on node ")
	address, told, hasTold := strings.Cut(from, " (told by PROXY protocol ")
	if hasTold {
		a.ToldBy = strings.TrimSuffix(told, ")")
	}
	var err error
	if a.Client, err = netip.ParseAddrPort(address); err != nil || a.Pod == "" {
		return Answer{}, false
	}
	return a, true
}
