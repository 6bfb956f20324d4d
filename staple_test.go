package signet_test

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/identity/staple"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation/fetch"
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

// stapling is a server whose certificate demands a staple, its log, and the responder
// of its authority, which fetch.Client asks over HTTP.
func stapling(t *testing.T, w *world) (*signet.Server, *staple.Source, *bytes.Buffer) {
	t.Helper()
	issuer := w.Intermediate.Leaf()
	responder := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		single := pki.SingleResponse{ID: testpki.Must(pki.NewCertID(w.server.Leaf(), issuer, crypto.SHA1)), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour)}
		out.Write(testpki.Must(w.Intermediate.NewOCSPResponse(pki.OCSPResponseSpec{Issuer: issuer, Responses: []pki.SingleResponse{single}})).Raw())
	}))
	t.Cleanup(responder.Close)
	w.server = testpki.Must(w.Intermediate.New(pki.Spec{Profile: pki.Server, DNS: []string{testpki.Host}, MustStaple: true, OCSP: []string{responder.URL}}))
	fetcher := fetch.New(fetch.Config{Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	source := testpki.Must(staple.New(staple.Config{Source: identity.Static(w.server), Roots: w.roots, Fetcher: fetcher}))
	log := new(bytes.Buffer)
	server := w.listener()
	server.Identity, server.Logger = source, slog.New(slog.NewTextHandler(log, nil))
	return server, source, log
}

// TestServerStaples holds that a server which fetches staples sends them, and that one
// which must and has none says so, once.
func TestServerStaples(t *testing.T) {
	const lacks = "demands a stapled OCSP response"
	w := newWorld(t)
	server, source, log := stapling(t, w)
	for range 2 {
		near, _ := shake(t, w.dialer(), server)
		wantCode(t, "without a staple", near.err, verify.StapleMissing)
	}
	if strings.Count(log.String(), lacks) != 1 {
		t.Errorf("the log does not say once that a staple is missing:\n%s", log)
	}
	if err := source.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	near, far := meet(t, w.dialer(), server)
	if len(near.Peer().Staple) == 0 {
		t.Error("no staple was sent")
	}
	talk(t, near, far)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		conn, bare, ours, theirs := w.call(t, server, version, func(*tls.Config) {})
		if ours != nil || theirs != nil {
			t.Fatal(ours, theirs)
		}
		if response, err := pki.ParseOCSPResponse(bare.OCSPResponse()); err != nil || response.Status() != pki.OCSPSuccessful {
			t.Errorf("%s: have %v, %v", tls.VersionName(version), response, err)
		}
		conn.Abort()
	}
	if strings.Count(log.String(), lacks) != 1 {
		t.Errorf("the log says again that a staple is missing:\n%s", log)
	}
}

// TestOpenSSLReadsStaples has OpenSSL ask for a staple, and check it.
func TestOpenSSLReadsStaples(t *testing.T) {
	openssl := peers.OpenSSL(t)
	w := newWorld(t)
	server, source, _ := stapling(t, w)
	server.Public, server.Roots, server.Name = true, verify.Roots{}, verify.Name{}
	if err := source.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	listener, err := server.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, w.Root.ChainPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		go func() {
			if conn, err := listener.Accept(); err == nil {
				conn.(*signet.Conn).Handshake(t.Context())
				conn.Close()
			}
		}()
		cmd := exec.Command(openssl, "s_client", "-connect", listener.Addr().String(), "-servername", testpki.Host, "-status", "-CAfile", roots, "-verify_return_error", version)
		out, err := cmd.CombinedOutput()
		for _, want := range []string{"OCSP Response Status: successful", "Cert Status: good", "Verify return code: 0 (ok)"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: OpenSSL does not say %q (%v):\n%s", version, want, err, out)
			}
		}
	}
}
