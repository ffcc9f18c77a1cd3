// Package proxyproto writes and reads the header of the PROXY protocol, versions 1 and 2: what a balancer tells a target
// about the client before the first byte of a connection (haproxy.org/download/3.2/doc/proxy-protocol.txt, called "the
// specification" here).
//
//	b = proxyproto.Append(b, plan.ProxyV2, client, listener) // before the first byte to the target
//	b = proxyproto.AppendLocal(b, plan.ProxyV2)              // a connection of our own: a probe
//
//	h, err := proxyproto.Read(r)            // from a bufio.Reader
//	h, n, err := proxyproto.Parse(received) // from what has come so far
//
// Writing allocates nothing. Reading is strict, since what follows a header that was misread is an attack.
package proxyproto
