package control

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"github.com/signet-tls/signet/fault"
)

// closedStore returns the folder of a filled store that is closed, its database
// file, the content of that, and the state.
func closedStore(t testing.TB) (dir, path string, db []byte, state *State) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir)
	state = fill(t, s)
	closeStore(t, s)
	path = filepath.Join(dir, "etcd", "member", "snap", "db")
	return dir, path, must(os.ReadFile(path)), state
}

const pageBytes = 4096

func TestMissingFiles(t *testing.T) {
	dir, db, content, before := closedStore(t)
	folder := filepath.Join(dir, "etcd", "member", "wal")
	for _, test := range []struct {
		name         string
		damage, mend func() error
		code         fault.Code
		path         string
	}{
		{"database", func() error { return os.Remove(db) }, func() error { return nil }, DBMissing, db},
		{"content of the database", func() error { return os.Truncate(db, 0) }, func() error { return nil }, DBHeaderDamaged, db},
		{"half of the database", func() error { return os.Truncate(db, 3*pageBytes) }, func() error { return nil }, DBPageDamaged, db},
		{"log", func() error { return os.Rename(folder, folder+".hidden") }, func() error { return os.Rename(folder+".hidden", folder) }, WALMissing, folder},
		{"everything", func() error { return os.Rename(filepath.Join(dir, "etcd"), filepath.Join(dir, "hidden")) },
			func() error { return os.Rename(filepath.Join(dir, "hidden"), filepath.Join(dir, "etcd")) }, WALMissing, folder},
	} {
		t.Run(test.name, func(t *testing.T) {
			noError(test.damage())
			_, err := Open(t.Context(), Config{Dir: dir, TrustDomain: demo})
			wantCode(t, err, test.code, test.path)
			noError(test.mend())
			noError(os.WriteFile(db, content, 0o600))
		})
	}
	if diff := cmp.Diff(before, open(t, dir).State(), sameState...); diff != "" {
		t.Errorf("mended (-before +after):\n%s", diff)
	}
}

// TestDatabasePages overwrites every page of the database in several ways.
// What is not refused must open, with the same state: pages that are free, and
// what is free of the others.
func TestDatabasePages(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	before := fill(t, s)
	write(t, s, 160, 400) // enough for branches
	closeStore(t, s)
	path := filepath.Join(dir, "etcd", "member", "snap", "db")
	db := must(os.ReadFile(path))
	used := bytes.Clone(db[:(len(bytes.TrimRight(db, "\x00"))+pageBytes-1)/pageBytes*pageBytes])
	fillers := []struct {
		name  string
		spoil func(page []byte)
	}{
		{"zeros", func(page []byte) { clear(page) }},
		{"ones", func(page []byte) { copy(page, bytes.Repeat([]byte{0xff}, pageBytes)) }},
		{"another page", func(page []byte) { copy(page, db[2*pageBytes:3*pageBytes]) }},
		{"its number alone", func(page []byte) { clear(page[8:]) }},
		{"half of it", func(page []byte) { clear(page[pageBytes/2:]) }},
		{"more elements than fit", func(page []byte) { binary.NativeEndian.PutUint16(page[10:], 0xffff) }},
		{"a branch to itself", func(page []byte) { // on which bbolt calls itself without end
			binary.NativeEndian.PutUint16(page[8:], branchPage)
			binary.NativeEndian.PutUint16(page[10:], 1)
			copy(page[pageHeader+8:], page[:8])
		}},
	}
	for _, filler := range fillers {
		t.Run(filler.name, func(t *testing.T) {
			refused, accepted := 0, 0
			for at := 0; at < len(used); at += pageBytes {
				page := used[at : at+pageBytes]
				whole := bytes.Clone(page)
				if filler.spoil(page); bytes.Equal(page, whole) {
					continue
				}
				_, err := inspect(bytes.NewReader(used), int64(len(db)))
				if err != nil {
					wantCode(t, damagedError(err), DBPageDamaged)
					refused++
				} else if accepted++; at <= pageBytes || accepted%8 == 0 { // both headers and a sample
					poke(t, path, int64(at), page...)
					s := open(t, dir)
					if diff := cmp.Diff(before, s.State(), sameState...); diff != "" {
						t.Errorf("page %d (-before +after):\n%s", at/pageBytes, diff)
					}
					closeStore(t, s)
					noError(os.WriteFile(path, db, 0o600))
				}
				copy(page, whole)
			}
			t.Logf("%d pages refused, %d accepted", refused, accepted)
			if refused < 5 {
				t.Errorf("%d pages were refused: want all in use", refused)
			}
		})
	}
	both := append(make([]byte, 2*pageBytes), db[2*pageBytes:]...)
	noError(os.WriteFile(path, both, 0o600))
	_, err := Open(t.Context(), Config{Dir: dir, TrustDomain: demo})
	wantCode(t, err, DBHeaderDamaged, path)
}

// damagedError adds what checkDB adds to an error of inspect.
func damagedError(err error) error {
	e, _ := fault.Of(err)
	return damaged(e.Code, "db", "%s", e.Message)
}

// TestDatabaseValues changes every byte of a rule's text, wherever the
// database has it: the structure stays whole, and only our checksum tells.
func TestDatabaseValues(t *testing.T) {
	_, _, db, _ := closedStore(t)
	text := []byte("allow-batch-orders")
	refused, free := 0, 0
	for at := bytes.Index(db, text); at < len(db); {
		for i := range text {
			db[at+i] ^= 0x01
			if _, err := inspect(bytes.NewReader(db), int64(len(db))); err != nil {
				refused++
			} else {
				free++ // an earlier copy, in a page that is no longer used
			}
			db[at+i] ^= 0x01
		}
		next := bytes.Index(db[at+1:], text)
		if next < 0 {
			break
		}
		at += 1 + next
	}
	if refused < len(text) {
		t.Errorf("%d of the changes were refused, %d lay in free pages: want the page in use among them", refused, free)
	}
}

