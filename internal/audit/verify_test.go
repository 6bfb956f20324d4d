package audit

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/tlog"
)

// TestVerifies holds a log that nobody touched against itself, at every stage.
func TestVerifies(t *testing.T) {
	s := newSample(t)
	early := s.log.Checkpoint()
	for n := range 90 {
		s.connection(n)
		if n%30 == 10 {
			if err := s.log.publish(); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.issue("proxy/one") // renewed
	s.connection(90)
	add(t, s.log, s.batch("proxy/two", 7, s.at(api.Service, api.Refused, 91))...)
	for _, stage := range []string{"killed", "closed"} {
		r := check(t, s.files(), Question{Since: early, Roots: s.roots()})
		if len(r.Problems) != 0 || r.Size != s.log.Size() || r.Signatures != 183 || r.Losses != 7 || r.Proxies != 2 || *r.Since != 4 {
			t.Errorf("%s: %+v", stage, r)
		}
		if kept, err := s.log.verifier.Open(r.Checkpoint()); err != nil || kept.Size != r.Size {
			t.Errorf("%s: the checkpoint to be kept is %+v (%v)", stage, kept, err)
		}
		closeLog(t, s.log)
	}
}

// TestCrashed verifies what a kill leaves at each point of publishing.
func TestCrashed(t *testing.T) {
	s := newSample(t)
	for n := range 42 {
		s.connection(n)
	}
	before := s.files()
	if err := s.log.publish(); err != nil {
		t.Fatal(err)
	}
	after := s.files()
	closeLog(t, s.log)
	between := maps.Clone(before) // tiles are there, the checkpoint is not
	maps.Copy(between, after)
	between["checkpoint"] = before["checkpoint"]
	untidied := maps.Clone(before) // the journal is still there
	maps.Copy(untidied, after)
	untidied["tile/.000.1234.new"] = &fstest.MapFile{Data: []byte("half a")}
	torn := maps.Clone(before)
	for path, file := range before {
		if strings.HasPrefix(path, journalFolder) {
			torn[path] = &fstest.MapFile{Data: append(slices.Clone(file.Data), file.Data[:100]...)}
		}
	}
	for name, files := range map[string]fstest.MapFS{"before": before, "between": between, "untidied": untidied, "after": after, "torn": torn} {
		r := check(t, files, Question{Roots: s.roots()})
		if len(r.Problems) != 0 || r.Size != s.log.tree.Size() || (r.Unfinished == 100) != (name == "torn") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// damage is something that happens to a log. It returns the file that was
// changed, and the entry, if only one is concerned: else -1.
type damage func(random *rand.Rand, files fstest.MapFS, older []fstest.MapFS) (file string, entry int64)

func pick(random *rand.Rand, files fstest.MapFS, fits func(string, []byte) bool) string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if fits(name, files[name].Data) {
			names = append(names, name)
		}
	}
	return names[random.IntN(len(names))]
}

func holdsSome(_ string, data []byte) bool { return len(data) > 0 }

func isBundle(name string, _ []byte) bool { return strings.HasPrefix(name, "tile/entries/") }

// rewritten changes the entries of a bundle.
func rewritten(random *rand.Rand, files fstest.MapFS, change func([][]byte) ([][]byte, int)) (string, int64) {
	name := pick(random, files, isBundle)
	_, n, width, err := tlog.ParsePath(name)
	if err != nil {
		panic(err)
	}
	entries, err := tlog.ParseBundle(files[name].Data, width)
	if err != nil {
		panic(err)
	}
	entries, at := change(entries)
	var data []byte
	for _, entry := range entries {
		data, _ = tlog.AppendEntry(data, entry)
	}
	files[name] = &fstest.MapFile{Data: data}
	return name, n*tlog.TileWidth + int64(at)
}

var damages = map[string]damage{
	"bit flipped": func(random *rand.Rand, files fstest.MapFS, _ []fstest.MapFS) (string, int64) {
		name := pick(random, files, holdsSome)
		data := slices.Clone(files[name].Data)
		data[random.IntN(len(data))] ^= 1 << random.IntN(8)
		files[name] = &fstest.MapFile{Data: data}
		return name, -1
	},
	"entry changed": func(random *rand.Rand, files fstest.MapFS, _ []fstest.MapFS) (string, int64) {
		return rewritten(random, files, func(entries [][]byte) ([][]byte, int) {
			at := random.IntN(len(entries))
			entries[at] = slices.Clone(entries[at])
			entries[at][random.IntN(len(entries[at]))] ^= 1 << random.IntN(8)
			return entries, at
		})
	},
	"entry deleted": func(random *rand.Rand, files fstest.MapFS, _ []fstest.MapFS) (string, int64) {
		return rewritten(random, files, func(entries [][]byte) ([][]byte, int) {
			at := random.IntN(len(entries))
			return slices.Delete(entries, at, at+1), at
		})
	},
	"entries swapped": func(random *rand.Rand, files fstest.MapFS, _ []fstest.MapFS) (string, int64) {
		return rewritten(random, files, func(entries [][]byte) ([][]byte, int) {
			at, other := random.IntN(len(entries)-1), 0
			other = at + 1 + random.IntN(len(entries)-at-1)
			entries[at], entries[other] = entries[other], entries[at]
			return entries, at
		})
	},
	"file cut": func(random *rand.Rand, files fstest.MapFS, _ []fstest.MapFS) (string, int64) {
		name := pick(random, files, holdsSome)
		files[name] = &fstest.MapFile{Data: files[name].Data[:random.IntN(len(files[name].Data))]}
		return name, -1
	},
	"file removed": func(random *rand.Rand, files fstest.MapFS, _ []fstest.MapFS) (string, int64) {
		name := pick(random, files, func(string, []byte) bool { return true })
		delete(files, name)
		return name, -1
	},
	"file swapped": func(random *rand.Rand, files fstest.MapFS, _ []fstest.MapFS) (string, int64) {
		name := pick(random, files, holdsSome)
		other := pick(random, files, func(other string, data []byte) bool {
			return len(data) > 0 && other != name && string(data) != string(files[name].Data)
		})
		files[name], files[other] = files[other], files[name]
		return "", -1
	},
	"file of an older copy": func(random *rand.Rand, files fstest.MapFS, older []fstest.MapFS) (string, int64) {
		copied := older[random.IntN(len(older))]
		name := pick(random, copied, func(name string, data []byte) bool {
			return files[name] != nil && string(files[name].Data) != string(data)
		})
		files[name] = copied[name]
		return name, -1
	},
	"older copy": func(random *rand.Rand, files fstest.MapFS, older []fstest.MapFS) (string, int64) {
		clear(files)
		maps.Copy(files, older[random.IntN(len(older))])
		return "", -1
	},
}

// TestDamage damages a log in 1,000 ways. Each is found, and placed in the file
// and at the entry where it is. The kept checkpoint is of the whole log.
func TestDamage(t *testing.T) {
	s := newSample(t)
	var older []fstest.MapFS
	for n := range 37 {
		s.connection(n)
		if n == 12 || n == 30 {
			older = append(older, s.files())
			if err := s.log.publish(); err != nil {
				t.Fatal(err)
			}
			older = append(older, s.files())
		}
	}
	closeLog(t, s.log)
	closed := s.files()
	s.log = openLog(t, s.dir)
	before := older // the log was closed
	for n := 37; n < 38; n++ {
		older = append(older, s.files())
		s.connection(n)
	}
	defer closeLog(t, s.log)
	killed := s.files()
	kept := s.log.Checkpoint()
	keptClosed := closed[checkpointFile].Data
	if r := check(t, killed, Question{Since: kept}); len(r.Problems) > 0 {
		t.Fatalf("the log itself: %+v", r.Problems)
	}

	random := rand.New(rand.NewPCG(7, 7))
	names := slices.Sorted(maps.Keys(damages))
	found := map[string]int{}
	for i := range 1000 {
		name := names[i%len(names)]
		files, q := maps.Clone(killed), Question{Since: kept}
		if i%4 > 0 {
			files, q.Since = maps.Clone(closed), keptClosed
		}
		copies := older
		if i%4 > 0 {
			copies = before
		}
		file, entry := damages[name](random, files, copies)
		r, err := Verify(files, q)
		switch {
		case err != nil && !errors.Is(err, tlog.CheckpointUnsigned):
			t.Errorf("damage %d, %s of %s: %v", i, name, file, err)
		case err == nil && len(r.Problems) == 0:
			t.Errorf("damage %d, %s of %s: nobody notices", i, name, file)
		case err == nil && entry >= 0 && (r.Problems[0].File != file || r.Problems[0].Entry == nil || *r.Problems[0].Entry != entry):
			t.Errorf("damage %d, %s of %s at entry %d is placed elsewhere: %s", i, name, file, entry, shown(r.Problems[0]))
		case err == nil && name == "bit flipped" && !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.File == file }):
			t.Errorf("damage %d, %s of %s is placed elsewhere: %s", i, name, file, shown(r.Problems[0]))
		default:
			found[name]++
		}
	}
	t.Logf("found: %v", found)
}

