package pki_test

import (
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/pki"
)

// TestMalformedKeys runs the readers of keys over the malformed files of the
// conformance data: an error has its code and next step, and nothing panics.
func TestMalformedKeys(t *testing.T) {
	looked, read := 0, 0
	for name, data := range peers.BadInputs(t, "") {
		kind, _, _ := strings.Cut(name, "/")
		switch kind {
		case "asn1", "cert", "crl", "csr", "key", "pem", "ocsp", "pkcs7", "pkcs12":
			looked++
			if readsKeys(t, name, data) {
				read++
			}
		}
	}
	t.Logf("%d of %d files are keys that can be described", read, looked)
	if looked < 1000 || read == 0 {
		t.Errorf("%d files were looked at, and %d were keys", looked, read)
	}
}

// readsKeys reports whether data is a private or public key; whatever cannot be
// used of it has a fault.
func readsKeys(t *testing.T, name string, data []byte) bool {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s: %v", name, p)
		}
	}()
	private, errPrivate := pki.ParsePrivateKey(data, nil)
	if errPrivate != nil {
		wantAnyFault(t, errPrivate)
	} else if _, err := private.Signer(); err != nil {
		wantAnyFault(t, err)
	}
	public, errPublic := pki.ParsePublicKey(data)
	if errPublic != nil {
		wantAnyFault(t, errPublic)
	} else {
		public.Problems()
		if _, err := public.Key(); err != nil {
			wantAnyFault(t, err)
		}
	}
	return errPrivate == nil || errPublic == nil
}
