package edge

import (
	"net/netip"
	"sync"
	"time"
)

// affinity remembers which target a client address was sent to. It is shared by all workers and split into shards,
// so that they seldom wait for each other. It holds no pointers, so that the garbage collector does not walk it.
// When it is full, the client that was not seen for longest is forgotten.
type affinity struct {
	shards [64]affinityShard
}

type affinityShard struct {
	mu      sync.Mutex
	index   map[affinityKey]int32
	entries []affinityEntry // entry 0 is the head of the ring from newest (next) to oldest (prev)
	limit   int
	_       [24]byte // no two shards in one cache line
}

type affinityKey struct {
	group  uint64 // group.serial
	client [16]byte
}

type affinityEntry struct {
	key        affinityKey
	target     [16]byte
	port       uint16
	next, prev int32
	seen       time.Duration
}

// newAffinity returns a table for so many clients, at least one in each shard.
func newAffinity(entries int) *affinity {
	a := &affinity{}
	for i := range a.shards {
		a.shards[i].limit = max(entries/len(a.shards), 1)
	}
	return a
}

// find returns the target of a client in a group if it was set at most timeout before now.
func (a *affinity) find(group, hash uint64, client netip.Addr, timeout, now time.Duration) (netip.AddrPort, bool) {
	s := a.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.index[affinityKey{group, client.As16()}]
	if !ok {
		return netip.AddrPort{}, false
	}
	e := &s.entries[i]
	if now-e.seen > timeout {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(netip.AddrFrom16(e.target).Unmap(), e.port), true
}

// put records at time now that the client has a connection to the target.
func (a *affinity) put(group, hash uint64, client netip.Addr, target netip.AddrPort, now time.Duration) {
	s := a.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	key := affinityKey{group, client.As16()}
	i, ok := s.index[key]
	switch {
	case ok:
		s.unlink(i)
	case s.index == nil:
		s.index = map[affinityKey]int32{}
		s.entries = make([]affinityEntry, 1, 8)
		fallthrough
	case len(s.entries) <= s.limit:
		i = int32(len(s.entries))
		s.entries = append(s.entries, affinityEntry{key: key})
		s.index[key] = i
	default:
		i = s.entries[0].prev
		s.unlink(i)
		delete(s.index, s.entries[i].key)
		s.index[key] = i
	}
	e := &s.entries[i]
	e.key, e.target, e.port, e.seen = key, target.Addr().As16(), target.Port(), now
	s.link(i)
}

// shard returns the part of the table that clients with the hash are in.
func (a *affinity) shard(hash uint64) *affinityShard { return &a.shards[hash>>58] }

func (s *affinityShard) unlink(i int32) {
	e := &s.entries[i]
	s.entries[e.prev].next, s.entries[e.next].prev = e.next, e.prev
}

func (s *affinityShard) link(i int32) {
	e, head := &s.entries[i], &s.entries[0]
	e.prev, e.next = 0, head.next
	s.entries[head.next].prev = i
	head.next = i
}

// size returns how many clients are remembered.
func (a *affinity) size() (n int) {
	for i := range a.shards {
		s := &a.shards[i]
		s.mu.Lock()
		n += len(s.index)
		s.mu.Unlock()
	}
	return n
}
