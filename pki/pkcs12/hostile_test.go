package pkcs12

import (
	"testing"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/pki"
)

// readAll parses data with and without a passphrase, and does with it what can be
// done. Whatever it is, it gives a coded error or a store.
func readAll(t *testing.T, data []byte, rounds int) (read bool) {
	t.Helper()
	for _, passphrase := range []pki.Passphrase{nil, secret(""), secret("secret")} {
		store, err := parse(data, passphrase, rounds)
		if err != nil {
			peers.WantCoded(t, err)
			continue
		}
		read = true
		for _, e := range store.Entries {
			if (e.Certificate != nil) == (e.Key != nil || e.Refused != nil) && e.Key == nil {
				t.Errorf("%+v is not one of a certificate, a key and something else", e)
			}
		}
		if credential, err := store.Credential(); err != nil {
			peers.WantCoded(t, err)
		} else if len(credential.Chain) > maxChain {
			t.Errorf("a chain of %d", len(credential.Chain))
		}
	}
	return read
}

func TestBadInputs(t *testing.T) {
	peers.ReadBadInputs(t, 30, func(data []byte) bool { return readAll(t, data, maxRounds) }, "pkcs12")
}

func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) { readAll(t, data, 10_000) })
}
