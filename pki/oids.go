package pki

// Extensions of certificates.
const (
	OIDSubjectKeyID        OID = "\x55\x1d\x0e"                             // 2.5.29.14
	OIDAuthorityKeyID      OID = "\x55\x1d\x23"                             // 2.5.29.35
	OIDKeyUsage            OID = "\x55\x1d\x0f"                             // 2.5.29.15
	OIDExtKeyUsage         OID = "\x55\x1d\x25"                             // 2.5.29.37
	OIDBasicConstraints    OID = "\x55\x1d\x13"                             // 2.5.29.19
	OIDSubjectAltName      OID = "\x55\x1d\x11"                             // 2.5.29.17
	OIDIssuerAltName       OID = "\x55\x1d\x12"                             // 2.5.29.18
	OIDNameConstraints     OID = "\x55\x1d\x1e"                             // 2.5.29.30
	OIDCertificatePolicies OID = "\x55\x1d\x20"                             // 2.5.29.32
	OIDPolicyMappings      OID = "\x55\x1d\x21"                             // 2.5.29.33
	OIDPolicyConstraints   OID = "\x55\x1d\x24"                             // 2.5.29.36
	OIDInhibitAnyPolicy    OID = "\x55\x1d\x36"                             // 2.5.29.54
	OIDCRLPoints           OID = "\x55\x1d\x1f"                             // 2.5.29.31
	OIDFreshestCRL         OID = "\x55\x1d\x2e"                             // 2.5.29.46
	OIDPrivateKeyUsage     OID = "\x55\x1d\x10"                             // 2.5.29.16
	OIDAuthorityInfo       OID = "\x2b\x06\x01\x05\x05\x07\x01\x01"         // 1.3.6.1.5.5.7.1.1
	OIDSubjectInfo         OID = "\x2b\x06\x01\x05\x05\x07\x01\x0b"         // 1.3.6.1.5.5.7.1.11
	OIDTLSFeature          OID = "\x2b\x06\x01\x05\x05\x07\x01\x18"         // 1.3.6.1.5.5.7.1.24
	OIDOCSPNoCheck         OID = "\x2b\x06\x01\x05\x05\x07\x30\x01\x05"     // 1.3.6.1.5.5.7.48.1.5
	OIDSCTs                OID = "\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x02" // 1.3.6.1.4.1.11129.2.4.2
	OIDPrecertPoison       OID = "\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x03" // 1.3.6.1.4.1.11129.2.4.3
	OIDNetscapeCertType    OID = "\x60\x86\x48\x01\x86\xf8\x42\x01\x01"     // 2.16.840.1.113730.1.1
	OIDNetscapeComment     OID = "\x60\x86\x48\x01\x86\xf8\x42\x01\x0d"     // 2.16.840.1.113730.1.13
)

// Extensions of revocation lists and their entries.
const (
	OIDCRLNumber         OID = "\x55\x1d\x14" // 2.5.29.20
	OIDDeltaCRL          OID = "\x55\x1d\x1b" // 2.5.29.27
	OIDIssuingPoint      OID = "\x55\x1d\x1c" // 2.5.29.28
	OIDCRLReason         OID = "\x55\x1d\x15" // 2.5.29.21
	OIDInvalidityDate    OID = "\x55\x1d\x18" // 2.5.29.24
	OIDCertificateIssuer OID = "\x55\x1d\x1d" // 2.5.29.29
)

// What extensions hold: policies, access methods and extended key usages.
const (
	OIDAnyPolicy       OID = "\x55\x1d\x20\x00"                 // 2.5.29.32.0
	OIDPolicyCPS       OID = "\x2b\x06\x01\x05\x05\x07\x02\x01" // 1.3.6.1.5.5.7.2.1
	OIDPolicyNotice    OID = "\x2b\x06\x01\x05\x05\x07\x02\x02" // 1.3.6.1.5.5.7.2.2
	OIDAccessOCSP      OID = "\x2b\x06\x01\x05\x05\x07\x30\x01" // 1.3.6.1.5.5.7.48.1
	OIDAccessIssuers   OID = "\x2b\x06\x01\x05\x05\x07\x30\x02" // 1.3.6.1.5.5.7.48.2
	OIDAnyUsage        OID = "\x55\x1d\x25\x00"                 // 2.5.29.37.0
	OIDServerAuth      OID = "\x2b\x06\x01\x05\x05\x07\x03\x01" // 1.3.6.1.5.5.7.3.1
	OIDClientAuth      OID = "\x2b\x06\x01\x05\x05\x07\x03\x02" // 1.3.6.1.5.5.7.3.2
	OIDCodeSigning     OID = "\x2b\x06\x01\x05\x05\x07\x03\x03" // 1.3.6.1.5.5.7.3.3
	OIDEmailProtection OID = "\x2b\x06\x01\x05\x05\x07\x03\x04" // 1.3.6.1.5.5.7.3.4
	OIDTimeStamping    OID = "\x2b\x06\x01\x05\x05\x07\x03\x08" // 1.3.6.1.5.5.7.3.8
	OIDOCSPSigning     OID = "\x2b\x06\x01\x05\x05\x07\x03\x09" // 1.3.6.1.5.5.7.3.9
)

