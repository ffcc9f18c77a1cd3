package edge

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/proxyproto"
)

// headerLike returns what a target must get, written down from the specification.
func headerLike(v plan.ProxyProtocol, client, listener netip.AddrPort) []byte {
	src, dst := client.Addr().AsSlice(), listener.Addr().AsSlice()
	if v == plan.ProxyV1 {
		family := map[int]string{4: "TCP4", 16: "TCP6"}[len(src)]
		return fmt.Appendf(nil, "PROXY %s %s %s %d %d\r\n", family, client.Addr(), listener.Addr(), client.Port(), listener.Port())
	}
	block := append(append([]byte{}, src...), dst...)
	block = binary.BigEndian.AppendUint16(block, client.Port())
	block = binary.BigEndian.AppendUint16(block, listener.Port())
	family := map[int]byte{4: 0x11, 16: 0x21}[len(src)]
	head := append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21"), family, 0, byte(len(block)))
	return append(head, block...)
}

func TestTargetIsToldAboutTheClientFirst(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		for _, version := range []plan.ProxyProtocol{plan.ProxyV1, plan.ProxyV2} {
			for _, at := range loopbacks(t) {
				t.Run(fmt.Sprint(version, at), func(t *testing.T) {
					r := newRig(t, o)
					got := make(chan []byte, 1)
					p := newPod(t, at, func(c *net.TCPConn) {
						all, _ := io.ReadAll(c)
						got <- all
					})
					l := newListener(t, at, plan.TCP)
					g := newGroup(l, p.at)
					g.ProxyProtocol = version
					r.set(l, g)
					c := dial(t, addressOf(l))
					_, _ = io.Copy(c, noise(1, 300_000))
					_ = c.CloseWrite()
					payload, _ := io.ReadAll(noise(1, 300_000))
					want := append(headerLike(version, addrPort(c.LocalAddr()), addressOf(l)), payload...)
					if got := <-got; !bytes.Equal(got, want) {
						t.Errorf("the target got %d bytes that begin with\n%q\nwant %d that begin with\n%q",
							len(got), got[:min(120, len(got))], len(want), want[:120])
					}
				})
			}
		}
	})
}

func TestHeaderInTheFormOfAWSHasOneHundredBytes(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		got := make(chan []byte, 1)
		p := newPod(t, loop4, func(c *net.TCPConn) {
			all, _ := io.ReadAll(c)
			got <- all
		})
		l := newListener(t, loop4, plan.TCP)
		g := newGroup(l, p.at)
		g.ProxyProtocol = plan.ProxyV2AWS
		r.set(l, g)
		c := dial(t, addressOf(l))
		_ = c.CloseWrite()
		all := <-got
		header, n, err := proxyproto.Parse(all)
		if err != nil || n != 100 || len(all) != 100 {
			t.Fatalf("got %d bytes, of them %d of a header, %v", len(all), n, err)
		}
		if header.Source != addrPort(c.LocalAddr()) || header.Destination != addressOf(l) {
			t.Errorf("the header says %s -> %s", header.Source, header.Destination)
		}
		if _, ok := header.TLV(proxyproto.TypeCRC32C); !ok {
			t.Error("there is no checksum")
		}
	})
}

// Servers that speak first would wait for ever if the header waited for the client.
func TestHeaderDoesNotWaitForTheClient(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		p := newPod(t, loop4, func(c *net.TCPConn) {
			_, _ = io.ReadFull(c, make([]byte, 28))
			sayName("after the header")(c)
		})
		l := newListener(t, loop4, plan.TCP)
		g := newGroup(l, p.at)
		g.ProxyProtocol = plan.ProxyV2
		r.set(l, g)
		c := dial(t, addressOf(l))
		if got := readLine(t, c); got != "after the header" {
			t.Errorf("got %q", got)
		}
		exchange(t, c, "hello")
	})
}

func TestHeaderIsSentOnceAfterATargetRefused(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		p := newPod(t, loop4, func(c *net.TCPConn) {
			_, _ = io.ReadFull(c, make([]byte, 28))
			echo(c)
		})
		l := newListener(t, loop4, plan.TCP)
		dead := newDeadPod(t)
		g := newGroup(l, dead, p.at)
		g.ProxyProtocol = plan.ProxyV2
		r.set(l, g)
		for r.TargetCounters(plan.TargetID{Group: g.ID, Address: dead}).Failed < 3 {
			c := dial(t, addressOf(l))
			exchange(t, c, "hello")
			c.Close()
		}
		if got := r.ListenerCounters(l.ListenerKey); got.BytesIn != 5*got.Connections {
			t.Errorf("counters are %+v, want the header not to be counted", got)
		}
	})
}
