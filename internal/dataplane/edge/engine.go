package edge

import (
	"net/netip"
	"time"
)

// engine carries the bytes. What is decided (who is let in, which target, what is counted) is decided by the values
// that it is given, so that both engines decide alike: event loops on Linux (loop_linux.go), goroutines elsewhere
// (portable.go).
type engine interface {
	// workers is how many cells counters need.
	workers() int
	// open binds a socket and serves l on it. Errors are those of bind(2) and listen(2) and can be told by errors.Is.
	open(l *listener, at netip.AddrPort) (socket, error)
	// shut stops to listen. Connections that the kernel has accepted already are served first. It returns when the
	// sockets are closed.
	shut(ss []socket)
	// cut resets the running connections of these targets.
	cut(ts map[*target]bool)
	// retime gives the running connections and sessions of a listener the idle timeout that it has now.
	retime(l *listener)
	// quiesce says that no new UDP session is wanted, and that running ones end as soon as they are quiet for 1 s.
	quiesce()
	// running is how many connections and sessions there are.
	running() int64
	// stats adds what the engine counts for itself.
	stats(*Stats)
	// close resets what still runs and frees everything.
	close()
}

// keepAliveAfter is how long a client may be silent before the kernel asks whether it is still there, so that
// connections of clients that vanished end also without an idle timeout. It is longer than any idle timeout.
const keepAliveAfter = 2 * time.Hour

// udpBuffer is how many bytes the kernel is asked to hold for each UDP socket of a listener, in each direction.
const udpBuffer = 4 << 20

// socket is where a listener listens.
type socket interface {
	address() netip.AddrPort
}
