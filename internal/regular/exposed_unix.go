//go:build unix

package regular

import (
	"io/fs"
	"os"
	"syscall"
)

func exposed(info fs.FileInfo) bool {
	others := info.Mode().Perm() & 0o077
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid == 0 && os.Geteuid() != 0 {
		others &^= 0o040
	}
	return others != 0
}

func public(info fs.FileInfo) bool { return info.Mode().Perm()&0o002 != 0 }
