package testpki

import (
	"bytes"
	"crypto"
	"math/big"
	"time"

	"github.com/signet-tls/signet/pki"
)

const (
	listed   = "RFC 5280, section 6.3.3: no list of its issuer has it"
	answered = "RFC 6960, section 3.2: its issuer's responder says that it is good"
)

// revocationKinds are about what lists and responders say.
var revocationKinds = []Kind{
	{Name: "good by every list", place: atLeaf, make: asked(lists(nil), nil)},
	{Name: "good by every responder", place: atLeaf, make: asked(nil, responses(nil))},
	{Name: "revoked by a list", Code: "cert_revoked", Rule: listed, place: belowRoot, make: asked(lists(func(s *pki.RevocationListSpec, about int, now time.Time) {
		s.Entries = []pki.RevocationSpec{{Serial: big.NewInt(int64(1000 + about)), Date: now.AddDate(0, 0, -1), Reason: pki.KeyCompromise}}
	}), nil)},
	{Name: "revoked by a responder", Code: "cert_revoked", Rule: answered, place: belowRoot, make: asked(nil, responses(func(r *pki.SingleResponse, now time.Time) {
		r.Status, r.RevokedAt, r.Reason = pki.StatusRevoked, now.AddDate(0, 0, -1), pki.KeyCompromise
	}))},
	{Name: "list is out of date", Code: "revocation_stale", Rule: "RFC 5280, section 6.3.3 (a): a fresh list", place: belowRoot, make: asked(lists(func(s *pki.RevocationListSpec, _ int, now time.Time) {
		s.ThisUpdate, s.NextUpdate = now.AddDate(0, 0, -3), now.AddDate(0, 0, -2)
	}), nil)},
	{Name: "list is from the future", Code: "revocation_stale", Rule: "RFC 5280, section 6.3.3 (a): a fresh list", place: belowRoot, make: asked(lists(func(s *pki.RevocationListSpec, _ int, now time.Time) {
		s.ThisUpdate, s.NextUpdate = now.AddDate(0, 0, 2), now.AddDate(0, 0, 3)
	}), nil)},
	{Name: "list with an unknown critical extension", Code: "crl_invalid", Rule: "RFC 5280, section 5.2: what is critical and not understood makes it useless", place: belowRoot,
		make: asked(lists(func(s *pki.RevocationListSpec, _ int, _ time.Time) {
			s.Extensions = []pki.Extension{{ID: otherPolicy, Critical: true, Value: der(null)}}
		}), nil)},
	{Name: "list whose signature was altered", Code: "crl_signature_invalid", Rule: "RFC 5280, section 6.3.3 (g): its issuer's key made the signature", place: belowRoot, make: asked(alteredList, nil)},
	{Name: "list of authorities alone", Code: "revocation_unknown", Rule: "RFC 5280, section 6.3.3 (b)(2): a list of its scope", place: atLeaf, make: asked(lists(func(s *pki.RevocationListSpec, _ int, _ time.Time) {
		s.Point = &pki.IssuingPoint{OnlyAuthorities: true}
	}), nil)},
	{Name: "response is out of date", Code: "revocation_stale", Rule: "RFC 6960, section 3.2: a fresh response", place: belowRoot, make: asked(nil, responses(func(r *pki.SingleResponse, now time.Time) {
		r.ThisUpdate, r.NextUpdate = now.AddDate(0, 0, -3), now.AddDate(0, 0, -2)
	}))},
	{Name: "responder does not know it", Code: "revocation_unknown", Rule: answered, place: belowRoot, make: asked(nil, responses(func(r *pki.SingleResponse, _ time.Time) {
		r.Status = pki.StatusUnknown
	}))},
	{Name: "no list and no response", Code: "revocation_unknown", Rule: listed, place: atLeaf, fault: theTopmost, make: asked(nil, nil)},
}

// evidence makes what is said of the certificate at a place of a path.
type evidence func(s *sealed, about int, now time.Time, changed bool) error

// asked asks for revocation, with evidence about every certificate; that about
// one is changed.
func asked(kinds ...evidence) func(*chain, int) {
	return func(c *chain, at int) {
		c.Revocation = true
		c.evidence = func(s *sealed) error {
			for about := range len(c.Path) - 1 {
				for _, make := range kinds {
					if make == nil {
						continue
					}
					if err := make(s, about, c.Now, about == at); err != nil {
						return err
					}
				}
			}
			return nil
		}
	}
}

// lists are of a day, and empty but for the change.
func lists(change func(spec *pki.RevocationListSpec, about int, now time.Time)) evidence {
	return func(s *sealed, about int, now time.Time, changed bool) error {
		spec := pki.RevocationListSpec{Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(24 * time.Hour)}
		if changed && change != nil {
			change(&spec, about, now)
		}
		list, err := s.path[about+1].NewRevocationList(spec)
		s.lists = append(s.lists, list)
		return err
	}
}

// alteredList is an empty list whose last bit was changed.
func alteredList(s *sealed, about int, now time.Time, changed bool) error {
	if err := lists(nil)(s, about, now, changed); err != nil || !changed {
		return err
	}
	last := len(s.lists) - 1
	raw := bytes.Clone(s.lists[last].Raw())
	raw[len(raw)-1] ^= 1
	altered, err := pki.ParseRevocationLists(raw)
	if err == nil {
		s.lists[last] = altered[0]
	}
	return err
}

// responses are of a day, and good but for the change.
func responses(change func(response *pki.SingleResponse, now time.Time)) evidence {
	return func(s *sealed, about int, now time.Time, changed bool) error {
		issuer := s.path[about+1]
		id, err := pki.NewCertID(s.path[about].Leaf(), issuer.Leaf(), crypto.SHA1)
		if err != nil {
			return err
		}
		single := pki.SingleResponse{ID: id, Status: pki.StatusGood, ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(24 * time.Hour)}
		if changed && change != nil {
			change(&single, now)
		}
		response, err := issuer.NewOCSPResponse(pki.OCSPResponseSpec{Issuer: issuer.Leaf(), Responses: []pki.SingleResponse{single}, ProducedAt: now})
		s.responses = append(s.responses, response)
		return err
	}
}
