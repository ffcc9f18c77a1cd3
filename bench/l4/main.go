//go:build linux

// Command l4 measures Naru's TCP data plane beside HAProxy (TCP mode) and nginx (stream), in one run, as ratios:
//
//	go run ./bench/l4 -install    # what make bench runs; needs root once, to install the two
//	go run ./bench/l4 -quick      # half a minute, for trying
//	go run ./bench/l4 -o json
//
// Each proxy has one CPU for itself, the load and the servers behind it have another one. bench/README.md says how it is
// measured and what the figures mean.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// pace says how long and how often is measured.
type pace struct {
	Rounds       int           `json:"rounds"`       // of the load
	MemoryRounds int           `json:"memoryRounds"` // each with processes just started
	Warm         time.Duration `json:"warm"`         // before each slice, not counted
	Slice        time.Duration `json:"slice"`        // one proxy under one load in one round
	Idle         int           `json:"idle"`         // connections of the memory figures
}

var (
	fullPace  = pace{Rounds: 8, MemoryRounds: 3, Warm: 300 * time.Millisecond, Slice: 1500 * time.Millisecond, Idle: 10_000}
	quickPace = pace{Rounds: 2, MemoryRounds: 1, Warm: 100 * time.Millisecond, Slice: 300 * time.Millisecond, Idle: 10_000}
)

func main() {
	var (
		naru    = flag.String("naru", "bin/naru", "the program to measure; make build makes it")
		quick   = flag.Bool("quick", false, "about half a minute, for trying: too short for figures to keep")
		install = flag.Bool("install", false, "install HAProxy and nginx by apt-get if they are missing; needs root")
		output  = flag.String("o", "text", "text or json")
	)
	flag.Parse()
	p := fullPace
	if *quick {
		p = quickPace
	}
	if flag.NArg() > 0 || *output != "text" && *output != "json" {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *naru, *install, *output, p)
	stop()
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted; nothing is left running")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/l4:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, naru string, install bool, output string, p pace) (err error) {
	// The CPU and the network namespace are those of this thread. It forks the proxies and makes the load.
	runtime.LockOSThread()
	if naru, err = filepath.Abs(naru); err != nil {
		return err
	}
	if _, err := os.Stat(naru); err != nil {
		return fmt.Errorf("find the program to measure (make build makes it): %w", err)
	}
	programs, err := findRivals(ctx, install)
	if err != nil {
		return err
	}
	place, err := takePlace(&p)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "naru-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	rivals := append([]rival{naruRival(naru), nginxRival(programs, p.Idle)}, haproxyRivals(programs, p.Idle)...)
	versions, err := versionsOf(ctx, rivals)
	if err != nil {
		return err
	}
	found, err := measure(ctx, place, dir, rivals, p)
	if err != nil {
		return err
	}
	report := newReport(place, versions, rivals, p, found)
	if output == "json" {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(report)
	}
	return report.text(os.Stdout)
}
