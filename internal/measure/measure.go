// Package measure finds out by real connections which target gets what share of them.
//
// A pod of internal/echo says its name; by it targets are told apart even while others use the same listener. Any other
// server is never sent a byte over TCP: its connections are counted by the data plane, before and after.
package measure

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"

	"github.com/naru-lb/naru/internal/plan"
)

// MaxN is how many connections one measurement opens at most.
const MaxN = 100_000

// Options say what to measure.
type Options struct {
	// Address is where the listener is really served.
	Address  netip.AddrPort
	Protocol plan.Protocol
	// N is how many connections are opened, or UDP clients are made, 1 to MaxN. Each has a port of its own, unless there
	// are more of them than the system has ports.
	N int
	// Workers is how many are open at the same time, 1 to 1,024; 0 means 64.
	Workers int
	// Counters returns how many connections each target of the listener has got so far. Nil measures pods of
	// internal/echo only.
	Counters func(context.Context) (map[netip.AddrPort]uint64, error)
}

// How the targets of an Outcome were told apart.
const (
	ByName     = "name"
	ByCounters = "counters"
)

// Outcome is what came of a measurement.
type Outcome struct {
	// Wanted is Options.N. Answered connections reached a target, Failed ones did not. The two are fewer when the
	// measurement was ended early, and more when others used the listener while connections were counted.
	Wanted, Answered, Failed int
	// FirstError is what happened to the first connection that failed.
	FirstError string
	// By is ByName or ByCounters; empty if nothing was measured.
	By string
	// Got is how many connections each target got: by the name of the pod, or by the target's address as text.
	Got map[string]int
}

// Run measures. It gives up when nobody answers for a while; that is no error, the Outcome tells. When ctx ends first, the
// Outcome has what is known so far, and the error is that of ctx.
func Run(ctx context.Context, o Options) (Outcome, error) {
	if o.Workers == 0 {
		o.Workers = 64
	}
	if err := o.check(); err != nil {
		return Outcome{Wanted: o.N}, err
	}
	r := &run{options: o, port: rand.IntN(ports), outcome: Outcome{Wanted: o.N, Got: map[string]int{}}}
	named, err := r.introduce(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		return r.outcome, nil
	case err == nil && named:
		r.byName(ctx)
	case err == nil && o.Counters == nil:
		return r.outcome, fmt.Errorf("measure %s: the server does not say who it is, and nobody counts its connections", o.Address)
	case err == nil:
		err = r.byCounters(ctx)
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return r.outcome, fmt.Errorf("measure %s: %w", o.Address, err)
	}
	return r.outcome, nil
}

func (o Options) check() error {
	switch {
	case !o.Address.IsValid() || o.Address.Port() == 0:
		return fmt.Errorf("measure %s: this is not an address and a port", o.Address)
	case o.Protocol != plan.TCP && o.Protocol != plan.UDP:
		return fmt.Errorf("measure %s: protocol %q cannot be measured", o.Address, o.Protocol)
	case o.N < 1 || o.N > MaxN:
		return fmt.Errorf("measure %s: %d connections are asked for, 1 to %d are possible", o.Address, o.N, MaxN)
	case o.Workers < 1 || o.Workers > 1024:
		return fmt.Errorf("measure %s: %d workers are asked for, 1 to 1024 are possible", o.Address, o.Workers)
	}
	return nil
}

// run is one measurement.
type run struct {
	options Options

	mu      sync.Mutex // guards what follows
	outcome Outcome
	begun   int
	silence int // failures since the last answer
	port    int // that was used last, counted from firstPort
}

// answered records a connection that a target answered.
func (r *run) answered(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcome.Answered++
	r.outcome.Got[name]++
	r.silence = 0
}

// failed records a connection that reached nobody.
func (r *run) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcome.Failed++
	r.silence++
	if r.outcome.FirstError == "" {
		r.outcome.FirstError = err.Error()
	}
}

// maxSilence is after how many failures in a row a measurement gives up.
const maxSilence = 50

// next tells whether one more connection is to be opened.
func (r *run) next(ctx context.Context) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil || r.begun == r.options.N || r.silence >= maxSilence {
		return false
	}
	r.begun++
	return true
}

// introduce finds out whether the server says its name, with connections that are not counted. It is an error if all of
// them fail.
func (r *run) introduce(ctx context.Context) (named bool, err error) {
	for range 3 {
		_, err := r.ask(ctx, true)
		switch {
		case err == nil:
			return true, nil
		case ctx.Err() != nil:
			return false, err
		case errors.Is(err, errNameless):
			return false, nil
		}
		r.failed(err)
	}
	return false, errors.New(r.outcome.FirstError)
}

// byName opens the connections and asks each pod for its name.
func (r *run) byName(ctx context.Context) {
	r.outcome = Outcome{Wanted: r.options.N, By: ByName, Got: map[string]int{}}
	r.silence = 0
	var workers sync.WaitGroup
	for range r.options.Workers {
		workers.Go(func() {
			for r.next(ctx) {
				name, err := r.ask(ctx, false)
				switch {
				case err == nil:
					r.answered(name)
				case ctx.Err() == nil:
					r.failed(err)
				}
			}
		})
	}
	workers.Wait()
}
