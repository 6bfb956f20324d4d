package cli

import (
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/verify"
)

// inquiry are the flags that say how a peer is judged, and by what evidence.
type inquiry struct {
	At           *string  `placeholder:"TIME" help:"Judge as of this time, such as 2027-01-31 or 2027-01-31T12:00:00Z. Without it, as of now."`
	Purpose      string   `enum:"server,client,any,email,code-signing,time-stamping,ocsp-signing" default:"server" placeholder:"PURPOSE" help:"What the certificate must be good for: server (without it), client, email, code-signing, time-stamping, ocsp-signing or any."`
	Profile      string   `enum:"auto,rfc5280,webpki,workload" default:"auto" placeholder:"PROFILE" help:"Whose rules hold: rfc5280, webpki (public web servers) or workload (SPIFFE). Without it, workload inside a trust domain, else rfc5280."`
	PolicyOID    []string `name:"policy-oid" sep:"none" placeholder:"OID" help:"A certificate policy that the whole chain must be good for, such as 2.23.140.1.2.2. Once for each; one of them will do."`
	CRL          []string `name:"crl" sep:"none" placeholder:"FILE" help:"Revocation lists, PEM or DER: they must say that nobody on the chain is revoked. Once for each file."`
	OCSP         []string `name:"ocsp" sep:"none" placeholder:"FILE" help:"An OCSP response, DER: it must say that the peer's certificate is not revoked. Once for each."`
	Fetch        bool     `help:"Ask where the certificates say: for OCSP responses and revocation lists, which must say that nobody on the chain is revoked, and for intermediates that were not sent."`
	FetchPrivate []string `sep:"none" placeholder:"NETWORK" help:"A private network to ask, such as 10.0.0.0/8. Once for each."`
	upgrade
}

// ruleSets are the words for sets of rules.
var ruleSets = map[string]verify.Profile{"rfc5280": verify.RFC5280, "webpki": verify.WebPKI, "workload": verify.Workload}

// purposes are the words for what a certificate is good for.
var purposes = map[string]verify.Purpose{"server": verify.ServerAuth, "client": verify.ClientAuth, "any": verify.AnyPurpose,
	"email": verify.EmailProtection, "code-signing": verify.CodeSigning, "time-stamping": verify.TimeStamping, "ocsp-signing": verify.OCSPSigning}

// undialed are the purposes of those who are believed for whom their roots vouch
// for, by any name: nobody is dialed, and few of their certificates have a name to
// ask for.
var undialed = []verify.Purpose{verify.CodeSigning, verify.TimeStamping, verify.OCSPSigning}

// rules are what verification is told.
func (q inquiry) rules(s *shell) (rules verify.Options, err error) {
	rules.Profile, rules.Purpose = ruleSets[q.Profile], purposes[q.Purpose]
	if q.At != nil {
		if rules.Now, err = moment(*q.At); err != nil {
			return rules, err
		}
	}
	for _, text := range q.PolicyOID {
		policy, err := pki.ParseOID(text)
		if err != nil {
			return rules, fault.New(Usage, "--policy-oid: %q is no object identifier", clean(text)).
				WithHint("write numbers with points between them, such as --policy-oid 2.23.140.1.2.2")
		}
		rules.Policies, rules.RequirePolicy = append(rules.Policies, policy), true
	}
	rules.Revocation, err = q.revocation(s)
	return rules, err
}

// moment reads a time, or the beginning of a day in UTC.
func moment(text string) (time.Time, error) {
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil && !at.IsZero() { // which would stand for the present
			return at, nil
		}
	}
	return time.Time{}, fault.New(Usage, "--at: %q is neither a date nor a time", clean(text)).
		WithHint("write 2027-01-31 (its beginning, UTC), or 2027-01-31T12:00:00Z")
}

// revocation reads the evidence, and says whose revocation is looked at: a list
// is about all that an authority signed, a response about one certificate.
func (q inquiry) revocation(s *shell) (*verify.Revocation, error) {
	if len(q.CRL)+len(q.OCSP) == 0 {
		return nil, nil
	}
	asked := &verify.Revocation{Scope: verify.WholeChain}
	if len(q.CRL) == 0 {
		asked.Scope = verify.LeafAlone
	}
	var lists []*pki.RevocationList
	for _, path := range q.CRL {
		data, err := s.read(path, pki.MaxCRL)
		if err != nil {
			return nil, err
		}
		found, err := pki.ParseRevocationLists(data)
		if err != nil {
			return nil, inFile(err, path)
		}
		lists = append(lists, found...)
	}
	var responses []*pki.OCSPResponse
	for _, path := range q.OCSP {
		data, err := s.read(path, pki.MaxOCSP)
		if err != nil {
			return nil, err
		}
		response, err := pki.ParseOCSPResponse(data)
		if err != nil {
			return nil, inFile(err, path)
		}
		responses = append(responses, response)
	}
	var err error
	asked.Evidence, err = revocation.New(lists, responses)
	return asked, err
}

// words are the flags as they are typed.
func (q inquiry) words() []string {
	words := q.withoutTime()
	if q.At != nil {
		words = append(words, "--at", *q.At)
	}
	return words
}

// withoutTime are those but for --at.
func (q inquiry) withoutTime() (words []string) {
	for _, flag := range []struct{ name, value, usual string }{
		{"--purpose", q.Purpose, "server"}, {"--profile", q.Profile, "auto"},
	} {
		if flag.value != flag.usual {
			words = append(words, flag.name, flag.value)
		}
	}
	words = append(words, q.upgrade.words()...)
	if q.Fetch {
		words = append(words, "--fetch")
	}
	for _, flag := range []struct {
		name   string
		values []string
	}{{"--policy-oid", q.PolicyOID}, {"--crl", q.CRL}, {"--ocsp", q.OCSP}, {"--fetch-private", q.FetchPrivate}} {
		for _, value := range flag.values {
			words = append(words, flag.name, value)
		}
	}
	return words
}

// asOf says in a headline which time was asked about, where it was not the
// present.
func (q inquiry) asOf(v *verdict) string {
	if q.At == nil {
		return ""
	}
	return ", as of " + v.now.UTC().Format("2 Jan 2006 15:04 MST")
}
