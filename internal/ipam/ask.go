package ipam

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/nearest"
	"github.com/naru-lb/naru/internal/plan"
)

// reason is why a pool gives no address, the nearest miss last.
type reason int

const (
	wrongScope reason = iota
	notAdmitted
	onlyByName
	broken
	noFamily
	full
	chosen
)

// answer is what a pool says when it is asked for an address.
type answer struct {
	pool   *pool
	reason reason
	family int // the one that it does not have
}

// ask asks pools in turn for one address of each family, and takes them from the first pool that has them all. The pool
// is nil if none has. Pools of other names than the one that is asked for are left out.
func (s *search) ask(fs []int, pools []*pool) (answers []answer, from *pool) {
	for _, p := range pools {
		if !s.named(p, fs) {
			continue
		}
		addrs, a := s.askOne(p, fs)
		answers = append(answers, a)
		if a.reason != chosen {
			continue
		}
		for _, f := range fs {
			s.got[f] = Assigned{Address: addrs[f], Pool: p.Name, Scope: p.Scope}
		}
		return answers, p
	}
	return answers, nil
}

func (s *search) askOne(p *pool, fs []int) (addrs [2]netip.Addr, a answer) {
	a = answer{pool: p, reason: chosen}
	switch {
	case p.Scope != s.req.Scope:
		a.reason = wrongScope
	case !p.admits(s.req.Subject):
		a.reason = notAdmitted
	case !p.AutoAssign && !s.asksForPool(fs[0]):
		a.reason = onlyByName
	case len(p.Ranges) == 0:
		a.reason = broken
	}
	for _, f := range fs {
		if a.reason != chosen {
			break
		}
		var ok bool
		if addrs[f], ok = s.shareable(p, f); ok {
			continue
		}
		addrs[f], ok = p.free(f, s.Allocator)
		switch {
		case ok:
		case p.size[f] == 0:
			a.reason, a.family = noFamily, f
		default:
			a.reason, a.family = full, f
		}
	}
	return addrs, a
}

// asksForPool tells whether the request names the pool, so that autoAssign does not matter.
func (s *search) asksForPool(f int) bool {
	return s.req.Pool != "" || s.req.Subnet != "" || s.req.Prefix[f] != ""
}

// named tells whether a pool is one of those that the request asks for.
func (s *search) named(p *pool, fs []int) bool {
	r := s.req
	return (r.Pool == "" || p.Name == r.Pool) &&
		(r.Subnet == "" || strings.EqualFold(p.Subnet, r.Subnet) || p.has(r.Subnet)) &&
		!slices.ContainsFunc(fs, func(f int) bool { return r.Prefix[f] != "" && !p.has(r.Prefix[f]) })
}

func verdicts(answers []answer) []plan.Verdict {
	var all []plan.Verdict
	for _, a := range answers {
		all = append(all, plan.Verdict{Pool: a.pool.Name, Answer: a.String(), Chosen: a.reason == chosen})
	}
	return all
}

func (a answer) String() string {
	switch a.reason {
	case wrongScope:
		if a.pool.Scope == plan.Internal {
			return "internal pool; this Service does not ask for internal"
		}
		return "public pool; this Service asks for internal"
	case notAdmitted:
		return "only for other namespaces or Services"
	case onlyByName:
		return "only for Services that ask for this pool"
	case broken:
		return "cannot be used because of an error"
	case noFamily:
		return "has no " + familyName(a.family) + " addresses"
	case full:
		return a.pool.fullness(a.family)
	}
	return "chosen"
}

// noPool turns the answers of the pools into one refusal: that of those that came nearest.
func (s *search) noPool(f int, answers []answer) *Refusal {
	r := &Refusal{Code: finding.NoPool, IPv6: f == 1}
	if len(answers) == 0 {
		r.Message, r.Near = s.noSuchPool(f)
		return r
	}
	best := slices.MaxFunc(answers, func(a, b answer) int { return int(a.reason - b.reason) }).reason
	var names []string
	for _, a := range answers {
		if a.reason == best {
			names = append(names, a.pool.Name)
		}
	}
	pools, are := enumerate(names)
	switch best {
	case full:
		r.Code, r.Message = finding.NoFreeAddress, "no free address in "+pools
		if len(s.req.Families.Order) > 1 {
			r.Message = fmt.Sprintf("no free %s address in %s", familyName(f), pools)
		}
	case broken:
		r.Message = fmt.Sprintf("%s cannot be used because of an error", pools)
	case noFamily:
		r.Message = fmt.Sprintf("no %s addresses in %s", familyName(f), pools)
	case onlyByName:
		r.Message = "only Services that ask for it get an address of " + pools
	case notAdmitted:
		r.Message = fmt.Sprintf("%s %s only for other namespaces or Services", pools, are)
	case wrongScope:
		r.Message = s.wrongScope(pools, are)
	}
	return r
}

func (s *search) wrongScope(pools, are string) string {
	internal := s.req.Scope == plan.Internal
	switch named := s.asksForPool(0) || s.asksForPool(1); {
	case named && internal:
		return fmt.Sprintf("%s %s public, and this Service asks for internal", pools, are)
	case named:
		return fmt.Sprintf("%s %s internal, and this Service does not ask for internal", pools, are)
	case internal:
		return "there is no internal pool"
	}
	return "there is no public pool"
}

// noSuchPool says which pool is asked for and not there, and which ones there are.
func (s *search) noSuchPool(f int) (message string, near []string) {
	name, what := s.req.Pool, "pool"
	if s.req.Subnet != "" {
		name, what = s.req.Subnet, "pool for subnet"
	}
	if s.req.Prefix[f] != "" {
		name, what = s.req.Prefix[f], "pool for prefix"
	}
	if name == "" {
		return "there is no pool", nil
	}
	var names []string
	for _, p := range s.pools {
		if p.Scope == s.req.Scope {
			names = append(names, p.Name)
		}
	}
	const most = 5
	near = nearest.Words(name, names, most)
	for _, n := range names {
		if len(near) < most && !slices.Contains(near, n) {
			near = append(near, n)
		}
	}
	return fmt.Sprintf("there is no %s %s", what, show(name)), near
}

// enumerate names a few pools and the verb that goes with them: "pool a" and "is", "pools a, b, c and 3 more" and "are".
func enumerate(names []string) (pools, are string) {
	const most = 3
	if len(names) == 1 {
		return "pool " + show(names[0]), "is"
	}
	shown := make([]string, 0, most)
	for _, n := range names[:min(most, len(names))] {
		shown = append(shown, show(n))
	}
	pools = "pools " + strings.Join(shown, ", ")
	if more := len(names) - most; more > 0 {
		pools += fmt.Sprintf(" and %d more", more)
	}
	return pools, "are"
}

// show shortens a name that came from outside, and leaves out what cannot be printed, so that it fits into a message.
func show(name string) string {
	return clip(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, name))
}
