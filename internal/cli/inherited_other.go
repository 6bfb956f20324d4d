//go:build !unix

package cli

// isInherited: only Unix hands descriptors on by number.
func isInherited(int) bool { return false }
