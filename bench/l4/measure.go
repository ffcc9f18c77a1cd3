//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// metric is a row of the report.
type metric struct {
	Name string  `json:"name"`
	Unit string  `json:"unit"`
	More bool    `json:"moreIsBetter"`
	Info bool    `json:"info,omitempty"` // says how it was measured, and is no merit
	Goal float64 `json:"goal,omitempty"` // what the ratio to the best of the others should be at most; 0: none
}

// figures are what the rounds gave for one metric, for each rival in their order.
type figures struct {
	metric
	of [][]float64
}

// measure takes all figures.
func measure(ctx context.Context, w place, dir string, rivals []rival, p pace) ([]figures, error) {
	l, err := newLoad()
	if err != nil {
		return nil, err
	}
	defer l.close()
	b := &bench{place: w, dir: dir, rivals: rivals, pace: p, load: l}
	if err := b.memory(ctx); err != nil {
		return nil, fmt.Errorf("measure memory: %w", err)
	}
	if err := b.speed(ctx); err != nil {
		return nil, fmt.Errorf("measure speed: %w", err)
	}
	return b.found, nil
}

// bench is a measurement that is being made.
type bench struct {
	place  place
	dir    string
	rivals []rival
	pace   pace
	load   *load
	found  []figures // in the order in which they came up
}

// order returns the rivals in the order of a round: each is first as often as the others.
func (b *bench) order(round int) []int {
	n := len(b.rivals)
	order := make([]int, n)
	for i := range n {
		order[i] = (round + i) % n
	}
	return order
}

func (b *bench) add(m metric, rival int, value float64) {
	k := slices.IndexFunc(b.found, func(f figures) bool { return f.metric == m })
	if k < 0 {
		k = len(b.found)
		b.found = append(b.found, figures{m, make([][]float64, len(b.rivals))})
	}
	b.found[k].of[rival] = append(b.found[k].of[rival], value)
}

