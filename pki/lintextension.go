package pki

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// extensionRules are about extensions of any kind, and about those that say
// where the issuer's lists and responders are.
var extensionRules = []lintRule{
	{"extension_twice", Error, "RFC 5280, section 4.2", by(byGo, byOpenSSL, byPython, byCryptography), "have it issued again with each extension once",
		func(l *lint) string {
			for i, e := range l.list {
				if slices.ContainsFunc(l.list[:i], func(other Extension) bool { return other.ID == e.ID }) {
					return "the extension " + e.ID.Name() + " stands there twice"
				}
			}
			return ""
		}},
	{"extension_malformed", Error, "RFC 5280, section 4.2", by(byGo, byOpenSSL, byPython, byCryptography), "have it issued again by another program",
		func(l *lint) string {
			for _, e := range l.list {
				if _, err := e.Decode(); err != nil {
					return fault.Text(err)
				}
			}
			return ""
		}},
	{"extension_unknown", Warning, "RFC 5280, section 4.2", by(byGo, byOpenSSL, byPython, byCryptography, byApple, byBrowsers, byWindows), "do not mark it as critical, unless nobody else is to use the certificate",
		func(l *lint) string {
			for _, e := range l.list {
				if decoders[e.ID] == nil && e.Critical {
					return "a critical extension that few know, " + e.ID.Name()
				}
			}
			return ""
		}},
	{"extension_criticality", Error, "RFC 5280, section 4.2", by(byGo, byOpenSSL, byPython, byCryptography), "have it issued again by another program",
		func(l *lint) string {
			for _, e := range l.list {
				if e.rule() == mustBeCritical && !e.Critical || e.rule() == mustNotBeCritical && e.Critical {
					return fmt.Sprintf("the extension %s has to be %s", e.ID.Name(), e.rule())
				}
			}
			return ""
		}},
	{"default_encoded", Error, "X.690, section 11.5", by(byCryptography), "have it issued again by another program",
		(*lint).defaultEncoded},
	{"bits_padded", Error, "X.690, section 11.2.2", nil, "have it issued again by another program",
		func(l *lint) string {
			e := l.extension(OIDKeyUsage)
			return when(l.usage != nil && *l.usage != 0 && isPadded(e.Value), "a key usage with bits behind the last that is set")
		}},
	{"crl_not_http", Warning, "RFC 5280, section 4.2.1.13", by(byWindows), "publish the list by http too",
		func(l *lint) string {
			points, _ := l.DistributionPoints()
			var names []string
			for _, point := range points {
				if point.Name != nil {
					for _, name := range point.Name.Full {
						names = append(names, name.Value())
					}
				}
			}
			reachable := slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(strings.ToLower(name), "http://") })
			return when(len(names) > 0 && !reachable, fmt.Sprintf("no http URL of the revocation list among %d", len(names)))
		}},
	{"staple_without_responder", Error, "RFC 7633, section 4.2.3", nil, "give the OCSP responder's URL, or do not demand a staple",
		func(l *lint) string {
			return when(l.MustStaple() && !l.accesses(OIDAccessOCSP), "a stapled OCSP response is demanded, and no responder is named")
		}},
	{"revocation_missing", Warning, "CA/Browser Forum Baseline Requirements, section 7.1.2.7", nil, "have it issued again with the URL of a revocation list",
		func(l *lint) string {
			return when(l.Public && !l.signedItself() && !l.has(OIDCRLPoints) && !l.accesses(OIDAccessOCSP), "neither a revocation list nor an OCSP responder")
		}},
	{"issuer_url_missing", Notice, "CA/Browser Forum Baseline Requirements, section 7.1.2.7.7", nil, "have it issued again with the URL of its issuer's certificate",
		func(l *lint) string {
			return when(l.Public && !l.signedItself() && !l.accesses(OIDAccessIssuers), "no URL of the issuer's certificate")
		}},
}

func (l *lint) accesses(method OID) bool {
	places, _ := l.AuthorityInfo()
	return slices.ContainsFunc(places, func(place AccessDescription) bool { return place.Method == method })
}

// defaultEncoded finds a FALSE that is written out, though it is the default:
// of being critical, or of being an authority.
func (l *lint) defaultEncoded() string {
	d := newDER(l.tbs)
	tbs := d.sequence("certificate's contents")
	for tbs.more() && !tbs.has(constructed(3)) {
		tbs.element("field")
	}
	if !tbs.more() {
		return ""
	}
	list := tbs.tagged(3, "extensions").sequence("extensions")
	for list.more() {
		e := list.sequence("extension")
		id := e.oid("extension")
		if e.has(asn1.BOOLEAN) && !e.bool("critical") {
			return "the extension " + id.Name() + " says that it is not critical, which goes without saying"
		}
	}
	if e := l.extension(OIDBasicConstraints); e != nil && bytes.Equal(e.Value, []byte{0x30, 3, 1, 1, 0}) {
		return "basic constraints that say that it is no authority, which goes without saying"
	}
	return ""
}

// isPadded reports whether a BIT STRING ends in bits that are not set.
func isPadded(value []byte) bool {
	d := newDER(value)
	data, unused := d.bits("bits")
	return d.err() == nil && len(data) > 0 && data[len(data)-1]>>unused&1 == 0
}

// lastRules come last: they say what no other finding explains.
var lastRules = []lintRule{
	{"go_refuses", Error, "crypto/x509", by(byGo), "have it issued again, without what the message names",
		func(l *lint) string {
			_, err := l.X509()
			if err == nil || slices.ContainsFunc(l.findings, func(f Finding) bool { return f.Severity == Error }) {
				return ""
			}
			return fault.Text(err)
		}},
}
