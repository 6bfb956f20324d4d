package pki

// criticality is whether an extension's kind has to be critical.
type criticality int

const (
	mayBeCritical criticality = iota
	mustBeCritical
	mustNotBeCritical
)

func (c criticality) String() string {
	return map[criticality]string{mayBeCritical: "critical or not", mustBeCritical: "critical", mustNotBeCritical: "not critical"}[c]
}

// criticalities has the kinds about which RFC 5280 says must (sections 4.2.1 and
// 4.2.2). Basic constraints must be critical in an authority's certificate
// alone, and subject alternative names where there is no subject.
var criticalities = map[OID]criticality{
	OIDAuthorityKeyID:    mustNotBeCritical,
	OIDSubjectKeyID:      mustNotBeCritical,
	OIDNameConstraints:   mustBeCritical,
	OIDPolicyConstraints: mustBeCritical,
	OIDInhibitAnyPolicy:  mustBeCritical,
	OIDFreshestCRL:       mustNotBeCritical,
	OIDAuthorityInfo:     mustNotBeCritical,
	OIDSubjectInfo:       mustNotBeCritical,
}

func (e Extension) rule() criticality { return criticalities[e.ID] }
