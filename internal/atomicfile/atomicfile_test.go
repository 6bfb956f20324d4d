package atomicfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestWrite(t *testing.T) {
	tests := []struct {
		name string
		old  string // content before; "" for none
		data string
		mode fs.FileMode
	}{
		{"new", "", "content", Private},
		{"replaced", "an older and longer content", "content", Private},
		{"public", "", "content", 0o644},
		{"empty", "old", "", Private},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file.pem")
			if test.old != "" {
				if err := os.WriteFile(path, []byte(test.old), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if err := Write(path, []byte(test.data), test.mode); err != nil {
				t.Fatal(err)
			}
			wantFile(t, path, test.data, test.mode)
			wantAlone(t, path)
		})
	}
}

func TestWriteMakesFolders(t *testing.T) {
	base := t.TempDir()
	path := filepath.Join(base, "a", "b", "file")
	for range 2 { // the second time they are there
		if err := Write(path, []byte("x"), Private); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range []string{"a", "a/b"} {
		info, err := os.Stat(filepath.Join(base, folder))
		if err != nil {
			t.Fatal(err)
		}
		if have, want := info.Mode(), fs.ModeDir|0o700; have != want {
			t.Errorf("the folder %s has mode %v, want %v", folder, have, want)
		}
	}
	wantFile(t, path, "x", Private)
}

// TestWriteRelative writes into the current folder, which has no folder above
// it in its path.
func TestWriteRelative(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := Write("a/file", []byte("x"), Private); err != nil {
		t.Fatal(err)
	}
	if err := Write("file", []byte("y"), Private); err != nil {
		t.Fatal(err)
	}
	wantFile(t, "a/file", "x", Private)
	wantFile(t, "file", "y", Private)
}

// TestFailureLeavesAll fails at each step that can be made to fail: what was
// there stays as it was, and nothing new is there.
func TestFailureLeavesAll(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, base string) (path string)
	}{
		{"the target is a folder", func(t *testing.T, base string) string {
			path := filepath.Join(base, "target")
			if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
				t.Fatal(err)
			}
			return path
		}},
		{"the folder is a file", func(t *testing.T, base string) string {
			if err := os.WriteFile(filepath.Join(base, "file"), []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(base, "file", "new")
		}},
		{"a folder above is a file", func(t *testing.T, base string) string {
			if err := os.WriteFile(filepath.Join(base, "file"), []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(base, "file", "a", "new")
		}},
		{"the folder cannot be written", func(t *testing.T, base string) string {
			if os.Geteuid() == 0 {
				t.Skip("root may write everywhere; run as another user")
			}
			if err := os.WriteFile(filepath.Join(base, "file"), []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(base, 0o500); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.Chmod(base, 0o700) })
			return filepath.Join(base, "file")
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			base := t.TempDir()
			path := test.make(t, base)
			before := tree(t, base)
			if err := Write(path, []byte("new"), Private); err == nil {
				t.Fatal("it was written")
			}
			if after := tree(t, base); !bytes.Equal(before, after) {
				t.Errorf("the folder had\n%sand has\n%s", before, after)
			}
		})
	}
}

// tree lists what is below a folder, with contents.
func tree(t *testing.T, base string) []byte {
	t.Helper()
	var list bytes.Buffer
	err := filepath.WalkDir(base, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		list.WriteString(path + " " + entry.Type().String() + "\n")
		if entry.Type().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			list.Write(append(data, '\n'))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.Bytes()
}

func wantFile(t *testing.T, path, data string, mode fs.FileMode) {
	t.Helper()
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != data {
		t.Errorf("%s holds %q, want %q", path, have, data)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != mode {
		t.Errorf("%s has mode %v, want %v", path, info.Mode(), mode)
	}
}

func wantAlone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() != filepath.Base(path) {
			t.Errorf("%s was left behind", entry.Name())
		}
	}
}

// TestCreate: of many who make the same file one does, and nobody's is replaced.
func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.pem")
	made := make(chan string, 8)
	var all sync.WaitGroup
	for i := range cap(made) {
		all.Go(func() {
			switch err := Create(path, []byte{byte('a' + i)}, Private); {
			case err == nil:
				made <- string(rune('a' + i))
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(made) != 1 {
		t.Fatalf("%d have made the file", len(made))
	}
	wantFile(t, path, <-made, Private)
	wantAlone(t, path)
}
