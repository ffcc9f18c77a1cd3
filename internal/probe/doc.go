// Package probe watches the targets of a plan: it connects to each, speaks TCP, HTTP, HTTPS or gRPC with it, and says in
// the words of package observe whether it is healthy and why.
//
//	m := probe.New(probe.Options{OnTransition: edge.SetHealth})
//	defer m.Close()
//	m.Apply(change)               // of the plan
//	h := m.Group(id)              // what is known of its targets now
//
// A target's health comes from three places, each in a file of its own:
//
//   - standing.go: what the plan says. A target that is not ready, excluded or about to leave is not probed.
//   - attempt.go, http.go, tls.go, grpc.go: one probe, from dialling to the words for what was seen.
//   - machine.go: how results in a row become a state.
//
// schedule.go decides when a probe starts. One goroutine holds all due times in a heap; a probe is a goroutine while it
// runs and nothing but an entry of the heap otherwise, so that ten thousand targets cost little.
package probe
