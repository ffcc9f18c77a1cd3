package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/naru-lb/naru/internal/ipam"
)

// The first line of a file is magic and the number of records. Every other line is a record in JSON, behind eight hex
// digits of its CRC-32C and a blank.
const magic = "naru-state 1 "

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode returns the text of a file.
func encode(records []ipam.Record) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(magic + strconv.Itoa(len(records)) + "\n")
	for _, r := range records {
		line, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("encode the record of %s: %w", r.Owner, err)
		}
		fmt.Fprintf(&b, "%08x %s\n", crc32.Checksum(line, castagnoli), line)
	}
	return b.Bytes(), nil
}

// decoded is what could be read of a text.
type decoded struct {
	records  []ipam.Record
	expected int    // records that there should be, -1 if nobody knows
	problem  string // empty if all is well
}

// decode reads the text of a file, as far as it is whole. Of two records of an owner the first one counts.
func decode(data []byte) decoded {
	d := decoded{expected: -1}
	problem := func(format string, args ...any) {
		if d.problem == "" {
			d.problem = fmt.Sprintf(format, args...)
		}
	}
	lines := strings.Split(string(data), "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	} else {
		problem("line %d is cut off", len(lines))
	}
	if len(lines) == 0 {
		problem("it is empty")
		return d
	}
	rest := lines
	if count, ok := strings.CutPrefix(lines[0], magic); ok {
		rest = lines[1:]
		if n, err := strconv.Atoi(count); err == nil && n >= 0 {
			d.expected = n
		}
	}
	if d.expected < 0 {
		problem("line 1 is not %q and a number", strings.TrimSpace(magic))
	}
	seen := map[ipam.Owner]bool{}
	for i, line := range rest {
		r, ok := decodeRecord(line)
		if !ok || seen[r.Owner] {
			problem("line %d is damaged", len(lines)-len(rest)+i+1)
			continue
		}
		seen[r.Owner] = true
		d.records = append(d.records, r)
	}
	if d.expected >= 0 && len(d.records) != d.expected {
		problem("it has %d of %d records", len(d.records), d.expected)
	}
	sortRecords(d.records)
	return d
}

func decodeRecord(line string) (ipam.Record, bool) {
	sum, text, ok := strings.Cut(line, " ")
	if !ok || sum != fmt.Sprintf("%08x", crc32.Checksum([]byte(text), castagnoli)) {
		return ipam.Record{}, false
	}
	var r ipam.Record
	if err := json.Unmarshal([]byte(text), &r); err != nil || r.Owner.Name == "" {
		return ipam.Record{}, false
	}
	return r, !slices.ContainsFunc(r.Addresses, func(a netip.Addr) bool { return !a.IsValid() })
}

func sortRecords(rs []ipam.Record) {
	slices.SortFunc(rs, func(a, b ipam.Record) int { return a.Owner.Compare(b.Owner) })
}

// equal tells whether two lists say the same.
func equal(a, b []ipam.Record) bool {
	return slices.EqualFunc(a, b, func(x, y ipam.Record) bool {
		return x.Owner == y.Owner && x.Released == y.Released && slices.Equal(x.Addresses, y.Addresses) && x.Since.Equal(y.Since)
	})
}
