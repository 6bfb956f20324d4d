package pki_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/pki"
)

// examine is what an inspection asks of a file of each kind; it returns the
// parser's error.
var examine = map[string]func([]byte) error{
	"pem":  examineEach,
	"asn1": examineEach,
	"crl":  examineLists,
	"ocsp": examineOCSP,
}

// examineEach tries every parser; the error is the last one's.
func examineEach(data []byte) error {
	examineLists(data)
	examineOCSP(data)
	return examineRequests(data)
}

// examineOCSP tries both messages; the error is that of whichever it is not.
func examineOCSP(data []byte) error {
	request, err := pki.ParseOCSPRequest(data)
	if err == nil {
		request.Nonce()
		for _, cert := range request.Certificates() {
			request.CheckSignatureBy(cert.PublicKey())
		}
		return nil
	}
	response, err := pki.ParseOCSPResponse(data)
	if err == nil {
		response.Nonce()
		for _, cert := range response.Certificates() {
			response.CheckSignatureBy(cert.PublicKey())
			response.IsBy(cert)
			response.About(cert, cert)
		}
	}
	return err
}

func examineLists(data []byte) error {
	found, err := pki.ParseRevocationLists(data)
	for _, list := range found {
		examineList(list)
	}
	return err
}

func examineList(list *pki.RevocationList) {
	list.Malformed()
	_ = list.Issuer().String()
	for entry := range list.Entries() {
		entry.Malformed()
		_ = entry.Issuer().String() + entry.Serial()
	}
}

func examineRequests(data []byte) error {
	found, err := pki.ParseRequests(data)
	for _, request := range found {
		examineRequest(request)
	}
	return err
}

func examineRequest(request *pki.Request) {
	request.Malformed()
	request.CheckSignature()
	request.ChallengePassword()
	request.Spec(pki.Server, func(pki.GeneralName) bool { return true })
	_ = request.Subject().String()
}

// TestBadInputs shows every parser malformed files that others have collected:
// each is read, or refused with a code.
func TestBadInputs(t *testing.T) {
	counts := map[string][2]int{} // by kind: read, refused
	for name, data := range badInputs(t) {
		kind, _, _ := strings.Cut(name, "/")
		if examine[kind] == nil {
			continue
		}
		count := counts[kind]
		if err := examine[kind](data); err != nil {
			wantAnyFault(t, err)
			count[1]++
		} else {
			count[0]++
		}
		counts[kind] = count
	}
	for kind := range examine {
		count := counts[kind]
		t.Logf("%s: %d read, %d refused", kind, count[0], count[1])
		if count[0]+count[1] == 0 {
			t.Errorf("no files of the kind %s", kind)
		}
	}
}

// badInputs returns the collection's files by kind/name.
func badInputs(t *testing.T) map[string][]byte {
	t.Helper()
	return maps.Collect(peers.BadInputs(t, ""))
}
