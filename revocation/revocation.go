// Package revocation says what revocation lists and OCSP responses tell of a
// certificate, and whose signature that rests on. Whether the signer may be
// believed is for package verify: it is asked back.
package revocation

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Status is what the evidence says of a certificate.
type Status int

// The statuses. Unknown is the zero value: no evidence is no good news.
const (
	Unknown Status = iota
	Good
	Revoked
)

// String names the status.
func (s Status) String() string { return [...]string{"unknown", "good", "revoked"}[s] }

// Answer is what is known of a certificate, and by which evidence.
type Answer struct {
	Status     Status
	Reason     pki.Reason // why it was revoked
	Since      time.Time  // when
	Source     string     // which evidence said so, for a person
	Kind       string     // of it: "crl", "delta_crl", "ocsp"
	URL        string     // that it was fetched from; "": it was given
	ThisUpdate time.Time  // since when the evidence counts
	NextUpdate time.Time  // until when; zero: it does not say
	Missing    []string   // why evidence that was looked at did not count, and what could not be had
	Code       fault.Code // of the first of Missing, if one fits

	Signer *pki.Certificate // of the evidence
}

// Evidence is a bounded set of revocation lists and OCSP responses. It is safe for
// concurrent use.
type Evidence struct {
	lists     []*pki.RevocationList // the newest first
	responses []*pki.OCSPResponse
	missing   map[string][]string // why more was not fetched, by the certificate's DER
	urls      map[signature]string

	mu       sync.Mutex
	verified map[signing]error // signatures that were checked; guarded by mu
}

// signing is a list or a response, and a key that may have signed it.
type signing struct {
	signed signature
	key    [32]byte
}

// MaxEvidence is how many lists and responses are looked at for one verification.
const MaxEvidence = 256

// New returns the evidence of these lists and responses.
func New(lists []*pki.RevocationList, responses []*pki.OCSPResponse) (*Evidence, error) {
	if count := len(lists) + len(responses); count > MaxEvidence {
		return nil, fault.New(TooMuch, "%d revocation lists and responses; %d are looked at", count, MaxEvidence).
			WithHint("give those of the chain's own issuers alone")
	}
	return &Evidence{lists: slices.SortedStableFunc(slices.Values(lists), byAge), responses: responses}, nil
}

// Question is about one certificate.
type Question struct {
	Cert, Issuer *pki.Certificate
	IssuerKey    *pki.PublicKey // the issuer's, where its certificate alone does not have all of it
	Now          time.Time

	// Signers are certificates that may be those of who signed the evidence,
	// where that is not the issuer itself.
	Signers []*pki.Certificate

	// Trust reports whether a signer's own certificate leads to the same anchor as
	// the one that is asked about (RFC 5280, section 6.3.3 (f)); nil: none does.
	Trust func(signer *pki.Certificate) bool

	// Accepts reports whether a signature by the algorithm counts, weak ones among
	// them; nil accepts no weak one.
	Accepts func(pki.Algorithm) bool
}

// signature is what lists and responses have in common.
type signature interface {
	CheckSignatureBy(*pki.PublicKey) error
	SignatureAlgorithm() pki.Algorithm
}

// Ask returns what the evidence says. One response or list that says revoked
// outweighs all that say good.
func (e *Evidence) Ask(q Question) Answer {
	answer := e.askResponders(q)
	if answer.Status == Revoked {
		return answer
	}
	lists := e.askLists(q)
	missing := slices.Concat(e.missing[string(q.Cert.Raw())], answer.Missing, lists.Missing)
	code := cmp.Or(answer.Code, lists.Code)
	if lists.Status != Unknown || answer.Status == Unknown {
		answer = lists
	}
	answer.Missing, answer.Code = missing, code
	return answer
}

// checkedBy says why a key is not known to have made the signature of a list or
// response: by the code forged if it has not, and by unfit if it cannot be told, or
// proves nothing.
func (e *Evidence) checkedBy(signed signature, key *pki.PublicKey, q Question, forged, unfit fault.Code) error {
	of := signing{signed, key.Pin()}
	e.mu.Lock()
	err, known := e.verified[of]
	e.mu.Unlock()
	if !known {
		err = signed.CheckSignatureBy(key)
		e.mu.Lock()
		if e.verified == nil {
			e.verified = map[signing]error{}
		}
		e.verified[of] = err
		e.mu.Unlock()
	}
	algorithm := signed.SignatureAlgorithm()
	switch {
	case err == nil, errors.Is(err, pki.SignatureWeak) && q.Accepts != nil && q.Accepts(algorithm):
		return nil
	case errors.Is(err, pki.SignatureWrong):
		return fault.New(forged, "its signature does not hold; it was altered, or is by somebody else")
	}
	return fault.New(unfit, "%s", fault.Text(err))
}

// maxClock is how far the clock of who made evidence may be ahead of ours: who asks
// gets what was made this second.
const maxClock = 5 * time.Minute

// maxEndless is how long evidence counts that does not say until when.
const maxEndless = 24 * time.Hour

// fresh says why evidence of these dates does not count now, or nil.
func fresh(what string, this, next, now time.Time) error {
	switch {
	case this.Sub(now) > maxClock:
		return fmt.Errorf("%s is from the future, %s", what, day(this))
	case !next.IsZero() && now.After(next):
		return fmt.Errorf("%s is out of date since %s", what, day(next))
	case next.IsZero() && now.After(this.Add(maxEndless)):
		return fmt.Errorf("%s is of %s, and does not say until when it counts", what, day(this))
	}
	return nil
}

func day(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04 MST") }
