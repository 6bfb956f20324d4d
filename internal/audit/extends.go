package audit

import (
	"errors"
	"io/fs"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/tlog"
)

// Head returns how many entries are durable, and the root over them.
func (l *Log) Head() (size int64, root string) {
	l.turn <- struct{}{}
	defer l.yield()
	return l.tree.Size(), l.tree.Root().String()
}

// Extends reports whether the log goes on from what was remembered of it; the error
// names both.
func (l *Log) Extends(size int64, root string) error {
	if err := l.publish(); err != nil { // what is compared is in the tiles
		return err
	}
	have, top := l.Head()
	if have < size {
		return fault.New(Truncated, "the audit log in %s has %d entries, with the root %s; the store remembers %d, with the root %s", l.dir, have, top, size, root).
			WithHint("bring the newer log back: an older copy was put in its place, or its end was cut off\nsignet authority serve --accept-log      # goes on without what is missing, and records that")
	}
	earlier, err := tlog.Load(size, func(path string) ([]byte, error) { return l.tile(path, have) })
	if err != nil {
		return l.damaged("the tiles of its first %d entries: %s", size, fault.Text(err))
	}
	if was := earlier.Root().String(); was != root {
		return fault.New(Forked, "the first %d entries of the audit log in %s have the root %s; the store remembers %s", size, l.dir, was, root).
			WithHint("do not trust this log: it was made anew; bring the right one back\nsignet authority serve --accept-log      # goes on with it, and records that")
	}
	return nil
}

// tile reads a tile of an earlier tree, which has grown since.
func (l *Log) tile(path string, size int64) ([]byte, error) {
	data, err := l.read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	level, n, width, err := tlog.ParsePath(path)
	if err != nil {
		return nil, err
	}
	for range level {
		size /= tlog.TileWidth
	}
	data, err = l.read(tlog.Path(level, n, int(min(size-n*tlog.TileWidth, tlog.TileWidth))))
	if err != nil {
		return nil, err
	}
	const hash = len(tlog.Hash{})
	return data[:min(len(data), width*hash)], nil
}
