package echo_test

import (
	"net/netip"
	"testing"

	"github.com/naru-lb/naru/internal/echo"
)

func TestAnAnswerIsReadAsItWasWritten(t *testing.T) {
	for _, a := range []echo.Answer{
		{Pod: "web-1", Client: netip.MustParseAddrPort("192.0.2.7:40312")},
		{Pod: "web-1", Node: "w2", Client: netip.MustParseAddrPort("192.0.2.7:40312")},
		{Pod: "web-1", Node: "w2", Client: netip.MustParseAddrPort("[2001:db8::7]:1"), ToldBy: "v2"},
		{Pod: "web-1", Client: netip.MustParseAddrPort("192.0.2.7:40312"), ToldBy: "v1"},
	} {
		for _, end := range []string{"", "\n", "\r\n"} {
			if got, ok := echo.ParseAnswer(a.String() + end); !ok || got != a {
				t.Errorf("%q is read as %+v, %t", a.String()+end, got, ok)
			}
		}
	}
}

func TestOtherTextIsNoAnswer(t *testing.T) {
	for _, line := range []string{
		"", "\n", "pod", "pod ", "pod web-1", "web-1, client 192.0.2.7:1", "pod , client 192.0.2.7:1", "pod web-1, client ",
		"pod web-1, client 192.0.2.7", "SSH-2.0-OpenSSH_9.2p1", "HTTP/1.1 400 Bad Request", "pod web-1 on node w2, client nobody",
	} {
		if a, ok := echo.ParseAnswer(line); ok {
			t.Errorf("%q is read as %+v", line, a)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add("pod web-1 on node w2, client 192.0.2.7:40312 (told by PROXY protocol v2)\n")
	f.Add("pod a, client [2001:db8::7]:1")
	f.Fuzz(func(t *testing.T, line string) {
		a, ok := echo.ParseAnswer(line)
		if ok && (a.Pod == "" || !a.Client.IsValid()) {
			t.Errorf("%q is an answer without a pod or a client: %+v", line, a)
		}
	})
}
