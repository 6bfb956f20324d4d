package signet_test

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/ciphers"
	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// TestCiphers holds that a choice narrows what is spoken, and never widens it.
func TestCiphers(t *testing.T) {
	tests := []struct {
		text  string
		spoke string // in TLS 1.2, with the world's ECDSA certificates
	}{
		{"ECDHE+CHACHA20", "ECDHE-ECDSA-CHACHA20-POLY1305"},
		{"AES256+AESGCM", "ECDHE-ECDSA-AES256-GCM-SHA384"},
		{"HIGH:!AES256:!CHACHA20", "ECDHE-ECDSA-AES128-GCM-SHA256"},
	}
	for _, test := range tests {
		everyRole(t, func(t *testing.T, as role, version uint16) {
			w := newWorld(t)
			client, server := w.dialer(), w.listener()
			client.Ciphers = testpki.Must(ciphers.Parse(test.text))
			server.Ciphers = client.Ciphers
			near, far := pair(t)
			var conn *signet.Conn
			var err error
			if as == asClient {
				go tls.Server(far, w.bare(asServer, version)).Handshake()
				conn, err = client.Wrap(t.Context(), near, testpki.Host)
			} else {
				go tls.Client(far, w.bare(asClient, version)).Handshake()
				conn, err = server.Wrap(t.Context(), near)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Abort()
			have := conn.Peer().OpenSSL().Cipher
			if version == tls.VersionTLS13 && !strings.HasPrefix(have, "TLS_") || version == tls.VersionTLS12 && have != test.spoke {
				t.Errorf("%q: have %s, want %s in TLS 1.2", test.text, have, test.spoke)
			}
		})
	}
	t.Run("nothing safe", func(t *testing.T) {
		w := newWorld(t)
		client, server := w.dialer(), w.listener()
		client.Ciphers = testpki.Must(ciphers.Parse("ECDHE+SHA1:RSA"))
		server.Ciphers = client.Ciphers
		_, clientErr := client.TLSConfig(verify.Host(testpki.Host))
		_, serverErr := server.TLSConfig()
		wantCode(t, "client", clientErr, signet.ConfigInvalid)
		wantCode(t, "server", serverErr, signet.ConfigInvalid)
		client.Dangerous = []dangerous.Switch{dangerous.LegacyVersions()}
		config, err := client.TLSConfig(verify.Host(testpki.Host))
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(config.CipherSuites, tls.TLS_RSA_WITH_AES_128_CBC_SHA) || !slices.Contains(config.CipherSuites, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA) {
			t.Errorf("legacy: have %x, want forward secrecy all the same", config.CipherSuites)
		}
	})
}

// TestClientCAs holds that a server names authorities without trusting them, and
// that a client sees whom it names.
func TestClientCAs(t *testing.T) {
	names := []pki.Name{testpki.Must(pki.ParseName("CN=one,O=Example")), testpki.Must(pki.ParseName("CN=two"))}
	everyOne := func(conn *signet.Conn) (have []string) {
		for _, name := range conn.Peer().Authorities {
			have = append(have, name.String())
		}
		return have
	}
	want := []string{names[0].String(), names[1].String()}
	w := newWorld(t)
	server := w.listener()
	server.ClientCAs = names
	t.Run("named", func(t *testing.T) {
		near, far := meet(t, w.dialer(), server)
		if diff := cmp.Diff(want, everyOne(near)); diff != "" || len(far.Peer().Authorities) != 0 {
			t.Errorf("(-want +have):\n%s", diff)
		}
	})
	t.Run("to a client without a certificate", func(t *testing.T) {
		near, _ := shake(t, &signet.Client{Roots: w.roots}, server)
		if near.err != nil {
			t.Fatal(near.err)
		}
		if diff := cmp.Diff(want, everyOne(near.conn)); diff != "" || !near.conn.Peer().WantsCertificate {
			t.Errorf("(-want +have):\n%s", diff)
		}
	})
	t.Run("by TLS 1.2", func(t *testing.T) {
		near, far := pair(t)
		config := w.bare(asServer, tls.VersionTLS12) // which names its roots
		go tls.Server(far, config).Handshake()
		conn, err := w.dialer().Wrap(t.Context(), near, testpki.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Abort()
		if diff := cmp.Diff([]string{w.Roots()[0].Subject().String()}, everyOne(conn)); diff != "" {
			t.Errorf("(-want +have):\n%s", diff)
		}
	})
	t.Run("named is not trusted", func(t *testing.T) {
		stranger := testpki.Must(testpki.New(time.Now()))
		naming := w.listener()
		naming.ClientCAs = []pki.Name{stranger.Roots()[0].Subject()}
		client := &signet.Client{Roots: w.roots, Identity: identity.Static(testpki.Must(stranger.Client(clientHost)))}
		_, far := shake(t, client, naming)
		wantCode(t, "server", far.err, verify.UnknownRoot)
	})
	t.Run("too many", func(t *testing.T) {
		crowded := w.listener()
		for i := range 700 {
			crowded.ClientCAs = append(crowded.ClientCAs, testpki.Must(pki.ParseName(fmt.Sprintf("CN=%d,O=%s", i, strings.Repeat("x", 40)))))
		}
		_, err := crowded.TLSConfig()
		wantCode(t, "config", err, signet.ConfigInvalid)
	})
}
