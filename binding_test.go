package signet_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// TestExports compares exported keys with those of the other end.
func TestExports(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		conn, peer := newWorld(t).faces(t, as, version)
		state := peer.ConnectionState()
		for _, context := range [][]byte{nil, {}, []byte("some")} {
			for _, length := range []int{1, 32, 8160} {
				want, err := state.ExportKeyingMaterial("EXPORTER-test", context, length)
				if err != nil {
					t.Fatal(err)
				}
				if have, err := conn.ExportKeyingMaterial("EXPORTER-test", context, length); !bytes.Equal(have, want) || err != nil {
					t.Errorf("context %q: have %x, %v; want %x", context, have, err, want)
				}
			}
		}
		longest := strings.Repeat("x", 249)
		if _, err := conn.ExportKeyingMaterial(longest, nil, 32); err != nil {
			t.Errorf("a label of 249 bytes: %v", err)
		}
		_, err := conn.ExportKeyingMaterial(longest+"x", nil, 32)
		wantCode(t, "a label of 250 bytes", err, signet.BindingUnavailable)
		for _, length := range []int{-1, 0, 8161} {
			_, err := conn.ExportKeyingMaterial("EXPORTER-test", nil, length)
			wantCode(t, "length", err, signet.BindingUnavailable)
		}
		if version == tls.VersionTLS12 {
			_, err := conn.ExportKeyingMaterial("client finished", nil, 32)
			wantCode(t, "reserved label", err, signet.BindingUnavailable)
		}
	})
}

// TestChannelBindings compares them with what the other end says, in another
// implementation.
func TestChannelBindings(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		w := newWorld(t)
		conn, peer := w.faces(t, as, version)
		state := peer.ConnectionState()
		exported, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
		if err != nil {
			t.Fatal(err)
		}
		leaf := sha256.Sum256(w.server.Leaf().Raw())
		for kind, want := range map[string][]byte{signet.TLSExporter: exported, signet.TLSServerEndPoint: leaf[:], signet.TLSUnique: state.TLSUnique} {
			have, err := conn.ChannelBinding(kind)
			if len(want) == 0 {
				wantCode(t, kind, err, signet.BindingUnavailable)
				continue
			}
			if !bytes.Equal(have, want) || err != nil {
				t.Errorf("%s: have %x, %v; want %x", kind, have, err, want)
			}
		}
		if (version == tls.VersionTLS12) != (len(state.TLSUnique) > 0) {
			t.Errorf("%s has tls-unique %x", tls.VersionName(version), state.TLSUnique)
		}
		_, err = conn.ChannelBinding("tls-magic\n")
		wantCode(t, "unknown kind", err, signet.BindingUnavailable)
		peers.WantCoded(t, err)
	})
}

// TestChannelBindingsOfResumption holds that they are of the connection, and that
// of the certificate stays the same.
func TestChannelBindingsOfResumption(t *testing.T) {
	w := newWorld(t)
	client, server := w.dialer(), w.listener()
	seen := map[string]int{}
	for i := range 2 {
		near, far := meet(t, client, server)
		talk(t, near, far)
		if near.Peer().Resumed != (i == 1) {
			t.Fatalf("connection %d: resumed is %v", i, near.Peer().Resumed)
		}
		for _, kind := range []string{signet.TLSExporter, signet.TLSServerEndPoint} {
			have, err := near.ChannelBinding(kind)
			same, farErr := far.ChannelBinding(kind)
			if !bytes.Equal(have, same) || err != nil || farErr != nil {
				t.Errorf("%s: have %x, %v and %x, %v", kind, have, err, same, farErr)
			}
			seen[kind+string(have)]++
		}
	}
	if len(seen) != 3 {
		t.Errorf("have %d different bindings, want two exporters and one certificate", len(seen))
	}
}

