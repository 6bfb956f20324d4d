package audit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/signet-tls/signet/tlog"
)

// maxFresh bounds the bytes of entries that are in the journal and in memory,
// because they are in no tile yet.
const maxFresh = 16 << 20

// publisher writes tiles.
type publisher struct {
	mu     sync.Mutex
	tree   *tlog.Tree // guarded by mu; what is in tiles
	bundle []byte     // guarded by mu; entries of the last bundle, if it is not full
	todo   [][]byte   // guarded by mu; entries behind the tree that no tile has, taken from fresh
	signed []byte     // guarded by mu; the checkpoint with todo
}

// load takes up where the tiles end. The caller is alone.
func (p *publisher) load(l *Log) error {
	p.tree = l.tree.Clone()
	width := int(p.tree.Size() % tlog.TileWidth)
	if width == 0 {
		return nil
	}
	path := tlog.Path(tlog.Entries, p.tree.Size()/tlog.TileWidth, width)
	data, err := l.read(path)
	if err != nil {
		return l.damaged("%s: %v", path, err)
	}
	entries, err := tlog.ParseBundle(data, width)
	if err != nil {
		return l.damaged("%s: %v", path, err)
	}
	hashes := p.tree.Partial()[0].Hashes
	for i, entry := range entries {
		if tlog.LeafHash(entry) != hashes[i] {
			return l.damaged("entry %d in %s is not as it was written", p.tree.Size()-int64(width-i), path)
		}
	}
	p.bundle = data
	return nil
}

// publish writes the tiles and the checkpoint of all that is durable, and
// removes the journal before it.
func (l *Log) publish() error {
	p := &l.publisher
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.write(l); err != nil {
		return err
	}
	l.turn <- struct{}{}
	err := l.handOver()
	l.yield()
	if err != nil {
		return err
	}
	return p.write(l)
}

// handOver gives the fresh entries to the publisher, whose todo is empty, and
// begins a new segment of the journal. The caller has the turn and p.mu.
func (l *Log) handOver() error {
	if l.segment != nil && len(l.fresh) == 0 || l.torn || l.closed {
		return nil
	}
	name := segmentName(l.tree.Size())
	if err := l.put(name, nil); err != nil {
		return err
	}
	segment, err := os.OpenFile(filepath.Join(l.dir, name), os.O_RDWR, 0)
	if err != nil {
		return l.unwritable(err)
	}
	l.release()
	l.segment, l.end = segment, 0
	l.publisher.todo, l.publisher.signed = append([][]byte{}, l.fresh...), l.signed // never nil: what is left to do
	l.fresh = nil
	l.freshLen.Store(0)
	return nil
}

// write puts todo into tiles. If it fails, the same is done again next time.
func (p *publisher) write(l *Log) error {
	if p.todo == nil {
		return nil
	}
	tree, bundle := p.tree.Clone(), slices.Clone(p.bundle)
	for _, entry := range p.todo {
		n := tree.Size() / tlog.TileWidth
		var err error
		if bundle, err = tlog.AppendEntry(bundle, entry); err != nil {
			return err
		}
		full := tree.Add(tlog.LeafHash(entry))
		if len(full) == 0 {
			continue
		}
		if err := l.put(tlog.Path(tlog.Entries, n, tlog.TileWidth), bundle); err != nil {
			return err
		}
		bundle = nil
		if err := l.putTiles(full); err != nil {
			return err
		}
	}
	if width := int(tree.Size() % tlog.TileWidth); width > 0 {
		if err := l.put(tlog.Path(tlog.Entries, tree.Size()/tlog.TileWidth, width), bundle); err != nil {
			return err
		}
	}
	if err := l.putTiles(tree.Partial()); err != nil {
		return err
	}
	if err := l.put(checkpointFile, p.signed); err != nil {
		return err
	}
	old := p.tree
	p.tree, p.bundle, p.todo = tree, bundle, nil
	return l.tidy(old, tree)
}

func (l *Log) putTiles(tiles []tlog.Tile) error {
	for _, tile := range tiles {
		if err := l.put(tile.Path(), tile.Data()); err != nil {
			return err
		}
	}
	return nil
}

// tidy removes what the new tiles stand in place of: partial tiles, and the
// journal before them.
func (l *Log) tidy(old, now *tlog.Tree) error {
	var gone []string
	if width := int(old.Size() % tlog.TileWidth); width > 0 {
		gone = append(gone, tlog.Path(tlog.Entries, old.Size()/tlog.TileWidth, width))
	}
	for _, tile := range old.Partial() {
		gone = append(gone, tile.Path())
	}
	if width := int(now.Size() % tlog.TileWidth); width > 0 {
		gone = slices.DeleteFunc(gone, func(path string) bool {
			return path == tlog.Path(tlog.Entries, now.Size()/tlog.TileWidth, width)
		})
	}
	for _, tile := range now.Partial() {
		gone = slices.DeleteFunc(gone, func(path string) bool { return path == tile.Path() })
	}
	segments, err := l.segments()
	if err != nil {
		return err
	}
	for _, first := range segments {
		if first < now.Size() {
			gone = append(gone, segmentName(first))
		}
	}
	for _, path := range gone {
		if err := os.Remove(filepath.Join(l.dir, path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return l.unwritable(err)
		}
		os.Remove(filepath.Join(l.dir, filepath.Dir(path))) // which holds other widths, or is empty now
	}
	return nil
}
