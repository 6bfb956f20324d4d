package verify

import (
	"fmt"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
)

// again are the steps for faults that its authority mends by issuing the
// certificate again: with what changed.
var again = map[fault.Code]string{
	NameConstraintMalformed:    "with nameConstraints such as permitted;DNS:example.com",
	VersionOld:                 "as version 3, which has extensions",
	NameMalformed:              "with a valid subjectAltName",
	WildcardTooWide:            "with the subjectAltName of one host",
	CommonNameStray:            "without a common name, or with one that is a subjectAltName",
	IssuerMayNotSign:           "with the keyUsage keyCertSign",
	IssuerKeyIDInvalid:         "with authorityKeyIdentifier=keyid",
	PurposeUnlimited:           "with the extendedKeyUsage serverAuth alone",
	SignatureForgeable:         "with a signature over SHA-256",
	SignatureAlgorithmMismatch: "with one signatureAlgorithm",
	CriticalUnknown:            "without that critical extension",
	DateMalformed:              "with %s",
	NameEmpty:                  "with subject and issuer filled in",
	SerialInvalid:              "with a positive serialNumber of at most 20 bytes",
	ExtensionDuplicate:         "with that extension once",
	ExtensionMalformed:         "with that extension in the form of RFC 5280",
	ExtensionForbidden:         "with the extension %s",
	ExtensionMissing:           "with the extension %s",
	ExtensionCriticality:       "with the extension %s",
	PolicyMappingInvalid:       "with policyMappings between named policies",
	PolicyMissing:              "under a policy that is accepted, in its certificatePolicies",
	pki.KeyWeak:                "for a new key, which signet key new makes",
	pki.KeyMalformed:           "for a new key, which signet key new makes",
	pki.KeyUnsupported:         "for an ECDSA key, which signet key new makes",
	WorkloadIDInvalid:          "with %s in its subjectAltName",
	KeyTooLarge:                "for an ECDSA key, which signet key new makes",
	KeyNotPermitted:            "for an ECDSA key on P-256, which signet key new makes",
}

// step says who must do what about a finding: one command or field.
func (f finding) step(opts Options) string {
	title, issuer, peer := f.cert.Title(), f.cert.IssuerTitle(), opts.Purpose
	if f.cert.Issuer().IsEmpty() || f.cert.SelfIssued() {
		issuer = "its authority"
	}
	switch f.code {
	case NameNotPermitted:
		return fmt.Sprintf("have the %s's certificate signed by an authority whose nameConstraints permit its names", peer)
	case NameConstraintUnknown:
		return fmt.Sprintf("have the %s's certificate issued again without names of that form in its subjectAltName", peer)
	case AnchorLimited:
		return fmt.Sprintf("do not trust this %s; if %s is to be believed so far, widen its constraints", peer, title)
	case StapleMissing:
		if f.have != noStaple {
			return fmt.Sprintf("on the %s, see that OCSP stapling brings the present response of the responder of %s, and that this knows the certificate", peer, issuer)
		}
		return fmt.Sprintf("on the %s, switch OCSP stapling on, and see that it can reach the responder of %s", peer, issuer)
	case PathTooLong:
		return fmt.Sprintf("have the %s's certificate signed by an authority nearer to the root, or %s issued again with a larger pathLenConstraint", peer, title)
	case PathOverLimit:
		return fmt.Sprintf("have the caller raise MaxIntermediates, or the %s's certificate signed by an authority nearer to the root", peer)
	case FeatureMissing:
		return fmt.Sprintf("have the %s's certificate issued again with the tlsfeature %s", peer, f.want)
	case LeafSigns:
		return fmt.Sprintf("on the %s, use a certificate of its own, with the basicConstraints CA:FALSE and without the keyUsage keyCertSign", peer)
	case revocation.ListForged, revocation.ResponseForged:
		return fmt.Sprintf("do not use that revocation list or OCSP response; give the present one of %s, as --crl or --ocsp", issuer)
	case revocation.ListInvalid, revocation.ResponseInvalid:
		return fmt.Sprintf("have %s issue its revocation list or OCSP response again, without what the message names", issuer)
	case revocation.ListSigner:
		return fmt.Sprintf("give the revocation list of %s, signed by itself or by one below the same root, whose keyUsage has cRLSign", issuer)
	case revocation.ResponseSigner:
		return fmt.Sprintf("have the responder of %s use a certificate with the extendedKeyUsage OCSPSigning that %s has signed", issuer, issuer)
	case revocation.Stale:
		return fmt.Sprintf("give the present revocation list (--crl) or OCSP response (--ocsp) of %s; this machine's clock says %s", issuer, minute(opts.Now))
	case RevocationUnknown:
		return fmt.Sprintf("give the present revocation list of %s, as --crl", issuer)
	}
	how := again[f.code]
	if strings.Contains(how, "%s") {
		how = fmt.Sprintf(how, f.want)
	}
	return fmt.Sprintf("have %s issue %s again %s", issuer, title, how)
}

// shower is who or what has the chain.
func (o *Options) shower() string {
	if o.File != "" {
		return o.File
	}
	return "the " + o.Purpose.String()
}

// absent says of a certificate that the chain lacks it.
func (o *Options) absent() string {
	if o.File != "" {
		return "not in " + o.File
	}
	return "not sent"
}

// edit says who must change the file of the chain: "append this to" it.
func (o *Options) edit(change string) string {
	if o.File != "" {
		return change + " " + o.File
	}
	return fmt.Sprintf("on the %s, %s its certificate file", o.Purpose, change)
}
