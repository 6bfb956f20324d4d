//go:build !linux

package cli

// keepFromCores is for Linux alone: see docs/threat-model.md.
func keepFromCores() {}
