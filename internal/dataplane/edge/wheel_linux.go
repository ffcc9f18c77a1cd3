//go:build amd64 || arm64

package edge

import "time"

// tick is the grain of the wheel: deadlines are met up to one tick late, never early.
const tick = 32 * time.Millisecond

// ticks returns how many ticks cover d, wherever in the current tick it begins.
func ticks(d time.Duration) uint32 { return uint32((d+tick-1)/tick) + 1 }

// timer is a deadline of something that a loop owns. It is part of its owner, so that setting one allocates nothing.
// The zero timer is not set.
type timer struct {
	next, prev *timer
	at         uint32 // in ticks
	owner      uint32 // the owner's index among those of its kind
	kind       uint8
}

func (t *timer) set() bool { return t.next != nil }

// wheel holds the timers of one loop: 256 slots of one tick (8 s), 256 slots of 256 ticks (35 min). Setting and
// clearing a timer cost the same however many there are. Later deadlines are put into the last slot and looked at
// again from there.
type wheel struct {
	near, far [256]timer // heads of rings
	cur       uint32     // everything up to this tick has been fired
	count     int
}

func newWheel() *wheel {
	w := &wheel{}
	for i := range w.near {
		w.near[i].next, w.near[i].prev = &w.near[i], &w.near[i]
		w.far[i].next, w.far[i].prev = &w.far[i], &w.far[i]
	}
	return w
}

// add sets t to fire at the given tick, or at the next one if that has passed.
func (w *wheel) add(t *timer, at uint32) {
	if t.set() {
		w.remove(t)
	}
	t.at = at
	w.count++
	w.link(t)
}

func (w *wheel) link(t *timer) {
	left := int32(t.at - w.cur)
	var head *timer
	switch {
	case left <= 0:
		head = &w.near[(w.cur+1)&255]
	case left < 256:
		head = &w.near[t.at&255]
	case left < 255<<8:
		head = &w.far[t.at>>8&255]
	default:
		head = &w.far[(w.cur>>8+255)&255]
	}
	t.next, t.prev = head, head.prev
	head.prev.next = t
	head.prev = t
}

// remove clears t, which may be set or not.
func (w *wheel) remove(t *timer) {
	if !t.set() {
		return
	}
	t.unlink()
	w.count--
}

func (t *timer) unlink() {
	t.prev.next, t.next.prev = t.next, t.prev
	t.next, t.prev = nil, nil
}

// advance fires everything that is due at the given tick. A timer that fires is no longer set; fire may set it again,
// and may set or clear any other.
func (w *wheel) advance(now uint32, fire func(*timer)) {
	for int32(now-w.cur) > 0 {
		if w.count == 0 {
			w.cur = now
			return
		}
		w.cur++
		if w.cur&255 == 0 {
			w.cascade(&w.far[w.cur>>8&255])
		}
		for head := &w.near[w.cur&255]; head.next != head; {
			t := head.next
			t.unlink()
			w.count--
			fire(t)
		}
	}
}

// cascade spreads the timers of a far slot, whose time has come near.
func (w *wheel) cascade(head *timer) {
	last := head.prev
	for head.next != head {
		t := head.next
		t.unlink()
		if int32(t.at-w.cur) <= 0 {
			t.at = w.cur
			slot := &w.near[w.cur&255]
			t.next, t.prev = slot, slot.prev
			slot.prev.next = t
			slot.prev = t
		} else {
			w.link(t)
		}
		if t == last {
			return
		}
	}
}

// wait returns how many ticks after cur the wheel has to be looked at again, at most 256, or 0 if no timer is set.
func (w *wheel) wait() uint32 {
	if w.count == 0 {
		return 0
	}
	for i := uint32(1); i < 256; i++ {
		at := w.cur + i
		if head := &w.near[at&255]; head.next != head {
			return i
		}
		if far := &w.far[at>>8&255]; at&255 == 0 && far.next != far {
			return i
		}
	}
	return 256
}
