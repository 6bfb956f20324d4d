//go:build !unix

package regular

import "io/fs"

// exposed: permissions here are not those of a mode.
func exposed(fs.FileInfo) bool { return false }
