// Package tlog is the arithmetic of a Merkle log in the form of C2SP's
// tlog-tiles (https://c2sp.org/tlog-tiles): tree heads, tiles, bundles of
// entries and signed checkpoints. It opens no file and no socket.
//
// Hashes are those of RFC 6962, section 2.1. Proofs of inclusion and of
// consistency are golang.org/x/mod/sumdb/tlog's: its ProveRecord and ProveTree
// read the tiles that are written here.
package tlog

import (
	"crypto/sha256"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is a node of the tree.
type Hash = tlog.Hash

// TileWidth is how many hashes, or entries, a full tile has.
const TileWidth = 256

// tileHeight is its logarithm, the number of the tree's levels in a tile.
const tileHeight = 8

// LeafHash returns the hash of an entry.
func LeafHash(entry []byte) Hash { return tlog.RecordHash(entry) }

// Tree is the right edge of a tree: what is needed to go on, and no more. The
// zero value is the empty tree. It is not safe for concurrent use.
type Tree struct {
	size    int64
	perfect []Hash   // the roots of its perfect subtrees, largest first: one for each bit of size
	edge    [][]Hash // by level, the hashes of the tile that is not yet full
	tiles   []int64  // by level, how many full tiles are before it
}

// Size returns the number of leaves.
func (t *Tree) Size() int64 { return t.size }

// Clone returns a tree that grows on its own.
func (t *Tree) Clone() *Tree {
	clone := &Tree{t.size, slices.Clone(t.perfect), slices.Clone(t.edge), slices.Clone(t.tiles)}
	for level, hashes := range clone.edge {
		clone.edge[level] = append(make([]Hash, 0, TileWidth), hashes...)
	}
	return clone
}

// Add adds a leaf, and returns the tiles that it made full, lowest first.
func (t *Tree) Add(leaf Hash) (full []Tile) {
	root := leaf // of the subtree that the leaf makes perfect
	for height := 0; ; height++ {
		if height%tileHeight == 0 {
			full = t.put(full, height/tileHeight, root)
		}
		if t.size>>height&1 == 0 {
			break
		}
		last := len(t.perfect) - 1
		root, t.perfect = tlog.NodeHash(t.perfect[last], root), t.perfect[:last]
	}
	t.perfect = append(t.perfect, root)
	t.size++
	return full
}

// put adds a hash to the right edge, and the tile that it makes full to others.
func (t *Tree) put(full []Tile, level int, hash Hash) []Tile {
	if level == len(t.edge) {
		t.edge, t.tiles = append(t.edge, nil), append(t.tiles, 0)
	}
	t.edge[level] = append(t.edge[level], hash)
	if len(t.edge[level]) < TileWidth {
		return full
	}
	full = append(full, Tile{level, t.tiles[level], t.edge[level]})
	t.edge[level] = nil
	t.tiles[level]++
	return full
}

// Partial returns the tiles of the right edge that are not full, lowest first.
func (t *Tree) Partial() (partial []Tile) {
	for level, hashes := range t.edge {
		if len(hashes) > 0 {
			partial = append(partial, Tile{level, t.tiles[level], slices.Clone(hashes)})
		}
	}
	return partial
}

// Root returns the tree head (RFC 6962, section 2.1): the perfect subtrees,
// joined from the smallest to the largest.
func (t *Tree) Root() Hash {
	if t.size == 0 {
		return sha256.Sum256(nil)
	}
	last := len(t.perfect) - 1
	root := t.perfect[last]
	for _, left := range slices.Backward(t.perfect[:last]) {
		root = tlog.NodeHash(left, root)
	}
	return root
}

// Load returns the tree of the given size from the tiles of its right edge. It
// believes them: whoever has a checkpoint compares its root.
func Load(size int64, tile func(path string) ([]byte, error)) (*Tree, error) {
	t := &Tree{size: size}
	for level, rest := 0, size; rest > 0; level, rest = level+1, rest/TileWidth {
		n, width := rest/TileWidth, int(rest%TileWidth)
		t.edge, t.tiles = append(t.edge, nil), append(t.tiles, n)
		if width == 0 {
			continue
		}
		data, err := tile(Path(level, n, width))
		if err != nil {
			return nil, err
		}
		if t.edge[level], err = ParseTile(data, width); err != nil {
			return nil, err
		}
	}
	for _, hashes := range slices.Backward(t.edge) {
		for width := TileWidth / 2; width > 0; width /= 2 {
			if len(hashes)&width != 0 {
				t.perfect = append(t.perfect, join(hashes[:width]))
				hashes = hashes[width:]
			}
		}
	}
	return t, nil
}

// join returns the root of a perfect tree over the hashes.
func join(hashes []Hash) Hash {
	level := slices.Clone(hashes)
	for ; len(level) > 1; level = level[:len(level)/2] {
		for i := range len(level) / 2 {
			level[i] = tlog.NodeHash(level[2*i], level[2*i+1])
		}
	}
	return level[0]
}
