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

func FuzzParseOCSPRequest(f *testing.F) {
	f.Add([]byte(tlv(0x30, tlv(0x30, ocspAsk+tlv(0xa2, tlv(0x30, ext(ocspNonce, "", tlv(4, "n"))))))))
	f.Add([]byte(tlv(0x30, tlv(0x30, ocspVersion+tlv(0xa1, tlv(0x82, "a"))+ocspAsk)+tlv(0xa0, tlv(0x30, crlAlgorithm+tlv(3, "\x00"))))))
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
	f.Add([]byte(basicOf(ocspByKey + ocspTime + tlv(0x30, ocspGood) + tlv(0xa1, tlv(0x30, ext(ocspNonce, "", tlv(4, "n")))))))
	f.Add([]byte(basicOf(ocspVersion + tlv(0xa1, crlIssuer) + ocspTime + tlv(0x30, tlv(0x30, ocspID+tlv(0xa1, ocspTime+tlv(0xa0, "\x0a\x01\x04"))+ocspTime+tlv(0xa0, ocspTime))))))
	f.Add([]byte(tlv(0x30, "\x0a\x01\x06")))
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
