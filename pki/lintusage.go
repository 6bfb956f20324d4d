package pki

import (
	"crypto/rsa"
	"fmt"
	"slices"
)

// usageRules are about what a key may be used for.
var usageRules = []lintRule{
	{"purposes_missing", Warning, "CA/Browser Forum Baseline Requirements, section 7.1.2.7.10; Apple, support article 103769", by(byApple), "have it issued again with the extended key usage of a TLS server or client",
		func(l *lint) string {
			return when(l.isLeaf() && !l.has(OIDExtKeyUsage), "no extended key usage")
		}},
	{"purpose_any", Warning, "RFC 5280, section 4.2.1.12", by(byOpenSSL, byPython, byCryptography, byApple), "name the purposes that it is for",
		func(l *lint) string {
			return when(l.isLeaf() && slices.Contains(l.purposes, OIDAnyUsage), "it is for any purpose")
		}},
	{"purpose_not_tls", Notice, "RFC 5280, section 4.2.1.12", by(byGo, byOpenSSL, byPython, byCryptography, byApple, byBrowsers, byWindows), "have it issued again for a TLS server or client, if it is to be one's",
		func(l *lint) string {
			tls := slices.ContainsFunc(l.purposes, func(id OID) bool { return id == OIDServerAuth || id == OIDClientAuth || id == OIDAnyUsage })
			return when(l.isLeaf() && len(l.purposes) > 0 && !tls, "it is neither for TLS servers nor for clients")
		}},
	{"key_usage_empty", Error, "RFC 5280, section 4.2.1.3", by(byOpenSSL, byPython), "have it issued again with a use of its key",
		func(l *lint) string {
			return when(l.usage != nil && *l.usage == 0, "a key that may be used for nothing")
		}},
	{"key_usage_not_critical", Notice, "RFC 5280, section 4.2.1.3", nil, "mark the key usage as critical",
		func(l *lint) string {
			e := l.extension(OIDKeyUsage)
			return when(e != nil && !e.Critical, "a key usage that is not critical")
		}},
	{"key_usage_of_rsa", Error, "RFC 8813, section 3", nil, "have it issued again with the key usage Digital Signature alone",
		func(l *lint) string {
			_, isRSA := l.key.(*rsa.PublicKey)
			bad := KeyEncipherment | DataEncipherment
			if l.key == nil || isRSA || l.usage == nil || *l.usage&bad == 0 {
				return ""
			}
			return fmt.Sprintf("a key of the kind %s cannot be used for %s", l.publicKey.Algorithm(), *l.usage&bad)
		}},
	{"key_usage_without_signature", Warning, "RFC 8446, section 4.4.2.2", by(byBrowsers), "have it issued again with the key usage Digital Signature: TLS 1.3 needs it",
		func(l *lint) string {
			return when(l.isLeaf() && l.usage != nil && *l.usage != 0 && *l.usage&DigitalSignature == 0, "its key may not sign, as TLS 1.3 needs it to")
		}},
	{"key_usage_mixed", Warning, "CA/Browser Forum Baseline Requirements, section 7.1.2.7.11", nil, "have it issued again without the uses of an authority",
		func(l *lint) string {
			return when(l.isLeaf() && l.usage != nil && *l.usage&CRLSign != 0, "its key may sign revocation lists, but it is no authority")
		}},
}
