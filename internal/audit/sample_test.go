package audit

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// sample is a log like those of an authority, with signed batches of two
// proxies.
type sample struct {
	t     testing.TB
	dir   string
	log   *Log
	ca    *ca.CA
	own   map[string]*pki.Credential
	next  map[string]uint64
	clock time.Time
}

func newSample(t testing.TB) *sample {
	dir := t.TempDir()
	s := &sample{t: t, dir: dir, log: openLog(t, dir), ca: testpki.Must(ca.New(domain, time.Now())), own: map[string]*pki.Credential{},
		next: map[string]uint64{}, clock: time.Now().UTC()}
	for _, proxy := range []string{"proxy/one", "proxy/two"} {
		s.issue(proxy)
	}
	return s
}

// issue gives a proxy a certificate, which signs its batches from now on.
func (s *sample) issue(proxy string) {
	key := testpki.Must(pki.NewKey())
	chain := testpki.Must(s.ca.Issue(id(proxy), key.Public(), s.clock))
	s.own[proxy] = testpki.Must(pki.NewCredential(chain, key))
	leaf := chain[0]
	add(s.t, s.log, Entry{Kind: Issued, Time: s.clock, Issuance: &Issuance{Serial: leaf.Serial(), ID: leaf.ID(), Key: leaf.PublicKey().PinText(), NotAfter: leaf.NotAfter(), By: leaf.ID()}},
		Entry{Kind: Signs, Time: s.clock, Proxy: id(proxy), Signer: [][]byte{chain[0].Raw(), chain[1].Raw()}})
}

// batch returns the next batch of a proxy, signed, as entries.
func (s *sample) batch(proxy string, lost int, events ...api.Event) []Entry {
	s.next[proxy]++
	return s.numbered(proxy, s.next[proxy], lost, events...)
}

func (s *sample) numbered(proxy string, number uint64, lost int, events ...api.Event) []Entry {
	b := api.NewBatch("a run of "+proxy, number, events, lost)
	b.Signature = testpki.Must(pki.SignFile(s.own[proxy].Key, bytes.NewReader(b.Signed(id(proxy)))))
	kinds := make([]Kind, len(events))
	for i, event := range events {
		kinds[i] = KindOf(event)
	}
	return OfBatch(s.clock, id(proxy), s.own[proxy].Leaf().Serial(), b, kinds)
}

func connID(n int) string { return fmt.Sprintf("c%032x", n) }

// at is an event at one end of a connection from web to orders.
func (s *sample) at(side api.Side, kind api.Kind, conn int) api.Event {
	return api.Event{Time: s.clock, Kind: kind, Conn: connID(conn), Side: side, From: id("web"), To: id("orders"), Rule: "allow-web-orders", Sent: 10, Back: 20}
}

// connection adds what both ends tell of one connection, and an act.
func (s *sample) connection(n int) {
	s.clock = s.clock.Add(time.Second)
	add(s.t, s.log, act(n))
	for proxy, side := range map[string]api.Side{"proxy/one": api.Door, "proxy/two": api.Service} {
		add(s.t, s.log, s.batch(proxy, 0, s.at(side, api.Opened, n), s.at(side, api.Ended, n))...)
	}
}

// files is what is in the log's folder, in memory.
func (s *sample) files() fstest.MapFS {
	s.t.Helper()
	files := fstest.MapFS{}
	root := filepath.Join(s.dir, Folder)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files[filepath.ToSlash(testpki.Must(filepath.Rel(root, path)))] = &fstest.MapFile{Data: testpki.Must(os.ReadFile(path))}
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}

func (s *sample) roots() verify.Roots {
	return testpki.Must(verify.ForTrustDomain(domain, s.ca.Root()))
}

func check(t *testing.T, files fs.FS, q Question) *Report {
	t.Helper()
	r, err := Verify(files, q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
