// Package compile measures what it costs to compile 10,000 Services with 10 endpoints each, and one change on top of it.
// It holds benchmarks only: make bench-compile.
package compile
