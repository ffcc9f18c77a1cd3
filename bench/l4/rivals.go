//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
)

// rival is a proxy that is measured.
type rival struct {
	name    string
	at      netip.AddrPort // where it listens
	version []string       // the command that prints its version
	config  string
	file    string                     // where config is written to
	command func(file string) []string // starts it in the foreground
}

// The servers behind all proxies: one port on many addresses, so that no proxy runs out of ports of its own.
const (
	serverPort  = 7000
	serverCount = 16
)

func servers() []netip.Addr {
	all := make([]netip.Addr, serverCount)
	for i := range all {
		all[i] = netip.AddrFrom4([4]byte{127, 77, 1, byte(i + 1)})
	}
	return all
}

func rivalAddress(last byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 77, 0, last}), 7001)
}

// All have the same timeouts: connections end after four idle minutes, and servers have 5 s to accept one. These are
// the defaults of Naru.

func naruRival(program string) rival {
	at := rivalAddress(1)
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: naru.dev/v1alpha1
kind: AddressPool
metadata: {name: bench}
spec: {addresses: [%s]}
---
apiVersion: v1
kind: Service
metadata: {name: bench}
spec:
  type: LoadBalancer
  ports: [{port: %d, protocol: TCP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: bench-1
  labels: {kubernetes.io/service-name: bench}
addressType: IPv4
ports: [{port: %d, protocol: TCP}]
endpoints:
`, at.Addr(), at.Port(), serverPort)
	for _, s := range servers() {
		fmt.Fprintf(&b, "- {addresses: [%s]}\n", s)
	}
	return rival{
		name: "naru", at: at, version: []string{program, "--version"}, config: b.String(), file: "naru.yaml",
		command: func(file string) []string {
			return []string{program, "run", "-f", file, "--state", file + ".state", "--admin", file + ".sock", "--grace", "1s"}
		},
	}
}

// haproxyRivals returns two. splice-auto leaves it to HAProxy when to splice; where it decides not to, a GiB costs it four
// times as much. Always splicing makes a GiB cheap, and new connections dearer. Naru is held against both.
func haproxyRivals(f programs, idle int) []rival {
	auto := haproxyRival(f, idle, rivalAddress(2), "splice-auto")
	auto.name, auto.file = "haproxy", "haproxy.cfg"
	always := haproxyRival(f, idle, rivalAddress(3), "splice-request", "splice-response")
	always.name, always.file = "haproxy-splice", "haproxy-splice.cfg"
	return []rival{auto, always}
}

func haproxyRival(f programs, idle int, at netip.AddrPort, options ...string) rival {
	var b strings.Builder
	// Pipes of 256 KiB are what Naru has too.
	fmt.Fprintf(&b, `global
  nbthread 1
  maxconn %d
  maxpipes 64
  tune.pipesize 262144
defaults
  mode tcp
  timeout connect 5s
  timeout client 4m
  timeout server 4m
listen bench
  bind %s
  balance roundrobin
`, idle+200, at)
	for _, o := range options {
		fmt.Fprintf(&b, "  option %s\n", o)
	}
	for i, s := range servers() {
		fmt.Fprintf(&b, "  server s%d %s:%d\n", i, s, serverPort)
	}
	return rival{
		at: at, version: []string{f.haproxy, "-v"}, config: b.String(),
		command: func(file string) []string { return []string{f.haproxy, "-db", "-f", file} },
	}
}

func nginxRival(f programs, idle int) rival {
	at := rivalAddress(4)
	var b strings.Builder
	if f.stream != "" {
		fmt.Fprintf(&b, "load_module %s;\n", f.stream)
	}
	fmt.Fprintf(&b, `user root;
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr crit;
events { worker_connections %d; }
stream {
  access_log off;
  proxy_connect_timeout 5s;
  proxy_timeout 4m;
  upstream servers {
`, 2*idle+1000)
	for _, s := range servers() {
		fmt.Fprintf(&b, "    server %s:%d;\n", s, serverPort)
	}
	fmt.Fprintf(&b, "  }\n  server { listen %s; proxy_pass servers; }\n}\n", at)
	return rival{
		name: "nginx", at: at, version: []string{f.nginx, "-v"}, config: b.String(), file: "nginx.conf",
		command: func(file string) []string {
			return []string{f.nginx, "-e", "stderr", "-p", filepath.Dir(file), "-c", file}
		},
	}
}
