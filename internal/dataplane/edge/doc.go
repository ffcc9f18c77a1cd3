// Package edge serves the TCP and UDP listeners of a plan in user space: it accepts connections, chooses a target for
// each, and relays bytes.
//
//	e, err := edge.New(edge.Options{Logger: log})
//	e.Apply(change)             // plan.Change: listeners, groups and targets that came, changed or went
//	e.SetHealth(transitions)    // what probes have found
//	e.Bindings()                // where the listeners are served, and why not where the plan wants them
//	err = e.Shutdown(ctx)       // lets running connections finish
//
// README.md beside this file draws the way of a connection through the files.
package edge
