package pkcs12_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/identity/pkcs12"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	store "github.com/signet-tls/signet/pki/pkcs12"
	"github.com/signet-tls/signet/verify"
)

func with(text string) pki.Passphrase { return func() ([]byte, error) { return []byte(text), nil } }

// TestRotate follows a file that is written anew, also with one that cannot be used.
func TestRotate(t *testing.T) {
	p := testpki.Must(testpki.New(time.Now()))
	old, next := testpki.Must(p.Server("web.example")), testpki.Must(p.Server("web.example"))
	disk := fstest.MapFS{"web.p12": {Data: testpki.Must(store.Encode(old, []byte("secret")))}}
	source, err := identity.Open(identity.Files{FS: disk, Chain: "web.p12", Decode: pkcs12.Decode(with("secret"))})
	if err != nil {
		t.Fatal(err)
	}
	look := func(what string, want *pki.Credential, code error) {
		t.Helper()
		if err := source.Reload(); !errors.Is(err, code) {
			t.Errorf("%s: have %v, want %v", what, err, code)
		}
		if have, err := source.Credential(); err != nil || !have.Leaf().Equal(want.Leaf()) || len(have.Chain) != len(want.Chain) {
			t.Errorf("%s: another certificate is held, %v", what, err)
		}
	}
	look("unchanged", old, nil)
	whole := testpki.Must(store.Encode(next, []byte("secret")))
	disk["web.p12"] = &fstest.MapFile{Data: whole[:len(whole)/2]}
	look("half written", old, identity.Unreadable)
	disk["web.p12"] = &fstest.MapFile{Data: testpki.Must(store.Encode(next, []byte("another")))}
	look("another passphrase", old, pki.PassphraseWrong)
	disk["web.p12"] = &fstest.MapFile{Data: whole}
	look("whole", next, nil)
}

// TestOpenSSL reads what OpenSSL exports.
func TestOpenSSL(t *testing.T) {
	openssl := peers.OpenSSL(t)
	credential := testpki.Must(testpki.Must(testpki.New(time.Now())).Client("client.example"))
	folder := t.TempDir()
	pem, file := filepath.Join(folder, "client.pem"), filepath.Join(folder, "client.p12")
	if err := os.WriteFile(pem, testpki.Must(credential.PEM()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(openssl, "pkcs12", "-export", "-in", pem, "-out", file, "-passout", "pass:secret").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	source, err := identity.Open(identity.Files{Chain: file, Decode: pkcs12.Decode(with("secret")), Purpose: verify.ClientAuth})
	if err != nil {
		t.Fatal(err)
	}
	if have, err := source.Credential(); err != nil || !have.Leaf().Equal(credential.Leaf()) {
		t.Errorf("another certificate is held, %v", err)
	}
}

func TestKeyElsewhere(t *testing.T) {
	disk := fstest.MapFS{"web.p12": {Data: []byte("x")}, "key.pem": {Data: []byte("y")}}
	_, err := identity.Open(identity.Files{FS: disk, Chain: "web.p12", Key: "key.pem", Decode: pkcs12.Decode(with("secret"))})
	if !errors.Is(err, pki.KeyUnreadable) {
		t.Errorf("have %v, want %s", err, pki.KeyUnreadable)
	}
}
