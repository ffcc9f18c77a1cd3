package demo

import (
	"fmt"
	"net/netip"
	"os/exec"

	"github.com/naru-lb/naru/internal/plan"
)

// Command is a command to try, and what it shows.
type Command struct {
	Line, Shows string
}

// Commands returns the commands to try in another terminal. Naru is how this program is called there; bound says where
// the Services are served. What is not served is left out.
func (d *Demo) Commands(naru string, bound map[plan.ServiceName]netip.AddrPort) []Command {
	var all []Command
	add := func(shows, format string, args ...any) {
		all = append(all, Command{fmt.Sprintf(format, args...), shows})
	}
	if at, ok := bound[plan.ServiceName{Namespace: tcpNamespace, Name: tcpService}]; ok {
		add("which pod answers, and whose address it sees", "curl http://%s", at)
		if _, err := exec.LookPath("nc"); err == nil {
			add("the same without HTTP: any TCP server will do", "echo hello | nc -w 1 %s %d", at.Addr(), at.Port())
		}
		add("the way to the pods, and what probes them", "%s explain svc/%s -n %s", naru, tcpService, tcpNamespace)
	}
	for _, web := range []struct{ service, shares string }{{webCluster, "33/33/33: every pod counts the same"}, {webLocal, "50/25/25: first by node, then by pod"}} {
		if at, ok := bound[plan.ServiceName{Namespace: webNamespace, Name: web.service}]; ok {
			add("one of three pods on two nodes", "curl http://%s", at)
			add(web.shares, "%s explain svc/%s --measure 3000", naru, web.service)
		}
	}
	if at, ok := bound[plan.ServiceName{Namespace: webNamespace, Name: webProxy}]; ok {
		add("the pod is told your address by the PROXY protocol", "curl http://%s", at)
	}
	add("end a pod; nobody notices. --revive brings it back", "%s demo --kill web-1", naru)
	add("is everything well?", "%s status", naru)
	return all
}
