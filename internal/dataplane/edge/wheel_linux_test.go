//go:build amd64 || arm64

package edge

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// A wheel against the plainest model of one: deadlines in a list. It starts close to where ticks wrap around.
func TestTimersFireAtTheirTickAndNeverBefore(t *testing.T) {
	for _, start := range []uint32{0, 250, math.MaxUint32 - 100_000} {
		random := rand.New(rand.NewPCG(uint64(start), 1))
		w := newWheel()
		w.cur = start
		now := start
		timers := make([]timer, 300)
		due := map[*timer]uint32{}
		for range 4000 {
			tm := &timers[random.IntN(len(timers))]
			switch random.IntN(4) {
			case 0:
				w.remove(tm)
				delete(due, tm)
			default:
				at := now + uint32(random.IntN(1<<random.IntN(19))) // up to 4.6 h
				w.add(tm, at)
				if int32(at-now) <= 0 {
					due[tm] = now + 1
				} else {
					due[tm] = at
				}
			}
			step := uint32(random.IntN(1 << random.IntN(14)))
			if wait := w.wait(); wait > 0 && random.IntN(2) == 0 {
				step = wait // as a loop does that sleeps until then
				for x, at := range due {
					if int32(at-(now+step)) < 0 {
						t.Fatalf("would sleep until %d, past %d of %p", now+step, at, x)
					}
				}
			}
			now += step
			w.advance(now, func(x *timer) {
				at, ok := due[x]
				if !ok {
					t.Fatal("a timer fired that was not set")
				}
				if w.cur != at {
					t.Fatalf("a timer of tick %d fired at %d", at, w.cur)
				}
				delete(due, x)
			})
			for _, at := range due {
				if int32(at-now) <= 0 {
					t.Fatalf("a timer of tick %d did not fire until %d", at, now)
				}
			}
			if w.count != len(due) {
				t.Fatalf("the wheel counts %d timers, want %d", w.count, len(due))
			}
		}
	}
}

func TestTimerThatFiresMayBeSetAgain(t *testing.T) {
	w := newWheel()
	var tm timer
	fired := 0
	w.add(&tm, 1)
	w.advance(1000, func(x *timer) {
		fired++
		w.add(x, w.cur+10)
	})
	if fired != 100 {
		t.Errorf("fired %d times, want 100", fired)
	}
}

func TestTicksCoverTheTime(t *testing.T) {
	for d, want := range map[time.Duration]uint32{0: 1, 1: 2, tick: 2, tick + 1: 3, time.Second: 33} {
		if got := ticks(d); got != want {
			t.Errorf("%v is covered by %d ticks, want %d", d, got, want)
		}
	}
}
