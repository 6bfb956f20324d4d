// Package atomicfile writes whole files: after a crash at any moment there is
// either the old content or the new, never a part.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Private is the mode of files that hold a secret, and of what only their owner
// needs.
const Private fs.FileMode = 0o600

// Write replaces the file by data, with the given mode, and returns once it is
// durable. The folder is made if it is missing, for its owner alone.
func Write(path string, data []byte, mode fs.FileMode) error {
	return write(path, data, mode, os.Rename)
}

// Create is Write for a file that must not be there, whoever else makes it in the
// same moment: the error then is fs.ErrExist.
func Create(path string, data []byte, mode fs.FileMode) error {
	return write(path, data, mode, func(temporary, path string) error {
		err := os.Link(temporary, path)
		switch {
		case err == nil:
			return os.Remove(temporary)
		case errors.Is(err, fs.ErrExist):
			return err
		}
		// A file system without hard links: as well as can be.
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
		}
		return os.Rename(temporary, path)
	})
}

// write makes the whole file beside its place, which put then gives it.
func write(path string, data []byte, mode fs.FileMode, put func(temporary, path string) error) (err error) {
	folder := filepath.Dir(path)
	if err := makeFolder(folder); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(folder, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			temporary.Close()
			os.Remove(temporary.Name())
		}
	}()
	if err := temporary.Chmod(mode); err != nil {
		return err
	}
	if _, err := temporary.Write(data); err != nil {
		return err
	}
	if err := temporary.Sync(); err != nil {
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	if err := put(temporary.Name(), path); err != nil {
		return err
	}
	return syncFolder(folder)
}

// makeFolder makes the folder and those above it, as far as they are missing,
// and each of them durable in the one above.
func makeFolder(path string) error {
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeFolder(filepath.Dir(path)); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil // if it is no folder, making the file will say so
	}
	if err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes what was made or renamed in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
