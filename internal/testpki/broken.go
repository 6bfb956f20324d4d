package testpki

import (
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Case is one credential that must be refused.
type Case struct {
	Name       string             // such as "expired"
	Wrong      string             // what is wrong with it, in words
	Code       fault.Code         // the refusal's code, one of package verify's
	Depth      int                // the certificate that the refusal is about
	Rule       string             // what it breaks, and where that stands
	Credential *pki.Credential    // what the peer shows
	Roots      []*pki.Certificate // whom the other end trusts
	Lists      []*pki.RevocationList
	Responses  []*pki.OCSPResponse
	Question   // what the other end asks
}

// Broken returns the fifteen kinds of broken credential, for a TLS server (pki.Server)
// or a TLS client (pki.Client).
func Broken(now time.Time, profile pki.Profile) ([]Case, error) {
	ours, err := New(now)
	if err != nil {
		return nil, err
	}
	stranger, err := named("Stranger", now)
	if err != nil {
		return nil, err
	}
	other := pki.Client
	if profile == pki.Client {
		other = pki.Server
	}
	const day = 24 * time.Hour
	kinds := []struct {
		name, wrong string
		code        fault.Code
		depth       int
		signer      *PKI
		profile     pki.Profile
		issued      time.Time
		hosts       []string
		send        int // how many certificates of its chain the peer sends
	}{
		{"expired", "the certificate ended ten days ago", "cert_expired", 0,
			ours, profile, now.Add(-100 * day), []string{Host, Address}, 2},
		{"not yet valid", "the certificate begins tomorrow", "cert_not_yet_valid", 0,
			ours, profile, now.Add(day), []string{Host, Address}, 2},
		{"wrong name", "the certificate is for another name", "name_mismatch", 0,
			ours, profile, now, []string{"other.example"}, 2},
		{"unknown root", "the certificate was signed by a stranger's authority", "unknown_root", 1,
			stranger, profile, now, []string{Host, Address}, 2},
		{"missing intermediate", "the intermediate certificate is not sent", "chain_incomplete", 0,
			ours, profile, now, []string{Host, Address}, 1},
		{"wrong purpose", "the certificate is meant for the other end of a connection", "wrong_purpose", 0,
			ours, other, now, []string{Host, Address}, 2},
	}
	var cases []Case
	for _, kind := range kinds {
		credential, err := kind.signer.leaf(kind.profile, kind.issued, kind.hosts)
		if err != nil {
			return nil, err
		}
		credential.Chain = credential.Chain[:kind.send]
		cases = append(cases, Case{Name: kind.name, Wrong: kind.wrong, Code: kind.code, Depth: kind.depth, Credential: credential, Roots: ours.Roots(), Question: Question{Host: Host}})
	}
	forged, err := ours.forged(profile)
	return append(cases, forged...), err
}
