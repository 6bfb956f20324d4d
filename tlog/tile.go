package tlog

import (
	"encoding/binary"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/signet-tls/signet/fault"
)

// Tile is up to TileWidth neighbouring hashes of one level.
type Tile struct {
	Level  int
	N      int64 // how many are before it on its level
	Hashes []Hash
}

// Path returns where the tile is, below the log's folder.
func (t Tile) Path() string { return Path(t.Level, t.N, len(t.Hashes)) }

// Data returns the tile's content.
func (t Tile) Data() []byte {
	data := make([]byte, 0, len(t.Hashes)*tlog.HashSize)
	for _, hash := range t.Hashes {
		data = append(data, hash[:]...)
	}
	return data
}

// Root returns the hash of a full tile on the level above it.
func (t Tile) Root() Hash { return join(t.Hashes) }

// ParseTile reads a tile of the given width.
func ParseTile(data []byte, width int) ([]Hash, error) {
	if len(data) != width*tlog.HashSize {
		return nil, fault.New(TileInvalid, "a tile of %d hashes has %d bytes, and this has %d", width, width*tlog.HashSize, len(data)).
			WithHint(readHint)
	}
	hashes := make([]Hash, width)
	for i := range hashes {
		copy(hashes[i][:], data[i*tlog.HashSize:])
	}
	return hashes, nil
}

// Entries is the level of bundles of entries in paths.
const Entries = -1

// The first folders of x/mod's paths, which name the height, and of C2SP's,
// where it is always 8.
const (
	modTiles, tiles     = "tile/8/", "tile/"
	modEntries, entries = "tile/8/data/", "tile/entries/"
)

// Path returns where a tile, or a bundle of entries, is: "tile/0/x001/234.p/5".
func Path(level int, n int64, width int) string {
	path := tlog.Tile{H: tileHeight, L: level, N: n, W: width}.Path()
	if rest, ok := strings.CutPrefix(path, modEntries); ok {
		return entries + rest
	}
	return tiles + strings.TrimPrefix(path, modTiles)
}

// ParsePath is the inverse of Path.
func ParsePath(path string) (level int, n int64, width int, err error) {
	mod := strings.Replace(path, tiles, modTiles, 1)
	if rest, ok := strings.CutPrefix(path, entries); ok {
		mod = modEntries + rest
	}
	tile, err := tlog.ParseTilePath(mod)
	if err != nil || tile.H != tileHeight || Path(tile.L, tile.N, tile.W) != path {
		return 0, 0, 0, fault.New(TileInvalid, "%s is the path of no tile", fault.Printable(path, 100)).WithHint(readHint)
	}
	return tile.L, tile.N, tile.W, nil
}

// MaxEntry is the most bytes that an entry can have.
const MaxEntry = 1<<16 - 1

// AppendEntry adds an entry to a bundle.
func AppendEntry(bundle, entry []byte) ([]byte, error) {
	if len(entry) > MaxEntry {
		return bundle, fault.New(EntryTooLarge, "an entry of %d bytes is too large for a log: %d are the most", len(entry), MaxEntry).
			WithHint("say it shorter")
	}
	bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(entry)))
	return append(bundle, entry...), nil
}

// CutEntry splits the first entry off a bundle.
func CutEntry(bundle []byte) (entry, rest []byte, err error) {
	if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
		return nil, bundle, fault.New(TileInvalid, "a bundle of entries breaks off").WithHint(readHint)
	}
	end := 2 + int(binary.BigEndian.Uint16(bundle))
	return bundle[2:end:end], bundle[end:], nil
}

// ParseBundle reads a bundle of the given width. With an error it returns the
// entries before what could not be read.
func ParseBundle(data []byte, width int) (all [][]byte, err error) {
	for range width {
		var entry []byte
		if entry, data, err = CutEntry(data); err != nil {
			return all, err
		}
		all = append(all, entry)
	}
	if len(data) > 0 {
		return all, fault.New(TileInvalid, "behind the %d entries of a bundle are %d bytes more", width, len(data)).WithHint(readHint)
	}
	return all, nil
}
