package diagnosis

import (
	"fmt"

	"github.com/naru-lb/naru/internal/finding"
	"github.com/naru-lb/naru/internal/observe"
	"github.com/naru-lb/naru/internal/plan"
)

// Binding returns the finding about where a listener of a Service is served, if that is not where the plan wants it.
func Binding(service plan.ServiceName, b observe.Binding) []finding.Finding {
	at := b.Bound.String()
	var f finding.Finding
	switch b.Problem {
	case observe.NoProblem:
		return nil
	case observe.PortMapped:
		f = finding.New(finding.PortMapped, fmt.Sprintf("port %d needs root, so %s serves %s", b.Key.Port, at, b.Key)).
			With("Clients reach it at "+at+" only.", "sudo setcap cap_net_bind_service=+ep \"$(command -v naru)\"   or run naru as root")
	case observe.AddressMapped:
		f = finding.New(finding.AddressMapped, fmt.Sprintf("%s is not an address of this machine, so %s serves %s", b.Key.Address, at, b.Key)).
			With("Clients reach it at "+at+" only. Once the machine has the address, it is served there, within seconds.", addAddress(b.Key))
	case observe.PortTaken:
		f = finding.New(finding.PortTaken, fmt.Sprintf("another program listens on %s", b.Key)).
			With("Its connections go to that program. Naru takes the port as soon as it is free.", fmt.Sprintf("ss -Hlnp 'sport = :%d'   shows which program it is", b.Key.Port))
	default:
		f = finding.New(finding.NotBound, fmt.Sprintf("%s cannot be served: %s", b.Key, b.Detail)).
			With("Connections to it are refused. Naru keeps trying.", "")
	}
	f.Object = object(service)
	return []finding.Finding{f}
}

// addAddress is the command that gives the machine an address.
func addAddress(k plan.ListenerKey) string {
	return fmt.Sprintf("sudo ip addr add %s/%d dev lo", k.Address, k.Address.BitLen())
}
