//go:build !race

package policy

// share is which part of the large tables is looked at: all of it.
const share = 1
