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

func FuzzParseRevocationLists(f *testing.F) {
	fixture := testpki.Must(testpki.New(now))
	list := testpki.Must(fixture.Root.NewRevocationList(everyList(fixture)))
	f.Add(list.PEM())
	f.Add(append(bytes.Clone(list.Raw()), bigList(9).Raw()...))
	f.Add([]byte(crlOf(tlv(0x30, entry("\x01", issuerExt(dirName(dn("A"))))+entry("\x01")))))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := pki.ParseRevocationLists(data)
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		if len(found) == 0 {
			t.Fatal("neither a list nor an error")
		}
		for _, list := range found {
			examineList(list)
			count := 0
			for entry := range list.Entries() {
				count++
				if found, ok := list.Lookup(entry.Issuer(), entry.SerialNumber()); !ok || found.Serial() != entry.Serial() {
					t.Errorf("entry %d cannot be looked up", count)
				}
			}
			if count != list.Len() {
				t.Errorf("%d entries, and it says %d", count, list.Len())
			}
			again, err := pki.ParseRevocationLists(list.PEM())
			if err != nil || len(again) != 1 || !bytes.Equal(again[0].Raw(), list.Raw()) {
				t.Errorf("the list does not survive PEM: %v", err)
			}
		}
	})
}
