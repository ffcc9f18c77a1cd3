package edge

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/plan"
)

func TestConnectionIsRelayedToTheTarget(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		for _, at := range loopbacks(t) {
			r := newRig(t, o)
			l := newListener(t, at, plan.TCP)
			r.set(l, newGroup(l, newPod(t, at, echo).at))
			c := dial(t, addressOf(l))
			exchange(t, c, "hello")
			exchange(t, c, "again")
		}
	})
}

func TestClientAndTargetMayBeOfDifferentFamilies(t *testing.T) {
	if len(loopbacks(t)) < 2 {
		t.Skip("needs IPv6")
	}
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop6, plan.TCP)
		r.set(l, newGroup(l, newPod(t, loop4, echo).at))
		exchange(t, dial(t, addressOf(l)), "hello")
	})
}

func TestTargetMaySpeakFirst(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		p := newNamedPod(t, loop4)
		l := newListener(t, loop4, plan.TCP)
		r.set(l, newGroup(l, p.at))
		if got := readLine(t, dial(t, addressOf(l))); got != p.at.String() {
			t.Errorf("got %q, want %q", got, p.at)
		}
	})
}

// noise is size bytes that depend on nothing but the seed, read in pieces of odd sizes.
func noise(seed uint64, size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}), size)
}

func sumOf(t *testing.T, r io.Reader) [32]byte {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Errorf("read: %v", err)
	}
	return sum(h)
}

func sum(h hash.Hash) [32]byte { return [32]byte(h.Sum(nil)) }

func TestBulkArrivesExactlyInBothDirectionsAtOnce(t *testing.T) {
	sizes := []int64{1, 4095, 64<<10 + 1, 1<<20 + 7, 100 << 20}
	if testing.Short() {
		sizes = sizes[:4]
	}
	onBothEngines(t, func(t *testing.T, o Options) {
		for _, size := range sizes {
			t.Run(fmt.Sprint(size), func(t *testing.T) {
				r := newRig(t, o)
				got := make(chan [32]byte, 1)
				p := newPod(t, loop4, func(c *net.TCPConn) {
					var sending sync.WaitGroup
					sending.Go(func() {
						_, _ = io.Copy(c, noise(2, size))
						_ = c.CloseWrite()
					})
					got <- sumOf(t, c)
					sending.Wait()
				})
				l := newListener(t, loop4, plan.TCP)
				r.set(l, newGroup(l, p.at))
				c := dial(t, addressOf(l))
				_ = c.SetDeadline(time.Now().Add(4 * deadline))
				go func() {
					_, _ = io.Copy(c, noise(1, size))
					_ = c.CloseWrite()
				}()
				if sumOf(t, c) != sumOf(t, noise(2, size)) {
					t.Error("the client got other bytes than the target sent")
				}
				if <-got != sumOf(t, noise(1, size)) {
					t.Error("the target got other bytes than the client sent")
				}
			})
		}
	})
}

// A side that reads slowly stops the other one, and gets every byte in the end.
func TestSlowReaderGetsEverything(t *testing.T) {
	const size = 24 << 20
	onBothEngines(t, func(t *testing.T, o Options) {
		for name, pieces := range map[string]int{"bulk": 1 << 20, "small writes": 700} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t, o)
				total := int64(size)
				if pieces < 1<<10 {
					total = 4 << 20
				}
				p := newPod(t, loop4, func(c *net.TCPConn) {
					_, _ = io.CopyBuffer(struct{ io.Writer }{c}, noise(3, total), make([]byte, pieces))
				})
				l := newListener(t, loop4, plan.TCP)
				r.set(l, newGroup(l, p.at))
				c := dial(t, addressOf(l))
				h := sha256.New()
				for {
					n, err := io.CopyN(h, c, 128<<10)
					if err == io.EOF {
						break
					}
					if err != nil {
						t.Fatalf("read %d bytes: %v", n, err)
					}
					time.Sleep(time.Millisecond)
				}
				if sum(h) != sumOf(t, noise(3, total)) {
					t.Error("got other bytes than were sent")
				}
			})
		}
	})
}

