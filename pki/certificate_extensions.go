package pki

import "slices"

// Extensions returns all extensions, in their order. The caller must not change
// them.
func (c *Certificate) Extensions() []Extension { return c.list }

// Malformed returns why one of the extensions that Signet knows cannot be read,
// or nil.
func (c *Certificate) Malformed() error {
	return c.extensions().malformed()
}

func (c *Certificate) extensions() *extensionSet {
	c.decode.Do(func() { c.set = newExtensionSet(c.list) })
	return c.set
}

// The typed extensions. Each is its zero value where the certificate has no such
// extension, and an error where it has one that cannot be read, or two.

// SubjectKeyID identifies the certificate's key (RFC 5280, section 4.2.1.2).
func (c *Certificate) SubjectKeyID() ([]byte, error) {
	return find[[]byte](c.extensions(), OIDSubjectKeyID)
}

// AuthorityKeyID identifies the issuer's key (RFC 5280, section 4.2.1.1).
func (c *Certificate) AuthorityKeyID() (*AuthorityKeyID, error) {
	return find[*AuthorityKeyID](c.extensions(), OIDAuthorityKeyID)
}

// KeyUsage is what the key may be used for, nil for anything (RFC 5280, section
// 4.2.1.3).
func (c *Certificate) KeyUsage() (*KeyUsage, error) {
	return find[*KeyUsage](c.extensions(), OIDKeyUsage)
}

// ExtKeyUsage is what for in TLS and elsewhere, nil for anything (RFC 5280,
// section 4.2.1.12).
func (c *Certificate) ExtKeyUsage() ([]OID, error) {
	return find[[]OID](c.extensions(), OIDExtKeyUsage)
}

// BasicConstraints says whether it is an authority's (RFC 5280, section 4.2.1.9).
func (c *Certificate) BasicConstraints() (*BasicConstraints, error) {
	return find[*BasicConstraints](c.extensions(), OIDBasicConstraints)
}

// SubjectAltNames are the names that the certificate is good for (RFC 5280,
// section 4.2.1.6).
func (c *Certificate) SubjectAltNames() ([]GeneralName, error) {
	return find[[]GeneralName](c.extensions(), OIDSubjectAltName)
}

// LegibleAltNames returns the subject alternative names that can be read by
// themselves, and how many cannot, where one of them, or an extension that stands
// there twice, makes SubjectAltNames fail. It is for explaining a refusal: nothing
// that such a certificate says counts.
func (c *Certificate) LegibleAltNames() (names []GeneralName, illegible int) {
	const what = "subject alternative names"
	for _, e := range c.list {
		if e.ID != OIDSubjectAltName {
			continue
		}
		d := newDER(e.Value)
		for list := d.sequence(what); list.more(); {
			whole, _, _ := list.element(what)
			if list.err() != nil {
				break
			}
			one := newDER(whole)
			if read := one.altNames(what); one.err() == nil {
				names = append(names, read...)
			} else {
				illegible++
			}
		}
	}
	return names, illegible
}

// NamesOf returns the subject alternative names of these forms as text, one form
// after the other. It is empty where the extension cannot be read.
func (c *Certificate) NamesOf(kinds ...NameKind) []string {
	names, _ := c.SubjectAltNames()
	var texts []string
	for _, kind := range kinds {
		for _, name := range names {
			if name.Kind == kind {
				texts = append(texts, name.Value())
			}
		}
	}
	return texts
}

// IssuerAltNames are further names of the issuer (RFC 5280, section 4.2.1.7).
func (c *Certificate) IssuerAltNames() ([]GeneralName, error) {
	return find[[]GeneralName](c.extensions(), OIDIssuerAltName)
}

// NameConstraints bounds the names below (RFC 5280, section 4.2.1.10).
func (c *Certificate) NameConstraints() (*NameConstraints, error) {
	return find[*NameConstraints](c.extensions(), OIDNameConstraints)
}

// Policies are those that it was issued under (RFC 5280, section 4.2.1.4).
func (c *Certificate) Policies() ([]Policy, error) {
	return find[[]Policy](c.extensions(), OIDCertificatePolicies)
}

// PolicyMappings equate policies (RFC 5280, section 4.2.1.5).
func (c *Certificate) PolicyMappings() ([]PolicyMapping, error) {
	return find[[]PolicyMapping](c.extensions(), OIDPolicyMappings)
}

// PolicyConstraints says where policies become strict (RFC 5280, section
// 4.2.1.11).
func (c *Certificate) PolicyConstraints() (*PolicyConstraints, error) {
	return find[*PolicyConstraints](c.extensions(), OIDPolicyConstraints)
}

// InhibitAnyPolicy is after how many more certificates anyPolicy no longer
// counts, nil for never (RFC 5280, section 4.2.1.14).
func (c *Certificate) InhibitAnyPolicy() (*int, error) {
	return find[*int](c.extensions(), OIDInhibitAnyPolicy)
}

// DistributionPoints say where revocation lists are (RFC 5280, section 4.2.1.13).
func (c *Certificate) DistributionPoints() ([]DistributionPoint, error) {
	return find[[]DistributionPoint](c.extensions(), OIDCRLPoints)
}

// FreshestCRL says where their deltas are (RFC 5280, section 4.2.1.15).
func (c *Certificate) FreshestCRL() ([]DistributionPoint, error) {
	return find[[]DistributionPoint](c.extensions(), OIDFreshestCRL)
}

// AuthorityInfo says where the issuer's certificate and its OCSP responder are
// (RFC 5280, section 4.2.2.1).
func (c *Certificate) AuthorityInfo() ([]AccessDescription, error) {
	return find[[]AccessDescription](c.extensions(), OIDAuthorityInfo)
}

// TLSFeatures are the TLS extensions that its server must answer with, such as 5,
// a stapled OCSP response (RFC 7633).
func (c *Certificate) TLSFeatures() ([]int, error) {
	return find[[]int](c.extensions(), OIDTLSFeature)
}

// statusRequest is the TLS extension that brings a staple (RFC 6066, section 8).
const statusRequest = 5

// MustStaple reports whether the certificate demands that its server sends a staple
// (RFC 7633, section 4.2.1).
func (c *Certificate) MustStaple() bool {
	features, _ := c.TLSFeatures() // one that cannot be read is a fault of its own
	return slices.Contains(features, statusRequest)
}

// Timestamps are the promises of certificate transparency logs (RFC 6962).
func (c *Certificate) Timestamps() ([]Timestamp, error) {
	return find[[]Timestamp](c.extensions(), OIDSCTs)
}
