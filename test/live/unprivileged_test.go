//go:build linux

package live

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Without root a port below 1024 and an address of another machine are served on other ones, and it says so.
func TestItWorksWithoutRoot(t *testing.T) {
	if limit, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start"); err == nil && strings.TrimSpace(string(limit)) == "0" {
		t.Skip("this machine lets everybody use ports below 1024")
	}
	dir, home := t.TempDir(), t.TempDir()
	pods := startPods(t, 1)
	write(t, filepath.Join(dir, "all.yaml"), "apiVersion: naru.dev/v1alpha1\nkind: AddressPool\nmetadata: {name: p}\nspec: {addresses: [127.65.0.1, 198.51.100.7]}\n---\n"+
		service("a-low", 80)+"---\n"+slice("a-low", pods)+"---\n"+service("b-far", 8085)+"---\n"+slice("b-far", pods))
	var attr *syscall.SysProcAttr
	if os.Geteuid() == 0 {
		attr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		for _, d := range []string{dir, home} {
			if err := os.Chown(d, 65534, 65534); err != nil {
				t.Fatal(err)
			}
		}
		openWay(t, dir)
		openWay(t, home)
	}
	n := startIn(t, home, attr, "run", "-f", dir).ready()
	status := n.ask("status")
	for _, want := range []string{"NR5205", "NR5206"} {
		if !strings.Contains(status, want) {
			t.Errorf("%s is not reported:\n%s", want, status)
		}
	}
	if !strings.Contains(n.output.String(), "ip addr add 198.51.100.7/32 dev lo") {
		t.Errorf("it does not say how to get the address:\n%s", n.output)
	}
	for _, at := range []string{"127.65.0.1:8080", "127.0.0.1:8085"} {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		if err := exchange(conn, 1); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		conn.Close()
	}
}

// openWay lets other users reach a folder of the test.
func openWay(t *testing.T, dir string) {
	t.Helper()
	for d := filepath.Dir(dir); strings.HasPrefix(d, os.TempDir()+"/"); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
