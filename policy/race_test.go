//go:build race

package policy

// share is which part of the large tables is looked at: under the race detector
// they take ten times as long, and no goroutine is in them.
const share = 20
