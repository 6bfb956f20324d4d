package recognise_test

import (
	"testing"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/recognise"
)

// kinds are those of malformed input that are files.
var kinds = []string{"asn1", "cert", "crl", "key", "mldsa", "mlkem", "ocsp", "pem", "pkcs7", "pkcs12"}

// readAll reads data, and holds what comes of it to its promises.
func readAll(t *testing.T, data []byte, options recognise.Options) []*recognise.Object {
	t.Helper()
	objects, err := recognise.Read(data, options)
	if err != nil {
		peers.WantCoded(t, err)
	} else if len(objects) == 0 {
		t.Error("neither an object nor an error")
	}
	recognise.Relate(objects)
	for _, o := range objects {
		if o.Kind == "" || o.Place.Offset < 0 || o.Place.Offset > len(data) {
			t.Errorf("an object of the kind %q at %+v", o.Kind, o.Place)
		}
		if o.Err != nil {
			peers.WantCoded(t, o.Err)
		} else if o.Certificate == nil && o.PrivateKey == nil && o.PublicKey == nil && o.Title == "" {
			t.Errorf("an object of the kind %s with nothing in it", o.Kind)
		}
	}
	return objects
}

// TestMalformedFiles reads 15,000 files that are broken on purpose, with a
// passphrase that opens none of them.
func TestMalformedFiles(t *testing.T) {
	options := recognise.Options{Passphrase: func() ([]byte, error) { return []byte("wrong"), nil }}
	peers.ReadBadInputs(t, 1000, func(data []byte) bool { return len(readAll(t, data, options)) > 0 }, kinds...)
}
