package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/admin"
	"github.com/naru-lb/naru/internal/echo"
	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/source/files"
)

const (
	poolYAML = "apiVersion: naru.dev/v1alpha1\nkind: AddressPool\nmetadata: {name: p}\nspec: {addresses: [127.66.0.1-127.66.0.9]}\n"
	webYAML  = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  annotations: {naru.dev/probe-kind: tcp, naru.dev/probe-interval: 1s, naru.dev/probe-threshold: \"1\"}\n" +
		"spec:\n  type: LoadBalancer\n  ports: [{port: 8080, targetPort: 9000}]\n"
)

var web = plan.ServiceName{Namespace: "default", Name: "web"}

func slice(pods ...string) string {
	s := "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, labels: {kubernetes.io/service-name: web}}\n" +
		"addressType: IPv4\nports: [{port: 9000}]\nendpoints:\n"
	for _, p := range pods {
		s += fmt.Sprintf("- {addresses: [%s], nodeName: w1}\n", p)
	}
	return s
}

// running is a Run in this process.
type running struct {
	t      *testing.T
	dir    string
	client *admin.Client
	log    *safeBuffer
	state  string
}

func start(t *testing.T, files map[string]string) *running {
	t.Helper()
	r := &running{t: t, dir: t.TempDir(), log: &safeBuffer{}, state: filepath.Join(t.TempDir(), "state")}
	for name, text := range files {
		r.write(name, text)
	}
	ready := make(chan Started, 1)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	now := make(chan struct{})
	go func() {
		ended <- Run(ctx, now, Options{
			Paths: []string{r.dir}, State: r.state, Admin: "127.0.0.1:0",
			Logger: slog.New(slog.NewTextHandler(r.log, nil)),
			Ready:  func(s Started) { ready <- s },
		})
	}()
	t.Cleanup(func() {
		cancel()
		close(now)
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	select {
	case s := <-ready:
		r.client = admin.NewClient(s.Admin)
	case err := <-ended:
		t.Fatalf("it ended with %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("it is not ready")
	}
	return r
}

func (r *running) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// codes waits until exactly the findings with these codes need somebody.
func (r *running) codes(want ...string) {
	r.t.Helper()
	r.eventually(fmt.Sprintf("findings %v", want), func() error {
		s, err := r.client.Status(r.t.Context())
		if err != nil {
			return err
		}
		got := []string{}
		for _, n := range s.NeedsYou {
			got = append(got, string(n.Code))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("there are %v: %+v", got, s.NeedsYou)
		}
		return nil
	})
}

func (r *running) eventually(what string, try func() error) {
	r.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: %v\n%s", what, err, r.log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// answers waits until a pod with the name answers at an address.
func (r *running) answers(at, pod string) {
	r.t.Helper()
	r.eventually(pod+" answers at "+at, func() error {
		conn, err := net.DialTimeout("tcp", at, time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			return err
		}
		data, err := io.ReadAll(conn)
		if err == nil && !strings.Contains(string(data), "pod "+pod+",") {
			err = fmt.Errorf("the answer is %q", data)
		}
		return err
	})
}

func pod(t *testing.T, name, address string) *echo.Server {
	t.Helper()
	s, err := echo.Listen(t.Context(), netip.MustParseAddrPort(address), echo.Options{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestChangesOfTheManifestsAreServed(t *testing.T) {
	pod(t, "a", "127.66.1.1:9000")
	pod(t, "b", "127.66.1.2:9000")
	r := start(t, map[string]string{"pool.yaml": poolYAML, "web.yaml": webYAML, "slice.yaml": slice("127.66.1.1")})
	r.answers("127.66.0.1:8080", "a")
	r.write("slice.yaml", slice("127.66.1.2"))
	r.answers("127.66.0.1:8080", "b")
	r.write("web.yaml", strings.Replace(webYAML, "port: 8080", "port: 8081", 1))
	r.answers("127.66.0.1:8081", "b")
	if err := os.Remove(filepath.Join(r.dir, "web.yaml")); err != nil {
		t.Fatal(err)
	}
	r.eventually("the port is closed", func() error {
		conn, err := net.Dial("tcp", "127.66.0.1:8081")
		if err == nil {
			return errors.Join(errors.New("it is open"), conn.Close())
		}
		return nil
	})
}

func TestWhatCannotBeReadIsServedAsItWas(t *testing.T) {
	pod(t, "a", "127.66.1.1:9000")
	r := start(t, map[string]string{"pool.yaml": poolYAML, "web.yaml": webYAML, "slice.yaml": slice("127.66.1.1")})
	r.write("web.yaml", strings.Replace(webYAML, "  ports", "\tports", 1))
	r.codes("NR0104", "NR0113")
	r.answers("127.66.0.1:8080", "a")
	r.write("web.yaml", webYAML)
	r.codes()
	if log := r.log.String(); !strings.Contains(log, "code=NR0104") || !strings.Contains(log, "No longer so") {
		t.Errorf("the log says\n%s", log)
	}
}

func TestFindingsFollowTheHealthOfTargets(t *testing.T) {
	a := pod(t, "a", "127.66.1.1:9000")
	pod(t, "b", "127.66.1.2:9000")
	r := start(t, map[string]string{"pool.yaml": poolYAML, "web.yaml": webYAML, "slice.yaml": slice("127.66.1.1", "127.66.1.2")})
	r.codes()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	r.codes("NR3107")
	r.answers("127.66.0.1:8080", "b")
	r.write("slice.yaml", slice("127.66.1.1"))
	r.codes("NR3103")
	d, err := r.client.Explain(t.Context(), web, explain.Options{})
	if err != nil || d.State != explain.Down {
		t.Errorf("the Service is %s, %v", d.State, err)
	}
	pod(t, "a", "127.66.1.1:9000")
	r.codes()
	r.answers("127.66.0.1:8080", "a")
	r.write("web.yaml", "")
	r.eventually("nothing is said of what is gone", func() error {
		s, err := r.client.Status(t.Context())
		if err == nil && (s.Notes > 0 || len(s.NeedsYou) > 0 || s.Frontends > 0) {
			return fmt.Errorf("status %+v", s)
		}
		return err
	})
}

func TestAPortThatIsTakenIsServedWhenItIsFree(t *testing.T) {
	pod(t, "a", "127.66.1.1:9000")
	other, err := net.Listen("tcp", "127.66.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, map[string]string{"pool.yaml": poolYAML, "web.yaml": webYAML, "slice.yaml": slice("127.66.1.1")})
	r.codes("NR5204")
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	r.codes()
	r.answers("127.66.0.1:8080", "a")
}

func TestAddressesThatCannotBeRecordedAreServedAndReported(t *testing.T) {
	pod(t, "a", "127.66.1.1:9000")
	r := start(t, map[string]string{"pool.yaml": poolYAML, "slice.yaml": slice("127.66.1.1")})
	if err := os.MkdirAll(r.state+".new/in/the/way", 0o755); err != nil {
		t.Fatal(err)
	}
	r.write("web.yaml", webYAML)
	r.codes("NR4114")
	r.answers("127.66.0.1:8080", "a")
	if err := os.RemoveAll(r.state + ".new"); err != nil {
		t.Fatal(err)
	}
	r.codes() // it is tried again
	if data, err := os.ReadFile(r.state); err != nil || !strings.Contains(string(data), "127.66.0.1") {
		t.Errorf("the state file says %q, %v", data, err)
	}
}

// While a manifest cannot be read, it may hold any of the Services that are recorded.
func TestRecordsOfServicesThatCannotBeReadAreKept(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		kept  bool
	}{
		"all can be read": {map[string]string{"pool.yaml": poolYAML}, false},
		"one cannot":      {map[string]string{"pool.yaml": poolYAML, "web.yaml": "kind: [\n"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			j := &journal{log: slog.New(slog.DiscardHandler)}
			dir, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
			first, err := openRecorder(state, j, func() {})
			if err != nil {
				t.Fatal(err)
			}
			p := newPipeline(Compile{}, nil, j)
			p.apply(read(t, dir, map[string]string{"pool.yaml": poolYAML, "web.yaml": webYAML}))
			first.save(p.compiler.Records())
			if err := first.close(); err != nil {
				t.Fatal(err)
			}
			second, err := openRecorder(state, j, func() {})
			if err != nil {
				t.Fatal(err)
			}
			defer second.close()
			p = newPipeline(Compile{}, second.known(), j)
			p.apply(read(t, dir, c.files))
			p.forget()
			records := p.compiler.Records()
			if len(records) != 1 || records[0].Released == c.kept {
				t.Errorf("records %v", records)
			}
		})
	}
}

// A reserved address is found by its name, so its loss from the record changes nothing.
func TestOnlyAddressesThatMayBeOthersAreReportedAsLost(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(state, []byte("garbage\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j := &journal{log: slog.New(slog.DiscardHandler)}
	r, err := openRecorder(state, j, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	p := newPipeline(Compile{}, r.known(), j)
	p.apply(read(t, t.TempDir(), map[string]string{
		"pool.yaml":  poolYAML + "---\napiVersion: naru.dev/v1alpha1\nkind: PublicIP\nmetadata: {name: mine}\nspec: {address: 127.66.0.5}\n",
		"web.yaml":   webYAML,
		"named.yaml": strings.Replace(strings.Replace(webYAML, "name: web", "name: named", 1), "{naru.dev/probe-kind", "{naru.dev/public-ip: mine, naru.dev/probe-kind", 1),
	}))
	r.settle(p.compiler.Plan())
	var said []string
	for _, f := range j.store.All() {
		if f.Code == finding.StateFileBroken || f.Code == finding.AddressChanged {
			said = append(said, string(f.Code)+" "+f.Object.Name)
		}
	}
	if got, want := fmt.Sprint(said), "[NR4111  NR4112 web]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEverySetOfPathsHasItsOwnState(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	one, err := DefaultState([]string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	same, err := DefaultState([]string{"./b/", "a"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := DefaultState([]string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	if one != same || one == other {
		t.Errorf("got %s, %s and %s", one, same, other)
	}
}

func TestManifestsAreReadOnce(t *testing.T) {
	dir := t.TempDir()
	read(t, dir, map[string]string{"all.yaml": poolYAML + "---\n" + webYAML, "pod.yaml": "kind: Widget\napiVersion: example.com/v1\nmetadata: {name: w}\n"})
	loaded, err := Load([]string{dir}, Compile{})
	if err != nil || loaded.Files != 2 || loaded.Objects != 2 || loaded.Ignored != 1 || len(loaded.Plan.Services[web].Addresses) != 1 {
		t.Errorf("got %+v, %v", loaded, err)
	}
	if _, err := Load(nil, Compile{}); err == nil {
		t.Error("no paths are no error")
	}
}

// read makes a folder hold exactly these files, and reads it.
func read(t *testing.T, dir string, texts map[string]string) files.Batch {
	t.Helper()
	old, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range old {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := files.New(files.Options{Paths: []string{dir}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s.Load()
}
