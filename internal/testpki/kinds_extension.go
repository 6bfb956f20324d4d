package testpki

import (
	"bytes"

	"github.com/signet-tls/signet/pki"
)

const (
	authorityKey = "RFC 5280, section 4.2.1.1: the issuer's key is named, and that is not critical"
	oneID        = "SPIFFE X.509-SVID, section 2: a workload has exactly one URI, its SPIFFE ID"
	domainID     = "SPIFFE X.509-SVID, section 3.2: who signs a workload has no ID, or that of its trust domain"
	subjectKey   = "RFC 5280, section 4.2.1.2: an authority names its key, and that is not critical"
)

// extensionKinds are about which extensions are there, and whether critical.
var extensionKinds = []Kind{
	{Name: "unknown critical extension", Code: "critical_extension_unknown", Rule: "RFC 5280, section 4.2: what is critical and not understood refuses", place: anywhere,
		make: set("\x2b\x06\x01\x04\x01\x86\x8d\x1f\x07", true, der(null))},
	{Name: "extension twice", Code: "extension_duplicate", Rule: "RFC 5280, section 4.2: one of each", place: anywhere, make: func(c *chain, at int) {
		d := c.Path[at]
		d.Extensions = append(d.Extensions, pki.Extension{ID: pki.OIDSubjectKeyID, Value: d.value(pki.OIDSubjectKeyID)})
	}},
	{Name: "no authority key identifier", Code: "extension_missing", Rule: authorityKey, place: belowRoot, make: drop(pki.OIDAuthorityKeyID)},
	{Name: "authority key identifier without a key", Code: "extension_missing", Rule: authorityKey, place: belowRoot, make: set(pki.OIDAuthorityKeyID, false, der(sequence))},
	{Name: "critical authority key identifier", Code: "extension_criticality", Rule: authorityKey, place: anywhere, make: func(c *chain, at int) {
		c.Path[at].set(pki.OIDAuthorityKeyID, true, authorityKeyID(keyID(min(at+1, len(c.Path)-1))))
	}},
	{Name: "cross-signed anchor without authority key identifier", Code: "extension_missing", Rule: authorityKey, place: atRoot, make: func(c *chain, at int) {
		issuer := commonName("Another Root")
		c.Path[at].Issuer, c.Path[at].Signer = &issuer, c.Path[0].Key
	}},
	{Name: "no subject key identifier", Code: "extension_missing", Rule: subjectKey, place: atAuthority, make: drop(pki.OIDSubjectKeyID)},
	{Name: "critical subject key identifier", Code: "extension_criticality", Rule: subjectKey, place: anywhere, make: turn(pki.OIDSubjectKeyID, true)},
	{Name: "basic constraints not critical", Code: "extension_criticality", Rule: "RFC 5280, section 4.2.1.9: critical on an authority", place: atAuthority, make: turn(pki.OIDBasicConstraints, false)},
	{Name: "name constraints not critical", Code: "extension_criticality", Rule: "RFC 5280, section 4.2.1.10: critical", place: atAuthority,
		make: set(pki.OIDNameConstraints, false, nameConstraints([][]byte{name(pki.DNSName, Host)}, nil))},
	{Name: "name constraints of a leaf", Code: "extension_forbidden", Rule: "RFC 5280, section 4.2.1.10: on authorities alone", place: atLeaf,
		make: set(pki.OIDNameConstraints, true, nameConstraints([][]byte{name(pki.DNSName, Host)}, nil))},
	{Name: "policy constraints not critical", Code: "extension_criticality", Rule: "RFC 5280, section 4.2.1.11: critical", place: anywhere,
		make: set(pki.OIDPolicyConstraints, false, policyConstraints(-1, 0))},
	{Name: "inhibit any policy not critical", Code: "extension_criticality", Rule: "RFC 5280, section 4.2.1.14: critical", place: anywhere,
		make: set(pki.OIDInhibitAnyPolicy, false, number(9))},
	{Name: "no subject, and alternative names not critical", Code: "extension_criticality", Rule: "RFC 5280, section 4.2.1.6: critical where there is no subject", place: atLeaf,
		make: noSubject},
	{Name: "no name at all", Code: "extension_missing", Rule: "RFC 5280, section 4.2.1.6: there where there is no subject", place: atLeaf,
		make: both(both(noSubject, anyName), drop(pki.OIDSubjectAltName))},
	{Name: "critical authority information", Code: "extension_criticality", Rule: "RFC 5280, section 4.2.2.1: not critical", place: anywhere,
		make: set(pki.OIDAuthorityInfo, true, access(pki.OIDAccessIssuers, "http://ca.example/ca.crt"))},
	{Name: "critical subject information", Code: "extension_criticality", Rule: "RFC 5280, section 4.2.2.2: not critical", place: anywhere,
		make: set(pki.OIDSubjectInfo, true, access("\x2b\x06\x01\x05\x05\x07\x30\x05", "http://ca.example/all"))},
	{Name: "critical freshest list", Code: "extension_criticality", Rule: "RFC 5280, section 4.2.1.15: not critical", place: anywhere,
		make: set(pki.OIDFreshestCRL, true, listPoint("http://ca.example/delta"))},
	{Name: "alternative names critical beside a subject", Code: "extension_criticality", Rule: "CA/B Forum, section 7.1.2.7.12: critical without a subject alone", Profile: "web", place: atLeaf,
		make: turn(pki.OIDSubjectAltName, true)},
	{Name: "no alternative names", Code: "extension_missing", Rule: "CA/B Forum, section 7.1.2.7.12: always there", Profile: "web", place: atLeaf,
		make: both(anyName, drop(pki.OIDSubjectAltName))},
	{Name: "purposes of a root", Code: "extension_forbidden", Rule: "CA/B Forum, section 7.1.2.1.2: a root has none", Profile: "web", place: atRoot,
		make: set(pki.OIDExtKeyUsage, false, oids(pki.OIDServerAuth))},
	{Name: "root that names the certificate of its issuer", Code: "issuer_key_id_invalid", Rule: "CA/B Forum, section 7.1.2.1.3: its own key alone", Profile: "web", place: atRoot,
		make: func(c *chain, at int) {
			issuer := der(0xa1, name(pki.DirectoryName, string(c.Path[at].Subject.DER())))
			c.Path[at].set(pki.OIDAuthorityKeyID, false, der(sequence, der(0x80, keyID(at)), issuer, der(0x82, []byte{9})))
		}},
	{Name: "root that names another key as its issuer's", Code: "issuer_key_id_invalid", Rule: "CA/B Forum, section 7.1.2.1.3: its own key alone", Profile: "web", place: atRoot,
		make: set(pki.OIDAuthorityKeyID, false, authorityKeyID([]byte("another")))},
	{Name: "workload without key usage", Code: "extension_missing", Rule: "SPIFFE X.509-SVID, section 4.3: always there", Profile: "workload", place: atLeaf, make: both(workload, drop(pki.OIDKeyUsage))},
	{Name: "workload whose key may not sign", Code: "wrong_purpose", Rule: "SPIFFE X.509-SVID, section 4.3: it has digitalSignature", Profile: "workload", place: atLeaf,
		make: both(workload, set(pki.OIDKeyUsage, true, keyUsage(pki.KeyAgreement)))},
	{Name: "workload", Profile: "workload", place: atLeaf, make: workload},
	{Name: "workload whose key may sign lists", Code: "leaf_is_authority", Rule: "SPIFFE X.509-SVID, section 5.2: it may sign nothing", Profile: "workload", place: atLeaf,
		make: both(workload, set(pki.OIDKeyUsage, true, keyUsage(pki.DigitalSignature|pki.CRLSign)))},
	{Name: "host in a workload's place", Code: "workload_id_invalid", Rule: oneID, Profile: "workload", place: atLeaf, make: anyName},
	{Name: "workload with two IDs", Code: "workload_id_invalid", Rule: oneID, Profile: "workload", place: atLeaf, make: called("spiffe://demo.signet/web", "spiffe://demo.signet/admin")},
	{Name: "workload without a path", Code: "workload_id_invalid", Rule: oneID, Profile: "workload", place: atLeaf, make: called("spiffe://demo.signet")},
	{Name: "workload of its authority's trust domain", Profile: "workload", place: atFirst, make: both(workload, called("spiffe://demo.signet"))},
	{Name: "workload of another trust domain", Code: "workload_id_invalid", Rule: domainID, Profile: "workload", place: atFirst, make: both(workload, called("spiffe://other.example"))},
	{Name: "authority of a trust domain with a path", Code: "workload_id_invalid", Rule: domainID, Profile: "workload", place: atAuthority, make: both(workload, called("spiffe://demo.signet/ca"))},
	{Name: "authority of two trust domains", Code: "workload_id_invalid", Rule: domainID, Profile: "workload", place: atAuthority, make: both(workload, called("spiffe://demo.signet", "spiffe://other.example"))},
	{Name: "authority above one of another trust domain", Profile: "workload", place: atUpper, make: both(workload, called("spiffe://other.example"))},
	{Name: "TLS feature that the one below does not have", Code: "tls_feature_missing", Rule: "RFC 7633, section 4.2.2: what an authority has, all below it have", place: atAuthority,
		make: set(pki.OIDTLSFeature, false, der(sequence, number(5)))},
	{Name: "TLS feature that all below have", place: atAuthority, make: func(c *chain, at int) {
		for _, d := range c.Path[:at+1] {
			d.set(pki.OIDTLSFeature, false, der(sequence, number(17), number(5)))
		}
	}},
}

