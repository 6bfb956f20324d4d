package pki_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"os"
	"testing"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// recordedKey is a key as OpenSSL wrote it in one of its forms, under the
// passphrase "correct horse" if it is sealed.
type recordedKey struct {
	Form, Container, Encryption string
	Data                        []byte
}

type recordedKeys []recordedKey

// recordedFile has every form of the key of recordedScalar; "go test ./pki -run
// KeysFromOpenSSL -record" writes it.
const recordedFile = "testdata/openssl-keys.json"

// recordedScalar is a key that everyone may know.
func recordedScalar() crypto.Signer {
	return testpki.Must(ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{0x5a}, 32)))
}

func (keys recordedKeys) write(t *testing.T) {
	data := testpki.Must(json.MarshalIndent(keys, "", " "))
	if err := os.WriteFile(recordedFile, append(data, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRecordedKeys opens what OpenSSL sealed, without OpenSSL at hand.
func TestRecordedKeys(t *testing.T) {
	var keys recordedKeys
	if err := json.Unmarshal(testpki.Must(os.ReadFile(recordedFile)), &keys); err != nil {
		t.Fatal(err)
	}
	sealed := 0
	for _, recorded := range keys {
		t.Run(recorded.Form, func(t *testing.T) {
			ask := unasked(t)
			if recorded.Encryption != "" {
				sealed++
				ask = secret("correct horse")
				wantLocked(t, recorded.Data, recorded.Encryption)
				_, err := pki.ParsePrivateKey(recorded.Data, secret("battery staple"))
				wantFault(t, err, pki.PassphraseWrong, "does not open")
			}
			read, err := pki.ParsePrivateKey(recorded.Data, ask)
			if err != nil {
				t.Fatal(err)
			}
			if read.Container != recorded.Container || read.Encryption != recorded.Encryption {
				t.Errorf("have %q, %q, want %q, %q", read.Container, read.Encryption, recorded.Container, recorded.Encryption)
			}
			if got := testpki.Must(read.Signer()); !sameKey(got, recordedScalar()) {
				t.Errorf("have another key of type %T", got)
			}
		})
	}
	if len(keys) != 21 || sealed != 17 {
		t.Errorf("%d forms, %d of them sealed", len(keys), sealed)
	}
}
