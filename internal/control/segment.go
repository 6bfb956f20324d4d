package control

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.etcd.io/etcd/server/v3/storage/wal"
)

const (
	sector      = 512       // the least that a disk writes whole
	window      = 256 << 10 // how much of a file is read at a time
	maxRecord   = 16 << 20  // four times the largest change
	maxHead     = 64        // more than a record's fields before its data take
	wordBytes   = 8
	lengthBits  = 56
	paddingFlag = 0x80
)

// segment is one file of the write-ahead log: frames of a length word, a
// record and padding to eight bytes. The newest file ends in zeros, allocated
// ahead; the older ones end with their last frame.
type segment struct {
	path       string
	seq, index uint64 // from its name; index is its first entry's
	r          io.ReaderAt
	size       int64

	buf   []byte // the bytes at bufAt
	bufAt int64
}

// openSegments opens a log's files, oldest first. It deletes *.tmp, which a
// killed process may have left half written and etcd would take for empty.
func openSegments(dir string) (segments []*segment, err error) {
	entries, err := os.ReadDir(dir) // sorted by name, hence by sequence
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unreadable(dir, err)
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if strings.HasSuffix(entry.Name(), ".tmp") {
			if err := os.Remove(path); err != nil {
				return segments, notWritable(dir, err)
			}
		}
		s := &segment{path: path}
		if _, err := fmt.Sscanf(entry.Name(), "%016x-%016x.wal", &s.seq, &s.index); err != nil || filepath.Ext(path) != ".wal" {
			continue // etcd does not read it either
		}
		if before := len(segments) - 1; before >= 0 && s.seq != segments[before].seq+1 {
			return segments, damaged(WALDamaged, dir, "the file before %s is missing", entry.Name())
		}
		file, err := os.Open(path)
		if err != nil {
			return segments, unreadable(path, err)
		}
		s.r = file
		segments = append(segments, s)
		if s.size, err = file.Seek(0, io.SeekEnd); err != nil {
			return segments, unreadable(path, err)
		}
	}
	if len(segments) == 0 {
		return nil, damaged(WALMissing, dir, "the write-ahead log is gone")
	}
	return segments, nil
}

func closeSegments(segments []*segment) {
	for _, s := range segments {
		s.r.(io.Closer).Close()
	}
}

// read returns n bytes at off, valid until the next call; the file has them.
func (s *segment) read(off, n int64) ([]byte, error) {
	if off < s.bufAt || off+n > s.bufAt+int64(len(s.buf)) {
		size := min(max(n, window), s.size-off)
		s.buf, s.bufAt = slices.Grow(s.buf[:0], int(size))[:size], off
		if _, err := s.r.ReadAt(s.buf, off); err != nil && !errors.Is(err, io.EOF) {
			s.buf = nil
			return nil, err
		}
	}
	return s.buf[off-s.bufAt:][:n], nil
}

// frame returns the record at off and where the next frame begins, or no
// record where the file or its used part ends.
func (s *segment) frame(off int64) (body []byte, next int64, err error) {
	if off == s.size {
		return nil, off, nil
	}
	length, padding, err := s.length(off)
	if err != nil || length == 0 {
		return nil, off, err
	}
	next = off + wordBytes + length + padding
	if next > s.size {
		return nil, off, errors.New("a record is longer than the rest of the file")
	}
	b, err := s.read(off+wordBytes, length+padding)
	if err != nil {
		return nil, off, err
	}
	if !isZero(b[length:]) {
		return nil, off, errors.New("the padding is not zero")
	}
	return b[:length], next, nil
}

// length reads the length word at off: 56 bits of length, and eight that say
// how much padding follows from it.
func (s *segment) length(off int64) (length, padding int64, err error) {
	if s.size-off < wordBytes {
		return 0, 0, errors.New("the file ends within a length")
	}
	b, err := s.read(off, wordBytes)
	if err != nil {
		return 0, 0, err
	}
	word := binary.LittleEndian.Uint64(b)
	length = int64(word & (1<<lengthBits - 1))
	padding = -length & (wordBytes - 1)
	flags := uint64(0)
	if padding > 0 {
		flags = paddingFlag | uint64(padding)
	}
	if word>>lengthBits != flags || length > maxRecord {
		return 0, 0, fmt.Errorf("%016x is not a record's length", word)
	}
	return length, padding, nil
}

// end returns the offset after the last byte from off on that is not zero, or
// off if there is none.
func (s *segment) end(off int64) (int64, error) {
	end := off
	for off < s.size {
		n := min(window, s.size-off)
		b, err := s.read(off, n)
		if err != nil {
			return 0, err
		}
		if !isZero(b) {
			end = off + int64(len(bytes.TrimRight(b, "\x00")))
		}
		off += n
	}
	return end, nil
}

// errTorn says that a record was cut off while it was being written.
var errTorn = errors.New("the last record breaks off")

// torn returns errTorn if what stands at off is a record of which only the
// beginning reached the disk: a process that is killed, or a machine that
// stops, leaves whole sectors of it and then zeros up to the file's end.
// Nobody was told of such a record. Anything else is damage, for which torn
// returns cause; among it is a length or an inner length that was changed, as
// the two no longer agree.
//
// A machine that lost power may also have written a later sector and not an
// earlier one; that is refused, since damage looks the same.
//
// One case cannot be told apart: a single byte that was set to zero, where it
// is the only one that the very last record has in its last sector. It counts
// as torn; checkFiles notices if the database, which follows the log within
// 100 ms, holds the entry already.
func (s *segment) torn(off int64, cause error) error {
	length, _, err := s.length(off)
	if err != nil {
		return cause
	}
	end, err := s.end(off)
	if err != nil {
		return err
	}
	start, stop := off+wordBytes, off+wordBytes+length
	written := (max(end, start) + sector - 1) / sector * sector
	if written >= stop && s.size >= stop {
		return cause // all of it was written
	}
	b, err := s.read(start, min(written-start, s.size-start, maxHead))
	if err != nil {
		return err
	}
	h, err := parseHead(b)
	switch {
	case errors.Is(err, errShort):
		return errTorn
	case err != nil || h.size != length || h.kind < wal.EntryType || h.kind > wal.SnapshotType:
		return cause
	}
	return errTorn
}

// wipe sets all bytes from off on to zero.
func (s *segment) wipe(off int64) error {
	end, err := s.end(off)
	if err != nil {
		return unreadable(s.path, err)
	}
	file, err := os.OpenFile(s.path, os.O_WRONLY, 0)
	if err != nil {
		return notWritable(s.path, err)
	}
	_, err = file.WriteAt(make([]byte, end-off), off)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return notWritable(s.path, err)
	}
	return nil
}

func isZero(b []byte) bool {
	return len(b) == 0 || b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1])
}
