package fetch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-tls/signet/internal/atomicfile"
)

// store is a folder of entries: a file each, named by its key. A file is an entry
// only if the digest at its head is that of its key, its end and its data; any
// other is taken for absent, whatever has happened to it.
type store struct {
	dir  string
	most int64 // bytes
	log  *slog.Logger

	mu   sync.Mutex
	size int64 // about what is there; guarded by mu
}

// The head of an entry: a digest of all that follows, and until when it counts, in
// seconds since 1970.
const (
	sumSize  = sha256.Size
	headSize = sumSize + 8
)

// block is what a small file takes of a disk.
const block = 4096

func (s *store) path(k key) string { return filepath.Join(s.dir, hex.EncodeToString(k[:])) }

func sum(k key, entry []byte) []byte {
	h := sha256.New()
	h.Write(k[:])
	h.Write(entry[sumSize:])
	return h.Sum(nil)
}

// get returns what is kept under a key and counts now, or nil.
func (s *store) get(k key, bound int, now time.Time) []byte {
	if s == nil {
		return nil
	}
	info, err := os.Stat(s.path(k))
	if err != nil || info.Size() < headSize || info.Size() > int64(headSize+bound) {
		return nil
	}
	entry, err := os.ReadFile(s.path(k))
	if err != nil || len(entry) < headSize || string(sum(k, entry)) != string(entry[:sumSize]) {
		return nil
	}
	if now.Unix() >= int64(binary.BigEndian.Uint64(entry[sumSize:])) {
		return nil
	}
	return entry[headSize:]
}

// put keeps an entry, whose head it fills in, until it is out of date. One that
// cannot be kept is only logged: the answer itself is there.
func (s *store) put(k key, entry []byte, until, now time.Time) {
	if s == nil || !until.After(now) || int64(len(entry)) > s.most {
		return
	}
	binary.BigEndian.PutUint64(entry[sumSize:], uint64(until.Unix()))
	copy(entry, sum(k, entry))
	if err := atomicfile.Write(s.path(k), entry, atomicfile.Private); err != nil {
		s.log.Warn("an answer cannot be kept", slog.Any("error", err))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size += onDisk(int64(len(entry))); s.size > s.most {
		s.trim(now)
	}
}

func onDisk(size int64) int64 { return max(size, block) }

// abandoned is the age from which a file that is not whole is nobody's any more: of
// a process that was killed.
const abandoned = time.Hour

// trim counts what is there, and removes the oldest until a tenth is free. It is
// called with mu held.
func (s *store) trim(now time.Time) {
	var entries []fs.FileInfo
	s.size = 0
	files, err := os.ReadDir(s.dir)
	if err != nil {
		s.log.Warn("the kept answers cannot be listed", slog.Any("error", err))
	}
	for _, file := range files {
		info, err := file.Info()
		switch {
		case err != nil || !info.Mode().IsRegular(): // removed by another, or none of ours
		case isEntry(info.Name()):
			entries = append(entries, info)
			s.size += onDisk(info.Size())
		case isTemporary(info.Name()) && time.Since(info.ModTime()) > abandoned:
			s.remove(info.Name())
		}
	}
	slices.SortFunc(entries, func(a, b fs.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for len(entries) > 1 && s.size > s.most-s.most/10 {
		s.remove(entries[0].Name())
		s.size -= onDisk(entries[0].Size())
		entries = entries[1:]
	}
}

// isEntry reports whether a file has a name that entries have.
func isEntry(name string) bool {
	digest, err := hex.DecodeString(name)
	return err == nil && len(digest) == sha256.Size
}

// isTemporary reports whether a file has the name of an entry that is not whole
// yet, as package atomicfile gives it.
func isTemporary(name string) bool {
	entry, _, found := strings.Cut(strings.TrimPrefix(name, "."), ".")
	return found && strings.HasPrefix(name, ".") && isEntry(entry)
}

func (s *store) remove(name string) {
	if err := os.Remove(filepath.Join(s.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.LogAttrs(context.Background(), slog.LevelWarn, "a kept answer cannot be removed", slog.Any("error", err))
	}
}
