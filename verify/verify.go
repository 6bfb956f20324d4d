package verify

import (
	"crypto/x509"
	"errors"
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
	report := &Report{}
	switch {
	case len(chain) == 0:
		report.add(Check{Name: "chain", Text: "the " + opts.Purpose.String() + " showed no certificate", Verdict: Stop, Code: NoCertificate,
			message: "the " + opts.Purpose.String() + " showed no certificate",
			next:    []string{"configure the " + opts.Purpose.String() + " with a certificate"}})
	case len(chain) > MaxChain:
		report.add(Check{Name: "chain", Text: "too many certificates", Verdict: Stop, Code: PathRejected,
			message: "the peer sent more certificates than a chain can have",
			next:    []string{"have the peer send its own chain only"}})
	default:
		report.Path = chain[:1]
		judge(report, chain, opts)
	}
	report.conclude()
	return report, report.Err()
}

func judge(report *Report, chain []*pki.Certificate, opts Options) {
	report.add(checkName(chain[0], opts))
	path, err := build(chain, opts)
	if err == nil {
		report.Path = path
		report.add(Check{Name: "chain", Text: describe(path, opts.Roots), Verdict: OK})
		report.add(checkDates(path, opts.Now))
		report.add(checkPurpose(path, opts.Purpose))
	} else {
		explain(report, chain, opts, err)
	}
	report.add(Check{Name: "revoked", Text: "no staple, none asked for", Verdict: NotChecked})
}

// build asks crypto/x509 for a path that is right in everything but the name;
// the shortest is taken.
func build(chain []*pki.Certificate, opts Options) ([]*pki.Certificate, error) {
	intermediates := x509.NewCertPool()
	for _, cert := range chain[1:] {
		intermediates.AddCert(cert.X509())
	}
	paths, err := chain[0].X509().Verify(x509.VerifyOptions{
		Roots:         opts.Roots.set.pool,
		Intermediates: intermediates,
		CurrentTime:   opts.Now,
		KeyUsages:     []x509.ExtKeyUsage{opts.Purpose.usage()},
	})
	if err != nil {
		return nil, err
	}
	best := paths[0]
	for _, path := range paths[1:] {
		if len(path) < len(best) {
			best = path
		}
	}
	return pki.AdoptAll(best), nil
}

// explain finds out why crypto/x509 refused: it walks from the leaf towards an
// anchor by itself and looks at each rule on its own. Whatever it finds, the
// refusal stands.
func explain(report *Report, chain []*pki.Certificate, opts Options, refusal error) {
	path, problem := walk(chain, opts)
	report.Path = path
	if problem != nil {
		report.add(*problem)
	} else {
		report.add(Check{Name: "chain", Text: describe(path, opts.Roots), Verdict: OK})
	}
	report.add(checkDates(path, opts.Now))
	report.add(checkPurpose(path, opts.Purpose))
	for _, check := range report.Checks {
		if check.Verdict == Stop && check.Name != "name" {
			if check.Code == ChainIncomplete {
				report.Note = "Browsers remember or fetch a missing intermediate, so it works there; curl, Python and Go do not."
			}
			return
		}
	}
	report.Checks[1] = Check{Name: "chain", Text: plain(refusal), Verdict: Stop, Code: PathRejected,
		message: "the path to the root breaks a rule: " + plain(refusal),
		next:    []string{"show this message to the authority that signed the chain"}}
}

// plain is crypto/x509's reason without its prefix.
func plain(err error) string {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		return clip(invalid.Error()[len("x509: "):])
	}
	return clip(fault.Text(err))
}
