package nearest_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/naru-lb/naru/internal/nearest"
)

func TestTheNearestWordIsFound(t *testing.T) {
	words := []string{"externalTrafficPolicy", "internalTrafficPolicy", "ports", "type", "public"}
	for s, want := range map[string]string{
		"externalTrafficPolcy": "externalTrafficPolicy", "PORTS": "ports", "prots": "ports", "tpye": "type",
		"x": "", "": "", "pubilc": "public", "somethingElse": "",
	} {
		if got := nearest.Word(s, words); got != want {
			t.Errorf("for %q got %q, want %q", s, got, want)
		}
	}
}

func TestLikelyWordsComeInOrder(t *testing.T) {
	got := nearest.Words("kimmap-tcp-pip", []string{"other", "kimmap-tcp-pip2", "kimmap-web", "kimmap-tpc-pip", "my-tcp-pip"}, 3)
	if want := "[kimmap-tcp-pip2 kimmap-tpc-pip kimmap-web]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		limit int
		want  int
	}{
		{"", "", 3, 0}, {"abc", "abc", 3, 0}, {"abc", "acb", 3, 1}, {"abc", "ab", 3, 1}, {"abc", "xyz", 3, 3}, {"abc", "xyzabc", 3, 3},
		{"kitten", "sitting", 9, 3},
	} {
		if got := nearest.Distance(c.a, c.b, c.limit); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestALimitOnlyCutsOffTheDistance(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, r.IntN(9))
		for i := range b {
			b[i] = "abc"[r.IntN(3)]
		}
		return string(b)
	}
	for range 20_000 {
		a, b, limit := word(), word(), r.IntN(6)
		whole := nearest.Distance(a, b, 100)
		if got := nearest.Distance(a, b, limit); got != min(whole, limit) || nearest.Distance(b, a, 100) != whole {
			t.Fatalf("%q to %q: %d, with the limit %d: %d", a, b, whole, limit, got)
		}
	}
}
