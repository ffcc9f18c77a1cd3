//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what is printed.
type report struct {
	Date     string   `json:"date"`
	Machine  place    `json:"machine"`
	Pace     pace     `json:"pace"`
	Versions []string `json:"versions"` // of the rivals
	Rivals   []string `json:"rivals"`   // the first is compared with the others
	Rows     []row    `json:"rows"`
}

// row is one metric of all rivals.
type row struct {
	metric
	Values []spread `json:"values"`
	// Ratios are those of the first rival to each of the others, round by round.
	Ratios []spread `json:"ratios"`
	ToBest float64  `json:"ratioToBest"` // the median ratio to the best of the others
}

// reached tells whether the goal is reached, where there is one.
func (r row) reached() bool { return r.ToBest <= r.Goal }

func newReport(w place, versions []string, rivals []rival, p pace, found []figures) report {
	r := report{Date: time.Now().UTC().Format("2006-01-02 15:04 UTC"), Machine: w, Pace: p, Versions: versions}
	for _, x := range rivals {
		r.Rivals = append(r.Rivals, x.name)
	}
	for _, f := range found {
		r.Rows = append(r.Rows, newRow(f))
	}
	return r
}

func newRow(f figures) row {
	r := row{metric: f.metric}
	var medians []float64
	for i, values := range f.of {
		r.Values = append(r.Values, spreadOf(values))
		if i > 0 {
			ratio := spreadOf(ratios(f.of[0], values))
			r.Ratios = append(r.Ratios, ratio)
			medians = append(medians, ratio.Median)
		}
	}
	r.ToBest = againstBest(medians, r.More)
	return r
}

// versionsOf asks the programs.
func versionsOf(ctx context.Context, rivals []rival) ([]string, error) {
	var all []string
	for _, r := range rivals {
		out, err := exec.CommandContext(ctx, r.version[0], r.version[1:]...).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("ask %s for its version: %w", r.name, err)
		}
		first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		all = append(all, first)
	}
	return slices.Compact(all), nil
}

func (r report) text(out io.Writer) error {
	var b strings.Builder
	r.head(&b)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\t\t")
	for _, name := range r.Rivals {
		fmt.Fprintf(w, "%s\t", name)
	}
	for _, name := range r.Rivals[1:] {
		fmt.Fprintf(w, "to %s\t", name)
	}
	fmt.Fprint(w, "to the best\tgoal\t\n")
	for i, row := range r.Rows {
		name := row.Name
		if i > 0 && name == r.Rows[i-1].Name {
			name = ""
		}
		row.text(w, name)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (r report) head(b *strings.Builder) {
	m := r.Machine
	namespace := "the network namespace of the machine"
	if m.Namespace {
		namespace = "a network namespace of its own"
	}
	fmt.Fprintf(b, "%s, Linux %s, %d CPUs (%s), load average at the start %s\n", r.Date, m.Kernel, m.CPUs, m.CPU, m.Load)
	fmt.Fprintf(b, "Proxies on CPU %d, load and servers on CPU %d; loopback of %s, congestion control %s\n", m.ProxyCPU, m.LoadCPU, namespace, m.Congestion)
	if m.ProxyCPU == m.LoadCPU {
		b.WriteString("There is only one CPU, which proxy and load share: rates say little here, CPU times still compare.\n")
	}
	fmt.Fprintf(b, "%s; built with %s or later\n", strings.Join(r.Versions, "; "), m.Go)
	fmt.Fprintf(b, "Medians of %d rounds of %s for each load, of %d rounds with %d idle connections\n\n", r.Pace.Rounds, r.Pace.Slice, r.Pace.MemoryRounds, r.Pace.Idle)
}

func (r row) text(w io.Writer, name string) {
	fmt.Fprintf(w, "%s\t%s\t", name, r.Unit)
	for _, v := range r.Values {
		fmt.Fprintf(w, "%s\t", figure(v.Median))
	}
	if r.Info {
		fmt.Fprintln(w, strings.Repeat("\t", len(r.Ratios)+2))
		return
	}
	for _, v := range r.Ratios {
		fmt.Fprintf(w, "%.2f (%.2f-%.2f)\t", v.Median, v.Low, v.High)
	}
	fmt.Fprintf(w, "%.2f\t", r.ToBest)
	switch {
	case r.Goal == 0:
		fmt.Fprint(w, "\t\n")
	case r.reached():
		fmt.Fprintf(w, "%.1f: reached\t\n", r.Goal)
	default:
		fmt.Fprintf(w, "%.1f: missed\t\n", r.Goal)
	}
}

// figure prints three significant digits.
func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}
