package pkcs7_test

import (
	"testing"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki/pkcs7"
)

// readAll parses data and does with it what can be done. Whatever it is, it gives
// a coded error or a message.
func readAll(t *testing.T, data []byte) (read bool) {
	t.Helper()
	m, err := pkcs7.Parse(data)
	if err != nil {
		peers.WantCoded(t, err)
		return false
	}
	if m.Kind == "" {
		t.Error("a message without a kind")
	}
	if err := m.Verify([]byte("content")); err != nil {
		peers.WantCoded(t, err)
	}
	certs, err := m.Certificates()
	if err != nil {
		peers.WantCoded(t, err)
		return true
	}
	again, err := pkcs7.Parse(testpki.Must(pkcs7.NewBundle(certs, m.CRLs...)))
	if err != nil {
		t.Errorf("what was read cannot be read once it is written: %v", err)
	} else if have := testpki.Must(again.Certificates()); len(have) != len(certs) || len(again.CRLs) != len(m.CRLs) {
		t.Errorf("%d certificates and %d lists became %d and %d", len(certs), len(m.CRLs), len(have), len(again.CRLs))
	}
	return true
}

func TestBadInputs(t *testing.T) {
	peers.ReadBadInputs(t, 100, func(data []byte) bool { return readAll(t, data) }, "pkcs7")
}

func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) { readAll(t, data) })
}