// workload makes the leaf a workload's.
func workload(c *chain, _ int) { called("spiffe://demo.signet/web")(c, 0) }

// called gives a certificate these URIs as its only names.
func called(uris ...string) func(*chain, int) {
	return func(c *chain, at int) {
		var all [][]byte
		for _, uri := range uris {
			all = append(all, name(pki.URIName, uri))
		}
		c.Path[at].set(pki.OIDSubjectAltName, false, names(all...))
		anyName(c, at)
	}
}

func noSubject(c *chain, at int) { c.Path[at].Subject = pki.Name{} }

// malformedKinds have one extension each whose contents cannot be read.
func malformedKinds() []Kind {
	var kinds []Kind
	for _, e := range []struct {
		id    pki.OID
		place func(at, last int) bool
	}{
		{pki.OIDSubjectKeyID, anywhere}, {pki.OIDAuthorityKeyID, anywhere}, {pki.OIDKeyUsage, belowRoot}, {pki.OIDExtKeyUsage, anywhere},
		{pki.OIDBasicConstraints, atLeaf}, {pki.OIDSubjectAltName, anywhere}, {pki.OIDIssuerAltName, anywhere},
		{pki.OIDCertificatePolicies, anywhere}, {pki.OIDPolicyMappings, atIntermediate}, {pki.OIDPolicyConstraints, anywhere}, {pki.OIDInhibitAnyPolicy, anywhere},
		{pki.OIDCRLPoints, anywhere}, {pki.OIDFreshestCRL, anywhere}, {pki.OIDAuthorityInfo, anywhere}, {pki.OIDSubjectInfo, anywhere}, {pki.OIDTLSFeature, atLeaf},
	} {
		critical := e.id == pki.OIDPolicyConstraints || e.id == pki.OIDInhibitAnyPolicy
		kinds = append(kinds, Kind{Name: "unreadable " + e.id.Name(), Code: "extension_malformed", Rule: "RFC 5280, section 4.2: the contents have their form",
			place: e.place, make: both(anyName, set(e.id, critical, der(boolean, []byte{1})))})
	}
	return append(kinds, Kind{Name: "unreadable Name Constraints", Code: "name_constraint_malformed", Rule: "RFC 5280, section 4.2.1.10: the contents have their form",
		place: atAuthority, make: both(anyName, set(pki.OIDNameConstraints, true, der(boolean, []byte{1})))})
}

