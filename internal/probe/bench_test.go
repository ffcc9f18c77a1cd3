package probe_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/probe"
)

// serverVariable turns the test binary into the targets of a benchmark, so that their cost is not counted.
const serverVariable = "NARU_PROBE_BENCH_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(serverVariable) != "" {
		serveForBenchmark()
		return
	}
	os.Exit(m.Run())
}

// serveForBenchmark accepts connections on all of 127.0.0.0/8, answers those that speak with HTTP 200, and ends with its
// standard input.
func serveForBenchmark() {
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		fmt.Println("error", err)
		return
	}
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }() // a benchmark's connection
				if line, err := bufio.NewReader(c).ReadString('\n'); err == nil && strings.HasPrefix(line, "GET ") {
					fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
				}
			}()
		}
	}()
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // the end of it is what is waited for
}

// BenchmarkProbe10k measures what 10,000 targets cost that are probed every 5 s: seconds of CPU per second, memory a
// target, and the probes a second. The targets live in another process on 10,000 addresses of the loopback network.
//
//	go test -bench Probe10k -benchtime 1x ./internal/probe
func BenchmarkProbe10k(b *testing.B) {
	b.Run("TCP", func(b *testing.B) {
		measure(b, plan.ProbeTCP, startServer(b), nil)
	})
	b.Run("HTTP", func(b *testing.B) {
		measure(b, plan.ProbeHTTP, startServer(b), nil)
	})
	b.Run("scheduler", func(b *testing.B) { // no network at all
		measure(b, plan.ProbeTCP, 80, func(context.Context, string, string) (net.Conn, error) { return nothing{}, nil })
	})
}

type nothing struct{ net.Conn }

func (nothing) Close() error { return nil }

func startServer(b *testing.B) uint16 {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverVariable+"=1")
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		b.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := in.Close(); err != nil {
			b.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	})
	var port uint16
	if _, err := fmt.Fscan(out, &port); err != nil {
		b.Fatal(err)
	}
	return port
}

func measure(b *testing.B, kind plan.ProbeKind, port uint16, dial func(context.Context, string, string) (net.Conn, error)) {
	const targets, interval, wall = 10000, 5 * time.Second, 5 * time.Second
	for range b.N {
		var probes, failed atomic.Int64
		m := probe.New(probe.Options{Dial: dial, OnProbe: func(_ plan.ProbeKind, r observe.Result, _ time.Duration) {
			probes.Add(1)
			if !r.OK() {
				failed.Add(1)
			}
		}})
		g := plan.TargetGroup{Probe: &plan.Probe{Kind: kind, Path: "/", Interval: interval, Timeout: interval, UpAfter: 2, DownAfter: 2}}
		for i := range targets {
			at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}), port)
			g.Targets = append(g.Targets, plan.Target{Address: at, Readiness: plan.Ready})
		}
		withPlan := heapBytes()
		m.Apply(use(g))
		perTarget := float64(heapBytes()-withPlan) / targets

		cpu, start, began := cpuTime(b), time.Now(), probes.Load()
		time.Sleep(wall) // what happens meanwhile is measured, nothing waits for it
		took := time.Since(start).Seconds()
		n := float64(probes.Load() - began)
		perProbe := (cpuTime(b) - cpu).Seconds() / n
		// The first intervals are of uneven length: the cost is that of as many probes as there are later on.
		b.ReportMetric(perProbe*targets/interval.Seconds(), "cpu-s/s")
		b.ReportMetric(perProbe*1e6, "cpu-µs/probe")
		b.ReportMetric(n/took, "probes/s")
		b.ReportMetric(float64(failed.Load()), "failed")
		b.ReportMetric(perTarget, "B/target")
		b.ReportMetric(0, "ns/op")
		m.Close()
	}
}

func heapBytes() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// use is the change that brings groups, each with a listener in front of it.
func use(groups ...plan.TargetGroup) plan.Change {
	var c plan.Change
	for _, g := range groups {
		c.Groups.Put(g.ID, g)
		k := plan.ListenerKey{Address: netip.AddrFrom4([4]byte{192, 0, 2, 1}), Port: g.ID.Port, Protocol: plan.TCP}
		c.Listeners.Put(k, plan.Listener{ListenerKey: k, Routes: []plan.Route{{Group: g.ID, Weight: 1}}})
	}
	return c
}