// Attributes of names.
const (
	OIDCommonName         OID = "\x55\x04\x03"                             // 2.5.4.3
	OIDSerialNumber       OID = "\x55\x04\x05"                             // 2.5.4.5
	OIDCountry            OID = "\x55\x04\x06"                             // 2.5.4.6
	OIDLocality           OID = "\x55\x04\x07"                             // 2.5.4.7
	OIDState              OID = "\x55\x04\x08"                             // 2.5.4.8
	OIDStreet             OID = "\x55\x04\x09"                             // 2.5.4.9
	OIDOrganization       OID = "\x55\x04\x0a"                             // 2.5.4.10
	OIDOrganizationalUnit OID = "\x55\x04\x0b"                             // 2.5.4.11
	OIDEmailAddress       OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"     // 1.2.840.113549.1.9.1
	OIDUserID             OID = "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01" // 0.9.2342.19200300.100.1.1
	OIDDomainComponent    OID = "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19" // 0.9.2342.19200300.100.1.25

	oidTitle       OID = "\x55\x04\x0c" // 2.5.4.12
	oidDNQualifier OID = "\x55\x04\x2e" // 2.5.4.46
	oidPseudonym   OID = "\x55\x04\x41" // 2.5.4.65
)

// Algorithms.
const (
	oidMD5RSA      OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04" // 1.2.840.113549.1.1.4
	oidSHA1RSA     OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05" // 1.2.840.113549.1.1.5
	oidSHA224RSA   OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e" // 1.2.840.113549.1.1.14
	oidSHA256RSA   OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b" // 1.2.840.113549.1.1.11
	oidSHA384RSA   OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c" // 1.2.840.113549.1.1.12
	oidSHA512RSA   OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d" // 1.2.840.113549.1.1.13
	oidRSAPSS      OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a" // 1.2.840.113549.1.1.10
	oidSHA1ECDSA   OID = "\x2a\x86\x48\xce\x3d\x04\x01"         // 1.2.840.10045.4.1
	oidSHA224ECDSA OID = "\x2a\x86\x48\xce\x3d\x04\x03\x01"     // 1.2.840.10045.4.3.1
	oidSHA256ECDSA OID = "\x2a\x86\x48\xce\x3d\x04\x03\x02"     // 1.2.840.10045.4.3.2
	oidSHA384ECDSA OID = "\x2a\x86\x48\xce\x3d\x04\x03\x03"     // 1.2.840.10045.4.3.3
	oidSHA512ECDSA OID = "\x2a\x86\x48\xce\x3d\x04\x03\x04"     // 1.2.840.10045.4.3.4
	oidEd25519     OID = "\x2b\x65\x70"                         // 1.3.101.112
	oidSHA1        OID = "\x2b\x0e\x03\x02\x1a"                 // 1.3.14.3.2.26
	oidSHA256      OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x01" // 2.16.840.1.101.3.4.2.1
	oidSHA384      OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x02" // 2.16.840.1.101.3.4.2.2
	oidSHA512      OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x03" // 2.16.840.1.101.3.4.2.3
	oidMGF1        OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08" // 1.2.840.113549.1.1.8
	oidRSA         OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" // 1.2.840.113549.1.1.1
	oidEC          OID = "\x2a\x86\x48\xce\x3d\x02\x01"         // 1.2.840.10045.2.1
	oidSHA1DSA     OID = "\x2a\x86\x48\xce\x38\x04\x03"         // 1.2.840.10040.4.3
	oidSHA224DSA   OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x01" // 2.16.840.1.101.3.4.3.1
	oidSHA256DSA   OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x02" // 2.16.840.1.101.3.4.3.2
	oidDSA         OID = "\x2a\x86\x48\xce\x38\x04\x01"         // 1.2.840.10040.4.1
)

// Attributes of certificate requests (RFC 2985, sections 5.4.1 and 5.4.2), and
// what Microsoft's programs put in place of the second.
const (
	OIDChallengePassword OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07"     // 1.2.840.113549.1.9.7
	OIDExtensionRequest  OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e"     // 1.2.840.113549.1.9.14
	oidMSExtensions      OID = "\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0e" // 1.3.6.1.4.1.311.2.1.14
)

// OCSP (RFC 6960): the basic response, and extensions of messages.
const (
	OIDOCSPBasic     OID = "\x2b\x06\x01\x05\x05\x07\x30\x01\x01" // 1.3.6.1.5.5.7.48.1.1
	OIDOCSPNonce     OID = "\x2b\x06\x01\x05\x05\x07\x30\x01\x02" // 1.3.6.1.5.5.7.48.1.2
	OIDArchiveCutoff OID = "\x2b\x06\x01\x05\x05\x07\x30\x01\x06" // 1.3.6.1.5.5.7.48.1.6
)
