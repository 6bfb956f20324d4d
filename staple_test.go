package signet_test

import (
	"crypto"
	"crypto/tls"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// TestMustStaple: a certificate that demands a staple is refused without one, and
// accepted with it, on resumed connections too.
func TestMustStaple(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			w := newWorld(t)
			w.server = testpki.Must(w.Intermediate.New(pki.Spec{Profile: pki.Server, DNS: []string{testpki.Host}, MustStaple: true, OCSP: []string{"http://ocsp.example"}}))
			single := pki.SingleResponse{ID: testpki.Must(pki.NewCertID(w.server.Leaf(), w.Intermediate.Leaf(), crypto.SHA1)), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour)}
			response := testpki.Must(w.Intermediate.NewOCSPResponse(pki.OCSPResponseSpec{Issuer: w.Intermediate.Leaf(), Responses: []pki.SingleResponse{single}}))
			theirs := w.bare(asServer, version)
			client := w.dialer()
			attempt := func() (*signet.Conn, error) {
				near, far := pair(t)
				peer := tls.Server(far, theirs)
				var conn *signet.Conn
				var err error
				var both sync.WaitGroup
				both.Go(func() { conn, err = client.Wrap(t.Context(), near, testpki.Host) })
				both.Go(func() { peer.HandshakeContext(t.Context()) }) // the refusal is judged at our end
				both.Wait()
				if err == nil {
					talk(t, conn, peer)
				}
				return conn, err
			}
			if _, err := attempt(); !errors.Is(err, verify.StapleMissing) {
				t.Fatalf("without a staple: %v", err)
			}
			theirs.Certificates[0].OCSPStaple = response.Raw()
			for i := range 2 {
				conn, err := attempt()
				if err != nil {
					t.Fatalf("connection %d: %v", i, err)
				}
				if want := i > 0; conn.Peer().Resumed != want {
					t.Errorf("connection %d: resumed %v", i, conn.Peer().Resumed)
				}
			}
			// A resumed session has the staple of its first connection, which does
			// not count for ever; then the next connection is a whole one.
			client.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
			if _, err := attempt(); !errors.Is(err, verify.StapleMissing) {
				t.Errorf("with a staple of two hours ago: %v", err)
			}
		})
	}
}