// TestMixedBackups puts the database of an earlier time next to a log that
// begins later.
func TestMixedBackups(t *testing.T) {
	dir, path, db, _ := closedStore(t)
	s := open(t, dir)
	write(t, s, 6000, 10) // until etcd writes a snapshot
	closeStore(t, s)
	noError(os.WriteFile(path, db, 0o600))
	_, err := Open(t.Context(), Config{Dir: dir, TrustDomain: demo})
	wantCode(t, err, DBOutdated, path)
}

func TestBuckets(t *testing.T) {
	revision := []byte{0, 0, 0, 0, 0, 0, 0, 5, '_', 0, 0, 0, 0, 0, 0, 0, 0}
	stored := func(kv *mvccpb.KeyValue) []byte { return must(proto.Marshal(kv)) }
	value := []byte(must(encode("k", 1)))
	for _, test := range []struct {
		name, bucket string
		key, value   []byte
		ok           bool
	}{
		{"value", "key", revision, stored(&mvccpb.KeyValue{Key: []byte("k"), Value: value, CreateRevision: 2, ModRevision: 5, Version: 3}), true},
		{"tombstone", "key", append(bytes.Clone(revision), 't'), stored(&mvccpb.KeyValue{Key: []byte("k")}), true},
		{"no key", "key", revision, stored(&mvccpb.KeyValue{Value: value, CreateRevision: 2, ModRevision: 5, Version: 3}), false},
		{"other revision", "key", revision, stored(&mvccpb.KeyValue{Key: []byte("k"), Value: value, CreateRevision: 2, ModRevision: 6, Version: 3}), false},
		{"wrong checksum", "key", revision, stored(&mvccpb.KeyValue{Key: []byte("j"), Value: value, CreateRevision: 2, ModRevision: 5, Version: 3}), false},
		{"not a message", "key", revision, []byte{0xff}, false},
		{"short revision", "key", revision[1:], nil, false},
		{"unknown mark", "key", append(bytes.Clone(revision), 'x'), nil, false},
		{"negative revision", "key", append([]byte{0xff}, revision[1:]...), nil, false},
		{"applied", "meta", []byte("consistent_index"), make([]byte, 8), true},
		{"applied, short", "meta", []byte("consistent_index"), make([]byte, 7), false},
		{"term, short", "meta", []byte("term"), nil, false},
		{"compaction", "meta", []byte("finishedCompactRev"), revision, true},
		{"compaction, damaged", "meta", []byte("finishedCompactRev"), revision[2:], false},
		{"members' state", "meta", []byte("confState"), []byte("{"), false},
		{"storage version", "meta", []byte("storageVersion"), []byte("3.x"), false},
		{"unknown", "meta", []byte("other"), nil, false},
		{"lease", "lease", make([]byte, 8), nil, true},
		{"lease, other key", "lease", make([]byte, 7), nil, false},
		{"lease, not a message", "lease", make([]byte, 8), []byte{0xff}, false},
		{"alarm", "alarm", []byte{0x08, 0x01}, nil, true},
		{"alarm, not a message", "alarm", []byte{0xff}, nil, false},
		{"version", "cluster", []byte("clusterVersion"), []byte("3.7.0"), true},
		{"version, damaged", "cluster", []byte("clusterVersion"), []byte("3"), false},
		{"downgrade", "cluster", []byte("downgrade"), []byte("{}"), true},
		{"cluster, unknown", "cluster", []byte("other"), nil, false},
		{"member", "members", []byte("1f"), []byte(`{"id":31}`), true},
		{"member, other key", "members", []byte("1e"), []byte(`{"id":31}`), false},
		{"member, no number", "members", []byte("x"), []byte(`{"id":31}`), false},
		{"member, not JSON", "members", []byte("1f"), []byte(`{`), false},
		{"auth", "auth", []byte("authRevision"), make([]byte, 8), true},
		{"auth, damaged", "auth", []byte("authRevision"), nil, false},
		{"users", "authUsers", []byte("root"), nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var applied uint64
			if err := bucketChecks[test.bucket](test.key, test.value, &applied); (err == nil) != test.ok {
				t.Errorf("error %v, want ok: %v", err, test.ok)
			}
		})
	}
}

func FuzzDatabase(f *testing.F) {
	_, _, db, _ := closedStore(f)
	f.Add(bytes.TrimRight(db, "\x00"))
	for at := 2 * pageBytes; at < 8*pageBytes; at += pageBytes {
		f.Add(db[at : at+pageBytes])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := inspect(bytes.NewReader(b), int64(len(b))); err != nil {
			if e, ok := fault.Of(err); !ok || e.Code != DBHeaderDamaged && e.Code != DBPageDamaged {
				t.Errorf("error %v without a code of the database", err)
			}
		}
		elements, err := parsePage(b)
		if err == nil && len(elements) > len(b)/elementSize {
			t.Errorf("%d elements in %d bytes", len(elements), len(b))
		}
	})
}

func FuzzBuckets(f *testing.F) {
	f.Add("key", []byte("12345678_12345678"), []byte("\x0a\x01k"))
	f.Add("members", []byte("1f"), []byte(`{"id":31}`))
	f.Fuzz(func(t *testing.T, bucket string, key, value []byte) {
		check, ok := bucketChecks[bucket]
		if !ok {
			return
		}
		var first, second uint64
		if a, b := check(key, value, &first), check(key, value, &second); (a == nil) != (b == nil) || first != second {
			t.Errorf("checked twice: %v (%d), then %v (%d)", a, first, b, second)
		}
	})
}
