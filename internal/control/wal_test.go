package control

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// logFile returns the path and the used part of the only log file of a closed
// store.
func logFile(t testing.TB, dir string) (path string, used []byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "etcd", "member", "wal", "*.wal"))
	if err != nil || len(files) != 1 {
		t.Fatalf("log files: %v, %v; want one", files, err)
	}
	b := bytes.TrimRight(must(os.ReadFile(files[0])), "\x00")
	return files[0], append(b, make([]byte, (8-len(b)%8)%8)...) // with the padding of the last record
}

// inMemory returns a log of one file with some zeros after its used part.
func inMemory(used []byte) []*segment {
	b := append(bytes.Clone(used), make([]byte, 4096)...)
	return []*segment{{path: "0.wal", r: bytes.NewReader(b), size: int64(len(b))}}
}

// headOffsets returns the offsets of all bytes of frames but their data, and
// the number of frames.
func headOffsets(used []byte) (heads map[int]bool, frames int) {
	heads = map[int]bool{} // only true values
	for off := 0; off < len(used); frames++ {
		length := int(binary.LittleEndian.Uint64(used[off:]) & (1<<lengthBits - 1))
		h, _ := parseHead(used[off+wordBytes:][:length])
		data := off + wordBytes + h.data
		next := off + wordBytes + (length+7)/8*8
		for i := off; i < next; i++ {
			if i < data || i >= off+wordBytes+length {
				heads[i] = true
			}
		}
		off = next
	}
	return heads, frames
}

// TestWALSweep changes each byte of a log in several ways, and wants each
// refused: none may be taken for the log's end.
func TestWALSweep(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, s)
	for range 6 {
		change(t, s, func(tx *Tx) { tx.PutRule(rule("batch", "web")) })
	}
	closeStore(t, s)
	_, used := logFile(t, dir)
	if _, err := walk(inMemory(used), 0); err != nil {
		t.Fatalf("the log as it was written: %v", err)
	}
	heads, frames := headOffsets(used)
	if frames < 30 || len(used) < 2000 {
		t.Fatalf("%d frames in %d bytes: want 30 in 2,000", frames, len(used))
	}
	accepted := 0
	damaged := append(bytes.Clone(used), make([]byte, 64)...) // and what comes after it
	for off, old := range damaged {
		flips := []byte{0x01, 0x80, 0xff, old}
		if heads[off] {
			flips = append(flips, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, old^2, old^3, old^4, old^5, old^8)
		}
		for _, flip := range flips {
			if damaged[off] = old ^ flip; flip == 0 {
				continue
			}
			if _, err := walk(inMemory(damaged), 0); err == nil {
				accepted++
				t.Errorf("byte %d: %02x in place of %02x was accepted", off, old^flip, old)
			} else {
				wantCode(t, err, WALDamaged)
			}
		}
		damaged[off] = old
	}
	t.Logf("%d frames, %d bytes, %d of them in heads, %d accepted", frames, len(used), len(heads), accepted)
}

// TestWALSweepOpens opens the store on a sample of damaged logs: whatever is
// not refused must give the same state.
func TestWALSweepOpens(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	before := fill(t, s)
	closeStore(t, s)
	path, used := logFile(t, dir)
	refused := 0
	for off := 0; off < len(used); off += 97 {
		poke(t, path, int64(off), used[off]^0x41)
		again, err := Open(t.Context(), Config{Dir: dir, TrustDomain: demo})
		if err != nil {
			wantCode(t, err, WALDamaged)
			refused++
		} else {
			if diff := cmp.Diff(before, again.State(), sameState...); diff != "" {
				t.Errorf("byte %d was changed (-before +after):\n%s", off, diff)
			}
			closeStore(t, again)
		}
		poke(t, path, int64(off), used[off])
	}
	if refused == 0 {
		t.Error("no damage was refused")
	}
	if again := open(t, dir); !cmp.Equal(before, again.State(), sameState...) {
		t.Error("the mended log gives another state")
	}
}

// poke overwrites one byte of a file.
func poke(t testing.TB, path string, off int64, b ...byte) {
	t.Helper()
	file := must(os.OpenFile(path, os.O_WRONLY, 0))
	defer file.Close()
	if _, err := file.WriteAt(b, off); err != nil {
		t.Fatal(err)
	}
}

