package ipam

import (
	"fmt"
	"testing"

	"github.com/naru-lb/naru/internal/plan"
)

// BenchmarkAllocate8000 gives 8,000 owners an address each from one pool (MetalLB: 237 s in a /16).
func BenchmarkAllocate8000(b *testing.B) {
	for name, pool := range map[string]Pool{
		"IPv4 16":   public("p", "10.0.0.0/16"),
		"IPv6 64":   public("p", "2001:db8::/64"),
		"exact":     public("p", "10.0.0.0-10.0.31.63"),
		"all in 1s": manyRanges(8000),
	} {
		b.Run(name, func(b *testing.B) {
			requests := benchRequests(8000, len(pool.Ranges) > 0 && pool.Ranges[0].First.Is6())
			for b.Loop() {
				a := New()
				a.SetPools([]Pool{pool}, nil)
				for _, r := range requests {
					if res := a.Assign(r); res.Err != nil {
						b.Fatal(res.Err.Message)
					}
				}
			}
		})
	}
}

// BenchmarkOnTopOf8000 does one thing in a pool with 8,000 addresses in use.
func BenchmarkOnTopOf8000(b *testing.B) {
	pools := []Pool{public("p", "10.0.0.0-10.0.31.63")} // 8,000 addresses
	requests := benchRequests(8000, false)
	fill := func() *Allocator {
		a := New()
		a.SetPools(pools, nil)
		for _, r := range requests {
			a.Assign(r)
		}
		return a
	}
	b.Run("ask again", func(b *testing.B) {
		a := fill()
		for b.Loop() {
			a.Assign(requests[4000])
		}
	})
	b.Run("refused", func(b *testing.B) {
		a := fill()
		extra := ask("extra")
		for b.Loop() {
			a.Assign(extra)
		}
	})
	b.Run("release and give to another", func(b *testing.B) {
		a := fill()
		spare := ask("spare")
		for b.Loop() {
			a.Release(requests[4000].Owner)
			a.Assign(spare)
			a.Release(spare.Owner)
			a.Assign(requests[4000])
		}
	})
	b.Run("set pools", func(b *testing.B) {
		a := fill()
		for b.Loop() {
			a.SetPools(pools, nil)
		}
	})
}

// BenchmarkShare8000 lets 8,000 owners with one sharing key share as few addresses as their ports allow.
func BenchmarkShare8000(b *testing.B) {
	for name, ports := range map[string]int{"80 ports": 80, "one port": 1} {
		b.Run(name, func(b *testing.B) {
			requests := benchRequests(8000, false)
			for i := range requests {
				requests[i].SharingKey = "k"
				requests[i].Ports = []Port{{plan.TCP, uint16(80 + i%ports)}}
			}
			for b.Loop() {
				a := New()
				a.SetPools([]Pool{public("p", "10.0.0.0/16")}, nil)
				for _, r := range requests {
					a.Assign(r)
				}
			}
		})
	}
}

func benchRequests(n int, v6 bool) []Request {
	requests := make([]Request, n)
	for i := range requests {
		requests[i] = ask(fmt.Sprintf("s%d", i))
		requests[i].Families.Order = []bool{v6}
	}
	return requests
}

func manyRanges(n int) Pool {
	p := public("p", "")
	for i := range n {
		a := fmt.Sprintf("10.%d.%d.1", i/256, i%256)
		p.Ranges = append(p.Ranges, span(a, a))
	}
	return p
}
