package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// The names that manifests, layouts and commands share.
const (
	tcpService, tcpNamespace       = "kimmap-backend-tcp", "kimmap"
	webCluster, webLocal, webProxy = "web-cluster", "web-local", "web-proxy"
	webApp, webNamespace           = "web", "default"
	node1, node2                   = "w1", "w2"
)

// layout says where the parts of the demo are.
type layout struct {
	// OneAddress is true where the machine has no loopback address but 127.0.0.1 (macOS): everything has a port of its own
	// then.
	OneAddress bool
	// Pool is the addresses that Services may get, PublicIP the one with a name.
	Pool     string
	PublicIP netip.Addr
	// ports are those of the Services.
	ports map[string]uint16
	pods  []Pod
}

// tries is how many layouts there are of each form: those of other demos, or of programs that have the same ports, are
// passed by.
const tries = 20

// layouts returns where the demo may be, the best first.
func layouts() []layout {
	var all []layout
	for i := range tries {
		all = append(all, spacious(i))
	}
	for i := range tries {
		all = append(all, narrow(i))
	}
	return all
}

// spacious gives every pod an address of its own: 127.0.10.x are the addresses of Services, 127.0.11.x and 127.0.12.x
// those of the pods on the two nodes.
func spacious(try int) layout {
	n, base := uint16(try), byte(10*(try+1))
	at := func(net, host byte, port uint16) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, base + net, host}), port+n)
	}
	return layout{
		Pool:     fmt.Sprintf("127.0.%d.1-127.0.%d.99", base, base),
		PublicIP: at(0, 9, 0).Addr(),
		ports:    map[string]uint16{tcpService: 9999 + n, webCluster: 8080 + n, webLocal: 8080 + n, webProxy: 8080 + n},
		pods:     pods(at(1, 1, 8888), at(2, 1, 8888), at(1, 2, 8080), at(2, 2, 8080), at(2, 3, 8080)),
	}
}

// narrow has 127.0.0.1 only.
func narrow(try int) layout {
	n := uint16(10 * try)
	local := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	at := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(local, port+n) }
	return layout{
		OneAddress: true,
		Pool:       local.String(),
		PublicIP:   local,
		ports:      map[string]uint16{tcpService: 9999 + n, webCluster: 8080 + n, webLocal: 8081 + n, webProxy: 8082 + n},
		pods:       pods(at(18881), at(18882), at(18083), at(18084), at(18085)),
	}
}

// pods names five pods: two of the TCP server, one on each node, and three of the web server, one and two.
func pods(at ...netip.AddrPort) []Pod {
	return []Pod{
		{Name: "kimmap-backend-1", Namespace: tcpNamespace, App: tcpService, Node: node1, Address: at[0]},
		{Name: "kimmap-backend-2", Namespace: tcpNamespace, App: tcpService, Node: node2, Address: at[1]},
		{Name: "web-1", Namespace: webNamespace, App: webApp, Node: node1, Address: at[2]},
		{Name: "web-2", Namespace: webNamespace, App: webApp, Node: node2, Address: at[3]},
		{Name: "web-3", Namespace: webNamespace, App: webApp, Node: node2, Address: at[4]},
	}
}

// PodsOf returns the pods of an app, for the manifests.
func (l layout) PodsOf(app string) []Pod {
	var of []Pod
	for _, p := range l.pods {
		if p.App == app {
			of = append(of, p)
		}
	}
	return of
}

// PortOf returns the port of a Service, for the manifests.
func (l layout) PortOf(service string) uint16 { return l.ports[service] }

// vacant returns an error if the ports of the Services are not free on the addresses that they will get.
func (l layout) vacant(ctx context.Context) error {
	var config net.ListenConfig
	for name, port := range l.ports {
		at := netip.AddrPortFrom(l.PublicIP, port)
		listener, err := config.Listen(ctx, "tcp", at.String())
		if err != nil {
			return fmt.Errorf("see whether %s is free for Service %s: %w", at, name, err)
		}
		if err := listener.Close(); err != nil {
			return errors.Join(fmt.Errorf("free %s again", at), err)
		}
	}
	return nil
}
