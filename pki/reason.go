package pki

import "golang.org/x/crypto/cryptobyte/asn1"

// Reason is why a certificate was revoked (RFC 5280, section 5.3.1).
type Reason int

// The reasons.
const (
	Unspecified          Reason = 0
	KeyCompromise        Reason = 1
	CACompromise         Reason = 2
	AffiliationChanged   Reason = 3
	Superseded           Reason = 4
	CessationOfOperation Reason = 5
	CertificateHold      Reason = 6
	RemoveFromCRL        Reason = 8
	PrivilegeWithdrawn   Reason = 9
	AACompromise         Reason = 10
)

var reasonNames = map[Reason]string{
	Unspecified:          "unspecified",
	KeyCompromise:        "keyCompromise",
	CACompromise:         "cACompromise",
	AffiliationChanged:   "affiliationChanged",
	Superseded:           "superseded",
	CessationOfOperation: "cessationOfOperation",
	CertificateHold:      "certificateHold",
	RemoveFromCRL:        "removeFromCRL",
	PrivilegeWithdrawn:   "privilegeWithdrawn",
	AACompromise:         "aACompromise",
}

// String returns the reason's name in RFC 5280.
func (r Reason) String() string { return reasonNames[r] }

func (d *der) reason() Reason {
	content := d.read(asn1.ENUM, "reason of a revocation")
	reason := Reason(content.smallContent("reason of a revocation"))
	if _, ok := reasonNames[reason]; !ok && d.err() == nil {
		content.fail("a reason of a revocation that does not exist")
	}
	return reason
}
