package audit

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/signet-tls/signet/tlog"
)

// check builds the tree anew from the entries, and compares it with every file.
func (c *checker) check() error {
	c.tree, c.written, c.edge = new(tlog.Tree), map[string]bool{}, map[[2]int64][]tlog.Hash{}
	c.keep = c.last.Size / tlog.TileWidth * tlog.TileWidth
	if len(c.blocks) > 0 {
		c.keep = min(c.keep, c.blocks[0].first)
	}
	c.compareHeads()
	for n := int64(0); n*tlog.TileWidth < c.last.Size; n++ {
		err := c.bundle(n)
		if errors.Is(err, errUntellable) {
			return nil // it stands in the report
		}
		if err != nil {
			return err
		}
	}
	for _, tile := range c.tree.Partial() {
		if err := c.tile(tile); err != nil {
			return err
		}
	}
	c.journal()
	c.report.Size = c.tree.Size()
	c.report.Head = base64Of(c.tree.Root())
	if since := c.report.Since; since != nil && *since > c.report.Size {
		c.problem(Truncated, "", c.report.Size, "", "the log ends at entry %d, and the checkpoint that was kept has %d more", c.report.Size, *since-c.report.Size)
	}
	for _, tile := range c.tree.Partial() {
		c.edge[[2]int64{int64(tile.Level), tile.N}] = tile.Hashes
	}
	return c.others()
}

// errUntellable ends the comparison: the tree cannot be built any further.
var errUntellable = errors.New("neither the entries nor their hashes can be read")

// add takes in the hash of the next entry. Tiles that it makes full are
// compared with their files, or kept for files that are ahead of the checkpoint.
func (c *checker) add(leaf tlog.Hash, raw []byte) error {
	if c.tree.Size() >= c.keep {
		c.hashes, c.raws = append(c.hashes, leaf), append(c.raws, raw)
	}
	full := c.tree.Add(leaf)
	ahead := c.tree.Size() > c.last.Size
	for _, tile := range full {
		if ahead {
			c.edge[[2]int64{int64(tile.Level), tile.N}] = tile.Hashes
			continue
		}
		if err := c.tile(tile); err != nil {
			return err
		}
	}
	c.compareHeads()
	return nil
}

// compareHeads holds the tree against the checkpoints of its present size.
func (c *checker) compareHeads() {
	for _, head := range c.heads[c.tree.Size()] {
		root := c.tree.Root()
		switch {
		case root == head.root:
		case head.file == "":
			c.problem(Forked, "", c.tree.Size()-1, base64Of(head.root), "up to here the log is not what the checkpoint that was kept has signed: an entry was changed, here or before")
		default:
			c.problem(Damaged, head.file, c.tree.Size()-1, base64Of(root), "its checkpoint of %d entries is not theirs", c.tree.Size())
		}
	}
}

// bundle takes in the entries of one bundle. Where they are not those of the
// tile, what is above both says which of the two was changed.
func (c *checker) bundle(n int64) error {
	width := c.width(0, n)
	place, tilePlace := tlog.Path(tlog.Entries, n, width), tlog.Path(0, n, width)
	c.written[place] = true
	data, err := c.read(place)
	if err != nil {
		return err
	}
	entries, broken := tlog.ParseBundle(data, width)
	var fromEntries []tlog.Hash
	for _, entry := range entries {
		fromEntries = append(fromEntries, tlog.LeafHash(entry))
	}
	data, err = c.read(tilePlace)
	if err != nil {
		return err
	}
	fromTile, _ := tlog.ParseTile(data, width)
	believed := fromEntries
	if broken != nil || !slices.Equal(fromEntries, fromTile) && fromTile != nil && c.vouched(n, fromTile) {
		if believed = fromTile; believed == nil {
			c.problem(Damaged, place, n*tlog.TileWidth, "", "its entries cannot be read, and neither can their hashes in %s", tilePlace)
			return errUntellable
		}
		c.badEntry(place, n*tlog.TileWidth, entries, fromEntries, fromTile)
	}
	for i, leaf := range believed {
		var raw []byte
		if i < len(entries) && fromEntries[i] == leaf {
			raw = entries[i]
		}
		if err := c.add(leaf, raw); err != nil {
			return err
		}
	}
	return nil
}

// badEntry places the first entry of a bundle that is not what was logged.
func (c *checker) badEntry(place string, first int64, entries [][]byte, have, want []tlog.Hash) {
	i := 0
	for i < len(have) && i < len(want) && have[i] == want[i] {
		i++
	}
	entry := first + int64(i)
	switch {
	case len(entries) == 0:
		c.problem(Damaged, place, entry, fmt.Sprintf("entries %d to %d", first, first+int64(len(want))-1), "it is missing, or begins with something else")
	case i == len(want):
		c.problem(Damaged, place, entry-1, "", "there is something behind the last of its entries")
	case i == len(have):
		c.problem(Damaged, place, entry, "an entry with the hash "+base64Of(want[i]), "entry %d is missing or breaks off", entry)
	default:
		c.problem(Damaged, place, entry, "an entry with the hash "+base64Of(want[i]), "entry %d is not the one that was logged", entry)
	}
}

