package regular

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	file, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "pipe")
	if err := errors.Join(os.WriteFile(file, []byte("secret"), 0o600), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	if have, err := Read(file, 3); string(have) != "sec" || err != nil {
		t.Errorf("%q, %v; want the first three bytes", have, err)
	}
	for path, want := range map[string]error{pipe: ErrNot, dir: ErrNot, filepath.Join(dir, "none"): fs.ErrNotExist} {
		if _, err := Read(path, 3); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}

func TestReadPrivate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	for mode, ok := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o700: true, 0o640: false, 0o604: false, 0o620: false, 0o644: false} {
		if err := errors.Join(os.WriteFile(file, []byte("secret"), 0o600), os.Chmod(file, mode)); err != nil {
			t.Fatal(err)
		}
		_, err := ReadPrivate(file, 10)
		if exposed, is := errors.AsType[*Exposed](err); is == ok || is && exposed.Mode.Perm() != mode {
			t.Errorf("%04o: %v; want that it can be read: %t", mode, err, ok)
		}
		os.Remove(file)
	}
}

func TestReadGuarded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	for mode, ok := range map[fs.FileMode]bool{0o600: true, 0o644: true, 0o664: true, 0o666: false, 0o602: false, 0o777: false} {
		if err := errors.Join(os.WriteFile(file, []byte("rules"), 0o600), os.Chmod(file, mode)); err != nil {
			t.Fatal(err)
		}
		data, err := ReadGuarded(file, 10)
		if exposed, is := errors.AsType[*Exposed](err); is == ok || is && exposed.Mode.Perm() != mode || ok && string(data) != "rules" {
			t.Errorf("%04o: %q, %v; want that it can be read: %t", mode, data, err, ok)
		}
		os.Remove(file)
	}
}

// stat is a file of somebody's.
type stat struct {
	mode fs.FileMode
	uid  uint32
}

func (stat) Name() string        { return "" }
func (stat) Size() int64         { return 0 }
func (s stat) Mode() fs.FileMode { return s.mode }
func (stat) ModTime() time.Time  { return time.Time{} }
func (stat) IsDir() bool         { return false }
func (s stat) Sys() any          { return &syscall.Stat_t{Uid: s.uid} }

// TestOfRoot has root hand a file to a group, as systemd does; who is root itself needs
// no group.
func TestOfRoot(t *testing.T) {
	root := os.Geteuid() == 0
	for _, test := range []struct {
		stat
		exposed bool
	}{
		{stat{0o440, 0}, root}, {stat{0o640, 0}, root}, {stat{0o660, 0}, true}, {stat{0o444, 0}, true}, {stat{0o440, 1}, true}, {stat{0o400, 0}, false},
		{stat{fs.ModeNamedPipe | 0o666, 0}, false},
	} {
		if err := Private(test.stat); (err != nil) != test.exposed {
			t.Errorf("%v of user %d: %v, want that it is exposed: %t", test.mode, test.uid, err, test.exposed)
		}
	}
}
