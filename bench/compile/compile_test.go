package compile

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/compile"
	"github.com/naru-lb/naru/internal/object"
	"github.com/naru-lb/naru/internal/source/endpoints"
	"github.com/naru-lb/naru/internal/source/manifest"
)

const (
	services    = 10_000
	endpoints10 = 10 // of each Service
	nodes       = 100
)

const pool = "apiVersion: naru.dev/v1alpha1\nkind: AddressPool\nmetadata: {name: %s}\nspec: {addresses: [%s]}\n---\n"

func writeNode(b *strings.Builder, i int, zone string) {
	fmt.Fprintf(b, "apiVersion: v1\nkind: Node\nmetadata: {name: node-%d, labels: {topology.kubernetes.io/zone: %s}}\n"+
		"status: {addresses: [{type: InternalIP, address: 10.0.0.%d}]}\n---\n", i, zone, i+1)
}

func writeService(b *strings.Builder, i int, annotation string) {
	fmt.Fprintf(b, "apiVersion: v1\nkind: Service\nmetadata:\n  name: service-%d\n  namespace: team-%d\n  annotations:\n    %s\n"+
		"spec:\n  type: LoadBalancer\n  selector: {app: app-%d}\n  ports:\n  - {name: web, port: 80, targetPort: 8080, nodePort: %d}\n---\n",
		i, i%50, annotation, i, 30000+i)
}

func writeSlice(b *strings.Builder, i int, ready bool) {
	fmt.Fprintf(b, "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: service-%d-abc\n  namespace: team-%d\n"+
		"  labels: {kubernetes.io/service-name: service-%d}\naddressType: IPv4\nports: [{name: web, port: 8080, protocol: TCP}]\nendpoints:\n", i, i%50, i)
	for j := range endpoints10 {
		fmt.Fprintf(b, "- {addresses: [10.%d.%d.%d], nodeName: node-%d, conditions: {ready: %t}, targetRef: {kind: Pod, name: service-%d-pod-%d, namespace: team-%d}}\n",
			64+i/250, i%250, j+1, (i+j*7)%nodes, ready || j > 0, i, j, i%50)
	}
	b.WriteString("---\n")
}

const probed = `service.beta.kubernetes.io/azure-load-balancer-health-probe-interval: "10"`

// text returns the manifests of everything.
func text() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, pool, "default", "172.16.0.0/16")
	for i := range nodes {
		writeNode(&b, i, "z1")
	}
	for i := range services {
		writeService(&b, i, probed)
		writeSlice(&b, i, true)
	}
	return []byte(b.String())
}

func parse(b *testing.B, text []byte) []object.Object {
	b.Helper()
	res := manifest.Parse("bench.yaml", text)
	if len(res.Findings) > 0 {
		b.Fatal(res.Findings[0])
	}
	return res.Objects
}

func parseOne(b *testing.B, write func(*strings.Builder)) object.Update {
	b.Helper()
	var text strings.Builder
	write(&text)
	return object.Update{Set: parse(b, []byte(text.String()))}
}

func check(b *testing.B, c *compile.Compiler) {
	b.Helper()
	if n := len(c.Plan().Listeners); n != services {
		b.Fatalf("%d listeners, want %d", n, services)
	}
}

func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse) / 1e6
}

// cpu returns the CPU time of the process so far: what counts where a machine is shared.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkFromScratch compiles everything at once. The heap holds the objects, the plan and what the compiler knows.
func BenchmarkFromScratch(b *testing.B) {
	u := object.Update{Set: parse(b, text())}
	b.ReportAllocs()
	var c *compile.Compiler
	start := cpu(b)
	for b.Loop() {
		c = compile.New(compile.Options{})
		c.Apply(u)
	}
	b.ReportMetric((cpu(b)-start).Seconds()*1000/float64(b.N), "cpu-ms/op")
	b.ReportMetric(heap(), "MB-heap")
	check(b, c)
}

// BenchmarkFromText does the whole way from YAML to the plan.
func BenchmarkFromText(b *testing.B) {
	all := text()
	b.ReportMetric(float64(len(all))/1e6, "MB-text")
	b.ReportAllocs()
	var c *compile.Compiler
	for b.Loop() {
		c = compile.New(compile.Options{})
		u, _ := endpoints.New().Apply(object.Update{Set: parse(b, all)})
		c.Apply(u)
	}
	b.ReportMetric(heap(), "MB-heap")
	check(b, c)
}

// BenchmarkOneChange brings one change into a compiler that knows everything, and the opposite the next time.
func BenchmarkOneChange(b *testing.B) {
	c := compile.New(compile.Options{})
	c.Apply(object.Update{Set: parse(b, text())})
	changes := []struct {
		name  string
		write [2]func(*strings.Builder)
	}{
		{"endpoint", [2]func(*strings.Builder){
			func(t *strings.Builder) { writeSlice(t, 4000, false) },
			func(t *strings.Builder) { writeSlice(t, 4000, true) },
		}},
		{"service", [2]func(*strings.Builder){
			func(t *strings.Builder) { writeService(t, 4000, strings.Replace(probed, "10", "20", 1)) },
			func(t *strings.Builder) { writeService(t, 4000, probed) },
		}},
		{"node", [2]func(*strings.Builder){ // with a tenth of all Services
			func(t *strings.Builder) { writeNode(t, 40, "z2") },
			func(t *strings.Builder) { writeNode(t, 40, "z1") },
		}},
		{"pool", [2]func(*strings.Builder){
			func(t *strings.Builder) { fmt.Fprintf(t, pool, "more", "172.17.0.0/24") },
			func(t *strings.Builder) { fmt.Fprintf(t, pool, "more", "172.17.1.0/24") },
		}},
	}
	for _, change := range changes {
		b.Run(change.name, func(b *testing.B) {
			updates := [2]object.Update{parseOne(b, change.write[0]), parseOne(b, change.write[1])}
			c.Apply(updates[0])
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				c.Apply(updates[i%2])
			}
			c.Apply(updates[1])
			check(b, c)
		})
	}
}
