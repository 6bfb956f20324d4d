package control

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/signet-tls/signet/fault"
)

// TestPermissions asks as nobody where the tests run as root, whom no
// permission stops.
func TestPermissions(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(dir string) // a folder that holds nothing but a marker
		code  fault.Code
	}{
		{"the folder cannot be written", func(dir string) { noError(os.Chmod(dir, 0o555)) }, FolderNotWritable},
		{"the folder cannot be made", func(dir string) {
			noError(os.RemoveAll(dir))
			noError(os.Chmod(filepath.Dir(dir), 0o555))
		}, FolderNotMade},
		{"the folder cannot be read", func(dir string) { noError(os.Chmod(dir, 0)) }, FolderNotReadable},
		{"the marker cannot be read", func(dir string) {
			noError(os.Chmod(dir, 0o777))
			noError(os.Chmod(filepath.Join(dir, markerName), 0))
		}, FolderNotReadable},
	} {
		t.Run(test.name, func(t *testing.T) {
			above := t.TempDir()
			t.Cleanup(func() { os.Chmod(above, 0o700) })
			dir := filepath.Join(above, "data")
			noError(os.Mkdir(dir, 0o755))
			noError(unready(demo).write(dir))
			noError(os.Chmod(filepath.Join(dir, markerName), 0o644))
			noError(os.Chmod(above, 0o755))
			noError(os.Chmod(filepath.Dir(above), 0o755))
			test.spoil(dir)
			t.Cleanup(func() { os.Chmod(dir, 0o700) })
			wantCode(t, asNobody(dir), test.code, dir, "permission denied")
		})
	}
}

// asNobody opens a folder as a user without any privilege.
func asNobody(dir string) error {
	refusal := make(chan error)
	go func() {
		if os.Geteuid() == 0 {
			runtime.LockOSThread() // the kernel sets this for the thread, which ends with the goroutine
			noError(syscall.Setfsuid(65534))
		}
		_, err := openFolder(dir, demo)
		refusal <- err
	}()
	return <-refusal
}
