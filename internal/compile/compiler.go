// Package compile turns objects into a plan. It is pure and incremental: the same objects give the same plan in
// whatever order they come, as far as recorded addresses allow, and a change costs what it touches, not what there is.
//
// A Service goes through the files of this package in this order: ingest.go notes what changed, wish.go and the
// dialects read what it asks for, assign.go gets its addresses, probe.go and targets.go make its target groups,
// unit.go puts them together, and publish.go works out what is different from before. service.go leads it this way, and
// decides which version is served; pools.go and poolspec.go read the objects that addresses come from.
package compile

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/naru-lb/naru/internal/dialect"
	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/ipam"
	"github.com/naru-lb/naru/internal/object"
	"github.com/naru-lb/naru/internal/plan"
)

// DefaultClass is the loadBalancerClass that always means Naru.
const DefaultClass = "naru.dev/naru"

// Options configure a Compiler.
type Options struct {
	// Classes are the values of loadBalancerClass that Naru serves besides DefaultClass.
	Classes []string
	// OnlyClass leaves Services without a loadBalancerClass alone.
	OnlyClass bool
	// Env is what dialects have to know about the cluster.
	Env dialect.Env
	// Records are the addresses that Services had before; they get them again.
	Records []ipam.Record
	// Now tells the time at which a Service was first seen; time.Now by default.
	Now func() time.Time
}

// Result is what one Apply changed.
type Result struct {
	Change plan.Change
	// Findings are those of every owner whose findings may have changed; an empty list means that it has none now.
	Findings map[string][]finding.Finding
}

// Compiler holds the objects, what became of them, and who depends on what. It is not for concurrent use.
type Compiler struct {
	opts    Options
	classes []string
	alloc   *ipam.Allocator
	plan    *plan.Plan

	services   map[plan.ServiceName]*service
	slices     map[plan.ServiceName]map[string]*discoveryv1.EndpointSlice // by Service and by name
	sliceOf    map[object.Key]plan.ServiceName
	nodes      map[string]node
	namespaces map[string]map[string]string         // labels
	inSpace    map[string]map[plan.ServiceName]bool // Services of a namespace
	onNode     map[string]map[plan.ServiceName]bool // Services that have a target on a node
	pools      poolObjects
	waiting    map[plan.ServiceName]bool // Services that may get more when something becomes free
	refused    map[plan.ServiceName]bool // Services that the allocator refused; other pools may help
	additional map[plan.ServiceName]bool // Services with addresses that no pool may have
	since      map[plan.ServiceName]time.Time
	comings    uint64                    // how often a Service came or went
	recorded   map[plan.ServiceName]bool // had an address when the Compiler was made
	users      map[netip.Addr]map[plan.ServiceName]plan.Frontend
	servedBy   map[plan.ListenerKey]plan.ServiceName
	labels     map[string]plan.ServiceName // DNS labels in use
}

// New returns a Compiler without objects.
func New(opts Options) *Compiler {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	c := &Compiler{
		opts:       opts,
		classes:    append([]string{DefaultClass}, opts.Classes...),
		alloc:      ipam.New(),
		plan:       plan.New(),
		services:   map[plan.ServiceName]*service{},
		slices:     map[plan.ServiceName]map[string]*discoveryv1.EndpointSlice{},
		sliceOf:    map[object.Key]plan.ServiceName{},
		nodes:      map[string]node{},
		namespaces: map[string]map[string]string{},
		inSpace:    map[string]map[plan.ServiceName]bool{},
		onNode:     map[string]map[plan.ServiceName]bool{},
		pools:      newPoolObjects(),
		waiting:    map[plan.ServiceName]bool{},
		refused:    map[plan.ServiceName]bool{},
		additional: map[plan.ServiceName]bool{},
		since:      map[plan.ServiceName]time.Time{},
		recorded:   map[plan.ServiceName]bool{},
		users:      map[netip.Addr]map[plan.ServiceName]plan.Frontend{},
		servedBy:   map[plan.ListenerKey]plan.ServiceName{},
		labels:     map[string]plan.ServiceName{},
	}
	for _, r := range opts.Records {
		c.alloc.Adopt(r)
		c.since[r.Owner] = r.Since
		c.recorded[r.Owner] = !r.Released
	}
	return c
}