// vouched reports whether the tile above, or the checkpoint, knows these hashes
// as those of tile n of the lowest level.
func (c *checker) vouched(n int64, hashes []tlog.Hash) bool {
	if len(hashes) < tlog.TileWidth {
		tree := c.tree.Clone()
		for _, hash := range hashes {
			tree.Add(hash)
		}
		return tree.Root() == c.last.Root
	}
	above := n / tlog.TileWidth
	data, err := c.read(tlog.Path(1, above, c.width(1, above)))
	if err != nil {
		return false
	}
	roots, err := tlog.ParseTile(data, c.width(1, above))
	return err == nil && roots[n%tlog.TileWidth] == tlog.Tile{Hashes: hashes}.Root()
}

// width returns how many hashes tile n of a level has in the checkpoint's tree.
func (c *checker) width(level int, n int64) int {
	return int(min(c.last.Size>>(8*level)-n*tlog.TileWidth, tlog.TileWidth))
}

// tile compares a tile with its file.
func (c *checker) tile(tile tlog.Tile) error {
	place := tile.Path()
	c.written[place] = true
	have, err := c.read(place)
	if err != nil {
		return err
	}
	c.compareTile(place, tile, have)
	return nil
}

func (c *checker) compareTile(place string, tile tlog.Tile, have []byte) {
	want := tile.Data()
	if bytes.Equal(have, want) {
		return
	}
	i := 0
	for i < len(have) && i < len(want) && have[i] == want[i] {
		i++
	}
	i = min(i/len(tlog.Hash{}), len(tile.Hashes)-1)
	entry := (tile.N*tlog.TileWidth + int64(i)) << (8 * tile.Level)
	what := fmt.Sprintf("hash %d of this tile, of entry %d and on, is not theirs", i, entry)
	if len(have) == 0 {
		what = "this tile is missing"
	}
	c.problem(Damaged, place, entry, base64Of(tile.Hashes[i]), "%s", what)
}

// journal takes in what is behind the checkpoint, and compares what is before
// it.
func (c *checker) journal() {
	for _, b := range c.blocks {
		if b.first > c.tree.Size() {
			c.problem(Damaged, b.file, c.tree.Size(), "", "at byte %d the journal goes on with entry %d: those before it are missing", b.at, b.first)
			return
		}
		for i, entry := range b.entries {
			n, leaf := b.first+int64(i), tlog.LeafHash(entry)
			switch {
			case n == c.tree.Size():
				c.add(leaf, entry) // it is ahead of the checkpoint, so that no file is read
			case c.hashes[n-c.keep] != leaf:
				c.problem(Damaged, b.file, n, "an entry with the hash "+base64Of(c.hashes[n-c.keep]), "entry %d, in the block at byte %d, is not the one that was logged", n, b.at)
				return
			}
		}
	}
}

// others looks at the files that no tree of the checkpoint's size has: tiles
// that have grown since, and those that a crash left ahead of it.
func (c *checker) others() error {
	return fs.WalkDir(c.log, ".", func(place string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // it went away, or stands in the report as missing
		}
		if entry.IsDir() || c.written[place] || leftover(place) || place == checkpointFile || place == verifierFile || path.Dir(place) == journalFolder {
			return nil
		}
		level, n, width, err := tlog.ParsePath(place)
		if err != nil {
			c.problem(Damaged, place, -1, "", "it is no part of the log")
			return nil
		}
		have, err := c.read(place)
		if err != nil {
			return err
		}
		if level == tlog.Entries {
			c.otherBundle(place, n, width, have)
			return nil
		}
		hashes := c.edge[[2]int64{int64(level), n}]
		if len(hashes) < width {
			data, err := c.read(tlog.Path(level, n, tlog.TileWidth))
			if err != nil {
				return err
			}
			if hashes, err = tlog.ParseTile(data, tlog.TileWidth); err != nil {
				c.problem(Damaged, place, -1, "", "there are no %d hashes at this place", width)
				return nil
			}
		}
		c.compareTile(place, tlog.Tile{Level: level, N: n, Hashes: hashes[:width]}, have)
		return nil
	})
}

// otherBundle compares a bundle with the entries that it is about.
func (c *checker) otherBundle(place string, n int64, width int, have []byte) {
	first := n * tlog.TileWidth
	var want []byte
	if first >= c.keep {
		for i := first - c.keep; i < min(first-c.keep+int64(width), int64(len(c.raws))); i++ {
			want, _ = tlog.AppendEntry(want, c.raws[i]) // it came out of a bundle
		}
	} else if full, err := c.read(tlog.Path(tlog.Entries, n, tlog.TileWidth)); err == nil && len(have) <= len(full) {
		want = full[:len(have)]
	}
	entries, err := tlog.ParseBundle(have, width)
	if err != nil || !bytes.Equal(have, want) {
		c.problem(Damaged, place, first, "", "its %d entries are not those of the log", max(width, len(entries)))
	}
}

// leftover reports whether a file is what a kill left of writing another.
func leftover(place string) bool {
	name := path.Base(place)
	return strings.HasPrefix(name, ".") && (strings.HasSuffix(name, ".new") || strings.HasSuffix(name, ".old"))
}

func base64Of(hash tlog.Hash) string { return base64.StdEncoding.EncodeToString(hash[:]) }
