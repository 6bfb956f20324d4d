package verify

import (
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// Verdict is the outcome of one check.
type Verdict string

// The verdicts, as a person reads them.
const (
	OK         Verdict = "ok"
	Stop       Verdict = "STOP"
	NotChecked Verdict = "not checked"
)

// Check is one thing that was looked at.
type Check struct {
	Name    string     `json:"check"` // "name", "chain", "dates", "purpose", "revoked"
	Text    string     `json:"text"`  // what was found
	Verdict Verdict    `json:"verdict"`
	Code    fault.Code `json:"code,omitempty"` // why it stopped
	Depth   int        `json:"depth"`          // which certificate, 0 is the leaf
	message string     // the headline, if this check is chosen for it
	next    []string   // the next steps
}

// Report says what was checked, what was found, and what to do.
type Report struct {
	Trusted  bool               `json:"trusted"`
	Code     fault.Code         `json:"code,omitempty"`     // of the headline, if not trusted
	Headline string             `json:"headline,omitempty"` // why not, a sentence without its full stop
	Next     []string           `json:"next,omitempty"`     // steps for a person, at most two
	Note     string             `json:"note,omitempty"`     // what else helps to understand it
	Checks   []Check            `json:"checks"`             // every one of them, also behind the first that stopped
	Path     []*pki.Certificate `json:"-"`                  // leaf to anchor, as far as it was found

	domain spiffeid.TrustDomain // whose roots were asked
}

// Err returns the refusal, with the report as its detail, or nil.
func (r *Report) Err() error {
	if r.Trusted {
		return nil
	}
	return fault.New(r.Code, "%s", r.Headline).WithHint("%s", strings.Join(r.Next, "\n")).WithDetail(r)
}

// Leaf returns the peer's own certificate, or nil.
func (r *Report) Leaf() *pki.Certificate {
	if len(r.Path) == 0 {
		return nil
	}
	return r.Path[0]
}

// ID returns the peer's SPIFFE ID if it is proved: the peer is trusted, and the
// roots that vouch for it are those of the ID's own trust domain. Else it is the
// zero ID, whatever the certificate says.
func (r *Report) ID() spiffeid.ID {
	if !r.Trusted || r.domain.IsZero() || r.Leaf().ID().TrustDomain() != r.domain {
		return spiffeid.ID{}
	}
	return r.Leaf().ID()
}

// Anchor returns the certificate at the end of a trusted path.
func (r *Report) Anchor() *pki.Certificate {
	if !r.Trusted {
		return nil
	}
	return r.Path[len(r.Path)-1]
}

// conclude chooses the headline among the checks that stopped, by rank.
func (r *Report) conclude() {
	var worst *Check
	for i := range r.Checks {
		check := &r.Checks[i]
		if check.Verdict == Stop && (worst == nil || rankOf(check.Code) < rankOf(worst.Code)) {
			worst = check
		}
	}
	if r.Trusted = worst == nil; !r.Trusted {
		r.Code, r.Headline, r.Next = worst.Code, worst.message, worst.next
	}
}
