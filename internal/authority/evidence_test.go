package authority

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// entries closes the log and returns all that is in it, which an auditor must
// find whole.
func (r *rig) entries() (all []audit.Entry) {
	r.t.Helper()
	if err := r.log.Close(); err != nil {
		r.t.Fatal(err)
	}
	report, err := audit.Verify(os.DirFS(filepath.Join(r.dir, audit.Folder)), audit.Question{Roots: r.roots})
	if err != nil || len(report.Problems) > 0 {
		r.t.Fatalf("the log: %+v (%v)", report, err)
	}
	if err := r.log.Entries(0, func(e audit.Entry) { all = append(all, e) }); err != nil {
		r.t.Fatal(err)
	}
	return all
}

// of returns the entries of a kind.
func of(kind audit.Kind, all []audit.Entry) []audit.Entry {
	return slices.DeleteFunc(slices.Clone(all), func(e audit.Entry) bool { return e.Kind != kind })
}

func opened(conn string) api.Event {
	return api.Event{Time: time.Now(), Kind: api.Opened, Conn: connID(conn), Side: api.Door, From: id("web"), To: id("orders"), Reason: "<&\u2028\xff>"}
}

// TestOnRecord has one of everything happen.
func TestOnRecord(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = 0 })
	w, _ := r.watchAs("proxy/one")
	key := testpki.Must(pki.NewKey())
	answer := ask[api.Certificate](w.client, "POST", api.PathCertificate, api.CertificateRequest{ID: id("web"), Request: testpki.Must(pki.NewRequest(key))})
	r.as("operator/ann").allow("web", "orders")
	r.as("operator/ann").try("POST", api.PathRevoke, strings.NewReader(`{"who":"nobody"}`))
	foreign := opened("2")
	foreign.From, foreign.To = id("orders"), id("idle")
	w.tell(opened("1"), foreign)
	all := r.entries()

	leaf := testpki.Must(pki.ParseCertificate(answer.Chain[0]))
	issued := of(audit.Issued, all)
	if last := issued[len(issued)-1].Issuance; last.Serial != leaf.Serial() || last.ID != id("web") || last.By != id("proxy/one") || last.Key != leaf.PublicKey().PinText() {
		t.Errorf("the certificate is on record as %+v", last)
	}
	acts, outcomes := of(audit.Acted, all), of(audit.Came, all)
	if len(acts) != 2 || acts[0].Act.By != id("operator/ann") || acts[0].Act.Verb != "allow" || !strings.Contains(string(acts[0].Act.Request), `"from":"web"`) || acts[1].Act.Verb != "revoke" {
		t.Errorf("the acts are %+v", acts)
	}
	if len(outcomes) != 2 || outcomes[0].Outcome.Revision != r.store.State().Revision || outcomes[0].Outcome.Event.Rule != "allow-web-orders" ||
		all[outcomes[0].Outcome.Of].Act.Verb != "allow" || outcomes[1].Outcome.Code != string(api.IdentityUnknown) || outcomes[1].Outcome.Revision != 0 {
		t.Errorf("the outcomes are %+v", outcomes)
	}
	if len(of(audit.Decided, all)) != 1 || len(of(audit.Disowned, all)) != 1 || len(of(audit.Batched, all)) != 1 || len(of(audit.Signs, all)) != 1 {
		t.Errorf("the events are on record as %+v", all)
	}
}

// TestNothingWithoutRecord has the log fail: nothing happens that it should
// hold, and proxies keep their events.
func TestNothingWithoutRecord(t *testing.T) {
	r := newRig(t, nil)
	w, _ := r.watchAs("proxy/one")
	ann := r.as("operator/ann")
	before := r.store.State().Revision
	if err := r.log.Close(); err != nil {
		t.Fatal(err)
	}
	request := testpki.Must(pki.NewRequest(testpki.Must(pki.NewKey())))
	for path, body := range map[string]any{
		api.PathCertificate: api.CertificateRequest{ID: id("web"), Request: request},
		api.PathEvents:      w.batch("a run", 1, 0, opened("1")),
		api.PathAllow:       api.PairRequest{From: "web", To: "orders"},
		api.PathRevoke:      api.RevokeRequest{Who: "web"},
	} {
		c := ann
		if path == api.PathCertificate || path == api.PathEvents {
			c = w.client
		}
		status, refusal := c.try("POST", path, jsonBody(body))
		if refusal.Code != string(audit.Closed) || status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %+v, want [%s]", path, status, refusal, audit.Closed)
		}
	}
	if after := r.store.State().Revision; after != before {
		t.Errorf("the truth has revision %d, and had %d", after, before)
	}
	if known := r.journal.Connections("c"); len(known) != 0 {
		t.Errorf("the authority tells of %v", known)
	}
}

