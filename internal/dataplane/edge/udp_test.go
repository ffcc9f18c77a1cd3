package edge

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/plan"
)

// newUDPPod starts a UDP target that sends every datagram back.
func newUDPPod(t testing.TB, at netip.Addr) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(at, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 64<<10)
		for {
			n, from, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = c.WriteToUDPAddrPort(b[:n], from)
		}
	}()
	return addrPort(c.LocalAddr())
}

func TestDatagramsGoToTheTargetAndBack(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		for _, at := range loopbacks(t) {
			r := newRig(t, o)
			l := newListener(t, at, plan.UDP)
			r.set(l, newGroup(l, newUDPPod(t, at)))
			c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addressOf(l)))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(deadline))
			exchange(t, c, "hello")
			exchange(t, c, "again")
		}
	})
}
