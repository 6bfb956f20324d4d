package verify

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Purpose is the end of a connection at which the peer stands.
type Purpose int

// The purposes (RFC 5280, section 4.2.1.12).
const (
	ServerAuth Purpose = iota
	ClientAuth
)

// String returns "server" or "client".
func (p Purpose) String() string {
	if p == ClientAuth {
		return "client"
	}
	return "server"
}

func (p Purpose) oid() pki.OID {
	if p == ClientAuth {
		return pki.OIDClientAuth
	}
	return pki.OIDServerAuth
}

func (p Purpose) usage() x509.ExtKeyUsage {
	if p == ClientAuth {
		return x509.ExtKeyUsageClientAuth
	}
	return x509.ExtKeyUsageServerAuth
}

// MaxChain is the most certificates of a peer that are looked at.
const MaxChain = 16

// Options says who the peer must be and whom to believe.
type Options struct {
	Roots   Roots     // required
	Name    Name      // required
	Purpose Purpose   // the peer's end
	Now     time.Time // zero: the present
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
		if depth := slices.IndexFunc(chain, unusable); depth >= 0 {
			_, err := chain[depth].X509()
			stop.Code, stop.Depth, stop.Text = PathRejected, depth, fault.Text(err)
			stop.next = []string{fmt.Sprintf("have %s issued again, without what the message names", chain[depth].Title())}
			break
		}
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

// unusable reports whether crypto/x509, by which paths are built, cannot read a
// certificate.
func unusable(cert *pki.Certificate) bool {
	_, err := cert.X509()
	return err != nil
}

// asX509 returns a certificate that is not unusable.
func asX509(cert *pki.Certificate) *x509.Certificate {
	x, _ := cert.X509()
	return x
}

// judge leaves the verdict on the path to crypto/x509. Where it refuses, each
// rule is looked at on its own to say why; whatever that finds, the refusal
// stands.
func judge(report *Report, chain []*pki.Certificate, opts Options) {
	path, refusal := build(chain, opts)
	link := Check{Name: "chain", Text: describe(path, opts.Roots), Verdict: OK}
	if refusal != nil {
		path, link = explain(chain, opts)
	}
	dates, purpose := checkDates(path, opts), checkPurpose(path, opts.Purpose)
	if refusal != nil && link.Verdict == OK && dates.Verdict == OK && purpose.Verdict == OK {
		link = rejected(path, refusal)
	}
	revoked := Check{Name: "revoked", Text: "no staple, none asked for", Verdict: NotChecked}
	if link.Verdict != OK {
		revoked.Text = "needs the issuer first"
	}
	if link.Code == ChainIncomplete && opts.Purpose == ServerAuth {
		report.Note = "Browsers remember or fetch a missing intermediate, so it works there; curl, Python and Go do not."
	}
	report.Path = path
	report.Checks = []Check{checkName(chain[0], opts), link, dates, purpose, revoked}
}