// TestBatchesAreSigned sends batches that the proxy did not sign, or not so.
func TestBatchesAreSigned(t *testing.T) {
	r := newRig(t, nil)
	one, two := r.as("proxy/one"), r.as("proxy/two")
	change := func(change func(b *api.Batch)) api.Batch {
		b := one.batch("a run", 1, 0, opened("1"))
		change(&b)
		return b
	}
	sign := func(b *api.Batch) {
		b.Signature = testpki.Must(pki.SignFile(testpki.Must(one.signet.Identity.Credential()).Key, bytes.NewReader(b.Signed(id("proxy/one")))))
	}
	for name, test := range map[string]struct {
		batch api.Batch
		code  string
	}{
		"no signature":   {change(func(b *api.Batch) { b.Signature = nil }), string(audit.BatchUnsigned)},
		"no certificate": {change(func(b *api.Batch) { b.Signer = nil }), string(audit.BatchUnsigned)},
		"no chain":       {change(func(b *api.Batch) { b.Signer = r.as("proxy/one").batch("a run", 1, 0).Signer[:1] }), string(audit.BatchUnsigned)},
		"endless chain":  {change(func(b *api.Batch) { b.Signer = slices.Repeat(b.Signer, maxChain) }), string(audit.BatchUnsigned)},
		"garbage":        {change(func(b *api.Batch) { b.Signer = [][]byte{{1}} }), string(audit.BatchUnsigned)},
		"another number": {change(func(b *api.Batch) { b.Number++ }), string(audit.BatchUnsigned)},
		"other losses":   {change(func(b *api.Batch) { b.Lost++ }), string(audit.BatchUnsigned)},
		"another event":  {change(func(b *api.Batch) { b.Events = two.batch("", 1, 0, opened("2")).Events }), string(audit.BatchUnsigned)},
		"another's":      {two.batch("a run", 1, 0, opened("1")), string(audit.BatchUnsigned)},
		"another run's name": {change(func(b *api.Batch) {
			b.Run = "a\nrun"
			sign(b)
		}), string(BadRequest)},
		"no event": {change(func(b *api.Batch) {
			b.Events[0] = []byte(`17`)
			sign(b)
		}), string(BadRequest)},
		"large event": {change(func(b *api.Batch) {
			b.Events[0] = []byte(`{"reason":"` + strings.Repeat("x", maxEvent) + `"}`)
			sign(b)
		}), string(BadRequest)},
	} {
		t.Run(name, func(t *testing.T) {
			if _, refusal := one.try("POST", api.PathEvents, jsonBody(test.batch)); refusal.Code != test.code {
				t.Errorf("%+v, want [%s]", refusal, test.code)
			}
		})
	}
	// An agent that has just renewed signs with the new key on the old connection.
	ask[struct{}](one, "POST", api.PathEvents, r.as("proxy/one").batch("a run", 1, 0, opened("1")))
	const spaced = `{"run":"a run","number":2}` + "\n" + `{ "kind":"opened"}` + "\n"
	if _, refusal := one.try("POST", api.PathEvents, strings.NewReader(spaced)); refusal.Code != string(BadRequest) {
		t.Errorf("an event with spaces: %+v", refusal)
	}
	if n := len(of(audit.Batched, r.entries())); n != 1 {
		t.Errorf("%d batches are on record, want 1", n)
	}
}

// TestRecall restarts an authority: it knows what its predecessor knew.
func TestRecall(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = 0 })
	w, _ := r.watchAs("proxy/one")
	ann := r.as("operator/ann")
	ann.allow("web", "orders")
	batch := w.batch("a run", 1, 5, opened("1"), api.Event{Time: time.Now(), Kind: api.Ended, Conn: connID("1"), Side: api.Door, From: id("web"), To: id("orders"), Code: "no_rule", Revision: 99})
	ask[struct{}](w.client, "POST", api.PathEvents, batch)
	before := r.journal.History(connID("1"))
	entries := len(r.entries())

	log := openLog(t, r.dir)
	a := testpki.Must(New(Config{Store: r.store, CA: r.ca, Log: log}))
	if err := a.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := a.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	again := &rig{Authority: a, t: t, roots: r.roots, address: a.listener.Addr().String(), dir: r.dir}
	own := testpki.Must(w.signet.Identity.Credential())
	ask[struct{}](again.with(identity.Static(own)), "POST", api.PathEvents, batch) // its answer was lost
	after := a.journal.History(connID("1"))
	if len(before) != 3 || len(after) != 3 {
		t.Fatalf("the history is %+v, and was %+v", after, before)
	}
	for i := range before {
		if !before[i].Time.Equal(after[i].Time) || before[i].Kind != after[i].Kind || before[i].Rule != after[i].Rule || before[i].Proxy != after[i].Proxy || before[i].Reason != after[i].Reason {
			t.Errorf("event %d is %+v, and was %+v", i, after[i], before[i])
		}
	}
	if n := a.journal.LostSince(time.Time{}); n != 5 {
		t.Errorf("%d events are lost, want 5", n)
	}
	if !a.started.Before(time.Now().Add(-time.Nanosecond)) || a.started.After(r.started.Add(time.Minute)) {
		t.Errorf("it knows of what was since %v", a.started)
	}
	if n := len(of(audit.Batched, again.entries())); n != 1 {
		t.Errorf("the batch is there %d times, in %d entries", n, entries)
	}
}

// TestLogIsNeeded makes an authority without one.
func TestLogIsNeeded(t *testing.T) {
	store := testpki.Must(control.Open(t.Context(), control.Config{Dir: t.TempDir(), TrustDomain: domain}))
	defer store.Close()
	if _, err := New(Config{Store: store}); err == nil {
		t.Error("an authority without a log was made")
	}
}
