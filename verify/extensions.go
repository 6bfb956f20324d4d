package verify

import (
	"fmt"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// presence is what an extension must be on a certificate.
type presence int

const (
	maybe  presence = iota
	always          // it must be there
	never           // it must not
)

// criticality is what it must say of itself where it is there.
type criticality int

const (
	either criticality = iota
	critical
	notCritical
)

// extensionRule is one row: what an extension must be on certificates of some
// roles. Unless, if there is one, excuses a certificate.
type extensionRule struct {
	roles       roles
	profiles    Profile
	section     string
	id          pki.OID
	presence    presence
	criticality criticality
	unless      func(v *visit) bool
}

// extensionRules say which extensions certificates have, and how.
var extensionRules = []extensionRule{
	{leaf | intermediate, RFC5280 | WebPKI, rfc + "4.2.1.1", pki.OIDAuthorityKeyID, always, notCritical, nil},
	{anchor, RFC5280 | WebPKI, rfc + "4.2.1.1", pki.OIDAuthorityKeyID, always, notCritical, isSelfSigned},
	{anchor, formal, rfc + "4.2.1.1", pki.OIDAuthorityKeyID, maybe, notCritical, nil},
	{authority, RFC5280 | WebPKI, rfc + "4.2.1.2", pki.OIDSubjectKeyID, always, notCritical, hasNoExtensions},
	{leaf, formal, rfc + "4.2.1.2", pki.OIDSubjectKeyID, maybe, notCritical, nil},
	{authority, formal, rfc + "4.2.1.9", pki.OIDBasicConstraints, maybe, critical, nil},
	{authority, RFC5280 | Workload, rfc + "4.2.1.10", pki.OIDNameConstraints, maybe, critical, nil},
	{leaf, formal, rfc + "4.2.1.10", pki.OIDNameConstraints, never, either, nil},
	{anyRole, RFC5280, rfc + "4.2.1.11", pki.OIDPolicyConstraints, maybe, critical, nil},
	{anyRole, RFC5280, rfc + "4.2.1.14", pki.OIDInhibitAnyPolicy, maybe, critical, nil},
	{leaf, formal, rfc + "4.2.1.6", pki.OIDSubjectAltName, always, critical, func(v *visit) bool { return !v.cert.Subject().IsEmpty() }},
	{leaf, WebPKI, "CA/B Forum, section 7.1.2.7.12", pki.OIDSubjectAltName, always, notCritical, func(v *visit) bool { return v.cert.Subject().IsEmpty() }},
	{anyRole, formal, rfc + "4.2.2.1", pki.OIDAuthorityInfo, maybe, notCritical, nil},
	{anyRole, formal, rfc + "4.2.2.2", pki.OIDSubjectInfo, maybe, notCritical, nil},
	{anyRole, formal, rfc + "4.2.1.15", pki.OIDFreshestCRL, maybe, notCritical, nil},
	{leaf, WebPKI, "CA/B Forum, section 7.1.2.7.6", pki.OIDExtKeyUsage, always, notCritical, nil},
	{anchor, WebPKI, "CA/B Forum, section 7.1.2.1.2", pki.OIDExtKeyUsage, never, either, nil},
	{leaf, Workload, "SPIFFE X.509-SVID, section 4.3", pki.OIDKeyUsage, always, either, nil},
}

// isSelfSigned reports whether a certificate's own key made its signature,
// whatever names it has.
func isSelfSigned(v *visit) bool { return v.selfSigned() }

// hasNoExtensions reports whether a certificate is of a version before extensions:
// whoever accepts that asks for none.
func hasNoExtensions(v *visit) bool { return v.cert.Version() == 1 }

// check says how a certificate breaks the row, and by which code; "" if it keeps
// it.
func (r *extensionRule) check(v *visit) (fault.Code, string) {
	code, text := r.look(v)
	if code != "" && r.unless != nil && r.unless(v) {
		return "", ""
	}
	return code, text
}

func (r *extensionRule) look(v *visit) (fault.Code, string) {
	for _, e := range v.cert.Extensions() {
		switch {
		case e.ID != r.id:
			continue
		case r.presence == never:
			return ExtensionForbidden, fmt.Sprintf("%s has the extension %s, which has no place on it", v.title(), e.ID.Name())
		case r.criticality == critical && !e.Critical:
			return ExtensionCriticality, fmt.Sprintf("the extension %s of %s must be critical, and is not", e.ID.Name(), v.title())
		case r.criticality == notCritical && e.Critical:
			return ExtensionCriticality, fmt.Sprintf("the extension %s of %s must not be critical", e.ID.Name(), v.title())
		}
		return "", ""
	}
	if r.presence == always {
		return ExtensionMissing, fmt.Sprintf("%s lacks the extension %s", v.title(), r.id.Name())
	}
	return "", ""
}
