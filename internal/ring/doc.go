// Package ring decides which target of a group gets a connection: who may get new ones at all, in what shares, and by
// a weighted Maglev table which of them gets this one. It is pure, and the same on every node for the same input.
package ring
