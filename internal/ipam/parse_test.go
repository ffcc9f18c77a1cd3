package ipam

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func span(first, last string) Range {
	return Range{First: netip.MustParseAddr(first), Last: netip.MustParseAddr(last)}
}

func TestRangesAreReadAsPoolsWriteThem(t *testing.T) {
	for text, want := range map[string][]Range{
		"192.0.2.7":                       {span("192.0.2.7", "192.0.2.7")},
		"192.0.2.16/28":                   {span("192.0.2.16", "192.0.2.31")},
		"0.0.0.0/0":                       {span("0.0.0.0", "255.255.255.255")},
		"192.0.2.9/32":                    {span("192.0.2.9", "192.0.2.9")},
		" 192.0.2.10 - 192.0.2.20 ":       {span("192.0.2.10", "192.0.2.20")},
		"192.0.2.1,192.0.2.8/31,":         {span("192.0.2.1", "192.0.2.1"), span("192.0.2.8", "192.0.2.9")},
		"2001:db8::/126":                  {span("2001:db8::", "2001:db8::3")},
		"2001:db8::1-2001:db8::ff":        {span("2001:db8::1", "2001:db8::ff")},
		"::ffff:192.0.2.7":                {span("192.0.2.7", "192.0.2.7")},
		"::ffff:192.0.2.0/126":            {span("192.0.2.0", "192.0.2.3")},
		"::ffff:192.0.2.1-192.0.2.4":      {span("192.0.2.1", "192.0.2.4")},
		"192.0.2.5-192.0.2.5":             {span("192.0.2.5", "192.0.2.5")},
		"fe80::/10":                       {span("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff")},
		"255.255.255.255/32, 10.0.0.0/31": {span("255.255.255.255", "255.255.255.255"), span("10.0.0.0", "10.0.0.1")},
	} {
		got, err := ParseRanges(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ParseRanges(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestWrongRangesSayWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "blank",
		" , ":                      "blank",
		"192.0.2.300":              "not an IP address",
		"192.0.2.0/33":             "not a prefix",
		"192.0.2.0/":               "not a prefix",
		"192.0.2.20-192.0.2.10":    "192.0.2.10-192.0.2.20",
		"192.0.2.1-2001:db8::1":    "mixes IPv4 and IPv6",
		"::ffff:0:0/95":            "mixes IPv4 and IPv6",
		"192.0.2.1-":               "not an IP address",
		"-192.0.2.1":               "not an IP address",
		"192.0.2.1-192.0.2.2-3":    "not an IP address",
		"fe80::1%eth0":             "zone",
		"192.0.2.10/24":            "192.0.2.0/24 would be the whole prefix",
		"::ffff:192.0.2.10/120":    "192.0.2.0/24 would be the whole prefix",
		strings.Repeat("9", 10000): "...",
	} {
		got, err := ParseRanges(text)
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 200 {
			t.Errorf("ParseRanges(%.40q) = %v, %v, want an error with %q", text, got, err, want)
		}
	}
}

func TestAPrefixWithHostBitsCanBeMended(t *testing.T) {
	_, err := ParseRanges("192.0.2.10/24")
	var hostBits *HostBitsError
	if !errors.As(err, &hostBits) || hostBits.Prefix != netip.MustParsePrefix("192.0.2.10/24") {
		t.Errorf("got %v, want a HostBitsError for 192.0.2.10/24", err)
	}
}

func TestOverlappingRangesAreJoinedWhereTheFirstStood(t *testing.T) {
	tests := []struct {
		name       string
		in, want   []Range
		overlapped bool
	}{
		{"none", nil, nil, false},
		{"disjoint", []Range{span("10.0.0.9", "10.0.0.12"), span("10.0.0.1", "10.0.0.3")}, []Range{span("10.0.0.9", "10.0.0.12"), span("10.0.0.1", "10.0.0.3")}, false},
		{"touching", []Range{span("10.0.0.1", "10.0.0.3"), span("10.0.0.4", "10.0.0.6")}, []Range{span("10.0.0.1", "10.0.0.3"), span("10.0.0.4", "10.0.0.6")}, false},
		{"twice the same", []Range{span("10.0.0.1", "10.0.0.3"), span("10.0.0.1", "10.0.0.3")}, []Range{span("10.0.0.1", "10.0.0.3")}, true},
		{"contained", []Range{span("10.0.0.1", "10.0.0.9"), span("10.0.0.4", "10.0.0.5")}, []Range{span("10.0.0.1", "10.0.0.9")}, true},
		{"both ends", []Range{span("10.0.0.4", "10.0.0.9"), span("10.0.0.1", "10.0.0.4")}, []Range{span("10.0.0.1", "10.0.0.9")}, true},
		{"a bridge", []Range{span("10.0.0.20", "10.0.0.29"), span("10.0.1.1", "10.0.1.2"), span("10.0.0.1", "10.0.0.9"), span("10.0.0.5", "10.0.0.25")},
			[]Range{span("10.0.0.1", "10.0.0.29"), span("10.0.1.1", "10.0.1.2")}, true},
		{"two families", []Range{span("0.0.0.0", "255.255.255.255"), span("::", "ffff::")}, []Range{span("0.0.0.0", "255.255.255.255"), span("::", "ffff::")}, false},
	}
	for _, tt := range tests {
		got, overlapped := MergeRanges(tt.in)
		if !reflect.DeepEqual(got, tt.want) || overlapped != tt.overlapped {
			t.Errorf("%s: got %v, %v, want %v, %v", tt.name, got, overlapped, tt.want, tt.overlapped)
		}
	}
}

func FuzzParseRanges(f *testing.F) {
	for _, s := range []string{"192.0.2.0/28", "192.0.2.10-192.0.2.20, 2001:db8::/64", "::ffff:10.0.0.1-10.0.0.3", "10.0.0.1/8", "-", "/", "a-b/c", "fe80::1%x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ranges, err := ParseRanges(s)
		if (err == nil) == (len(ranges) == 0) {
			t.Fatalf("ParseRanges(%q) = %v, %v", s, ranges, err)
		}
		for _, r := range ranges {
			if !r.First.IsValid() || r.First.Is4() != r.Last.Is4() || r.Last.Less(r.First) || r.First.Is4In6() || r.First.Zone() != "" {
				t.Fatalf("ParseRanges(%q) holds %v", s, r)
			}
			again, err := ParseRanges(r.First.String() + "-" + r.Last.String())
			if err != nil || len(again) != 1 || again[0] != r {
				t.Fatalf("%v is read back as %v, %v", r, again, err)
			}
		}
		merged, _ := MergeRanges(ranges)
		for i, a := range merged {
			for _, b := range merged[i+1:] {
				if a.overlaps(b) {
					t.Fatalf("%v and %v still overlap", a, b)
				}
			}
		}
	})
}
