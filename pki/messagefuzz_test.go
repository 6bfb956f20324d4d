package pki_test

import (
	"bytes"
	"testing"

	"github.com/signet-tls/signet/pki"
)

func FuzzParseRequests(f *testing.F) {
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
			wantText(t, request.Text(), data)
			again, err := pki.ParseRequests(request.PEM())
			if err != nil || len(again) != 1 || !bytes.Equal(again[0].Raw(), request.Raw()) {
				t.Errorf("the request does not survive PEM: %v", err)
			}
		}
	})
}

func FuzzParseRevocationLists(f *testing.F) {
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
			wantText(t, list.Text(), data)
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

func FuzzParseOCSPRequest(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		request, err := pki.ParseOCSPRequest(data)
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		if len(request.IDs()) == 0 {
			t.Error("it asks nothing")
		}
		for _, id := range request.IDs() {
			again, err := pki.NewOCSPRequest(nil, id)
			if err != nil || again.IDs()[0].SerialNumber.Cmp(id.SerialNumber) != 0 {
				t.Errorf("an ID cannot be asked about: %v", err)
			}
		}
		examineOCSP(data)
	})
}

func FuzzParseOCSPResponse(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		response, err := pki.ParseOCSPResponse(data)
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		if response.Status() != pki.OCSPSuccessful && (response.Responses() != nil || response.CheckSignatureBy(nil) == nil) {
			t.Errorf("an answer with the status %s", response.Status())
		}
		for _, single := range response.Responses() {
			if single.Status.String() == "" || single.Reason.String() == "" {
				t.Errorf("have %+v", single)
			}
		}
		examineOCSP(data)
	})
}
