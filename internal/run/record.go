package run

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/ipam"
	"github.com/naru-lb/naru/internal/plan"
	"github.com/naru-lb/naru/internal/state"
)

// writeRetry is how long to wait before records that could not be written are written again.
const writeRetry = 2 * time.Second

// recorder keeps the addresses of Services in the state file. The server's lock guards it.
type recorder struct {
	file    *state.File
	journal *journal
	again   func() // writes once more
	retry   *time.Timer
	settled bool // the first manifests are compiled
}

func openRecorder(path string, j *journal, again func()) (*recorder, error) {
	f, err := state.Open(path)
	if errors.Is(err, state.ErrLocked) {
		return nil, fmt.Errorf("%w: stop it, or give this one its own file with --state", err)
	}
	if err != nil {
		return nil, err
	}
	return &recorder{file: f, journal: j, again: again}, nil
}

// known are the addresses that were recorded before.
func (r *recorder) known() []ipam.Record { return r.file.Contents().Records }

// settle compares the first plan with what was recorded. If records were lost, it names the Services that got an address
// without one: they may have had another.
func (r *recorder) settle(p *plan.Plan) {
	r.settled = true
	damage := r.file.Contents().Damage
	if damage == nil {
		return
	}
	r.journal.replace("state", append([]finding.Finding{r.damaged(damage)}, r.unrecorded(p)...))
}

func (r *recorder) damaged(d *state.Damage) finding.Finding {
	read := len(r.known())
	message := fmt.Sprintf("the state file is damaged (%s): %d records could be read", d.Reason, read)
	if d.Expected >= 0 {
		message = fmt.Sprintf("the state file is damaged (%s): %d of %d records could be read", d.Reason, read, max(d.Expected, read))
	}
	if d.Recovered > 0 {
		message += fmt.Sprintf(", %d of them from the version before", d.Recovered)
	}
	fix := fmt.Sprintf("The damaged file was kept as %s", d.Copy)
	switch {
	case d.CopyError != nil:
		fix = d.CopyError.Error()
	case d.Copy == "":
		fix = "See what happened to the file."
	}
	f := finding.New(finding.StateFileBroken, message).
		With("Services with a record keep their addresses. The others get theirs as if they were new, and are named.", fix)
	f.File = r.file.Path()
	return f
}

// unrecorded names the Services that got an address from a pool without a record. A reserved one has a name that leads to
// it, whatever was recorded.
func (r *recorder) unrecorded(p *plan.Plan) []finding.Finding {
	recorded := map[plan.ServiceName]bool{}
	for _, k := range r.known() {
		recorded[k.Owner] = true
	}
	var found []finding.Finding
	for _, svc := range p.SortedServices() {
		mayDiffer := slices.ContainsFunc(svc.Addresses, func(a netip.Addr) bool { return p.Frontends[a].PublicIP == "" })
		if recorded[svc.ServiceName] || !mayDiffer {
			continue
		}
		f := finding.New(finding.AddressChanged, fmt.Sprintf("%s got %s; its record is lost, so it may have had another address", svc.ServiceName, join(svc))).
			With("Clients that know another address do not reach it.", "If it had another one, ask for it: naru.dev/addresses")
		f.Object = finding.Object{Kind: "Service", Namespace: svc.Namespace, Name: svc.Name}
		found = append(found, f)
	}
	return found
}

func join(svc plan.Service) string {
	var all []string
	for _, a := range svc.Addresses {
		all = append(all, a.String())
	}
	return strings.Join(all, ", ")
}

// save writes the records. If that fails there is a finding, and it is tried again.
func (r *recorder) save(records []ipam.Record) {
	if r.retry != nil {
		r.retry.Stop()
	}
	err := r.file.Save(records)
	if err == nil {
		r.journal.replace("state/write", nil)
		return
	}
	f := finding.New(finding.StateNotWritten, err.Error()).
		With("Traffic goes on. After a restart Services may get other addresses.", "Make room, or make the folder writable; Naru tries again every 2 seconds.")
	f.File = r.file.Path()
	r.journal.replace("state/write", []finding.Finding{f})
	r.retry = time.AfterFunc(writeRetry, r.again)
}

func (r *recorder) close() error {
	if r.retry != nil {
		r.retry.Stop()
	}
	return r.file.Close()
}

// DefaultState returns the file in which the addresses of Services are recorded unless somebody says otherwise: one for
// each set of paths, so that what is served from one folder never takes an address from another.
func DefaultState(paths []string) (string, error) {
	dir := "/var/lib"
	if os.Geteuid() != 0 {
		dir = os.Getenv("XDG_STATE_HOME")
		if dir == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", fmt.Errorf("find a place for the state file: %w; name one with --state", err)
			}
			dir = filepath.Join(home, ".local", "state")
		}
	}
	var all []string
	for _, p := range paths {
		abs, err := filepath.Abs(p)
		if err != nil {
			return "", fmt.Errorf("find a place for the state file: %w; name one with --state", err)
		}
		all = append(all, abs)
	}
	slices.Sort(all)
	sum := sha256.Sum256([]byte(strings.Join(all, "\n")))
	return filepath.Join(dir, "naru", "run-"+hex.EncodeToString(sum[:6])+".state"), nil
}
