package explain

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/naru-lb/naru/internal/plan"
)

// mostBranches is how many pods, and how many nodes, a picture shows one by one.
const mostBranches = 12

// branch is a node in a picture, with the pods behind it.
type branch struct {
	name, share string
	pods        []string
}

// picture draws the way of a connection: CLIENT, ADDRESS, NODE, POD. Only who gets new connections is in it.
func (l *Listener) picture(s *screen) {
	clients, addresses := l.clientCell(), l.addressCell()
	branches := l.branches()
	if len(branches) == 0 {
		s.table([][]string{{"CLIENT", "", "ADDRESS"}, {clients[0], "--->", addresses[0] + "  --x  " + l.obstacle()}})
		return
	}
	cw, aw := widest("CLIENT", clients...), widest("ADDRESS", addresses...)
	nw := 0
	for _, b := range branches {
		nw = max(nw, utf8.RuneCountInString(b.name))
	}
	node := func(name, share string) string { return strings.TrimRight(pad(name, nw)+"  "+share, " ") }
	tw := widest("NODE", node("", branches[0].share))
	s.line(" %s      %s         %s         POD", pad("CLIENT", cw), pad("ADDRESS", aw), pad("NODE", tw))
	row := 0
	draw := func(toNode, node, toPod, pod string) {
		arrow := "      "
		if row == 0 {
			arrow = " ---> "
		}
		s.line(" %s%s%s %s %s %s %s", pad(at(clients, row), cw), arrow, pad(at(addresses, row), aw), toNode, pad(node, tw), toPod, pod)
		row++
	}
	for i, b := range branches {
		for j, pod := range b.pods {
			name := ""
			if j == 0 {
				name = node(b.name, b.share)
			}
			draw(fork(i, len(branches), j > 0), name, fork(j, len(b.pods), false), pod)
		}
	}
	for row < max(len(clients), len(addresses)) {
		draw("       ", "", "", "")
	}
}

// fork draws the arrow to the i-th of n branches; passing draws what passes by on the way to the ones below.
func fork(i, n int, passing bool) string {
	switch {
	case passing && i < n-1:
		return "  |    "
	case passing:
		return "       "
	case n == 1:
		return "------>"
	case i == 0:
		return "--+--->"
	}
	return "  +--->"
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

func widest(title string, cells ...string) int {
	n := len(title)
	for _, c := range cells {
		n = max(n, utf8.RuneCountInString(c))
	}
	return n
}

func at(cells []string, i int) string {
	if i < len(cells) {
		return cells[i]
	}
	return ""
}

// clientCell says who comes.
func (l *Listener) clientCell() []string {
	switch {
	case l.From != nil && l.From.Client.Port() != 0:
		return []string{l.From.Client.String()}
	case l.From != nil:
		return []string{l.From.Client.Addr().String()}
	case l.SourceRanges == nil:
		return []string{"any client"}
	case len(l.SourceRanges) == 0:
		return []string{"nobody"}
	}
	cells := []string{l.SourceRanges[0].String()}
	if more := len(l.SourceRanges) - 1; more > 0 {
		cells = append(cells, "and "+plural(more, "range")+" more")
	}
	return cells
}

// addressCell says where they come to.
func (l *Listener) addressCell() []string {
	cells := []string{netip.AddrPortFrom(l.Address, l.Port).String()}
	if l.mapped() {
		cells = append(cells, "now "+l.Bound.String())
	}
	return cells
}

// mapped tells whether the listener is served at another place than the plan wants.
func (l *Listener) mapped() bool {
	return l.Bound.IsValid() && (l.Bound.Addr() != l.Address || l.Bound.Port() != l.Port)
}

// obstacle says why no connection gets anywhere.
func (l *Listener) obstacle() string {
	switch {
	case l.State == Down && !l.Bound.IsValid():
		return "not served: " + cmp.Or(l.Detail, "it is not bound yet")
	case l.From != nil && l.From.Refused:
		return "refused: it is in none of the source ranges"
	case l.Protocol == plan.UDP:
		return "lost: " + l.Nobody
	}
	return "refused: " + l.Nobody
}

// branches returns the nodes that connections go to, in order of their names, with the pods that get them. Where there
// are too many to show, the pods of a node are counted, and the last nodes.
func (l *Listener) branches() []branch {
	if l.State == Down || l.From != nil && l.From.Refused {
		return nil
	}
	byNode := map[string][]*Target{}
	var nodes []string
	total := 0
	for i := range l.Targets {
		t := &l.Targets[i]
		if t.Share == 0 || l.From != nil && l.From.Target.IsValid() && t.Address != l.From.Target {
			continue
		}
		if byNode[t.Node] == nil {
			nodes = append(nodes, t.Node)
		}
		byNode[t.Node] = append(byNode[t.Node], t)
		total++
	}
	if l.From != nil && l.From.Target.IsValid() && total > 0 {
		t := byNode[nodes[0]][0]
		return []branch{{name: nodeName(t.Node), pods: []string{t.Name}}}
	}
	slices.Sort(nodes)
	var all []branch
	for i, n := range nodes {
		if i == mostBranches-1 && len(nodes) > mostBranches {
			return append(all, rest(nodes[i:], byNode))
		}
		all = append(all, branchOf(n, byNode[n], total > mostBranches))
	}
	return all
}

func branchOf(node string, targets []*Target, counted bool) branch {
	b := branch{name: nodeName(node), share: share(targets)}
	if counted && len(targets) > 1 {
		b.pods = []string{fmt.Sprintf("%s  %s each", plural(len(targets), "pod"), percent(targets[0].Share))}
		return b
	}
	w := 0
	for _, t := range targets {
		w = max(w, utf8.RuneCountInString(t.Name))
	}
	for _, t := range targets {
		b.pods = append(b.pods, pad(t.Name, w)+"  "+rightPercent(t.Share))
	}
	return b
}

func nodeName(node string) string { return cmp.Or(node, "(unknown)") }

// rest joins nodes into one branch.
func rest(nodes []string, byNode map[string][]*Target) branch {
	var targets []*Target
	for _, n := range nodes {
		targets = append(targets, byNode[n]...)
	}
	return branch{name: plural(len(nodes), "more node"), share: share(targets), pods: []string{plural(len(targets), "pod")}}
}

func share(targets []*Target) string {
	sum := 0.0
	for _, t := range targets {
		sum += t.Share
	}
	return rightPercent(sum)
}

// rightPercent is percent, so that the points stand in one column.
func rightPercent(share float64) string { return fmt.Sprintf("%5.1f %%", 100*share) }
