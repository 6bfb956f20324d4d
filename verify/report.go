package verify

import (
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
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
	Text    string     `json:"text,omitempty"`
	Verdict Verdict    `json:"verdict"`
	Code    fault.Code `json:"code,omitempty"`    // why it stopped, or would have
	Depth   int        `json:"depth"`             // which certificate, 0 is the leaf
	Rule    string     `json:"rule,omitempty"`    // where it stands: "RFC 5280, section 4.2.1.9"
	Have    string     `json:"have,omitempty"`    // what the certificate says
	Want    string     `json:"want,omitempty"`    // what it must say
	OpenSSL int        `json:"openssl,omitempty"` // the number of OpenSSL's error for it, X509_V_ERR_…

	// Evidence is what a check of revocation rests on; nil: on none.
	Evidence *Evidence `json:"evidence,omitempty"`

	message string   // the headline, if this check is chosen for it
	next    []string // the next steps
}

// Report says what was checked, what was found, and what to do. Its JSON, of which
// docs/report.md has each key, is stable: keys are added, never changed.
type Report struct {
	Trusted    bool        `json:"trusted"`
	Code       fault.Code  `json:"code"`       // of the headline; "": trusted
	Headline   string      `json:"headline"`   // why not, a sentence without its full stop
	Next       []string    `json:"next"`       // steps for a person, at most two
	Note       string      `json:"note"`       // what else helps to understand it
	Checks     []Check     `json:"checks"`     // of the path that was chosen, every one, also behind the first that stopped
	Candidates []Candidate `json:"candidates"` // the paths that were tried, in the order of trying; the first ones, if they are very many
}

// Candidate is a path that was tried.
type Candidate struct {
	Anchored     bool          `json:"anchored"`     // whether it ends in a root
	Chosen       bool          `json:"chosen"`       // whether the report's checks are about it
	Certificates []Certificate `json:"certificates"` // leaf first
}

// Certificate is one certificate on a candidate path.
type Certificate struct {
	Role      string    `json:"role"` // "leaf", "intermediate", "root"
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Serial    string    `json:"serial"`
	SHA256    string    `json:"sha256"` // of its DER, in hexadecimal
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Checks    []Check   `json:"checks"`

	// Evidence is what was asked about its revocation; nil if nothing was.
	Evidence *Evidence `json:"evidence,omitempty"`
}

// Evidence is what is known of a certificate's revocation.
type Evidence struct {
	Status     string    `json:"status"`           // "good", "revoked", "unknown"
	Kind       string    `json:"kind,omitempty"`   // what says so: "crl", "delta_crl", "ocsp"
	Source     string    `json:"source,omitempty"` // where that is from: "given" by the caller, "staple", or the URL that it was fetched from
	Reason     string    `json:"reason,omitempty"` // why it was revoked
	Since      time.Time `json:"since,omitzero"`
	ThisUpdate time.Time `json:"this_update,omitzero"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	Signer     string    `json:"signer,omitempty"`  // of the source
	Ignored    []string  `json:"ignored,omitempty"` // what was looked at and did not count, and why
}

// ReportOf returns the report of a refusal, or nil if err is none.
func ReportOf(err error) *Report {
	refusal, ok := fault.Of(err)
	if !ok {
		return nil
	}
	report, _ := refusal.Detail.(*Report)
	return report
}

// Err returns the refusal, with the report as its detail, or nil.
func (r *Report) Err() error {
	if r.Trusted {
		return nil
	}
	return fault.New(r.Code, "%s", r.Headline).WithHint("%s", strings.Join(r.Next, "\n")).WithDetail(r)
}

// conclude chooses the headline among the checks that stopped, by rank.
func (r *Report) conclude() {
	var worst *Check
	for i := range r.Checks {
		check := &r.Checks[i]
		if check.OpenSSL == 0 {
			check.OpenSSL = opensslNumber(check.Code, "")
		}
		if check.Verdict == Stop && (worst == nil || rankOf(check.Code) < rankOf(worst.Code)) {
			worst = check
		}
	}
	r.Next = []string{}
	if r.Candidates == nil {
		r.Candidates = []Candidate{}
	}
	if r.Trusted = worst == nil; !r.Trusted {
		r.Code, r.Headline, r.Next = worst.Code, worst.message, worst.next
	}
}
