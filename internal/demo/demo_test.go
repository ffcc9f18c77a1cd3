package demo_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/demo"
	"github.com/naru-lb/naru/internal/echo"
	"github.com/naru-lb/naru/internal/plan"
)

func start(t *testing.T, dir string) *demo.Demo {
	t.Helper()
	d, err := demo.Start(t.Context(), demo.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// ask connects to a pod and returns the name that it says.
func ask(at netip.AddrPort) (string, error) {
	conn, err := net.DialTimeout("tcp", at.String(), 10*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, "\n"); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return "", err
	}
	a, ok := echo.ParseAnswer(line)
	if !ok {
		return "", fmt.Errorf("%q is no answer of a pod", line)
	}
	return a.Pod + " on " + a.Node, nil
}

func TestThePodsRun(t *testing.T) {
	d := start(t, t.TempDir())
	for _, p := range d.Pods() {
		if got, err := ask(p.Address); err != nil || got != p.Name+" on "+p.Node || !p.Running {
			t.Errorf("%+v says %q, %v", p, got, err)
		}
	}
	if want := []string{"kimmap-backend-1", "kimmap-backend-2", "web-1", "web-2", "web-3"}; !slices.Equal(d.Names(), want) {
		t.Errorf("the pods are %v, want %v", d.Names(), want)
	}
}

func TestAPodIsKilledAndRevived(t *testing.T) {
	d := start(t, t.TempDir())
	web := func() demo.Pod {
		return d.Pods()[slices.Index(d.Names(), "web-1")]
	}
	for range 3 {
		if err := d.Kill("web-1"); err != nil {
			t.Fatal(err)
		}
		if got, err := ask(web().Address); err == nil || web().Running {
			t.Fatalf("killed, it says %q and is %+v", got, web())
		}
		if err := d.Kill("web-1"); err == nil {
			t.Error("killing it twice is no error")
		}
		if err := d.Revive("web-1"); err != nil {
			t.Fatal(err)
		}
		if got, err := ask(web().Address); err != nil || got != "web-1 on w1" || !web().Running {
			t.Fatalf("revived, it says %q, %v and is %+v", got, err, web())
		}
		if err := d.Revive("web-1"); err == nil {
			t.Error("reviving it twice is no error")
		}
	}
}

func TestAPodThatDoesNotExistIsAnErrorThatNamesThoseThatDo(t *testing.T) {
	d := start(t, t.TempDir())
	for _, err := range []error{d.Kill("web-9"), d.Revive("web-9")} {
		if err == nil || !strings.Contains(err.Error(), "web-1, web-2, web-3") {
			t.Errorf("got %v", err)
		}
	}
}

func TestAfterTheEndNothingRunsOrIsRevived(t *testing.T) {
	d := start(t, t.TempDir())
	for range 2 {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range d.Pods() {
		if p.Running {
			t.Errorf("%s runs", p.Name)
		}
		if err := d.Revive(p.Name); err == nil {
			t.Errorf("%s was revived", p.Name)
		}
	}
}

func TestTwoDemosRunBesideEachOther(t *testing.T) {
	a, b := start(t, t.TempDir()), start(t, t.TempDir())
	for _, p := range a.Pods() {
		for _, q := range b.Pods() {
			if p.Address == q.Address {
				t.Errorf("%s and %s are both at %s", p.Name, q.Name, p.Address)
			}
		}
	}
}

func TestManifestsOfADemoAreWrittenOverAndNobodyElsesAre(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	first := start(t, dir)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := start(t, dir)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(dir, "web.yaml")
	if err := os.WriteFile(mine, []byte("kind: Service\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := demo.Start(t.Context(), demo.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), mine) {
		t.Errorf("got %v, want an error about %s", err, mine)
	}
	if text, err := os.ReadFile(mine); err != nil || string(text) != "kind: Service\n" {
		t.Errorf("it holds %q now, %v", text, err)
	}
}

func TestAFolderThatCannotBeWrittenIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if d, err := demo.Start(t.Context(), demo.Options{Dir: filepath.Join(file, "below")}); err == nil {
		d.Close()
		t.Error("no error")
	}
}

func TestTheCommandsNameWhereServicesAreServed(t *testing.T) {
	d := start(t, t.TempDir())
	service := func(namespace, name string) plan.ServiceName {
		return plan.ServiceName{Namespace: namespace, Name: name}
	}
	bound := map[plan.ServiceName]netip.AddrPort{
		service("kimmap", "kimmap-backend-tcp"): netip.MustParseAddrPort("127.0.0.1:17999"),
		service("default", "web-local"):         netip.MustParseAddrPort("127.0.0.1:18080"),
	}
	var lines []string
	for _, c := range d.Commands("bin/naru", bound) {
		if c.Shows == "" {
			t.Errorf("%q does not say what it shows", c.Line)
		}
		lines = append(lines, c.Line)
	}
	for _, want := range []string{
		"curl http://127.0.0.1:17999", "curl http://127.0.0.1:18080", "bin/naru explain svc/web-local --measure 3000",
		"bin/naru explain svc/kimmap-backend-tcp -n kimmap", "bin/naru demo --kill web-1",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("%q is not among %q", want, lines)
		}
	}
	if all := strings.Join(lines, "\n"); strings.Contains(all, "web-cluster") {
		t.Errorf("what is not served is among %q", lines)
	}
}
