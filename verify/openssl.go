package verify

import (
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/revocation"
)

// opensslNumbers are the numbers that OpenSSL gives to what a code stands for
// (openssl/x509_vfy.h, X509_V_ERR_*), where it has one. A row with a section is
// about the rule that stands there, one without about all others.
var opensslNumbers = []struct {
	code    fault.Code
	section string
	number  int
}{
	{SignatureInvalid, "", 7},                   // CERT_SIGNATURE_FAILURE
	{SelfSigned, "", 18},                        // DEPTH_ZERO_SELF_SIGNED_CERT
	{UnknownRoot, sentAlong, 19},                // SELF_SIGNED_CERT_IN_CHAIN
	{UnknownRoot, "", 20},                       // UNABLE_TO_GET_ISSUER_CERT_LOCALLY
	{ChainIncomplete, "", 20},                   // UNABLE_TO_GET_ISSUER_CERT_LOCALLY
	{DateMalformed, beginningForm, 13},          // ERROR_IN_CERT_NOT_BEFORE_FIELD
	{DateMalformed, endForm, 14},                // ERROR_IN_CERT_NOT_AFTER_FIELD
	{CertNotYetValid, "", 9},                    // CERT_NOT_YET_VALID
	{CertExpired, "", 10},                       // CERT_HAS_EXPIRED
	{CertRevoked, "", 23},                       // CERT_REVOKED
	{RevocationUnknown, "", 3},                  // UNABLE_TO_GET_CRL
	{revocation.Stale, "", 12},                  // CRL_HAS_EXPIRED
	{revocation.ListForged, "", 8},              // CRL_SIGNATURE_FAILURE
	{revocation.ListSigner, "", 35},             // KEYUSAGE_NO_CRL_SIGN
	{revocation.ListInvalid, "", 36},            // UNHANDLED_CRITICAL_CRL_EXTENSION
	{PathOverLimit, "", 22},                     // CERT_CHAIN_TOO_LONG
	{PathTooLong, "", 25},                       // PATH_LENGTH_EXCEEDED
	{WrongPurpose, "", 26},                      // INVALID_PURPOSE
	{IssuerNotAuthority, "", 79},                // INVALID_CA
	{IssuerMayNotSign, "", 79},                  // INVALID_CA
	{CriticalUnknown, "", 34},                   // UNHANDLED_CRITICAL_EXTENSION
	{ExtensionMalformed, rfc + "4.2.1.4", 42},   // INVALID_POLICY_EXTENSION
	{ExtensionMalformed, "", 41},                // INVALID_EXTENSION
	{ExtensionDuplicate, "", 41},                // INVALID_EXTENSION
	{PolicyMappingInvalid, "", 42},              // INVALID_POLICY_EXTENSION
	{PolicyMissing, "", 43},                     // NO_EXPLICIT_POLICY
	{NameNotPermitted, rfc + "6.1.3 (b)", 47},   // PERMITTED_VIOLATION
	{NameNotPermitted, rfc + "6.1.3 (c)", 48},   // EXCLUDED_VIOLATION
	{NameConstraintUnknown, "", 51},             // UNSUPPORTED_CONSTRAINT_TYPE
	{NameConstraintMalformed, "", 52},           // UNSUPPORTED_CONSTRAINT_SYNTAX
	{NameMismatch, address, 64},                 // IP_ADDRESS_MISMATCH
	{NameMismatch, "", 62},                      // HOSTNAME_MISMATCH
	{NameMalformed, "", 53},                     // UNSUPPORTED_NAME_SYNTAX
	{SignatureAlgorithmMismatch, "", 78},        // SIGNATURE_ALGORITHM_INCONSISTENCY
	{SignatureForgeable, "", 68},                // CA_MD_TOO_WEAK
	{ExtensionForbidden, rfc + "4.2.1.9", 80},   // PATHLEN_INVALID_FOR_NON_CA
	{LeafSigns, rfc + "4.2.1.9", 79},            // INVALID_CA
	{NameEmpty, "", 83},                         // ISSUER_NAME_EMPTY
	{ExtensionMissing, rfc + "4.2.1.1", 85},     // MISSING_AUTHORITY_KEY_IDENTIFIER
	{ExtensionMissing, rfc + "4.2.1.2", 86},     // MISSING_SUBJECT_KEY_IDENTIFIER
	{ExtensionCriticality, rfc + "4.2.1.6", 88}, // EMPTY_SUBJECT_SAN_NOT_CRITICAL
	{ExtensionCriticality, rfc + "4.2.1.9", 89}, // CA_BCONS_NOT_CRITICAL
	{ExtensionCriticality, rfc + "4.2.1.1", 90}, // AUTHORITY_KEY_IDENTIFIER_CRITICAL
	{ExtensionCriticality, rfc + "4.2.1.2", 91}, // SUBJECT_KEY_IDENTIFIER_CRITICAL
	{VersionOld, "", 93},                        // EXTENSIONS_REQUIRE_VERSION_3
}

// In the place of a section, what an own check found.
const (
	sentAlong = "a self-issued certificate that was sent"
	address   = "the name of an address"
)

// opensslNumber is OpenSSL's number for a code and the section of the rule, 0
// where it has none.
func opensslNumber(code fault.Code, section string) int {
	for _, row := range opensslNumbers {
		if row.code == code && (row.section == section || row.section == "") {
			return row.number
		}
	}
	return 0
}
