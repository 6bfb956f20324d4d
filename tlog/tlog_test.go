package tlog

import (
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// TestRFC6962 holds leaf hashes and tree heads to the vectors that Certificate
// Transparency's own implementations share.
func TestRFC6962(t *testing.T) {
	leaves := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	roots := []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	var tree Tree
	for size, want := range roots {
		if have := tree.Root(); hex.EncodeToString(have[:]) != want {
			t.Errorf("the root of %d leaves is %x, want %s", size, have, want)
		}
		if size < len(leaves) {
			leaf, err := hex.DecodeString(leaves[size])
			if err != nil {
				t.Fatal(err)
			}
			tree.Add(LeafHash(leaf))
		}
	}
}

// memory is a log's tiles by their paths.
type memory map[string][]byte

func (m memory) read(path string) ([]byte, error) {
	if data, ok := m[path]; ok {
		return data, nil
	}
	return nil, fs.ErrNotExist
}

func (m memory) put(tiles []Tile) {
	for _, tile := range tiles {
		m[tile.Path()] = tile.Data()
	}
}

// Height, ReadTiles and SaveTiles are x/mod's way to read tiles.
func (m memory) Height() int { return tileHeight }
func (m memory) ReadTiles(wanted []tlog.Tile) (all [][]byte, err error) {
	for _, tile := range wanted {
		data, err := m.read(Path(tile.L, tile.N, tile.W))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", tile.Path(), err)
		}
		all = append(all, data)
	}
	return all, nil
}
func (m memory) SaveTiles([]tlog.Tile, [][]byte) {}

// TestProofs has x/mod prove from our tiles what it then checks against our
// tree heads, on both sides of every boundary of tiles.
func TestProofs(t *testing.T) {
	sizes := []int64{1, 2, 3, 255, 256, 257, 511, 513, 1000, 65_535, 65_536, 65_537, 65_536 + 300}
	tiles := memory{}
	roots := map[int64]Hash{}
	var tree Tree
	leaf := func(n int64) Hash { return LeafHash(fmt.Append(nil, n)) }
	for n := range sizes[len(sizes)-1] {
		tiles.put(tree.Add(leaf(n)))
		if size := n + 1; slices.Contains(sizes, size) {
			tiles.put(tree.Partial())
			roots[size] = tree.Root()
			loaded, err := Load(size, tiles.read)
			if err != nil || loaded.Root() != tree.Root() {
				t.Fatalf("the tree of %d, loaded from its tiles, is another (%v)", size, err)
			}
		}
	}
	for i, size := range sizes {
		reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: roots[size]}, tiles)
		for _, n := range []int64{0, size / 3, size - 1} {
			proof, err := tlog.ProveRecord(size, n, reader)
			if err != nil {
				t.Fatalf("inclusion of %d in %d: %v", n, size, err)
			}
			if err := tlog.CheckRecord(proof, size, roots[size], n, leaf(n)); err != nil {
				t.Errorf("inclusion of %d in %d: %v", n, size, err)
			}
			if tlog.CheckRecord(proof, size, roots[size], n, leaf(n+1)) == nil {
				t.Errorf("the proof for %d in %d proves another entry too", n, size)
			}
		}
		for _, old := range sizes[:i] {
			proof, err := tlog.ProveTree(size, old, reader)
			if err != nil {
				t.Fatalf("consistency of %d with %d: %v", size, old, err)
			}
			if err := tlog.CheckTree(proof, size, roots[size], old, roots[old]); err != nil {
				t.Errorf("consistency of %d with %d: %v", size, old, err)
			}
		}
	}
}

func TestClone(t *testing.T) {
	var tree Tree
	for n := range 300 {
		tree.Add(LeafHash(fmt.Append(nil, n)))
	}
	before, clone := tree.Root(), tree.Clone()
	clone.Add(LeafHash(nil))
	if tree.Root() != before || tree.Size() != 300 || clone.Size() != 301 {
		t.Error("a clone that grows changes the tree")
	}
}
