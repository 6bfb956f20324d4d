package verify

import (
	"fmt"
	"slices"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/revocation"
)

// rankOf is the place of a code among the headlines.
func rankOf(code fault.Code) int {
	if place := slices.Index(rank, code); place >= 0 {
		return place
	}
	return len(rank)
}

// nameOf is the row of a report that a code belongs to.
func nameOf(code fault.Code) string {
	switch code {
	case CertExpired, CertNotYetValid, DateMalformed:
		return "dates"
	case WrongPurpose, PurposeUnlimited:
		return "purpose"
	case WorkloadIDInvalid:
		return "name"
	case CertRevoked, RevocationUnknown, StapleMissing, revocation.ListForged, revocation.ListInvalid, revocation.ListSigner,
		revocation.ResponseForged, revocation.ResponseInvalid, revocation.ResponseSigner, revocation.Stale:
		return "revoked"
	}
	return "chain"
}

// check makes the row of a report of a finding on a path.
func (s *search) check(f finding, path []*node) Check {
	opts, length := s.opts, len(path)
	c := Check{Name: nameOf(f.code), Text: f.text, Verdict: Stop, Code: f.code, Depth: f.depth, Rule: f.section, Have: f.have, Want: f.want, OpenSSL: opensslNumber(f.code, f.section), message: f.text}
	title := f.cert.Title()
	c.next = []string{f.step(*opts)}
	switch f.code {
	case CertExpired:
		c.message = "the certificate of " + f.text
		c.next = []string{f.renew(opts, length), "or check this machine's clock: it says " + minute(opts.Now)}
	case CertNotYetValid:
		c.message = "the certificate of " + f.text
		c.next = []string{"check the clocks: this machine's says " + minute(opts.Now), fmt.Sprintf("if it is right, wait, or have %s issued again", title)}
	case WrongPurpose:
		c.message = "wrong purpose: " + f.text
		c.next = []string{fmt.Sprintf("have the %s show a certificate with the extended key usage %s", opts.Purpose, ends[opts.Purpose].usage)}
		switch {
		case f.depth > 0:
			c.next = []string{fmt.Sprintf("have the %s's certificate signed by an authority that may sign for %s", opts.Purpose, ends[opts.Purpose].all)}
		case f.section == rfc+"4.2.1.3":
			c.next = []string{fmt.Sprintf("have the %s show a certificate with the key usage digitalSignature", opts.Purpose)}
		}
	case RevocationUnknown:
		if length == 1 {
			c.next = []string{"do not ask for revocation, as --fetch, --crl and --ocsp do: a pin is good until it is taken away"}
		}
	case CertRevoked:
		c.next = []string{fmt.Sprintf("do not trust this %s; have %s replaced by a new certificate with a new key", opts.Purpose, title)}
	case IssuerNotAuthority:
		c.next = []string{fmt.Sprintf("do not trust this %s; have it use a certificate that an authority signed", opts.Purpose)}
	}
	return c
}

// renew says who must replace an expired certificate.
func (f finding) renew(opts *Options, length int) string {
	switch {
	case f.depth == 0:
		if opts.File != "" {
			return "renew the certificate in " + opts.File
		}
		return fmt.Sprintf("on the %s, renew its certificate and load it", opts.Purpose)
	case f.depth == length-1:
		return fmt.Sprintf("in %s, replace %s by its present certificate", opts.Roots.place(), f.cert.Title())
	}
	return opts.edit(fmt.Sprintf("replace %s by its present certificate in", f.cert.Title()))
}
