package tlog

import (
	"bytes"
	"errors"
	"testing"
)

// TestPath has the examples of C2SP's tlog-tiles, section "Merkle Tree".
func TestPath(t *testing.T) {
	tests := []struct {
		level int
		n     int64
		width int
		want  string
	}{
		{0, 0, 256, "tile/0/000"},
		{0, 273, 112, "tile/0/273.p/112"},
		{1, 1, 17, "tile/1/001.p/17"},
		{0, 1234067, 256, "tile/0/x001/x234/067"},
		{Entries, 0, 256, "tile/entries/000"},
		{Entries, 1234067, 8, "tile/entries/x001/x234/067.p/8"},
	}
	for _, test := range tests {
		if have := Path(test.level, test.n, test.width); have != test.want {
			t.Errorf("Path(%d, %d, %d) = %s, want %s", test.level, test.n, test.width, have, test.want)
		}
		if level, n, width, err := ParsePath(test.want); err != nil || level != test.level || n != test.n || width != test.width {
			t.Errorf("ParsePath(%s) = %d, %d, %d, %v", test.want, level, n, width, err)
		}
	}
	for _, path := range []string{"", "tile", "tile/0/0", "tile/8/0/000", "tile/data/000", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000/", "tile/0/000.p/01", "checkpoint", "tile/-1/000", "tile/entries/../0/000"} {
		if _, _, _, err := ParsePath(path); !errors.Is(err, TileInvalid) {
			t.Errorf("ParsePath(%q): %v, want %s", path, err, TileInvalid)
		}
	}
}

func TestBundle(t *testing.T) {
	var bundle []byte
	entries := [][]byte{{}, []byte("one"), bytes.Repeat([]byte("x"), MaxEntry)}
	for _, entry := range entries {
		var err error
		if bundle, err = AppendEntry(bundle, entry); err != nil {
			t.Fatal(err)
		}
	}
	read, err := ParseBundle(bundle, 3)
	if err != nil || len(read) != 3 || !bytes.Equal(read[1], entries[1]) || !bytes.Equal(read[2], entries[2]) {
		t.Errorf("the bundle is read as %d entries (%v)", len(read), err)
	}
	for _, width := range []int{2, 4} {
		if _, err := ParseBundle(bundle, width); !errors.Is(err, TileInvalid) {
			t.Errorf("as a bundle of %d: %v, want %s", width, err, TileInvalid)
		}
	}
	if _, err := AppendEntry(nil, make([]byte, MaxEntry+1)); !errors.Is(err, EntryTooLarge) {
		t.Errorf("an entry that is too large: %v, want %s", err, EntryTooLarge)
	}
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"tile/0/000", "tile/entries/x001/234.p/5", "tile/8/000", "tile/data/000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		level, n, width, err := ParsePath(path)
		if err == nil && Path(level, n, width) != path {
			t.Errorf("%q is read as %d, %d, %d, whose path is %q", path, level, n, width, Path(level, n, width))
		}
	})
}

func FuzzBundle(f *testing.F) {
	f.Add([]byte{0, 1, 'x', 0, 0}, 2)
	f.Add([]byte{255, 255, 0}, 1)
	f.Fuzz(func(t *testing.T, data []byte, width int) {
		entries, err := ParseBundle(data, width)
		if err != nil {
			return
		}
		var again []byte
		for _, entry := range entries {
			if again, err = AppendEntry(again, entry); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(again, data) {
			t.Errorf("%x is written again as %x", data, again)
		}
	})
}

func FuzzTile(f *testing.F) {
	f.Add(make([]byte, 64), 2)
	f.Fuzz(func(t *testing.T, data []byte, width int) {
		hashes, err := ParseTile(data, width)
		if err == nil && !bytes.Equal(Tile{Hashes: hashes}.Data(), data) {
			t.Errorf("%x is written again otherwise", data)
		}
	})
}
