package cli

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

func TestAddresses(t *testing.T) {
	host := testpki.Must(os.Hostname())
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	tests := []struct {
		name, given, bound, outside, here string
	}{
		{"one address", "", "127.0.0.1:7400", "127.0.0.1:7400", "127.0.0.1:7400"},
		{"all of IPv4", "", "0.0.0.0:7400", host + ":7400", "127.0.0.1:7400"},
		{"all there are", "", listener.Addr().String(), host + ":" + port, "127.0.0.1:" + port},
		{"as it is said", "authority.example:443", "0.0.0.0:7400", "authority.example:443", "127.0.0.1:7400"},
	}
	for _, test := range tests {
		bound := testpki.Must(net.ResolveTCPAddr("tcp", test.bound))
		have, err := (&authorityServeCmd{Address: test.given}).addresses(bound)
		if err != nil || have != (addresses{test.outside, test.here}) {
			t.Errorf("%s: %+v (%v), want %s and %s", test.name, have, err, test.outside, test.here)
		}
	}
	for _, wrong := range []string{"authority", ":7400", "a:"} {
		if _, err := (&authorityServeCmd{Address: wrong}).addresses(testpki.Must(net.ResolveTCPAddr("tcp", "127.0.0.1:1"))); err == nil {
			t.Errorf("--address %s is taken", wrong)
		}
	}
}

func TestCredentialOfSystemd(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", folder)
	if given := (secret{}).orCredential(); given.given() {
		t.Errorf("without a credential: %+v", given)
	}
	path := filepath.Join(folder, credentialName)
	if err := os.WriteFile(path, []byte("x"), 0o400); err != nil {
		t.Fatal(err)
	}
	if given := (secret{}).orCredential(); given.PassphraseFile != path {
		t.Errorf("with a credential: %+v", given)
	}
	if given := (secret{PassphraseFile: "mine"}).orCredential(); given.PassphraseFile != "mine" {
		t.Errorf("with a flag besides: %+v", given)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "relative")
	if given := (secret{}).orCredential(); given.given() {
		t.Errorf("with a relative folder: %+v", given)
	}
}

// TestPendingKey: until an enrolment has succeeded, its key stays the same for its
// token, and another token has another.
func TestPendingKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "host")
	one := api.Token{ID: testpki.Must(spiffeid.Parse("spiffe://prod.example/web")), Authority: "127.0.0.1:1", Root: strings.Repeat("0a", 32), Secret: api.NewSecret([16]byte{1})}
	other := one
	other.Secret = api.NewSecret([16]byte{2})
	first := testpki.Must(pendingKey(dir, one))
	public := func(token api.Token) string {
		block := testpki.Must(pki.MarshalPublicKey(testpki.Must(pendingKey(dir, token)).Public()))
		return string(block.Bytes)
	}
	if before := testpki.Must(pki.MarshalPublicKey(first.Public())); public(one) != string(before.Bytes) {
		t.Error("the same token has another key")
	}
	if public(one) == public(other) {
		t.Error("two tokens have one key")
	}
	if err := mayJoin(dir, one.ID); err != nil { // what is left does not stand in the way
		t.Error(err)
	}
}

// TestRenewedOnUse: what an operator asks with is renewed in the second half of its
// life; where nobody answers, it stays as it is.
func TestRenewedOnUse(t *testing.T) {
	root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "root"}))
	id := testpki.Must(spiffeid.Parse("spiffe://prod.example/operator/bob"))
	asked := make(chan struct{}, 1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			select {
			case asked <- struct{}{}:
			default:
			}
			conn.Close() // which is all that ends the asking
		}
	}()
	home := agent.Home{Credential: testpki.Must(root.New(pki.Spec{Profile: pki.Workload, ID: id})), Anchors: root.Chain, Authority: listener.Addr().String()}
	dir := t.TempDir()
	if err := agent.SaveHome(dir, home); err != nil {
		t.Fatal(err)
	}
	f := testpki.Must(openFolder(dir))
	if f.domain.String() != "prod.example" || len(f.identities()) != 1 || f.identities()[0] != "operator/bob" {
		t.Errorf("the folder is %+v", f)
	}
	for _, test := range []struct {
		later time.Duration
		asks  bool
	}{{time.Hour, false}, {13 * time.Hour, true}, {25 * time.Hour, false}} {
		have := f.renewed(context.Background(), time.Now().Add(test.later))
		if have.host.Credential.Leaf().Serial() != home.Credential.Leaf().Serial() {
			t.Errorf("after %v: another certificate, from nobody", test.later)
		}
		if heard := len(asked) > 0; heard != test.asks {
			t.Errorf("after %v the authority was asked: %v, want %v", test.later, heard, test.asks)
		}
		for len(asked) > 0 {
			<-asked
		}
	}
}
