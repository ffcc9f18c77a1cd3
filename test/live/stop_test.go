//go:build linux

package live

import (
	"errors"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// serving starts naru with one Service on its own pod, and a connection through it.
func serving(t *testing.T, args ...string) (*naru, net.Conn) {
	t.Helper()
	dir := t.TempDir()
	pods := startPods(t, 1)
	write(t, filepath.Join(dir, "all.yaml"), "apiVersion: naru.dev/v1alpha1\nkind: AddressPool\nmetadata: {name: p}\nspec: {addresses: [127.64.0.1]}\n---\n"+
		service("web", 8080)+"---\n"+slice("web", pods))
	n := start(t, "run", append([]string{"-f", dir}, args...)...).ready()
	conn, err := net.Dial("tcp", "127.64.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := exchange(conn, 1); err != nil {
		t.Fatal(err)
	}
	return n, conn
}

var errAccepted = errors.New("one was accepted")

func refuses(t *testing.T) {
	t.Helper()
	eventually(t, "new connections are refused", func() error {
		conn, err := net.Dial("tcp", "127.64.0.1:8080")
		if err == nil {
			conn.Close()
			return errAccepted
		}
		return nil
	})
}

func TestTheFirstSignalLetsConnectionsFinish(t *testing.T) {
	n, conn := serving(t)
	n.signal(syscall.SIGTERM)
	refuses(t)
	if err := exchange(conn, 2); err != nil {
		t.Errorf("the running connection was cut: %v", err)
	}
	conn.Close()
	n.wait()
	if n.err != nil {
		t.Errorf("it ended with %v", n.err)
	}
}

func TestTheSecondSignalEndsAtOnce(t *testing.T) {
	n, conn := serving(t)
	n.signal(syscall.SIGINT)
	refuses(t)
	n.signal(syscall.SIGINT)
	n.wait()
	if n.err != nil {
		t.Errorf("it ended with %v", n.err)
	}
	if err := exchange(conn, 2); err == nil {
		t.Error("the connection goes on without naru")
	}
}

func TestConnectionsThatDoNotFinishAreCutInTheEnd(t *testing.T) {
	n, conn := serving(t, "--grace", "300ms")
	n.signal(syscall.SIGTERM)
	n.wait()
	if n.err != nil {
		t.Errorf("it ended with %v", n.err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection goes on without naru")
	}
}