// What was on its way to a client that went must not reach the next one.
func TestBytesOfABrokenConnectionGoNowhere(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		o.Loops = 1
		r := newRig(t, o)
		p := newPod(t, loop4, func(c *net.TCPConn) {
			seed := make([]byte, 1)
			_, _ = io.ReadFull(c, seed)
			_, _ = io.Copy(struct{ io.Writer }{c}, noise(uint64(seed[0]), 32<<20))
		})
		l := newListener(t, loop4, plan.TCP)
		g := newGroup(l, p.at)
		r.set(l, g)
		sent := func() uint64 { return r.ListenerCounters(l.ListenerKey).BytesOut }
		for range 3 {
			c := dial(t, addressOf(l))
			_, _ = c.Write([]byte{1})
			last := uint64(0)
			eventually(t, "everything is full", func() bool {
				before := last
				last = sent()
				time.Sleep(20 * time.Millisecond)
				return last > 0 && last == before
			})
			abort(c)
		}
		for range 3 {
			c := dial(t, addressOf(l))
			_, _ = c.Write([]byte{2})
			if sumOf(t, c) != sumOf(t, noise(2, 32<<20)) {
				t.Error("the client got bytes that were not for it")
			}
		}
	})
}

func TestRequestsAndAnswersOfChangingSizesKeepTheirOrder(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.TCP)
		r.set(l, newGroup(l, newPod(t, loop4, echo).at))
		c := dial(t, addressOf(l))
		random := rand.New(rand.NewPCG(7, 7))
		for i := range 60 {
			size := 1 + random.IntN(1<<(1+random.IntN(20)))
			sent := make([]byte, size)
			_, _ = io.ReadFull(noise(uint64(i), int64(size)), sent)
			go func() { _, _ = c.Write(sent) }()
			got := make([]byte, size)
			if _, err := io.ReadFull(c, got); err != nil {
				t.Fatalf("exchange %d of %d bytes: %v", i, size, err)
			}
			if !bytes.Equal(got, sent) {
				t.Fatalf("exchange %d of %d bytes came back different", i, size)
			}
		}
	})
}

func TestResetIsPassedOn(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		for _, byClient := range []bool{true, false} {
			t.Run(fmt.Sprintf("by client %v", byClient), func(t *testing.T) {
				r := newRig(t, o)
				seen := make(chan error, 1)
				p := newPod(t, loop4, func(c *net.TCPConn) {
					fmt.Fprintln(c, "ready")
					if !byClient {
						_, _ = io.ReadFull(c, make([]byte, 1))
						abort(c)
						return
					}
					_, err := io.Copy(io.Discard, c)
					seen <- err
				})
				l := newListener(t, loop4, plan.TCP)
				r.set(l, newGroup(l, p.at))
				c := dial(t, addressOf(l))
				readLine(t, c)
				if byClient {
					abort(c)
				} else {
					_, _ = c.Write([]byte("x"))
					_, err := io.Copy(io.Discard, c)
					seen <- err
				}
				if err := <-seen; !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("the other side saw %v, want a reset", err)
				}
				eventually(t, "nothing runs", func() bool { return r.Stats().Connections == 0 })
			})
		}
	})
}

// A target that answers and goes away while the client is still sending: the answer arrives.
func TestLastWordsOfATargetReachTheClient(t *testing.T) {
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		p := newPod(t, loop4, func(c *net.TCPConn) {
			_, _ = io.ReadFull(c, make([]byte, 10))
			fmt.Fprintln(c, "too much") // closing with unread bytes resets
		})
		l := newListener(t, loop4, plan.TCP)
		r.set(l, newGroup(l, p.at))
		c := dial(t, addressOf(l))
		_, _ = c.Write(make([]byte, 200<<10))
		if got := readLine(t, c); got != "too much" {
			t.Errorf("got %q", got)
		}
	})
}

func TestThousandsOfConnectionsAtOnce(t *testing.T) {
	n := 2000
	if testing.Short() {
		n = 200
	}
	onBothEngines(t, func(t *testing.T, o Options) {
		r := newRig(t, o)
		l := newListener(t, loop4, plan.TCP)
		r.set(l, newGroup(l, newPod(t, loop4, echo).at, newPod(t, loop4, echo).at))
		var ready, done sync.WaitGroup
		open := make(chan struct{})
		ready.Add(n)
		for i := range n {
			done.Go(func() {
				isReady := sync.OnceFunc(ready.Done)
				defer isReady()
				c, err := net.DialTimeout("tcp", addressOf(l).String(), deadline)
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(2 * deadline))
				word := fmt.Sprintf("%08d", i)
				got := make([]byte, len(word))
				if _, err := io.WriteString(c, word); err != nil {
					t.Error(err)
					return
				}
				if _, err := io.ReadFull(c, got); err != nil || string(got) != word {
					t.Errorf("got %q, %v, want %q", got, err, word)
				}
				isReady()
				<-open
			})
		}
		ready.Wait()
		if got := r.Stats().Connections; got != int64(n) && !t.Failed() {
			t.Errorf("%d connections run, want %d", got, n)
		}
		close(open)
		done.Wait()
		eventually(t, "nothing runs", func() bool { return r.Stats().Connections == 0 })
	})
}
