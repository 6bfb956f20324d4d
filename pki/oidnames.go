package pki

import (
	"slices"
	"strings"
	"sync"
)

// oidName is how people call an object identifier.
type oidName struct {
	oid  OID
	abbr string // as OpenSSL shortens it, such as CN; for attributes of names the keyword of RFC 4514
	name string // in words
}

// Name returns what people call the object identifier, or its dotted form.
func (o OID) Name() string {
	if known, ok := oidNames[o]; ok {
		return known.name
	}
	return o.String()
}

// short returns the keyword that stands for an attribute's type in names, or "".
func (o OID) short() string { return oidNames[o].abbr }

// oidNames has the row of every object identifier that has a name.
var oidNames = indexNames()

var oidTables = [][]oidName{namedOIDs, extensionOIDs, usageOIDs, accessOIDs, attributeOIDs, algorithmOIDs}

var namedOIDs = []oidName{
	{OIDSubjectKeyID, "subjectKeyIdentifier", "Subject Key Identifier"},
	{OIDAuthorityKeyID, "authorityKeyIdentifier", "Authority Key Identifier"},
	{OIDKeyUsage, "keyUsage", "Key Usage"},
	{OIDExtKeyUsage, "extendedKeyUsage", "Extended Key Usage"},
	{OIDBasicConstraints, "basicConstraints", "Basic Constraints"},
	{OIDSubjectAltName, "subjectAltName", "Subject Alternative Name"},
	{OIDIssuerAltName, "issuerAltName", "Issuer Alternative Name"},
	{OIDNameConstraints, "nameConstraints", "Name Constraints"},
	{OIDCertificatePolicies, "certificatePolicies", "Certificate Policies"},
	{OIDPolicyMappings, "policyMappings", "Policy Mappings"},
	{OIDPolicyConstraints, "policyConstraints", "Policy Constraints"},
	{OIDInhibitAnyPolicy, "inhibitAnyPolicy", "Inhibit Any Policy"},
	{OIDCRLPoints, "crlDistributionPoints", "CRL Distribution Points"},
	{OIDFreshestCRL, "freshestCRL", "Freshest CRL"},
	{OIDPrivateKeyUsage, "privateKeyUsagePeriod", "Private Key Usage Period"},
	{OIDAuthorityInfo, "authorityInfoAccess", "Authority Information Access"},
	{OIDSubjectInfo, "subjectInfoAccess", "Subject Information Access"},
	{OIDTLSFeature, "tlsfeature", "TLS Feature"},
	{OIDOCSPNoCheck, "noCheck", "OCSP No Check"},
	{OIDSCTs, "ct_precert_scts", "Signed Certificate Timestamps"},
	{OIDPrecertPoison, "ct_precert_poison", "Precertificate Poison"},
	{OIDNetscapeCertType, "nsCertType", "Netscape Certificate Type"},
	{OIDNetscapeComment, "nsComment", "Netscape Comment"},
	{OIDCRLNumber, "crlNumber", "CRL Number"},
	{OIDDeltaCRL, "deltaCRL", "Delta CRL Indicator"},
	{OIDIssuingPoint, "issuingDistributionPoint", "Issuing Distribution Point"},
	{OIDCRLReason, "CRLReason", "CRL Reason"},
	{OIDInvalidityDate, "invalidityDate", "Invalidity Date"},
	{OIDCertificateIssuer, "certificateIssuer", "Certificate Issuer"},
	{OIDAnyPolicy, "anyPolicy", "Any Policy"},
	{OIDPolicyCPS, "id-qt-cps", "CPS"},
	{OIDPolicyNotice, "id-qt-unotice", "User Notice"},
	{OIDAccessOCSP, "OCSP", "OCSP"},
	{OIDAccessIssuers, "caIssuers", "CA Issuers"},
	{OIDAnyUsage, "anyExtendedKeyUsage", "Any Extended Key Usage"},
	{OIDServerAuth, "serverAuth", "TLS Web Server Authentication"},
	{OIDClientAuth, "clientAuth", "TLS Web Client Authentication"},
	{OIDCodeSigning, "codeSigning", "Code Signing"},
	{OIDEmailProtection, "emailProtection", "E-mail Protection"},
	{OIDTimeStamping, "timeStamping", "Time Stamping"},
	{OIDOCSPSigning, "OCSPSigning", "OCSP Signing"},
	{OIDCommonName, "CN", "commonName"},
	{OIDSerialNumber, "serialNumber", "serialNumber"},
	{OIDCountry, "C", "countryName"},
	{OIDLocality, "L", "localityName"},
	{OIDState, "ST", "stateOrProvinceName"},
	{OIDStreet, "street", "streetAddress"},
	{OIDOrganization, "O", "organizationName"},
	{OIDOrganizationalUnit, "OU", "organizationalUnitName"},
	{OIDEmailAddress, "emailAddress", "emailAddress"},
	{OIDUserID, "UID", "userId"},
	{OIDDomainComponent, "DC", "domainComponent"},
	{OIDChallengePassword, "challengePassword", "challengePassword"},
	{OIDExtensionRequest, "extReq", "Extension Request"},
	{oidMSExtensions, "msExtReq", "Microsoft Extension Request"},
	{oidMD5RSA, "RSA-MD5", "md5WithRSAEncryption"},
	{oidSHA1RSA, "RSA-SHA1", "sha1WithRSAEncryption"},
	{oidSHA224RSA, "RSA-SHA224", "sha224WithRSAEncryption"},
	{oidSHA256RSA, "RSA-SHA256", "sha256WithRSAEncryption"},
	{oidSHA384RSA, "RSA-SHA384", "sha384WithRSAEncryption"},
	{oidSHA512RSA, "RSA-SHA512", "sha512WithRSAEncryption"},
	{oidRSAPSS, "RSASSA-PSS", "rsassaPss"},
	{oidSHA1ECDSA, "ecdsa-with-SHA1", "ecdsa-with-SHA1"},
	{oidSHA224ECDSA, "ecdsa-with-SHA224", "ecdsa-with-SHA224"},
	{oidSHA256ECDSA, "ecdsa-with-SHA256", "ecdsa-with-SHA256"},
	{oidSHA384ECDSA, "ecdsa-with-SHA384", "ecdsa-with-SHA384"},
	{oidSHA512ECDSA, "ecdsa-with-SHA512", "ecdsa-with-SHA512"},
	{oidEd25519, "ED25519", "ED25519"},
	{OIDOCSPBasic, "basicOCSPResponse", "Basic OCSP Response"},
	{OIDOCSPNonce, "Nonce", "OCSP Nonce"},
	{OIDArchiveCutoff, "archiveCutoff", "OCSP Archive Cutoff"},
	{oidSHA1, "SHA1", "sha1"},
	{oidSHA256, "SHA256", "sha256"},
	{oidSHA384, "SHA384", "sha384"},
	{oidSHA512, "SHA512", "sha512"},
	{oidMGF1, "MGF1", "mgf1"},
	{oidRSA, "rsaEncryption", "rsaEncryption"},
	{oidEC, "id-ecPublicKey", "id-ecPublicKey"},
	{oidSHA1DSA, "DSA-SHA1", "dsaWithSHA1"},
	{oidSHA224DSA, "dsa_with_SHA224", "dsa_with_SHA224"},
	{oidSHA256DSA, "dsa_with_SHA256", "dsa_with_SHA256"},
	{oidDSA, "DSA", "dsaEncryption"},
	{oidTitle, "title", "title"},
	{oidDNQualifier, "dnQualifier", "dnQualifier"},
	{oidPseudonym, "pseudonym", "pseudonym"},
}

func indexNames() map[OID]oidName {
	index := map[OID]oidName{}
	for _, row := range slices.Concat(oidTables...) {
		index[row.oid] = row
	}
	return index
}

// dotted returns the object identifier of a row.
func dotted(text string) OID {
	id, err := ParseOID(text)
	if err != nil {
		panic(err)
	}
	return id
}

// oidKeywords finds an object identifier by what stands for it in a name, in
// small letters: its keyword, its name if that is one word, or what Windows
// writes.
var oidKeywords = sync.OnceValue(func() map[string]OID {
	words := map[string]OID{"e": OIDEmailAddress, "s": OIDState}
	rows := slices.Concat(oidTables...)
	for _, row := range rows {
		if !strings.ContainsAny(row.name, " ,") {
			words[strings.ToLower(row.name)] = row.oid
		}
	}
	for _, row := range rows { // keywords beat names
		if row.abbr != "" {
			words[strings.ToLower(row.abbr)] = row.oid
		}
	}
	return words
})