const signs = "RFC 5280, sections 4.2.1.3 and 4.2.1.9: who signs says that it is an authority, and may sign"

// authorityKinds are about who may sign, and how far down.
var authorityKinds = []Kind{
	{Name: "issuer without basic constraints", Code: "issuer_not_authority", Rule: signs, place: atIntermediate, make: drop(pki.OIDBasicConstraints)},
	{Name: "issuer that is no authority", Code: "issuer_not_authority", Rule: signs, place: atIntermediate, make: set(pki.OIDBasicConstraints, true, basicConstraints(false, -1))},
	{Name: "issuer whose key may not sign", Code: "issuer_may_not_sign", Rule: signs, place: atIntermediate, make: set(pki.OIDKeyUsage, true, keyUsage(pki.CRLSign))},
	{Name: "anchor that is no authority", Code: "issuer_not_authority", Rule: signs, place: atRoot, make: set(pki.OIDBasicConstraints, true, basicConstraints(false, -1))},
	{Name: "path length exceeded", Code: "path_too_long", Rule: "RFC 5280, section 4.2.1.9: no more authorities below than it says", place: aboveAnother,
		make: func(c *chain, at int) { c.Path[at].set(pki.OIDBasicConstraints, true, basicConstraints(true, at-2)) }},
	{Name: "more intermediates than the caller allows", Code: "path_over_limit", Rule: "the caller's limit", place: atFirst, fault: theTopmost,
		make: func(c *chain, _ int) { c.MaxIntermediates = new(int); *c.MaxIntermediates = len(c.Path) - 3 }},
	{Name: "leaf whose key may sign", Code: "leaf_is_authority", Rule: "RFC 5280, section 4.2.1.9: who may sign is an authority", place: atLeaf,
		make: set(pki.OIDKeyUsage, true, keyUsage(pki.DigitalSignature|pki.KeyCertSign))},
	{Name: "authority as a leaf", Code: "leaf_is_authority", Rule: "CA/B Forum, section 7.1.2.7.8: a leaf is no authority", Profile: "web", place: atLeaf,
		make: set(pki.OIDBasicConstraints, true, basicConstraints(true, -1))},
	{Name: "path length of a leaf", Code: "extension_forbidden", Rule: "RFC 5280, section 4.2.1.9: on authorities that sign alone", place: atLeaf,
		make: set(pki.OIDBasicConstraints, true, basicConstraints(false, 0))},
}

