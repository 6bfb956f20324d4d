//go:build !unix

package regular

import "io/fs"

// Permissions here are not those of a mode.
func exposed(fs.FileInfo) bool { return false }
func public(fs.FileInfo) bool  { return false }
