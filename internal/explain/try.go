package explain

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"github.com/naru-lb/naru/internal/plan"
)

// tryProbe returns a command that does to a target by hand what its probe does.
func tryProbe(p *plan.Probe, t *plan.Target) string {
	at := t.Address
	if p.Port != 0 {
		at = netip.AddrPortFrom(at.Addr(), p.Port)
	}
	if p.OnNode && t.NodeAddress.IsValid() {
		at = netip.AddrPortFrom(t.NodeAddress, p.Port)
	}
	switch p.Kind {
	case plan.ProbeHTTP:
		return curl("curl -i", "http", p, at)
	case plan.ProbeHTTPS:
		insecure := "k"
		if p.Verify {
			insecure = ""
		}
		return curl("curl -i"+insecure, "https", p, at)
	case plan.ProbeGRPC:
		request := ""
		if p.Path != "" {
			request = "-d " + quoted(`{"service":`+strconv.Quote(p.Path)+"}") + " "
		}
		return "grpcurl -plaintext " + request + at.String() + " grpc.health.v1.Health/Check"
	}
	return tryConnect(at)
}

func tryConnect(at netip.AddrPort) string {
	return "nc -vz " + at.Addr().String() + " " + strconv.Itoa(int(at.Port()))
}

func curl(command, scheme string, p *plan.Probe, at netip.AddrPort) string {
	if p.ProxyProtocol != plan.ProxyNone {
		command += " --haproxy-protocol"
	}
	if p.Host == "" {
		return command + " " + quoted(scheme+"://"+at.String()+cmp.Or(p.Path, "/"))
	}
	return command + " --connect-to ::" + at.String() + " " + quoted(scheme+"://"+p.Host+cmp.Or(p.Path, "/"))
}

// quoted returns s as one word of a shell.
func quoted(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+,=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