func shown(p Problem) string {
	if p.Entry != nil {
		return fmt.Sprintf("%+v at entry %d", p, *p.Entry)
	}
	return fmt.Sprintf("%+v", p)
}

// TestFork has the log's own key sign another history.
func TestFork(t *testing.T) {
	s := newSample(t)
	for n := range 5 {
		add(t, s.log, act(n))
	}
	kept := s.log.Checkpoint()
	add(t, s.log, act(5))
	private := s.files()
	closeLog(t, s.log)

	// Whoever has the key begins anew, and changes one act.
	other := newSample(t)
	other.log.signer = s.log.signer
	for n := range 8 {
		add(t, other.log, act(n))
	}
	closeLog(t, other.log)
	forged := other.files()
	forged[verifierFile] = private[verifierFile]
	r := check(t, forged, Question{})
	if len(r.Problems) != 0 {
		t.Fatalf("the forgery is not one: %+v", r.Problems)
	}
	r = check(t, forged, Question{Since: kept})
	if len(r.Problems) == 0 || r.Problems[0].Code != Forked || *r.Problems[0].Entry != 8 {
		t.Errorf("the fork: %+v", r.Problems)
	}
	if _, err := Verify(forged, Question{Since: other.log.Checkpoint()[:20]}); !errors.Is(err, tlog.CheckpointUnsigned) {
		t.Errorf("half a checkpoint: %v, want %s", err, tlog.CheckpointUnsigned)
	}
	if _, err := Verify(fstest.MapFS{"a": {}}, Question{}); !errors.Is(err, Missing) {
		t.Errorf("no log: %v, want %s", err, Missing)
	}
}

