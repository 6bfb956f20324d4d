package agent

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// TestBatchIsSigned has the authority refuse a batch: the next says, by the
// proxy's signature, how many events are lost.
func TestBatchIsSigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFake(t)
		f.refuse[api.PathEvents] = 400
		stop := run(t, a, &enforcer{})
		defer stop()
		a.Report(api.Event{Kind: api.Refused})
		a.Report(api.Event{Kind: api.Refused})
		time.Sleep(time.Minute)
		f.set(func(f *fake) { clear(f.refuse) })
		a.Report(api.Event{Kind: api.Opened, Reason: "a < b \xff"})
		time.Sleep(time.Minute)
		f.mu.Lock()
		defer f.mu.Unlock()
		batch, err := api.ParseBatch(f.posted)
		if err != nil {
			t.Fatal(err)
		}
		if batch.Number < 2 || batch.Lost != 2 || len(batch.Events) != 1 {
			t.Errorf("the batch is %+v, want one event, and two lost", batch)
		}
		leaf := testpki.Must(pki.ParseCertificate(batch.Signer[0]))
		if leaf.ID() != a.self || len(batch.Signer) != 2 {
			t.Errorf("the signer is %s, with %d certificates", leaf.ID(), len(batch.Signer))
		}
		if err := pki.VerifyFile(leaf.PublicKey(), bytes.NewReader(batch.Signed(a.self)), batch.Signature); err != nil {
			t.Errorf("the signature: %v", err)
		}
	})
}