// TestAsOpenSSLWritesIt compares names, random values and keys with what a
// server of pyOpenSSL's says of the same connection.
func TestAsOpenSSLWritesIt(t *testing.T) {
	python := peers.Python(t)
	w := newWorld(t)
	chain, key := filepath.Join(t.TempDir(), "chain.pem"), filepath.Join(t.TempDir(), "key.pem")
	writeCredential(t, w.server, chain, key)
	tests := []struct{ version, cipher, group string }{
		{"1.3", "", "X25519MLKEM768"},
		{"1.3", "", "X25519"},
		{"1.3", "", "P-256"},
		{"1.3", "", "P-384"},
		{"1.3", "", "P-521"},
		{"1.3", "", "SecP256r1MLKEM768"},
		{"1.3", "", "SecP384r1MLKEM1024"},
		{"1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", "X25519:P-256"},
		{"1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", "P-256"},
		{"1.2", "ECDHE-ECDSA-CHACHA20-POLY1305", "X25519:P-256"},
	}
	for _, test := range tests {
		t.Run(strings.Join([]string{test.version, test.cipher, test.group}, " "), func(t *testing.T) {
			server := exec.CommandContext(t.Context(), python, "testdata/pyopenssl/describe.py", chain, key, test.version, test.cipher, test.group)
			var stderr bytes.Buffer
			server.Stderr = &stderr
			stdout := testpki.Must(server.StdoutPipe())
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			defer server.Wait()
			defer server.Process.Kill()
			answers := json.NewDecoder(stdout)
			var port int
			if err := answers.Decode(&port); err != nil {
				t.Fatalf("%v\n%s", err, stderr.Bytes())
			}
			conn, err := w.dialer().Dial(t.Context(), "tcp", fmt.Sprintf("localhost:%d", port))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			var want, have description
			if err := answers.Decode(&want); err != nil {
				t.Fatalf("%v\n%s", err, stderr.Bytes())
			}
			peer, names := conn.Peer(), conn.Peer().OpenSSL()
			client, serverRandom := conn.Randoms()
			exported, err := conn.ExportKeyingMaterial("EXPORTER-test", []byte("some"), 40)
			if err != nil {
				t.Fatal(err)
			}
			have = description{Version: names.Version, Cipher: names.Cipher, Bits: names.Bits, Group: names.Group,
				Client: hex.EncodeToString(client[:]), Server: hex.EncodeToString(serverRandom[:]), Exported: hex.EncodeToString(exported)}
			for _, name := range peer.Authorities {
				have.Authorities = append(have.Authorities, name.String())
			}
			if unique, err := conn.ChannelBinding(signet.TLSUnique); err == nil {
				have.Finished = hex.EncodeToString(unique)
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("(-OpenSSL +ours):\n%s", diff)
			}
		})
	}
}

// description is what both ends say of a connection.
type description struct {
	Version, Cipher, Group   string
	Bits                     int
	Client, Server, Exported string
	Finished                 string // the client's, up to TLS 1.2
	Authorities              []string
}

func writeCredential(t *testing.T, credential *pki.Credential, chain, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(credential.Key)
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{chain: credential.ChainPEM(), key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRandoms holds that a server knows both wherever its verdict falls, before
// its own hello has left or after.
func TestRandoms(t *testing.T) {
	w := newWorld(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, server := range map[string]*signet.Server{
			"with clients' certificates": w.listener(),
			"public":                     {Public: true, Identity: identity.Static(w.server)},
		} {
			t.Run(tls.VersionName(version)+" "+name, func(t *testing.T) {
				config := w.bare(asClient, version)
				config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
				for i := range 2 { // the second is resumed
					near, far := pair(t)
					wire := &recorder{TCPConn: near}
					go func() {
						peer := tls.Client(far, config)
						peer.Read(make([]byte, 1))
						peer.Close()
					}()
					conn, err := server.Wrap(t.Context(), wire)
					if err != nil {
						t.Fatal(err)
					}
					if conn.Peer().Resumed != (i == 1) {
						t.Errorf("connection %d: resumed is %v", i, conn.Peer().Resumed)
					}
					client, ours := conn.Randoms()
					if !bytes.Contains(wire.sent, ours[:]) || client == [32]byte{} || ours == [32]byte{} {
						t.Errorf("connection %d: have %x and %x", i, client, ours)
					}
					conn.Write([]byte{1})
					conn.Shutdown(t.Context())
				}
			})
		}
	}
}