// TestBatches has an authority that records what proxies never signed.
func TestBatches(t *testing.T) {
	first := func(s *sample) []Entry { return s.batch("proxy/one", 0, s.at(api.Door, api.Opened, 1)) }
	tests := []struct {
		name string
		add  func(s *sample) []Entry
		want fault.Code
	}{
		{"as signed", first, ""},
		{"numbers left out, events lost", func(s *sample) []Entry {
			return append(first(s), s.numbered("proxy/one", 4, 2, s.at(api.Door, api.Ended, 1))...)
		}, ""},
		{"the first is not 1", func(s *sample) []Entry { return s.numbered("proxy/one", 4, 0, s.at(api.Door, api.Ended, 1)) }, ""},
		{"a number left out", func(s *sample) []Entry {
			return append(first(s), s.numbered("proxy/one", 3, 0, s.at(api.Door, api.Ended, 1))...)
		}, BatchMissing},
		{"a number twice", func(s *sample) []Entry {
			return append(first(s), s.numbered("proxy/one", 1, 0, s.at(api.Door, api.Ended, 1))...)
		}, BatchMissing},
		{"an event changed", func(s *sample) []Entry {
			all := first(s)
			all[1].Event = []byte(strings.Replace(string(all[1].Event), "allow-web", "allow-bat", 1))
			return all
		}, BatchUnsigned},
		{"an event added", func(s *sample) []Entry {
			all := first(s)
			all[0].Batch.Events++
			return append(all, all[1])
		}, BatchUnsigned},
		{"an event left out", func(s *sample) []Entry { return first(s)[:1] }, BatchUnsigned},
		{"an event alone", func(s *sample) []Entry { return first(s)[1:] }, BatchUnsigned},
		{"an event of another", func(s *sample) []Entry {
			all := first(s)
			all[1].Proxy = id("proxy/two")
			return all
		}, BatchUnsigned},
		{"another's batch", func(s *sample) []Entry {
			all := first(s)
			all[0].Proxy, all[1].Proxy = id("proxy/two"), id("proxy/two")
			return all
		}, BatchUnsigned},
		{"losses hidden", func(s *sample) []Entry {
			all := s.batch("proxy/one", 3, s.at(api.Door, api.Opened, 1))
			all[0].Batch.Lost = 0
			return all
		}, BatchUnsigned},
		{"another's signer", func(s *sample) []Entry {
			return []Entry{{Kind: Signs, Proxy: id("proxy/one"), Signer: [][]byte{s.own["proxy/two"].Leaf().Raw()}}}
		}, BatchUnsigned},
		{"a signer of nobody's", func(s *sample) []Entry {
			stranger := newSample(s.t)
			defer closeLog(s.t, stranger.log)
			return []Entry{{Kind: Signs, Time: s.clock, Proxy: id("proxy/one"), Signer: [][]byte{stranger.own["proxy/one"].Leaf().Raw()}}}
		}, BatchUnsigned},
		{"another key than was issued", func(s *sample) []Entry {
			leaf := s.own["proxy/one"].Leaf()
			return []Entry{{Kind: Issued, Issuance: &Issuance{Serial: leaf.Serial(), ID: leaf.ID(), By: leaf.ID(), Key: "sha256//another"}},
				{Kind: Signs, Time: s.clock, Proxy: id("proxy/one"), Signer: [][]byte{leaf.Raw(), s.ca.Intermediate().Raw()}}}
		}, BatchUnsigned},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSample(t)
			add(t, s.log, test.add(s)...)
			closeLog(t, s.log)
			r := check(t, s.files(), Question{Roots: s.roots()})
			var have fault.Code
			if len(r.Problems) > 0 {
				have = r.Problems[0].Code
			}
			if have != test.want {
				t.Errorf("the report is %+v, want [%s]", r.Problems, test.want)
			}
		})
	}
}