// Plan returns the plan as it is now. It changes with the next Apply; Clone it to keep it.
func (c *Compiler) Plan() *plan.Plan { return c.plan }

// PoolSizes returns how many addresses each pool may give out, at most MaxUint64.
func (c *Compiler) PoolSizes() map[string]uint64 { return c.alloc.Sizes() }

// Apply brings in a change of the objects and returns what that changes in the plan and the findings.
func (c *Compiler) Apply(u object.Update) Result {
	p := c.begin()
	p.ingest(u)
	if c.pools.changed {
		p.rebuildPools()
	}
	p.compile(p.takeDirty())
	return p.end()
}

func (c *Compiler) begin() *pass {
	return &pass{
		c:        c,
		now:      c.opts.Now().UTC(),
		dirty:    map[plan.ServiceName]bool{},
		touched:  map[netip.Addr]bool{},
		findings: map[string][]finding.Finding{},
	}
}

// pass is one run of Apply.
type pass struct {
	c        *Compiler
	now      time.Time
	dirty    map[plan.ServiceName]bool
	freed    bool // an address or a port became free: waiting Services may have a chance
	touched  map[netip.Addr]bool
	change   plan.Change
	findings map[string][]finding.Finding
}

func (p *pass) end() Result {
	for rounds := len(p.c.waiting); p.freed && rounds > 0; rounds-- {
		p.freed = false // each round helps somebody, or is the last
		p.retryWaiting()
	}
	p.publishFrontends()
	p.c.plan.Apply(p.change)
	return Result{Change: p.change, Findings: p.findings}
}

// compareAge orders Services: first those that have an address or had one when the Compiler was made, then by age.
func (c *Compiler) compareAge(a, b plan.ServiceName) int {
	return cmp.Or(
		cmp.Compare(c.standing(a), c.standing(b)),
		c.since[a].Compare(c.since[b]),
		a.Compare(b))
}

func (c *Compiler) standing(n plan.ServiceName) int {
	if c.recorded[n] || c.services[n] != nil && len(c.services[n].assigned) > 0 {
		return 0
	}
	return 1
}

// takeDirty returns the Services to compile, those first that hold an address already, then the oldest: whoever had an
// address or a port keeps it, and the oldest wins what is new.
func (p *pass) takeDirty() []plan.ServiceName {
	names := make([]plan.ServiceName, 0, len(p.dirty))
	for n := range p.dirty {
		names = append(names, n)
	}
	p.dirty = map[plan.ServiceName]bool{}
	slices.SortFunc(names, p.c.compareAge)
	return names
}

func (p *pass) compile(names []plan.ServiceName) {
	for _, n := range names {
		if s := p.c.services[n]; s != nil {
			p.compileService(s)
		}
	}
}

// retryWaiting lets the Services that wait for an address, a port or a name ask again, after others have given something
// back.
func (p *pass) retryWaiting() {
	names := make([]plan.ServiceName, 0, len(p.c.waiting))
	for n := range p.c.waiting {
		names = append(names, n)
	}
	slices.SortFunc(names, p.c.compareAge)
	p.compile(names)
}

// Edition returns a number, never 0, that is another one whenever Records may say something else.
func (c *Compiler) Edition() uint64 { return c.alloc.Edition() + c.comings }

// Records returns what has to be remembered so that every Service keeps its addresses, in order of the Services' names.
// It includes Services that were recorded before and have not been seen yet.
func (c *Compiler) Records() []ipam.Record {
	records := c.alloc.Records()
	for i := range records {
		records[i].Since = c.since[records[i].Owner]
	}
	return records
}

// Forget gives up the recorded addresses of Services that do not exist. It is called when all objects are known to have
// been read: until then a Service that is missing may only be unreadable.
func (c *Compiler) Forget() Result {
	p := c.begin()
	for _, r := range c.alloc.Records() {
		if c.services[r.Owner] == nil {
			p.freed = c.alloc.Release(r.Owner) || p.freed
			delete(c.since, r.Owner)
			delete(c.recorded, r.Owner)
		}
	}
	return p.end()
}
