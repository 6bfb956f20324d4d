package recognise_test

import (
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
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
		wantCoded(t, err)
	} else if len(objects) == 0 {
		t.Error("neither an object nor an error")
	}
	recognise.Relate(objects)
	for _, o := range objects {
		if o.Kind == "" || o.Place.Offset < 0 || o.Place.Offset > len(data) {
			t.Errorf("an object of the kind %q at %+v", o.Kind, o.Place)
		}
		if o.Err != nil {
			wantCoded(t, o.Err)
		} else if o.Certificate == nil && o.PrivateKey == nil && o.PublicKey == nil && o.Title == "" {
			t.Errorf("an object of the kind %s with nothing in it", o.Kind)
		}
	}
	return objects
}

func wantCoded(t *testing.T, err error) {
	t.Helper()
	if e, ok := fault.Of(err); !ok || e.Code == "" || e.Hint == "" || e.Message != fault.Printable(e.Message, 1000) {
		t.Errorf("have %v, want a printable fault with code and hint", err)
	}
}

// TestMalformedFiles reads 15,000 files that are broken on purpose, with a
// passphrase that opens none of them.
func TestMalformedFiles(t *testing.T) {
	files, known := 0, 0
	var slowest time.Duration
	var slowestName string
	options := recognise.Options{Passphrase: func() ([]byte, error) { return []byte("wrong"), nil }}
	for _, kind := range kinds {
		for name, data := range peers.BadInputs(t, kind) {
			files++
			begin := time.Now()
			if len(readAll(t, data, options)) > 0 {
				known++
			}
			if took := time.Since(begin); took > slowest {
				slowest, slowestName = took, name
			}
			if t.Failed() {
				t.Fatal(name)
			}
		}
	}
	t.Logf("%d files, %d of them recognised; the slowest took %s: %s", files, known, slowest, slowestName)
	if files < 1000 {
		t.Errorf("there are only %d files", files)
	}
}
