package state

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/ipam"
)

func record(name, address string) ipam.Record {
	return ipam.Record{
		Owner:     ipam.Owner{Namespace: "default", Name: name},
		Addresses: []netip.Addr{netip.MustParseAddr(address)},
		Since:     time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC),
	}
}

func open(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() }) // closing twice only says so
	return f
}

func saved(t *testing.T, versions ...[]ipam.Record) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "below", "state")
	f := open(t, path)
	for _, records := range versions {
		if err := f.Save(records); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatWasSavedIsReadAgain(t *testing.T) {
	for _, records := range [][]ipam.Record{
		nil,
		{record("a", "192.0.2.1")},
		{record("a", "192.0.2.1"), record("b", "2001:db8::1"), {Owner: ipam.Owner{Namespace: "n", Name: "none yet"}, Released: true}},
	} {
		got := open(t, saved(t, records)).Contents()
		if got.Damage != nil || len(got.Records) != len(records) || len(records) > 0 && !equal(got.Records, records) {
			t.Errorf("saved %v, read %v, damage %v", records, got.Records, got.Damage)
		}
	}
}

func TestAFileThatIsNotThereHasNoRecords(t *testing.T) {
	if got := open(t, filepath.Join(t.TempDir(), "state")).Contents(); len(got.Records) > 0 || got.Damage != nil {
		t.Errorf("got %+v", got)
	}
}

func TestAReleaseIsAChange(t *testing.T) {
	r := record("a", "192.0.2.1")
	path := saved(t, []ipam.Record{r})
	r.Released = true
	f := open(t, path)
	if err := f.Save([]ipam.Record{r}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := open(t, path).Contents().Records; len(got) != 1 || !got[0].Released {
		t.Errorf("got %v", got)
	}
}

func TestNothingIsWrittenIfNothingChanged(t *testing.T) {
	records := []ipam.Record{record("b", "192.0.2.2"), record("a", "192.0.2.1")}
	path := saved(t, records)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := open(t, path).Save(records); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was replaced, %v", err)
	}
}

// Whatever is cut off or changed, what is left is read, the damage is noticed, and what the version before knew is not
// lost.
func TestDamageIsNoticedAndWhatIsLeftIsRead(t *testing.T) {
	old := []ipam.Record{record("a", "192.0.2.1"), record("b", "192.0.2.2")}
	records := append(slices.Clone(old), record("c", "192.0.2.3"))
	whole, err := encode(records)
	if err != nil {
		t.Fatal(err)
	}
	good := saved(t, old, records)
	for n := range len(whole) {
		flipped := slices.Clone(whole)
		flipped[n] ^= 0x15
		for what, data := range map[string][]byte{"cut off": whole[:n], "changed": flipped} {
			path := filepath.Join(t.TempDir(), "state")
			copyFile(t, good+".previous", path+".previous")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			f := open(t, path)
			got := f.Contents()
			if got.Damage == nil || got.Damage.Reason == "" || got.Damage.CopyError != nil {
				t.Fatalf("%s at byte %d: damage %+v", what, n, got.Damage)
			}
			for _, r := range got.Records {
				if !slices.ContainsFunc(records, func(o ipam.Record) bool { return reflect.DeepEqual(r, o) }) {
					t.Fatalf("%s at byte %d: read %v, which was never saved", what, n, r)
				}
			}
			if len(got.Records) < len(old) {
				t.Fatalf("%s at byte %d: only %v is left", what, n, got.Records)
			}
			if copied, err := os.ReadFile(got.Damage.Copy); err != nil || string(copied) != string(data) {
				t.Fatalf("%s at byte %d: the copy is not as the file was: %v", what, n, err)
			}
			if n%32 == 0 { // flushing takes its time
				if err := f.Save(records); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if n%32 > 0 {
				continue
			}
			if again := open(t, path).Contents(); again.Damage != nil || !equal(again.Records, records) {
				t.Fatalf("%s at byte %d: saved again, read %+v", what, n, again)
			}
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheReasonOfADamageIsNamed(t *testing.T) {
	whole, err := encode([]ipam.Record{record("a", "192.0.2.1"), record("b", "192.0.2.2")})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(whole), "\n")
	for text, want := range map[string]string{
		"":                               "it is empty",
		"\x00\x00\x00":                   "line 1 is cut off",
		"{}\n":                           `line 1 is not "naru-state 1" and a number`,
		"naru-state 1 x\n":               `line 1 is not "naru-state 1" and a number`,
		lines[0] + lines[1]:              "it has 1 of 2 records",
		lines[0] + "x" + lines[1]:        "line 2 is damaged",
		lines[0] + lines[1] + lines[1]:   "line 3 is damaged",
		string(whole[:len(whole)-1]):     "line 3 is cut off",
		lines[0] + lines[2] + "nonsense": "line 3 is cut off",
	} {
		if got := decode([]byte(text)).problem; got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestOnlyTheVersionBeforeIsLeft(t *testing.T) {
	old := []ipam.Record{record("a", "192.0.2.1")}
	path := saved(t, old, append(old, record("b", "192.0.2.2")))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	got := open(t, path).Contents()
	if got.Damage == nil || got.Damage.Recovered != 1 || !equal(got.Records, old) {
		t.Errorf("got %+v", got)
	}
}

func TestTwoProcessesCannotUseOneFile(t *testing.T) {
	path := saved(t)
	f := open(t, path)
	if _, err := Open(path); !errors.Is(err, ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestAFileThatCannotBeWrittenStaysAsItWas(t *testing.T) {
	records := []ipam.Record{record("a", "192.0.2.1")}
	path := saved(t, records)
	f := open(t, path)
	if err := os.Mkdir(path+".new", 0o755); err != nil { // in the way of the new file
		t.Fatal(err)
	}
	err := f.Save([]ipam.Record{record("a", "192.0.2.9")})
	if err == nil || !strings.Contains(err.Error(), "write the state file") {
		t.Errorf("got %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := open(t, path).Contents(); got.Damage != nil || !equal(got.Records, records) {
		t.Errorf("got %+v", got)
	}
}

func FuzzDecode(f *testing.F) {
	whole, err := encode([]ipam.Record{record("a", "192.0.2.1"), record("b", "2001:db8::2")})
	if err != nil {
		f.Fatal(err)
	}
	for n := range len(whole) {
		f.Add(whole[:n])
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, data []byte) {
		d := decode(data)
		again, err := encode(d.records)
		if err != nil {
			t.Fatal(err)
		}
		if e := decode(again); e.problem != "" || !equal(e.records, d.records) {
			t.Fatalf("%v is read back as %v: %s", d.records, e.records, e.problem)
		}
		if d.problem == "" && d.expected != len(d.records) {
			t.Fatal(fmt.Sprint("not complete, but no problem: ", d))
		}
	})
}
