//go:build linux

package live

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	address     = "127.61.0.1:8080" // of the Service under load, the first of the pool
	changes     = 500
	connections = 200 // new ones a second
	streams     = 50
)

// Other Services come, change and go, the pods of the Service under load are scaled up and down, and files that are no
// manifests are dropped in. No connection to a pod that lives may notice anything.
func TestNoConnectionNoticesAnyChange(t *testing.T) {
	dir := t.TempDir()
	pods := startPods(t, 6)
	m := &manifests{t: t, dir: dir, random: rand.New(rand.NewPCG(1, 2)), pods: pods}
	m.write("pool.yaml", "apiVersion: naru.dev/v1alpha1\nkind: AddressPool\nmetadata: {name: p}\nspec: {addresses: [127.61.0.1-127.61.0.200]}\n")
	m.write("web.yaml", service("web", 8080))
	m.scale(3)
	start(t, "run", "-f", dir)
	waitFor(t, address)

	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var failures failureLog
	var done, exchanged atomic.Int64
	for range streams {
		load.Go(func() { stream(ctx, &failures, &exchanged) })
	}
	load.Go(func() { connect(ctx, &failures, &done) })
	for range changes {
		m.change()
		time.Sleep(time.Duration(20+m.random.IntN(40)) * time.Millisecond)
	}
	m.settle()
	waitFor(t, "127.61.0.1:8080")
	stop()
	load.Wait()

	if failures.count.Load() > 0 {
		t.Errorf("%d connections failed; the first: %s", failures.count.Load(), failures.first)
	}
	if done.Load() < connections || exchanged.Load() < streams*10 {
		t.Errorf("there was no load: %d connections, %d exchanges on streams", done.Load(), exchanged.Load())
	}
	t.Logf("%d connections and %d exchanges on %d streams during %d changes", done.Load(), exchanged.Load(), streams, changes)
}

type failureLog struct {
	count atomic.Int64
	once  sync.Once
	first string
}

func (f *failureLog) add(what string, err error) {
	f.count.Add(1)
	f.once.Do(func() { f.first = what + ": " + err.Error() })
}

// stream keeps one connection busy until the context ends.
func stream(ctx context.Context, failures *failureLog, exchanged *atomic.Int64) {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		failures.add("stream", err)
		return
	}
	defer conn.Close()
	for n := uint64(0); ctx.Err() == nil; n++ {
		if err := exchange(conn, n); err != nil {
			failures.add(fmt.Sprintf("stream, exchange %d", n), err)
			return
		}
		exchanged.Add(1)
		time.Sleep(20 * time.Millisecond)
	}
}

// connect opens new connections at a constant rate until the context ends.
func connect(ctx context.Context, failures *failureLog, done *atomic.Int64) {
	tick := time.NewTicker(time.Second / connections)
	defer tick.Stop()
	var open sync.WaitGroup
	defer open.Wait()
	for n := uint64(0); ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		open.Go(func() {
			conn, err := net.DialTimeout("tcp", address, 5*time.Second)
			if err == nil {
				err = exchange(conn, n)
				conn.Close()
			}
			if err != nil {
				failures.add(fmt.Sprintf("connection %d", n), err)
			}
			done.Add(1)
		})
	}
}

// exchange sends a message and expects it back.
func exchange(conn net.Conn, n uint64) error {
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	message := binary.BigEndian.AppendUint64(bytes.Repeat([]byte("x"), 56), n)
	if _, err := conn.Write(message); err != nil {
		return err
	}
	answer := make([]byte, len(message))
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if !bytes.Equal(message, answer) {
		return errors.New("the answer is not what was sent")
	}
	return nil
}

// startPods starts echo servers that live as long as the test, whether they are endpoints or not.
func startPods(t *testing.T, n int) []string {
	var pods []string
	for i := range n {
		l, err := net.Listen("tcp", fmt.Sprintf("127.62.0.%d:9000", i+1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		pods = append(pods, fmt.Sprintf("127.62.0.%d", i+1))
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					_, _ = io.Copy(conn, conn) // ends with the connection, however that ends
				}()
			}
		}()
	}
	return pods
}

func waitFor(t *testing.T, addr string) {
	t.Helper()
	eventually(t, addr+" answers", func() error {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			err = exchange(conn, 0)
			conn.Close()
		}
		return err
	})
}

// manifests is the folder that naru watches, and what can happen to it.
type manifests struct {
	t      *testing.T
	dir    string
	random *rand.Rand
	pods   []string
}

func (m *manifests) write(name, text string) {
	if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// replace writes as careful editors do: beside the file, then over it.
func (m *manifests) replace(name, text string) {
	m.write("."+name+".tmp", text)
	if err := os.Rename(filepath.Join(m.dir, "."+name+".tmp"), filepath.Join(m.dir, name)); err != nil {
		m.t.Fatal(err)
	}
}

func (m *manifests) remove(name string) {
	if err := os.Remove(filepath.Join(m.dir, name)); err != nil && !os.IsNotExist(err) {
		m.t.Fatal(err)
	}
}

// scale makes n of the pods, at random, the endpoints of the Service under load.
func (m *manifests) scale(n int) {
	m.replace("web-slice.yaml", slice("web", m.some(n)))
}

func (m *manifests) some(n int) []string {
	var some []string
	for _, i := range m.random.Perm(len(m.pods))[:n] {
		some = append(some, m.pods[i])
	}
	return some
}

func (m *manifests) change() {
	other := fmt.Sprintf("other%d", m.random.IntN(20))
	port := 9000 + m.random.IntN(5)
	switch m.random.IntN(8) {
	case 0, 1:
		m.write(other+".yaml", service(other, port)+"---\n"+slice(other, m.some(2)))
	case 2:
		m.replace(other+".yaml", service(other, port))
	case 3:
		m.remove(other + ".yaml")
	case 4:
		m.scale(1 + m.random.IntN(len(m.pods)))
	case 5:
		m.write("garbage.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n\tname: tab\n  - what: is this\x00\xff\n")
	case 6:
		text := service("web", 8080)
		m.write("web.yaml", text[:m.random.IntN(len(text)-1)+1]) // a save that stopped in the middle
		m.write("web.yaml", text)
	case 7:
		m.write("web.yaml", "kind: Service\n  name: web: broken [\n")
		m.scale(2)
		m.write("web.yaml", service("web", 8080))
	}
}

func (m *manifests) settle() {
	m.remove("garbage.yaml")
	m.write("web.yaml", service("web", 8080))
	m.scale(3)
}

func service(name string, port int) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec:\n  type: LoadBalancer\n  ports: [{port: %d, targetPort: 9000}]\n", name, port)
}

func slice(name string, pods []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: %s-1, labels: {kubernetes.io/service-name: %s}}\n"+
		"addressType: IPv4\nports: [{name: \"\", port: 9000, protocol: TCP}]\nendpoints:\n", name, name)
	for _, p := range pods {
		fmt.Fprintf(&b, "- {addresses: [%s], conditions: {ready: true}}\n", p)
	}
	return b.String()
}
