// Package atomicfile writes whole files: after a crash at any moment there is
// either the old content or the new, never a part. Of files that belong together,
// all are there in whole before the first is put into its place.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Private is the mode of files that hold a secret, and of what only their owner
// needs.
const Private fs.FileMode = 0o600

// File is one of the files that are written together.
type File struct {
	Path string
	Data []byte
	Mode fs.FileMode
}

// Write replaces the file by data, with the given mode, and returns once it is
// durable. The folder is made if it is missing, for its owner alone.
func Write(path string, data []byte, mode fs.FileMode) error {
	return WriteAll(File{path, data, mode})
}

// WriteAll is Write for files that belong together, put into their places in this
// order. If one cannot be, those before it get back what they held, and the error
// is a *fs.PathError that names it.
func WriteAll(files ...File) error { return putAll(files, nobody, (*staged).replace) }

// Owner is whose files become, by numbers; -1 leaves one of the two as it is.
type Owner struct{ UID, GID int }

var nobody = Owner{-1, -1}

// WriteAll is WriteAll for files that become the owner's.
func (o Owner) WriteAll(files ...File) error { return putAll(files, o, (*staged).replace) }

// Create is Write for a file that must not be there, whoever else makes it in the
// same moment: the error then is fs.ErrExist.
func Create(path string, data []byte, mode fs.FileMode) error {
	return CreateAll(File{path, data, mode})
}

// CreateAll is WriteAll for files of which none may be there.
func CreateAll(files ...File) error { return putAll(files, nobody, (*staged).create) }

// putAll stages the files, and then puts each into its place.
func putAll(files []File, owner Owner, put func(s *staged, last bool) error) error {
	var all []*staged
	defer func() {
		for _, s := range all {
			s.discard()
		}
	}()
	for _, file := range files {
		s, err := stage(file, owner)
		if err != nil {
			return failed(file.Path, err)
		}
		all = append(all, s)
	}
	if err := placeAll(all, put); err != nil {
		return err
	}
	for _, file := range files {
		if err := syncFolder(filepath.Dir(file.Path)); err != nil {
			return failed(file.Path, err)
		}
		tidy(file.Path)
	}
	return nil
}

// placeAll puts the files into their places, and does nothing else, so that it takes
// no time. Of two programs that write the same files one waits for the other.
func placeAll(all []*staged, put func(s *staged, last bool) error) error {
	if len(all) > 1 {
		defer takeTurns(filepath.Dir(all[0].Path))()
	}
	for i, s := range all {
		if err := put(s, i == len(all)-1); err != nil {
			for _, before := range slices.Backward(all[:i]) {
				before.undo()
			}
			return failed(s.Path, err)
		}
	}
	return nil
}

// failed names the file that could not be written, in the place of the temporary
// one that the system's error is about.
func failed(path string, err error) error {
	var at *fs.PathError
	var between *os.LinkError
	switch {
	case errors.As(err, &at):
		err = at.Err
	case errors.As(err, &between):
		err = between.Err
	}
	return &fs.PathError{Op: "write", Path: path, Err: err}
}

// staged is a file that is whole, beside its place.
type staged struct {
	File
	temporary *os.File // held, so that nobody takes it for a dead program's
	old       string   // the second name of what was there; "" if nothing was, or nobody needs it
	oldHeld   *os.File // the same, held
}

// stage makes the whole file beside its place.
func stage(file File, owner Owner) (_ *staged, err error) {
	folder := filepath.Dir(file.Path)
	if err := makeFolder(folder); err != nil {
		return nil, err
	}
	temporary, err := createHeld(file.Path)
	if err != nil {
		return nil, err
	}
	s := &staged{File: file, temporary: temporary}
	defer func() {
		if err != nil {
			s.discard()
		}
	}()
	if owner != nobody {
		if err := temporary.Chown(owner.UID, owner.GID); err != nil {
			return nil, err
		}
	}
	if err := temporary.Chmod(file.Mode); err != nil {
		return nil, err
	}
	if _, err := temporary.Write(file.Data); err != nil {
		return nil, err
	}
	if err := temporary.Sync(); err != nil {
		return nil, err
	}
	if !holding { // such systems rename no open file
		return s, temporary.Close()
	}
	return s, nil
}

// replace puts the file into its place. Unless it is the last one, what was there
// is kept until all are in theirs.
func (s *staged) replace(last bool) error {
	if !last {
		if err := s.keepOld(); err != nil {
			return err
		}
	}
	return os.Rename(s.temporary.Name(), s.Path)
}

// keepOld gives what is in the file's place a second name. Where there are no hard
// links it moves there, and for a moment nothing is in the place.
func (s *staged) keepOld() error {
	if info, err := os.Lstat(s.Path); err != nil || info.IsDir() {
		return nil // nothing to keep, or what renaming is going to refuse
	}
	name := strings.TrimSuffix(s.temporary.Name(), newEnding) + oldEnding
	if os.Link(s.Path, name) != nil {
		if err := os.Rename(s.Path, name); err != nil {
			return err
		}
	}
	s.old, s.oldHeld = name, hold(name)
	return nil
}

// create puts the file into its place if nothing is there.
func (s *staged) create(bool) error {
	err := os.Link(s.temporary.Name(), s.Path)
	switch {
	case err == nil:
		return os.Remove(s.temporary.Name())
	case errors.Is(err, fs.ErrExist):
		return err
	}
	// A file system without hard links: as well as can be.
	if _, err := os.Lstat(s.Path); !errors.Is(err, fs.ErrNotExist) {
		return fs.ErrExist
	}
	return os.Rename(s.temporary.Name(), s.Path)
}

// undo takes the file out of its place, and puts back what was there.
func (s *staged) undo() {
	if s.old != "" {
		os.Rename(s.old, s.Path)
	} else {
		os.Remove(s.Path)
	}
	syncFolder(filepath.Dir(s.Path))
}

// discard removes what stands beside the place, and lets go of it.
func (s *staged) discard() {
	os.Remove(s.temporary.Name())
	s.temporary.Close()
	if s.old != "" {
		os.Remove(s.old)
		s.oldHeld.Close()
	}
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
