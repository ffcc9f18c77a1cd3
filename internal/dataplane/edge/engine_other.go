//go:build !(linux && (amd64 || arm64))

package edge

// newEngine starts the portable engine: there are no event loops for this system.
func newEngine(o Options, known *affinity) (engine, error) {
	return newPortable(o, known), nil
}