// note says how far it is, where it does not disturb the report.
func (b *bench) note(format string, args ...any) {
	// Progress that cannot be printed stops nothing.
	_, _ = fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// memory measures idle connections, each time with a process just started: memory once taken is not given back.
func (b *bench) memory(ctx context.Context) error {
	// The kernel keeps memory of sockets that are gone, so that whoever is first seems to need more. That is nobody.
	if _, err := b.idle(ctx, 0); err != nil {
		return fmt.Errorf("%s: %w", b.rivals[0].name, err)
	}
	for round := range b.pace.MemoryRounds {
		b.note("memory, round %d of %d", round+1, b.pace.MemoryRounds)
		for _, i := range b.order(round) {
			m, err := b.idle(ctx, i)
			if err != nil {
				return fmt.Errorf("%s: %w", b.rivals[i].name, err)
			}
			b.recordMemory(i, m)
		}
	}
	return nil
}

// idle returns the memory before and with idle connections.
func (b *bench) idle(ctx context.Context, i int) (m [2]memory, err error) {
	p, err := start(b.place, b.rivals[i], b.dir)
	if err != nil {
		return m, err
	}
	defer p.stop()
	// Code and buffers that the first connections bring are no cost of those after them.
	warm := workload{name: "warm-up", clients: 16}
	err = inTurn(
		func() error { return p.ready(ctx, b.load) },
		func() error { return b.load.begin(warm, p.at) },
		func() error { return b.load.run(ctx, b.pace.Warm, nil) },
		func() error { return b.load.finish(ctx) },
		func() error { m[0], err = b.restedMemory(ctx, p); return err },
		func() error { return b.load.settle(ctx, b.pace.Idle) },
		func() error { m[1], err = b.restedMemory(ctx, p); return err },
		func() error { return b.load.finish(ctx) },
	)
	return m, err
}

func (b *bench) recordMemory(i int, m [2]memory) {
	each := func(before, after float64) float64 { return (after - before) / float64(b.pace.Idle) }
	b.add(metric{Name: "memory of an idle connection", Unit: "KiB PSS", Goal: 1}, i, each(m[0].pss, m[1].pss))
	b.add(metric{Name: "the same", Unit: "KiB RSS"}, i, each(m[0].rss, m[1].rss))
	b.add(metric{Name: "kernel memory for it", Unit: "KiB slab"}, i, each(m[0].slab, m[1].slab))
	b.add(metric{Name: "memory before", Unit: "MiB PSS", Info: true}, i, m[0].pss/1024)
}

// inTurn takes steps until one fails.
func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// restedMemory waits for a second before it looks, so that what is going on is over.
func (b *bench) restedMemory(ctx context.Context, p *process) (memory, error) {
	if err := b.load.run(ctx, time.Second, nil); err != nil {
		return memory{}, err
	}
	return memoryOf(p.pids)
}

// speed measures all workloads, with all rivals running: those not under load cost next to nothing.
func (b *bench) speed(ctx context.Context) error {
	all := make([]*process, len(b.rivals))
	for i, r := range b.rivals {
		p, err := start(b.place, r, b.dir)
		if err != nil {
			return err
		}
		defer p.stop()
		if err := p.ready(ctx, b.load); err != nil {
			return err
		}
		all[i] = p
	}
	for round := range b.pace.Rounds {
		b.note("load, round %d of %d", round+1, b.pace.Rounds)
		for _, w := range workloads() {
			for _, i := range b.order(round) {
				if err := b.slice(ctx, w, i, all[i]); err != nil {
					return fmt.Errorf("%s, %s: %w", all[i].name, w.name, err)
				}
			}
		}
	}
	return nil
}

// slice puts one proxy under one load for a moment.
func (b *bench) slice(ctx context.Context, w workload, i int, p *process) error {
	l := b.load
	if err := l.begin(w, p.at); err != nil {
		return err
	}
	if err := l.run(ctx, b.pace.Warm, nil); err != nil {
		return err
	}
	before, err := cpuOf(p.pids)
	if err != nil {
		return err
	}
	l.forget()
	began := time.Now()
	if err := l.run(ctx, b.pace.Slice, nil); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := cpuOf(p.pids)
	if err != nil {
		return err
	}
	if l.count.failed > 0 {
		return fmt.Errorf("%d connections failed, the first: %w. The proxy said:\n%s", l.count.failed, l.count.cause, p.said())
	}
	if l.count.done == 0 && l.count.bytes == 0 {
		return errors.New("nothing came through")
	}
	b.record(w, i, l, after-before, took)
	return l.finish(ctx)
}

// record turns what a slice gave into figures.
func (b *bench) record(w workload, i int, l *load, cpu, took time.Duration) {
	if w.streams > 0 {
		gib := float64(l.count.bytes) / (1 << 30)
		b.add(metric{Name: w.name, Unit: "GiB/s", More: true}, i, gib/took.Seconds())
		b.add(metric{Name: w.name, Unit: "CPU s/GiB", Goal: 1}, i, cpu.Seconds()/gib)
	} else {
		if w.rate == 0 {
			b.add(metric{Name: w.name, Unit: "conn/s", More: true}, i, float64(l.count.done)/took.Seconds())
		}
		b.add(metric{Name: w.name, Unit: "CPU s/10k", Goal: 1.5}, i, cpu.Seconds()/float64(l.count.done)*10_000)
		delays := make([]float64, len(l.delays))
		for k, d := range l.delays {
			delays[k] = float64(d.Microseconds())
		}
		if w.rate > 0 {
			b.add(metric{Name: w.name, Unit: "p50 us"}, i, quantile(delays, 0.5))
			b.add(metric{Name: w.name, Unit: "p99 us"}, i, quantile(delays, 0.99))
		}
	}
	b.add(metric{Name: w.name, Unit: "CPU busy", Info: true}, i, cpu.Seconds()/took.Seconds())
}
