//go:build linux

package main

import (
	"math"
	"slices"
)

// spread is what several rounds gave: the median, and the quartiles around it.
type spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"q1"`
	High   float64 `json:"q3"`
}

func spreadOf(values []float64) spread {
	return spread{quantile(values, 0.5), quantile(values, 0.25), quantile(values, 0.75)}
}

// quantile interpolates between the two values around it; of no values it is NaN.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// ratios divides round by round: what disturbs a round disturbs both sides of its ratio, more or less.
func ratios(of, by []float64) []float64 {
	n := min(len(of), len(by))
	out := make([]float64, n)
	for i := range n {
		out[i] = of[i] / by[i]
	}
	return out
}

// againstBest is the ratio to the best of several: of a cost the largest ratio, of a yield the smallest one.
func againstBest(ratios []float64, moreIsBetter bool) float64 {
	if moreIsBetter {
		return slices.Min(ratios)
	}
	return slices.Max(ratios)
}
