//go:build unix

package edge

import (
	"log/slog"
	"syscall"
)

// raiseFileLimit raises the soft limit on open files to the hard one and returns how many files may be open.
func raiseFileLimit(log *slog.Logger) int {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		log.Warn("cannot read the limit on open files", "error", err)
		return 1024
	}
	if r.Cur < r.Max {
		want := r
		want.Cur = r.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &want); err != nil {
			log.Warn("cannot raise the limit on open files", "from", r.Cur, "to", r.Max, "error", err)
		} else {
			r = want
		}
	}
	return int(min(r.Cur, 1<<24))
}
