package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestAllOrNone fails at the second of three files, staged or put into its place:
// the others are as they were.
func TestAllOrNone(t *testing.T) {
	tests := []struct {
		name  string
		write func(...File) error
		old   []string // files that are there before
		last  string   // the third file
	}{
		{"a new file of those is there", CreateAll, []string{"c"}, "c"},
		{"one replaces a folder", WriteAll, []string{"a", "folder/c"}, "folder"},
		{"one is in a file", WriteAll, []string{"a", "b", "c"}, "c/d"},
		{"a new one is in a file", CreateAll, []string{"c"}, "c/d"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			base := t.TempDir()
			for _, name := range test.old {
				if err := Write(filepath.Join(base, name), []byte("old "+name), 0o640); err != nil {
					t.Fatal(err)
				}
			}
			before := string(tree(t, base))
			var files []File
			for _, name := range []string{"a", "b", test.last} {
				files = append(files, File{filepath.Join(base, name), []byte("new"), Private})
			}
			err := test.write(files...)
			var at *fs.PathError
			if !errors.As(err, &at) || at.Path != files[2].Path {
				t.Errorf("the error is %v, want one of %s", err, files[2].Path)
			}
			if after := string(tree(t, base)); before != after {
				t.Errorf("the folder had\n%sand has\n%s", before, after)
			}
		})
	}
}

// TestTogether replaces one file and makes another, and leaves nothing beside them.
func TestTogether(t *testing.T) {
	base := t.TempDir()
	a, b := filepath.Join(base, "a"), filepath.Join(base, "b")
	for _, data := range []string{"one", "two"} {
		if err := WriteAll(File{a, []byte(data), Private}, File{b, []byte(data), 0o644}); err != nil {
			t.Fatal(err)
		}
		wantFile(t, a, data, Private)
		wantFile(t, b, data, 0o644)
	}
	if entries, err := os.ReadDir(base); err != nil || len(entries) != 2 {
		t.Errorf("the folder has %v (%v), want two files", entries, err)
	}
}

// TestTurns: of many who replace the same two files at once, both are one's.
func TestTurns(t *testing.T) {
	if !holding {
		t.Skip("this system has no locks")
	}
	base := t.TempDir()
	a, b := filepath.Join(base, "a"), filepath.Join(base, "b")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			data := []byte{byte('0' + i)}
			for range 20 {
				if err := WriteAll(File{a, data, Private}, File{b, data, Private}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	have, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, b, string(have), Private)
	if entries, err := os.ReadDir(base); err != nil || len(entries) != 2 {
		t.Errorf("the folder has %v (%v), want two files", entries, err)
	}
}

// TestStopped is a program that is killed between two files: what the first one was
// is still there, and the next run cleans up.
func TestStopped(t *testing.T) {
	base := t.TempDir()
	key, cert := File{filepath.Join(base, "k"), []byte("new"), Private}, File{filepath.Join(base, "c"), []byte("new"), 0o644}
	if err := WriteAll(File{key.Path, []byte("old"), Private}, File{cert.Path, []byte("old"), 0o644}); err != nil {
		t.Fatal(err)
	}
	first, err := stage(key, nobody)
	if err != nil {
		t.Fatal(err)
	}
	second, err := stage(cert, nobody)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.replace(false); err != nil {
		t.Fatal(err)
	}
	for _, held := range []*os.File{first.temporary, first.oldHeld, second.temporary} {
		held.Close()
	}
	wantFile(t, key.Path, "new", Private)
	wantFile(t, cert.Path, "old", 0o644)
	if holding {
		left := Left(key.Path)
		if len(left) != 1 {
			t.Fatalf("left are %v, want the old key", left)
		}
		wantFile(t, left[0], "old", Private)
	}
	if err := WriteAll(key, cert); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(base); holding && (err != nil || len(entries) != 2) {
		t.Errorf("the folder has %v (%v), want two files", entries, err)
	}
}

// TestLeft: what a killed program has left is removed by the next one that writes the
// same file, and by no other; what a living one holds stays.
func TestLeft(t *testing.T) {
	if !holding {
		t.Skip("this system has no locks; an hour has to pass")
	}
	base := t.TempDir()
	path := filepath.Join(base, "k.pem")
	dead := []string{".k.pem.17.new", ".k.pem.18.old"}
	others := []string{".k.pem.new", ".k.pem.x1.new", ".k.pem.1.2.new", ".k.pem.1", ".pem.1.new", "k.pem.1.new", ".k.pem.1.new.old", ".k.pem.7.old.d"}
	for _, name := range append(dead, others...) {
		if err := os.WriteFile(filepath.Join(base, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	living, err := stage(File{path, []byte("theirs"), Private}, nobody)
	if err != nil {
		t.Fatal(err)
	}
	if left := strings.Join(Left(path), " "); len(Left(path)) != 2 || !strings.Contains(left, dead[0]) || !strings.Contains(left, dead[1]) {
		t.Errorf("left are %s, want %v", left, dead)
	}
	if err := Write(path, []byte("ours"), Private); err != nil {
		t.Fatal(err)
	}
	for _, name := range dead {
		if _, err := os.Lstat(filepath.Join(base, name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	for _, name := range append(others, filepath.Base(living.temporary.Name())) {
		if _, err := os.Lstat(filepath.Join(base, name)); err != nil {
			t.Errorf("%s was removed", name)
		}
	}
	if err := living.replace(true); err != nil {
		t.Fatal(err)
	}
	living.discard()
	wantFile(t, path, "theirs", Private)
	if left := Left(path); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}
