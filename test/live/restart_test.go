//go:build linux

package live

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/naru-lb/naru/internal/admin"
	"github.com/naru-lb/naru/internal/explain"
	"github.com/naru-lb/naru/internal/plan"
)

// grown starts naru with a folder whose Services got their addresses in an order that only the record tells.
func grown(t *testing.T, home string) (n *naru, dir string, names []string) {
	dir = t.TempDir()
	write(t, filepath.Join(dir, "pool.yaml"),
		"apiVersion: naru.dev/v1alpha1\nkind: AddressPool\nmetadata: {name: p}\nspec: {addresses: [127.63.0.1-127.63.0.50]}\n")
	n = startIn(t, home, nil, "run", "-f", dir).ready()
	for _, name := range []string{"m", "k", "a", "q", "b"} {
		write(t, filepath.Join(dir, name+".yaml"), service(name, 8080))
		eventually(t, name+" is recorded", func() error { return n.recorded(name) })
	}
	return n, dir, []string{"a", "b", "k", "m", "q"}
}

// recorded returns an error unless the state file has an address of the Service.
func (n *naru) recorded(name string) error {
	data, err := os.ReadFile(n.state)
	if err != nil {
		return err
	}
	if !strings.Contains(string(data), fmt.Sprintf(`"name":%q},"addresses":["`, name)) {
		return errors.New("it is not recorded")
	}
	return nil
}

// addresses asks for the addresses of Services.
func (n *naru) addresses(names ...string) map[string]string {
	n.t.Helper()
	all := map[string]string{}
	for _, name := range names {
		d, err := admin.NewClient(n.admin).Explain(n.t.Context(), plan.ServiceName{Namespace: "default", Name: name}, explain.Options{})
		if err != nil {
			n.t.Fatal(err)
		}
		all[name] = fmt.Sprint(d.Addresses)
	}
	return all
}

func TestAKilledProcessGivesTheSameAddressesAgain(t *testing.T) {
	home := t.TempDir()
	n, dir, names := grown(t, home)
	before := n.addresses(names...)
	n.kill()
	n = startIn(t, home, nil, "run", "-f", dir).ready()
	if now := n.addresses(names...); !maps.Equal(before, now) {
		t.Errorf("addresses were %v and are %v", before, now)
	}
	n.stop()

	// Without the record they would be others: the test can fail.
	n = start(t, "run", "-f", dir).ready()
	if now := n.addresses(names...); maps.Equal(before, now) {
		t.Errorf("addresses are %v without a record too", now)
	}
}

// Whatever happens to the state file, what can be read of it counts, and nobody gets another address without a word.
func TestADamagedStateFileSilentlyChangesNothing(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"cut off": func(path string) error { return os.Truncate(path, 90) },
		"emptied": func(path string) error { return os.Truncate(path, 0) },
		"garbage": func(path string) error {
			return os.WriteFile(path, []byte("\x00\xff this is no state file\n"), 0o600)
		},
		"garbage, and no version before": func(path string) error {
			return errors.Join(os.Remove(path+".previous"), os.WriteFile(path, []byte("garbage\n"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			n, dir, names := grown(t, home)
			before := n.addresses(names...)
			n.kill()
			if err := damage(n.state); err != nil {
				t.Fatal(err)
			}
			n = startIn(t, home, nil, "run", "-f", dir).ready()
			now, said := n.addresses(names...), n.ask("status")
			if !strings.Contains(said, "NR4111") {
				t.Errorf("the damage is not reported:\n%s", said)
			}
			for _, s := range names {
				if before[s] != now[s] && !strings.Contains(said, "NR4112  default/"+s) {
					t.Errorf("%s had %s and has %s, and nobody says so:\n%s", s, before[s], now[s], said)
				}
			}
			n.stop()
			n = startIn(t, home, nil, "run", "-f", dir).ready()
			if again := n.addresses(names...); !maps.Equal(now, again) || strings.Contains(n.ask("status"), "NR4111") {
				t.Errorf("addresses were %v and are %v; the damage should be mended", now, again)
			}
		})
	}
}

func TestTwoProcessesDoNotShareAStateFile(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	startIn(t, home, nil, "run", "-f", dir).ready()
	second := startIn(t, home, nil, "run", "-f", dir)
	second.wait()
	if second.err == nil || !strings.Contains(second.output.String(), "another process uses it") {
		t.Errorf("it ended with %v and said %s", second.err, second.output)
	}
}
