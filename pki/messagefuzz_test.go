package pki_test

import (
	"bytes"
	"testing"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

func FuzzParseRequests(f *testing.F) {
	key := testpki.Must(pki.NewKey())
	one := testpki.Must(wish().Sign(key))
	f.Add(one.PEM())
	f.Add(append(bytes.Clone(one.Raw()), testpki.Must(pki.NewRequest(key))...))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := pki.ParseRequests(data)
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		if len(found) == 0 {
			t.Fatal("neither a request nor an error")
		}
		for _, request := range found {
			examineRequest(request)
			again, err := pki.ParseRequests(request.PEM())
			if err != nil || len(again) != 1 || !bytes.Equal(again[0].Raw(), request.Raw()) {
				t.Errorf("the request does not survive PEM: %v", err)
			}
		}
	})
}