const purpose = "RFC 5280, section 4.2.1.12: it may be used for what it says"

// purposeKinds are about what certificates are for.
var purposeKinds = []Kind{
	{Name: "for the other end", Code: "wrong_purpose", Rule: purpose, place: anywhere, make: set(pki.OIDExtKeyUsage, false, oids(pki.OIDClientAuth))},
	{Name: "for signing code", Code: "wrong_purpose", Rule: purpose, place: anywhere, make: set(pki.OIDExtKeyUsage, false, oids(pki.OIDCodeSigning))},
	{Name: "for a private purpose", Code: "wrong_purpose", Rule: purpose, place: anywhere, make: set(pki.OIDExtKeyUsage, false, oids(goodPolicy))},
	{Name: "server's, shown by a client", Code: "wrong_purpose", Rule: purpose, place: anywhere,
		make: both(func(c *chain, _ int) { c.Client = true }, set(pki.OIDExtKeyUsage, false, oids(pki.OIDServerAuth)))},
	{Name: "no purpose", Code: "extension_missing", Rule: "CA/B Forum, section 7.1.2.7.10: a leaf says what it is for", Profile: "web", place: atLeaf, make: drop(pki.OIDExtKeyUsage)},
	{Name: "leaf whose key may sign lists alone", Code: "wrong_purpose", Rule: "RFC 5280, section 4.2.1.3: a key usage that is consistent with the purpose", place: atLeaf, make: set(pki.OIDKeyUsage, true, keyUsage(pki.CRLSign))},
	{Name: "any purpose", Code: "purpose_unlimited", Rule: "CA/B Forum, section 7.1.2.7.10: and not for anything", Profile: "web", place: atLeaf,
		make: set(pki.OIDExtKeyUsage, false, oids(pki.OIDServerAuth, pki.OIDAnyUsage))},
}

// signatureKinds are about who signed, and how.
var signatureKinds = []Kind{
	{Name: "altered", Code: "signature_invalid", Rule: "RFC 5280, section 6.1.3 (a)(1): the issuer's key made the signature", place: belowRoot,
		make: func(c *chain, at int) { c.Path[at].Damage = func(whole []byte) { whole[len(whole)-1] ^= 1 } }},
	{Name: "altered after it was signed", Code: "signature_invalid", Rule: "RFC 5280, section 6.1.3 (a)(1): the issuer's key made the signature", place: belowRoot,
		make: func(c *chain, at int) {
			number := integer(c.Path[at].Serial)
			c.Path[at].Damage = func(whole []byte) { whole[bytes.Index(whole, number)+2] ^= 1 }
		}},
	{Name: "signed by another key", Code: "signature_invalid", Rule: "RFC 5280, section 6.1.3 (a)(1): the issuer's key made the signature", place: belowRoot,
		make: func(c *chain, at int) { c.Path[at].Signer = c.Path[at].Key }},
	{Name: "SHA-1", Code: "signature_forgeable", Rule: "RFC 8446, section 4.4.2.4: not SHA-1", place: belowRoot, keys: hashed,
		make: func(c *chain, at int) { c.Path[at].Hash = sha1 }},
	{Name: "MD5", Code: "signature_forgeable", Rule: "RFC 8446, section 4.4.2.4: not MD5", place: belowRoot, keys: isRSA,
		make: func(c *chain, at int) { c.Path[at].Hash = md5 }},
	{Name: "two algorithms", Code: "signature_algorithm_mismatch", Rule: "RFC 5280, section 4.1.1.2: the same inside and outside", place: atRoot,
		make: func(c *chain, at int) {
			c.Path[at].Inner = der(sequence, object("2a8648ce3d040303"))
			c.Path[at].set(pki.OIDAuthorityKeyID, false, authorityKeyID(keyID(at)))
		}},
}