// lagging makes a store whose database does not hold its last change yet, as
// after a kill, and returns its folder, the state before that change and the
// one after.
func lagging(t *testing.T) (dir string, before, after *State) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir)
	fill(t, s)
	closeStore(t, s)
	db := filepath.Join(dir, "etcd", "member", "snap", "db")
	old := must(os.ReadFile(db))
	s = open(t, dir)
	before = s.State()
	after = change(t, s, func(tx *Tx) {
		long := rule("web", "orders")
		long.Text += strings.Repeat("abcdefgh", 400) // several sectors
		tx.PutRule(long)
	})
	closeStore(t, s)
	if err := os.WriteFile(db, old, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, before, after
}

func TestLogAheadOfDatabase(t *testing.T) {
	dir, _, after := lagging(t)
	if diff := cmp.Diff(after, open(t, dir).State(), sameState...); diff != "" {
		t.Errorf("(-confirmed +reopened):\n%s", diff)
	}
}

// TestTornRecord cuts off the log's end where a kill can cut it, and
// elsewhere.
func TestTornRecord(t *testing.T) {
	dir, before, _ := lagging(t)
	path, used := logFile(t, dir)
	long := bytes.LastIndex(used, []byte("abcdefgh"))
	for cut := long / sector * sector; cut > long-3000; cut -= sector {
		torn := append(bytes.Clone(used[:cut]), make([]byte, len(used)-cut)...)
		log, err := walk(inMemory(torn), 0)
		if err != nil || log.torn == 0 {
			t.Errorf("cut at the sector boundary %d: %v, %v; want a torn record", cut, log, err)
		}
		if cut+sector < long {
			torn = bytes.Clone(used)
			clear(torn[cut : cut+sector]) // with bytes after it
			_, err = walk(inMemory(torn), 0)
			wantCode(t, err, WALDamaged)
		}
	}
	cut := long / sector * sector
	if tail := len(used) % sector; tail >= 32 { // the record's last sector has more in it than padding
		missing := append(bytes.Clone(used[:len(used)-tail+1]), make([]byte, tail-1)...)
		_, err := walk(inMemory(missing), 0)
		wantCode(t, err, WALDamaged)
	}
	poke(t, path, int64(cut), make([]byte, len(used)-cut)...)
	s := open(t, dir)
	if diff := cmp.Diff(before, s.State(), sameState...); diff != "" {
		t.Errorf("after a torn record (-before +after):\n%s", diff)
	}
	after := change(t, s, func(tx *Tx) { tx.PutRule(rule("orders", "web")) })
	closeStore(t, s)
	if diff := cmp.Diff(after, open(t, dir).State(), sameState...); diff != "" {
		t.Errorf("reopened after a torn record (-before +after):\n%s", diff)
	}
}

func TestWALFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	before := fill(t, s)
	write(t, s, 400, 64<<10) // more than one file holds, and not enough for a snapshot
	closeStore(t, s)
	folder := filepath.Join(dir, "etcd", "member", "wal")
	files := must(filepath.Glob(filepath.Join(folder, "*.wal")))
	if len(files) < 2 {
		t.Fatalf("%d log files: want several", len(files))
	}
	first, last := files[0], files[len(files)-1]

	if err := os.WriteFile(filepath.Join(folder, "0.tmp"), []byte("left by a kill"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if diff := cmp.Diff(before, s.State(), sameState...); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	closeStore(t, s)
	refused := func(name, text string, damage, mend func()) {
		t.Run(name, func(t *testing.T) {
			damage()
			defer mend()
			_, err := Open(t.Context(), Config{Dir: dir, TrustDomain: demo})
			wantCode(t, err, WALDamaged, text)
		})
	}
	hide := func(path string) (func(), func()) {
		return func() { noError(os.Rename(path, path+".hidden")) }, func() { noError(os.Rename(path+".hidden", path)) }
	}
	damage, mend := hide(first)
	refused("first file missing", "", damage, mend)
	if len(files) > 2 {
		damage, mend = hide(files[1])
		refused("file in between missing", "is missing", damage, mend)
	}
	damage, mend = hide(last)
	refused("last file missing", "though entry", damage, mend)

	end := must(os.ReadFile(last))
	refused("last file cut short", "cut short",
		func() { noError(os.Truncate(last, int64(len(end)-1))) },
		func() { noError(os.WriteFile(last, end, 0o600)) })
	end = must(os.ReadFile(first))
	refused("first file cut short", "",
		func() { noError(os.Truncate(first, int64(len(end)-100))) },
		func() { noError(os.WriteFile(first, end, 0o600)) })
	refused("first file longer", "",
		func() { noError(os.Truncate(first, int64(len(end)+100))) },
		func() { noError(os.Truncate(first, int64(len(end)))) })
	checksum := must(os.ReadFile(last))[wordBytes+3]
	refused("a file's first checksum changed", "",
		func() { poke(t, last, wordBytes+3, checksum^1) },
		func() { poke(t, last, wordBytes+3, checksum) })
	if diff := cmp.Diff(before, open(t, dir).State(), sameState...); diff != "" {
		t.Errorf("mended (-before +after):\n%s", diff)
	}
}

// write stores n values of a size that are no part of a State.
func write(t testing.TB, s *Store, n, size int) {
	t.Helper()
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			key := fmt.Sprintf("other/%d", worker)
			value := must(encode(key, strings.Repeat("x", size)))
			for range n / 16 {
				if _, err := s.client.Put(t.Context(), key, value); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// TestSnapshots makes etcd write a snapshot and let go of its log, and shows
// that the snapshot file itself is never read.
func TestSnapshots(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	before := fill(t, s)
	write(t, s, 12000, 10)
	closeStore(t, s)
	snapshots := must(filepath.Glob(filepath.Join(dir, "etcd", "member", "snap", "*.snap")))
	if len(snapshots) == 0 {
		t.Fatal("etcd wrote no snapshot")
	}
	segments := must(openSegments(filepath.Join(dir, "etcd", "member", "wal")))
	defer closeSegments(segments)
	log, err := walk(segments, segmentBytes)
	if err != nil || log.snapshot == 0 {
		t.Errorf("the log: %+v, %v; want a snapshot in it", log, err)
	}
	for _, path := range snapshots {
		if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(before, open(t, dir).State(), sameState...); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestParseRecord(t *testing.T) {
	for _, test := range []struct {
		name, record string // in hexadecimal
		want         string // of the error, "" for none
	}{
		{"whole", "0802 1005 1a02 abcd", ""},
		{"no data", "0804 1000", ""},
		{"empty", "", "too short"},
		{"type alone", "0802", "too short"},
		{"fields swapped", "1005 0802", "no field 1"},
		{"data too short", "0802 1005 1a03 abcd", "says that it has 9"},
		{"data too long", "0802 1005 1a01 abcd", "says that it has 7"},
		{"number longer than needed", "088200 1005", "not well formed"},
		{"number without end", "08ffffffffffffffffffff01 1005", "not well formed"},
		{"checksum too large", "0802 108080808010", "too large"},
		{"other field", "0802 1005 2202 abcd", "no field 3"},
		{"data of 256 MiB", "0802 1005 1a80808080 01", "too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := must(hex.DecodeString(strings.ReplaceAll(test.record, " ", "")))
			_, err := parseRecord(b)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func FuzzWAL(f *testing.F) {
	dir, _, _, _ := closedStore(f)
	_, written := logFile(f, dir)
	f.Add(written)
	f.Add(written[:len(written)/2])
	f.Fuzz(func(t *testing.T, used []byte) {
		first, err := walk(inMemory(used), 0)
		if err != nil {
			wantCode(t, err, WALDamaged)
			return
		}
		if first.torn == 0 {
			return
		}
		// What is left of a log after a torn record is wiped is a whole one.
		wiped := slices.Concat(used[:first.torn], make([]byte, len(used)-int(first.torn)))
		again, err := walk(inMemory(wiped), 0)
		if first.torn = 0; err != nil || again != first {
			t.Errorf("wiped: %+v, %v; want %+v", again, err, first)
		}
	})
}
