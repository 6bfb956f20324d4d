package verify

import (
	"crypto/rsa"
	"fmt"
	"slices"
	"time"

	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/pki"
)

// Purpose is the end of a connection at which the peer stands.
type Purpose int

// The purposes (RFC 5280, section 4.2.1.12).
const (
	ServerAuth Purpose = iota
	ClientAuth
	AnyPurpose // whatever the certificate may be used for
)

// String returns "server" or "client".
func (p Purpose) String() string {
	return [...]string{"server", "client", "peer"}[p]
}

func (p Purpose) oid() pki.OID {
	return [...]pki.OID{pki.OIDServerAuth, pki.OIDClientAuth, ""}[p]
}

// MaxChain is the most certificates of a peer that are looked at.
const MaxChain = 64

// Options says who the peer must be and whom to believe.
type Options struct {
	Roots   Roots     // required
	Name    Name      // required
	Purpose Purpose   // the peer's end
	Now     time.Time // zero: the present
	Profile Profile   // zero: Workload for a trust domain's roots, else RFC5280
	Legacy  []dangerous.Legacy

	Revocation *Revocation // nil: not looked at

	MaxIntermediates *int // nil: no limit but that of all paths

	Policies         []pki.OID // those that the caller accepts; none: any
	RequirePolicy    bool      // the path must be good for one of them
	InhibitMapping   bool      // one policy is never another
	InhibitAnyPolicy bool      // "any policy" stands for none
}

// maxRSA is the largest RSA key of a peer that is computed with, in bits, as in
// crypto/tls: a larger one costs seconds.
const maxRSA = 8192

// Verify decides whether the chain, leaf first as the peer sent it, proves that
// the peer is who it must be. Every check runs, whatever the others found. The
// report is nil only if the question itself is wrong (no roots, no name); a
// refusal is an error with the report as its detail.
func Verify(chain []*pki.Certificate, opts Options) (*Report, error) {
	if err := opts.Name.Check(opts.Roots); err != nil {
		return nil, err
	}
	if opts.Now.IsZero() {
		opts.Now = time.Now()
	}
	switch {
	case opts.Profile != 0:
	case opts.Roots.TrustDomain().IsZero():
		opts.Profile = RFC5280
	default:
		opts.Profile = Workload
	}
	report := &Report{domain: opts.Roots.TrustDomain()}
	if stop := unfit(chain, opts.Purpose); stop != nil {
		report.Checks = []Check{*stop}
	} else {
		judge(report, chain, opts)
	}
	report.conclude()
	return report, report.Err()
}

// unfit says why a chain is not even looked at, or nil.
func unfit(chain []*pki.Certificate, peer Purpose) *Check {
	stop := &Check{Name: "chain", Verdict: Stop}
	switch {
	case len(chain) == 0 || slices.Contains(chain, nil):
		stop.Code = NoCertificate
		stop.Text = fmt.Sprintf("the %s showed no certificate", peer)
		stop.next = []string{fmt.Sprintf("configure the %s with a certificate", peer)}
	case len(chain) > MaxChain:
		stop.Code = PathRejected
		stop.Text = fmt.Sprintf("the %s sent %d certificates; at most %d are looked at", peer, len(chain), MaxChain)
		stop.next = []string{fmt.Sprintf("on the %s, leave only its own certificate and its intermediates in the certificate file", peer)}
	default:
		depth := slices.IndexFunc(chain, func(cert *pki.Certificate) bool { return rsaBits(cert) > maxRSA })
		if depth < 0 {
			return nil
		}
		stop.Code, stop.Depth = PathRejected, depth
		stop.Text = fmt.Sprintf("the RSA key of %s has %d bits; %d are the most", chain[depth].Title(), rsaBits(chain[depth]), maxRSA)
		stop.next = []string{fmt.Sprintf("have %s issued again with a smaller key", chain[depth].Title())}
	}
	stop.message = stop.Text
	return stop
}

func rsaBits(cert *pki.Certificate) int {
	key, _ := cert.PublicKey().Key()
	if key, ok := key.(*rsa.PublicKey); ok {
		return key.N.BitLen()
	}
	return 0
}

// judge looks for a path that keeps every rule. Where there is none, the path
// that breaks the fewest tells why.
func judge(report *Report, chain []*pki.Certificate, opts Options) {
	s := newSearch(chain, &opts)
	var faults []finding
	path := s.find()
	if path == nil && s.exhausted == "" {
		path, faults = s.best()
	}
	link := Check{Name: "chain", Verdict: OK}
	anchored := path != nil
	if !anchored {
		path, link = s.dangle(chain)
		for depth, m := range path {
			faults = append(faults, s.faults(path[:depth], m, maxFaults)...)
		}
	}
	report.Path = certificates(path)
	if anchored {
		link.Text = describe(report.Path, opts.Roots)
	}
	rows := map[string]Check{
		"chain":   link,
		"dates":   {Name: "dates", Text: remaining(report.Path, opts.Now), Verdict: OK},
		"purpose": {Name: "purpose", Text: "may be a TLS " + opts.Purpose.String(), Verdict: OK},
	}
	for _, f := range faults {
		check := f.check(opts, len(path))
		if check.Name == "chain" && !anchored {
			continue // that it leads nowhere says more
		}
		if have, other := rows[check.Name]; !other || have.Verdict == OK || rankOf(check.Code) < rankOf(have.Code) {
			rows[check.Name] = check
		}
	}
	revoked, found := rows["revoked"]
	switch {
	case found:
	case rows["chain"].Verdict != OK:
		revoked = Check{Name: "revoked", Text: "needs the issuer first", Verdict: NotChecked}
	default:
		revoked = s.unrevoked(path[0])
	}
	if link.Code == ChainIncomplete && opts.Purpose == ServerAuth {
		report.Note = "Browsers remember or fetch a missing intermediate, so it works there; curl, Python and Go do not."
	}
	report.Checks = []Check{checkName(s.leaf, opts), rows["chain"], rows["dates"], rows["purpose"], revoked}
}
