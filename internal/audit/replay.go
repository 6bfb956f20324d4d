package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/tlog"
)

// maxFile bounds a file of the log: a full bundle has 16 MiB, and a segment of
// the journal what is fresh and one block more.
const maxFile = maxFresh + 2*maxBlock

// replay takes in the entries of the journal. They become fresh again, so that
// they are written into tiles next.
func (l *Log) replay() error {
	segments, err := l.segments()
	if err != nil {
		return err
	}
	for i, first := range segments {
		name := segmentName(first)
		data, err := l.read(name)
		if err != nil {
			return l.unreadable(err)
		}
		if err := l.replaySegment(data, name, i == len(segments)-1); err != nil {
			return err
		}
	}
	c, err := l.verifier.Open(l.signed)
	if err != nil || c.Size != l.tree.Size() || c.Root != l.tree.Root() {
		return l.damaged("the last checkpoint in %s is not that of its entries", journalFolder)
	}
	return nil
}

func (l *Log) replaySegment(data []byte, name string, last bool) error {
	for at := 0; at < len(data); {
		b, rest, err := cutBlock(data[at:], int64(at))
		if errors.Is(err, errTorn) && last {
			return nil // nobody was told of it
		}
		if err != nil {
			return l.damaged("%s at byte %d: %v", name, at, err)
		}
		at = len(data) - len(rest)
		if b.first > l.tree.Size() {
			return l.damaged("%s goes on at entry %d, and entry %d is missing", name, b.first, l.tree.Size())
		}
		if b.first+int64(len(b.entries)) <= l.tree.Size() {
			continue // it is in tiles
		}
		if b.first < l.tree.Size() {
			return l.damaged("%s has a block from entry %d on, in whose midst the tiles end", name, b.first)
		}
		for _, entry := range b.entries {
			l.tree.Add(tlog.LeafHash(entry))
			l.fresh = append(l.fresh, bytes.Clone(entry))
			l.freshLen.Add(int64(len(entry) + 2))
		}
		l.signed = bytes.Clone(b.signed)
	}
	return nil
}

// segments lists the files of the journal by their first entries, in order.
func (l *Log) segments() (firsts []int64, err error) {
	entries, err := os.ReadDir(filepath.Join(l.dir, journalFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, l.unreadable(err)
	}
	for _, entry := range entries {
		if leftover(entry.Name()) {
			continue
		}
		first, ok := parseSegmentName(journalFolder + "/" + entry.Name())
		if !ok {
			return nil, l.damaged("%s/%s is no part of it", journalFolder, fault.Printable(entry.Name(), 100))
		}
		firsts = append(firsts, first)
	}
	slices.Sort(firsts)
	return firsts, nil
}

// Entries gives the entries from a number on, as far as they are in tiles.
func (l *Log) Entries(from int64, each func(Entry)) error {
	l.publisher.mu.Lock()
	defer l.publisher.mu.Unlock()
	size := l.publisher.tree.Size()
	for n := max(from, 0) / tlog.TileWidth; n*tlog.TileWidth < size; n++ {
		width := int(min(size-n*tlog.TileWidth, tlog.TileWidth))
		path := tlog.Path(tlog.Entries, n, width)
		data, err := l.read(path)
		if err != nil {
			return l.unreadable(err)
		}
		all, err := tlog.ParseBundle(data, width)
		if err != nil {
			return l.damaged("%s: %v", path, err)
		}
		for i, raw := range all {
			if n*tlog.TileWidth+int64(i) < from {
				continue
			}
			entry, err := decode(raw)
			if err != nil {
				return l.damaged("entry %d in %s: %v", n*tlog.TileWidth+int64(i), path, err)
			}
			each(entry)
		}
	}
	return nil
}

// read returns the content of a file of the log.
func (l *Log) read(path string) ([]byte, error) {
	file, err := os.Open(filepath.Join(l.dir, path))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return data, err
}

// put writes a file of the log, durably.
func (l *Log) put(path string, data []byte) error {
	if err := atomicfile.Write(filepath.Join(l.dir, path), data, atomicfile.Private); err != nil {
		return l.unwritable(err)
	}
	return nil
}

const verifyHint = "signet audit verify     # finds what is damaged, and where"

func (l *Log) damaged(format string, args ...any) error {
	return fault.New(Damaged, "the audit log in %s is damaged: %s", l.dir, fmt.Sprintf(format, args...)).WithHint("signet audit verify %s     # finds what is damaged, and where", l.dir)
}

func (l *Log) unreadable(err error) error {
	return fault.Wrap(cause(err), Unreadable, "the audit log in %s cannot be read", l.dir).WithHint("run Signet as the folder's owner")
}

func (l *Log) unwritable(err error) error {
	return fault.Wrap(cause(err), Unwritable, "the audit log in %s cannot be written", l.dir).
		WithHint("free some space on its disk, and make it writable for this user; nothing has to be started anew")
}

// cause leaves out the operation and the path, which the message has.
func cause(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return at.Err
	}
	return err
}
