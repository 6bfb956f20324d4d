package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/signet-tls/signet/pki"
)

// Purpose is what the peer's certificate must be good for: most often the end of
// a connection at which the peer stands.
type Purpose int

// The purposes (RFC 5280, section 4.2.1.12).
const (
	ServerAuth Purpose = iota
	ClientAuth
	AnyPurpose // whatever the certificate may be used for
	EmailProtection
	CodeSigning
	TimeStamping
	OCSPSigning
)

// Key usages of which one is enough for a purpose.
const (
	signing  = pki.DigitalSignature
	witness  = pki.DigitalSignature | pki.ContentCommitment
	agreeing = pki.DigitalSignature | pki.KeyAgreement
	serving  = agreeing | pki.KeyEncipherment
)

// ends are the purposes: who the peer is in a text, the extended key usage with
// its name in RFC 5280, what a certificate with it is for, what many are, and
// which key usages are consistent with it.
var ends = [...]struct {
	peer     string
	oid      pki.OID
	usage    string
	one, all string
	keys     pki.KeyUsage
}{
	ServerAuth:      {"server", pki.OIDServerAuth, "serverAuth", "a TLS server", "TLS servers", serving},
	ClientAuth:      {"client", pki.OIDClientAuth, "clientAuth", "a TLS client", "TLS clients", agreeing},
	AnyPurpose:      {"peer", "", "anyExtendedKeyUsage", "a TLS peer", "anything", 0},
	EmailProtection: {"sender", pki.OIDEmailProtection, "emailProtection", "e-mail", "e-mail", serving | witness},
	CodeSigning:     {"signer", pki.OIDCodeSigning, "codeSigning", "signing code", "signing code", signing},
	TimeStamping:    {"time stamper", pki.OIDTimeStamping, "timeStamping", "time stamps", "time stamps", witness},
	OCSPSigning:     {"responder", pki.OIDOCSPSigning, "OCSPSigning", "OCSP answers", "OCSP answers", witness},
}

// String says who has such a certificate: "server", "client", "peer", "sender",
// "signer", "time stamper" or "responder".
func (p Purpose) String() string { return ends[p].peer }

func (p Purpose) oid() pki.OID { return ends[p].oid }

// use follows the words "is for".
func (p Purpose) use() string { return ends[p].one }

// suits says that a certificate may be used so.
func (p Purpose) suits() string {
	if p <= AnyPurpose {
		return "may be " + p.use()
	}
	return "may be used for " + p.use()
}

// mustBeNamed reports whether a leaf must name the purpose: to name none, or any
// purpose at all, is not enough (RFC 3161, section 2.3; RFC 6960, section 4.2.2.2;
// the CA/Browser Forum on code signing, section 7.1.2.3).
func (p Purpose) mustBeNamed() bool {
	return p == CodeSigning || p == TimeStamping || p == OCSPSigning
}

// wrongPurpose says why a certificate is not for what the caller wants, or "".
func wrongPurpose(v *visit) string {
	asked := v.opts.Purpose
	named := slices.Contains(v.purposes, asked.oid())
	switch {
	case asked == AnyPurpose:
		return ""
	case v.role == leaf && asked.mustBeNamed() && !named && (v.purposes == nil || slices.Contains(v.purposes, pki.OIDAnyUsage)):
		return fmt.Sprintf("%s does not say that it is for %s", v.title(), asked.use())
	case v.role == leaf && asked == TimeStamping && named && (len(v.purposes) > 1 || !v.isCritical(pki.OIDExtKeyUsage)):
		return fmt.Sprintf("%s is not for time stamps alone, or does not say so in a critical extension", v.title())
	case v.purposes == nil || named || slices.Contains(v.purposes, pki.OIDAnyUsage):
		return ""
	}
	return fmt.Sprintf("%s is for %s, not for %s", v.title(), purposes(v.purposes), asked.use())
}

// wrongKeyUsage says why a certificate's key is not for what the caller wants, or
// "". Of one that may sign others the rules about authorities as leaves decide.
func wrongKeyUsage(v *visit) string {
	keys := ends[v.opts.Purpose].keys
	if keys == 0 || v.usage == nil || *v.usage&(keys|pki.KeyCertSign) != 0 {
		return ""
	}
	return fmt.Sprintf("the key of %s may not be used for %s, by its key usage", v.title(), ends[v.opts.Purpose].one)
}

func (v *visit) isCritical(id pki.OID) bool {
	return slices.ContainsFunc(v.cert.Extensions(), func(e pki.Extension) bool { return e.ID == id && e.Critical })
}

// purposes lists what a certificate is for, by its extended key usages.
func purposes(usages []pki.OID) string {
	var all []string
	for _, usage := range usages {
		for _, end := range ends {
			if end.oid == usage && !slices.Contains(all, end.all) {
				all = append(all, end.all)
			}
		}
	}
	if len(all) == 0 {
		return "other purposes"
	}
	return strings.Join(all, " and ")
}
