//go:build linux

package main

import (
	"math"
	"slices"
	"testing"
)

func TestQuantilesLieBetweenTheirNeighbours(t *testing.T) {
	for _, c := range []struct {
		values []float64
		q      float64
		want   float64
	}{
		{[]float64{7}, 0.25, 7},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 1, 3, 2}, 0.5, 2.5},
		{[]float64{5, 1, 2, 4, 3}, 0.25, 2},
		{[]float64{5, 1, 2, 4, 3}, 0.75, 4},
		{[]float64{10, 20}, 0.99, 19.9},
		{[]float64{10, 20}, 1, 20},
	} {
		if got := quantile(c.values, c.q); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("quantile(%v, %v) = %v, want %v", c.values, c.q, got, c.want)
		}
	}
	if got := quantile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("the median of nothing is %v, want NaN", got)
	}
}

func TestQuantilesLeaveTheValuesInTheirOrder(t *testing.T) {
	values := []float64{3, 1, 2}
	spreadOf(values)
	if !slices.Equal(values, []float64{3, 1, 2}) {
		t.Errorf("the values are %v now: the ratios of rounds would mix rounds", values)
	}
}

func TestRatiosAreTakenRoundByRound(t *testing.T) {
	got := ratios([]float64{1, 20, 3}, []float64{2, 10})
	if want := []float64{0.5, 2}; !slices.Equal(got, want) {
		t.Errorf("ratios are %v, want %v", got, want)
	}
}

func TestTheBestRivalIsTheCheapestOfCostsAndTheFastestOfRates(t *testing.T) {
	// Rounds in which naru costs 2, and the others 4 and 1; then yields 2, and the others 4 and 1.
	of := [][]float64{{2, 2, 2}, {4, 4, 4}, {1, 1, 1}}
	for _, c := range []struct {
		metric
		want    float64
		reached bool
	}{
		{metric{Goal: 1.5}, 2, false},
		{metric{Goal: 2}, 2, true},
		{metric{More: true}, 0.5, false},
	} {
		r := newRow(figures{c.metric, of})
		if r.ToBest != c.want || r.Goal != 0 && r.reached() != c.reached {
			t.Errorf("%+v: the ratio to the best is %v (reached: %v), want %v (%v)", c.metric, r.ToBest, r.reached(), c.want, c.reached)
		}
		if r.Ratios[0].Median != 0.5 || r.Ratios[1].Median != 2 {
			t.Errorf("%+v: the ratios are %v, want medians 0.5 and 2", c.metric, r.Ratios)
		}
	}
}

func TestEachRivalIsFirstAsOftenAsTheOthers(t *testing.T) {
	b := bench{rivals: make([]rival, 3)}
	for round, want := range [][]int{{0, 1, 2}, {1, 2, 0}, {2, 0, 1}, {0, 1, 2}} {
		if got := b.order(round); !slices.Equal(got, want) {
			t.Errorf("the order of round %d is %v, want %v", round, got, want)
		}
	}
}

func TestFiguresHaveThreeSignificantDigits(t *testing.T) {
	for v, want := range map[float64]string{1234.5: "1234", 123.4: "123", 12.34: "12.3", 1.234: "1.23", 0.1234: "0.123"} {
		if got := figure(v); got != want {
			t.Errorf("figure(%v) = %s, want %s", v, got, want)
		}
	}
}
