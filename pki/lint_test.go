package pki_test

import (
	"crypto"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// flawed is a certificate with one flaw, made of a good one.
type flawed struct {
	code    string // of the finding, or of several
	name    string
	of      string // leaf, authority, or root: what it is made of
	change  func(*parts)
	options pki.LintOptions
}

// mill makes flawed certificates and chains that hold them.
type mill struct {
	at                       time.Time
	root, intermediate, leaf *pki.Credential
}

func newMill(at time.Time) mill {
	fixture := testpki.Must(testpki.New(at))
	leaf := testpki.Must(fixture.Intermediate.New(pki.Spec{Profile: pki.Server, Name: "leaf", DNS: []string{"a.example"}, Lifetime: 30 * 24 * time.Hour, Now: at}))
	return mill{at, fixture.Root, fixture.Intermediate, leaf}
}

// make returns the flawed certificate, and a chain with it that leads to the root
// that is returned last.
func (m mill) make(f flawed) (cert *pki.Certificate, chain []*pki.Certificate, root *pki.Certificate) {
	switch f.of {
	case "leaf":
		p := take(m.leaf.Leaf())
		f.change(p)
		cert = p.sign(m.intermediate.Key)
		return cert, []*pki.Certificate{cert, m.intermediate.Leaf()}, m.root.Leaf()
	case "authority":
		p := take(m.intermediate.Leaf())
		f.change(p)
		cert = p.sign(m.root.Key)
		return cert, []*pki.Certificate{m.below(p, m.intermediate.Key), cert}, m.root.Leaf()
	default:
		p := take(m.root.Leaf())
		f.change(p)
		cert = p.sign(m.root.Key)
		return cert, []*pki.Certificate{m.below(p, m.root.Key)}, cert
	}
}

// below is a good leaf that an authority of these parts has signed.
func (m mill) below(authority *parts, key crypto.Signer) *pki.Certificate {
	leaf := take(m.leaf.Leaf())
	leaf.issuer = authority.subject
	old := testpki.Must(m.root.Leaf().SubjectKeyID())
	if key == m.root.Key {
		leaf.set(pki.OIDAuthorityKeyID, false, element(asn1.SEQUENCE, element(asn1.Tag(0).ContextSpecific(), old))...)
	}
	return leaf.sign(key)
}

// attributeDER is a name of one attribute, of any encoding.
func attributeDER(kind string, tag asn1.Tag, text string) []byte {
	return element(asn1.SEQUENCE, element(asn1.SET, element(asn1.SEQUENCE, element(asn1.OBJECT_IDENTIFIER, []byte(kind)), element(tag, []byte(text)))))
}

const (
	typeCN = "\x55\x04\x03"
	typeC  = "\x55\x04\x06"
	typeO  = "\x55\x04\x0a"
)

// flaws are one made-on-purpose certificate, or several, for each finding.
func flaws(m mill) []flawed {
	day := 24 * time.Hour
	none, public := pki.LintOptions{}, pki.LintOptions{Public: true}
	subject := func(kind string, tag asn1.Tag, text string) func(*parts) {
		return func(p *parts) { p.subject = attributeDER(kind, tag, text) }
	}
	dns := func(names ...string) func(*parts) { return func(p *parts) { p.names(2, names...) } }
	uris := func(names ...string) func(*parts) { return func(p *parts) { p.names(6, names...) } }
	set := func(id pki.OID, critical bool, value string) func(*parts) {
		return func(p *parts) { p.set(id, critical, []byte(value)...) }
	}
	drop := func(id pki.OID) func(*parts) { return func(p *parts) { p.drop(id) } }
	life := func(life time.Duration) func(*parts) { return func(p *parts) { p.from(m.at.Add(-time.Hour), life) } }
	lifeFrom := func(year int, month time.Month, date, days int) func(*parts) {
		return func(p *parts) {
			p.from(time.Date(year, month, date, 0, 0, 0, 0, time.UTC), time.Duration(days)*day)
		}
	}
	serial := func(content ...byte) func(*parts) {
		return func(p *parts) { p.serial = element(asn1.INTEGER, content) }
	}
	urls := func(p *parts) {
		p.set(pki.OIDAuthorityInfo, false, element(asn1.SEQUENCE,
			element(asn1.SEQUENCE, element(asn1.OBJECT_IDENTIFIER, []byte(pki.OIDAccessOCSP)), element(asn1.Tag(6).ContextSpecific(), []byte("http://o.example"))),
			element(asn1.SEQUENCE, element(asn1.OBJECT_IDENTIFIER, []byte(pki.OIDAccessIssuers)), element(asn1.Tag(6).ContextSpecific(), []byte("http://i.example"))))...)
	}
	both := func(changes ...func(*parts)) func(*parts) {
		return func(p *parts) {
			for _, change := range changes {
				change(p)
			}
		}
	}
	text := func(tag asn1.Tag, text string) []byte { return element(tag, []byte(text)) }
	return []flawed{
		{"version_old", "version 1", "leaf", func(p *parts) { p.version, p.extensions, p.noList = nil, nil, true }, none},
		{"version_old", "an authority of version 1", "authority", func(p *parts) { p.version, p.extensions, p.noList = nil, nil, true }, none},
		{"version_with_extensions", "version 1 with extensions", "leaf", func(p *parts) { p.version = nil }, none},
		{"version_with_extensions", "version 2 with extensions", "leaf", func(p *parts) { p.version[4] = 1 }, none},
		{"serial_zero", "", "leaf", serial(0), none},
		{"serial_negative", "", "leaf", serial(slices.Repeat([]byte{0x80}, 10)...), none},
		{"serial_long", "", "leaf", serial(slices.Repeat([]byte{0x7f}, 21)...), none},
		{"", "a serial number of 20 bytes", "leaf", serial(slices.Repeat([]byte{0x7f}, 20)...), none},
		{"serial_short", "", "leaf", serial(slices.Repeat([]byte{0x7f}, 6)...), none},
		{"", "a serial number of 56 bits", "leaf", serial(append([]byte{0}, slices.Repeat([]byte{0x80}, 7)...)...), none},
		{"", "a root's serial number", "root", serial(1), none},
		{"signature_names_differ", "", "leaf", func(p *parts) {
			p.outer = p.algorithm
			p.algorithm = element(asn1.SEQUENCE, text(asn1.OBJECT_IDENTIFIER, "\x2a\x86\x48\xce\x3d\x04\x03\x03"))
		}, none},
		{"signature_weak", "SHA-1", "leaf", func(p *parts) {
			p.algorithm, p.hash = element(asn1.SEQUENCE, text(asn1.OBJECT_IDENTIFIER, "\x2a\x86\x48\xce\x3d\x04\x01")), crypto.SHA1
		}, none},
		{"", "a root's SHA-1", "root", func(p *parts) {
			p.algorithm, p.hash = element(asn1.SEQUENCE, text(asn1.OBJECT_IDENTIFIER, "\x2a\x86\x48\xce\x3d\x04\x01")), crypto.SHA1
		}, none},
		{"validity_reversed", "", "leaf", life(-time.Second), none},
		{"validity_over", "", "leaf", life(time.Hour - time.Second), pki.LintOptions{Now: m.at}},
		{"", "in its last second", "leaf", life(time.Hour), pki.LintOptions{Now: m.at}},
		{"validity_ahead", "", "leaf", func(p *parts) { p.from(m.at.Add(time.Second), day) }, pki.LintOptions{Now: m.at}},
		{"validity_ahead", "by an hour", "leaf", func(p *parts) { p.from(m.at.Add(time.Hour), day) }, pki.LintOptions{Now: m.at}},
		{"", "in its first second", "leaf", func(p *parts) { p.from(m.at, day) }, pki.LintOptions{Now: m.at}},
		{"validity_beyond_825_days", "", "leaf", life(825 * day), none},
		{"validity_beyond_398_days", "825 days", "leaf", life(825*day - time.Second), none},
		{"validity_beyond_398_days", "398 days and a second", "leaf", life(398 * day), none},
		{"", "398 days", "leaf", life(398*day - time.Second), none},
		{"validity_beyond_public_bound", "in 2026", "leaf", both(lifeFrom(2026, 3, 14, 398), urls), public},
		{"", "a public one in 2026", "leaf", both(lifeFrom(2026, 3, 14, 397), urls), public},
		{"validity_beyond_public_bound", "later in 2026", "leaf", both(lifeFrom(2026, 3, 15, 200), urls), public},
		{"", "a public one later in 2026", "leaf", both(lifeFrom(2026, 3, 15, 199), urls), public},
		{"validity_beyond_public_bound", "in 2027", "leaf", both(lifeFrom(2027, 3, 15, 100), urls), public},
		{"", "a public one in 2027", "leaf", both(lifeFrom(2027, 3, 15, 99), urls), public},
		{"validity_beyond_public_bound", "in 2029", "leaf", both(lifeFrom(2029, 3, 15, 47), urls), public},
		{"", "a public one in 2029", "leaf", both(lifeFrom(2029, 3, 15, 46), urls), public},
		{"time_encoding", "GeneralizedTime before 2050", "leaf", func(p *parts) { p.end = text(asn1.GeneralizedTime, m.at.Add(day).Format("20060102150405Z")) }, none},
		{"time_encoding", "without seconds", "leaf", func(p *parts) { p.end = text(asn1.UTCTime, m.at.Add(day).Format("0601021504Z")) }, none},
		{"time_encoding", "with a zone", "leaf", func(p *parts) { p.begin = text(asn1.UTCTime, m.at.Add(-day).Format("060102150405")+"+0900") }, none},
		{"", "GeneralizedTime in 2050", "root", func(p *parts) { p.end = text(asn1.GeneralizedTime, "20500101000000Z") }, none},
		{"unique_identifiers", "", "leaf", func(p *parts) { p.ids = []byte{0x81, 2, 0, 1} }, none},
		{"unique_identifiers", "of the subject", "leaf", func(p *parts) { p.ids = []byte{0x82, 2, 0, 1} }, none},
		{"key_weak", "P-224", "leaf", func(p *parts) { p.key = spki(testpki.Must(pki.GenerateKey(pki.P224))) }, none},
		{"key_weak", "RSA", "leaf", func(p *parts) { p.key = spki(sharedRSA(1024)) }, none},
		{"key_curve_explicit", "", "leaf", func(p *parts) { p.key = explicitP256(p.key) }, none},
		{"key_unusable", "secp256k1", "leaf", func(p *parts) { p.key = secp256k1() }, none},
		{"key_odd", "", "leaf", func(p *parts) { p.key = rsaWithExponent(3) }, none},

		{"issuer_empty", "", "leaf", func(p *parts) { p.issuer = element(asn1.SEQUENCE) }, none},
		{"subject_empty", "", "authority", func(p *parts) { p.subject = element(asn1.SEQUENCE) }, none},
		{"name_value_empty", "", "leaf", subject(typeO, asn1.UTF8String, ""), none},
		{"name_blank_ends", "", "leaf", subject(typeO, asn1.UTF8String, " O"), none},
		{"name_control", "", "leaf", subject(typeO, asn1.UTF8String, "a\x1bb"), none},
		{"name_not_text", "not UTF-8", "leaf", subject(typeO, asn1.UTF8String, "\xff"), none},
		{"name_not_text", "an odd PrintableString", "leaf", subject(typeO, asn1.PrintableString, "a_b"), none},
		{"name_old_string", "T61String", "leaf", subject(typeO, asn1.T61String, "O"), none},
		{"name_old_string", "BMPString", "leaf", subject(typeO, 30, "\x00O"), none},
		{"name_old_string go_refuses", "UniversalString", "leaf", subject(typeO, 28, "\x00\x00\x00O"), none},
		{"name_country", "", "leaf", subject(typeC, asn1.PrintableString, "UK1"), none},
		{"name_too_long", "", "leaf", subject(typeCN, asn1.UTF8String, strings.Repeat("a", 65)), none},
		{"", "a common name of 64", "leaf", subject(typeCN, asn1.UTF8String, strings.Repeat("a", 64)), none},
		{"names_missing", "", "leaf", drop(pki.OIDSubjectAltName), none},
		{"names_not_critical", "", "leaf", func(p *parts) { p.subject = element(asn1.SEQUENCE) }, none},
		{"names_critical", "", "leaf", func(p *parts) { p.set(pki.OIDSubjectAltName, true, []byte("\x30\x0b\x82\x09a.example")...) }, none},
		{"common_name_alone", "a host", "leaf", subject(typeCN, asn1.UTF8String, "b.example"), none},
		{"common_name_alone", "an address", "leaf", subject(typeCN, asn1.UTF8String, "10.0.0.1"), none},
		{"", "a host's common name in capitals", "leaf", subject(typeCN, asn1.UTF8String, "A.example"), none},
		{"", "a person's common name", "leaf", subject(typeCN, asn1.UTF8String, "Jane Doe"), none},
		{"dns_wildcard", "in the middle", "leaf", dns("b.*.example"), none},
		{"dns_wildcard", "part of a label", "leaf", dns("b*.a.example"), none},
		{"", "wildcard", "leaf", dns("a.example", "*.a.example"), none},
		{"dns_wildcard_public", "a top-level domain", "leaf", dns("*.example"), none},
		{"dns_wildcard_public", "a registry's", "leaf", dns("a.example", "*.CO.uk"), none},
		{"", "a wildcard below a private suffix", "leaf", dns("a.example", "*.github.io"), none},
		{"dns_trailing_dot", "", "leaf", dns("a.example."), none},
		{"dns_is_address", "", "leaf", dns("10.0.0.1"), none},
		{"dns_underscore", "", "leaf", dns("a.example", "a_b.example"), none},
		{"dns_invalid", "a space", "leaf", dns("a.example", "a b.example"), none},
		{"dns_invalid", "empty", "leaf", dns("a.example", ""), none},
		{"email_invalid", "", "leaf", func(p *parts) { p.names(1, "jane") }, none},
		{"uri_invalid", "", "leaf", uris("/a"), none},
		{"", "a URN", "leaf", uris("urn:a:b"), none},
		{"spiffe_id_invalid", "", "leaf", uris("spiffe://TD/web"), none},
		{"spiffe_id_invalid", "a leaf's trust domain", "leaf", uris("spiffe://td"), none},
		{"", "an authority's trust domain", "authority", set(pki.OIDSubjectAltName, false, "\x30\x0d\x86\x0bspiffe://td"), none},
		{"spiffe_id_invalid", "a scheme in capitals", "leaf", uris("SPIFFE://td/web"), none},
		{"spiffe_ids_many", "", "leaf", uris("spiffe://td/web", "spiffe://td/orders"), none},
		{"spiffe_ids_many", "beside a URI", "leaf", uris("spiffe://td/web", "https://a.example"), none},

		{"extension_twice", "", "leaf", func(p *parts) { p.extensions = append(p.extensions, p.extensions[0]) }, none},
		{"extension_malformed", "key usage", "leaf", set(pki.OIDKeyUsage, true, "\x05\x00"), none},
		{"extension_malformed", "name that is not ASCII", "leaf", dns("a\xc3\xbc.example"), none},
		{"extension_malformed", "no names", "leaf", set(pki.OIDSubjectAltName, false, "\x30\x00"), none},
		{"extension_malformed", "negative path length", "authority", set(pki.OIDBasicConstraints, true, "\x30\x06\x01\x01\xff\x02\x01\xff"), none},
		{"extension_unknown", "", "leaf", set(private, true, "\x05\x00"), none},
		{"", "an unknown extension that is not critical", "leaf", set(private, false, "\x05\x00"), none},
		{"extension_criticality", "authority key identifier", "leaf", func(p *parts) {
			id := testpki.Must(m.intermediate.Leaf().SubjectKeyID())
			p.set(pki.OIDAuthorityKeyID, true, element(asn1.SEQUENCE, element(asn1.Tag(0).ContextSpecific(), id))...)
		}, none},
		{"extension_criticality", "name constraints", "authority", set(pki.OIDNameConstraints, false, "\x30\x1b\xa0\x0b\x30\x09\x82\x07example\xa1\x0c\x30\x0a\x87\x08\x00\x00\x00\x00\x00\x00\x00\x00"), none},
		{"default_encoded", "not critical", "leaf", func(p *parts) {
			p.drop(pki.OIDSubjectAltName)
			p.extensions = append(p.extensions, element(asn1.SEQUENCE, element(asn1.OBJECT_IDENTIFIER, []byte(pki.OIDSubjectAltName)), []byte{1, 1, 0}, text(asn1.OCTET_STRING, "\x30\x0b\x82\x09a.example")))
		}, none},
		{"default_encoded", "no authority", "leaf", set(pki.OIDBasicConstraints, true, "\x30\x03\x01\x01\x00"), none},
		{"bits_padded", "", "leaf", set(pki.OIDKeyUsage, true, "\x03\x02\x00\x80"), none},
		{"crl_not_http", "", "leaf", set(pki.OIDCRLPoints, false, "\x30\x0f\x30\x0d\xa0\x0b\xa0\x09\x86\x07ldap://"), none},
		{"", "a list by http beside LDAP", "leaf", set(pki.OIDCRLPoints, false, "\x30\x1b\x30\x19\xa0\x17\xa0\x15\x86\x07ldap://\x86\x0ahttp://c.e"), none},
		{"staple_without_responder", "", "leaf", set(pki.OIDTLSFeature, false, "\x30\x03\x02\x01\x05"), none},
		{"", "must staple", "leaf", both(urls, set(pki.OIDTLSFeature, false, "\x30\x03\x02\x01\x05")), none},
		{"revocation_missing", "", "leaf", func(p *parts) {
			p.set(pki.OIDAuthorityInfo, false, element(asn1.SEQUENCE, element(asn1.SEQUENCE, element(asn1.OBJECT_IDENTIFIER, []byte(pki.OIDAccessIssuers)), element(asn1.Tag(6).ContextSpecific(), []byte("http://i.example"))))...)
		}, public},
		{"issuer_url_missing", "", "leaf", set(pki.OIDCRLPoints, false, "\x30\x12\x30\x10\xa0\x0e\xa0\x0c\x86\x0ahttp://c.e"), public},
		{"", "a public one", "leaf", urls, public},
		{"", "a public root", "root", func(*parts) {}, public},

		{"authority_key_id_missing", "", "leaf", drop(pki.OIDAuthorityKeyID), none},
		{"", "a root without one", "root", drop(pki.OIDAuthorityKeyID), none},
		{"subject_key_id_missing", "", "authority", drop(pki.OIDSubjectKeyID), none},
		{"leaf_key_id_missing", "", "leaf", drop(pki.OIDSubjectKeyID), none},
		{"basic_constraints_not_critical", "", "authority", set(pki.OIDBasicConstraints, false, "\x30\x06\x01\x01\xff\x02\x01\x00"), none},
		{"signs_without_authority", "", "leaf", set(pki.OIDKeyUsage, true, "\x03\x02\x02\x84"), none},
		{"signs_without_authority", "no basic constraints", "authority", drop(pki.OIDBasicConstraints), none},
		{"authority_without_signing", "", "authority", set(pki.OIDKeyUsage, true, "\x03\x02\x01\x02"), none},
		{"authority_without_key_usage", "", "authority", drop(pki.OIDKeyUsage), none},
		{"path_length_without_authority", "", "leaf", set(pki.OIDBasicConstraints, true, "\x30\x03\x02\x01\x00"), none},
		{"path_length_huge", "", "authority", set(pki.OIDBasicConstraints, true, "\x30\x06\x01\x01\xff\x02\x01\x21"), none},
		{"", "a path length of 32", "authority", set(pki.OIDBasicConstraints, true, "\x30\x06\x01\x01\xff\x02\x01\x20"), none},
		{"name_constraints_on_leaf", "", "leaf", set(pki.OIDNameConstraints, true, "\x30\x0d\xa0\x0b\x30\x09\x82\x07example"), none},
		{"name_constraints_empty", "", "authority", set(pki.OIDNameConstraints, true, "\x30\x00"), none},
		{"name_constraints_bounds", "", "authority", set(pki.OIDNameConstraints, true, "\x30\x10\xa1\x0e\x30\x0c\x82\x07b.examp\x80\x01\x01"), none},
		{"name_constraints_open", "any address", "authority", set(pki.OIDNameConstraints, true, "\x30\x0d\xa0\x0b\x30\x09\x82\x07example"), none},
		{"name_constraints_open", "any name", "authority", set(pki.OIDNameConstraints, true, "\x30\x0e\xa0\x0c\x30\x0a\x87\x08\x0a\x00\x00\x00\xff\x00\x00\x00"), none},
		{"", "constraints of both", "authority", set(pki.OIDNameConstraints, true, "\x30\x1b\xa0\x0b\x30\x09\x82\x07example\xa1\x0c\x30\x0a\x87\x08\x00\x00\x00\x00\x00\x00\x00\x00"), none},

		{"purposes_missing", "", "leaf", drop(pki.OIDExtKeyUsage), none},
		{"purpose_any", "", "leaf", set(pki.OIDExtKeyUsage, false, "\x30\x06\x06\x04\x55\x1d\x25\x00"), none},
		{"purpose_not_tls", "", "leaf", set(pki.OIDExtKeyUsage, false, "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x03"), none},
		{"key_usage_empty", "", "leaf", set(pki.OIDKeyUsage, true, "\x03\x01\x00"), none},
		{"key_usage_not_critical", "", "leaf", set(pki.OIDKeyUsage, false, "\x03\x02\x07\x80"), none},
		{"key_usage_of_rsa", "", "leaf", set(pki.OIDKeyUsage, true, "\x03\x02\x05\xa0"), none},
		{"", "RSA to encipher keys", "leaf", func(p *parts) {
			p.key = spki(sharedRSA(2048))
			p.set(pki.OIDKeyUsage, true, []byte("\x03\x02\x05\xa0")...)
		}, none},
		{"key_usage_without_signature", "", "leaf", set(pki.OIDKeyUsage, true, "\x03\x02\x03\x08"), none},
		{"key_usage_mixed", "", "leaf", set(pki.OIDKeyUsage, true, "\x03\x02\x01\x82"), none},
		{"go_refuses", "", "leaf", set(pki.OIDCRLPoints, false, "\x30\x12\x30\x10\xa0\x0e\xa1\x0c\x30\x0a\x06\x03\x55\x04\x03\x0c\x03CRL"), none},
	}
}

func codesOf(findings []pki.Finding) []string {
	var codes []string
	for _, finding := range findings {
		codes = append(codes, finding.Code)
	}
	return codes
}

// TestLint makes each flaw, and finds exactly it.
func TestLint(t *testing.T) {
	m := newMill(now)
	for _, f := range flaws(m) {
		t.Run(strings.TrimSpace(f.code+" "+f.name), func(t *testing.T) {
			cert, _, _ := m.make(f)
			findings := pki.Lint(cert, f.options)
			if diff := cmp.Diff(strings.Fields(f.code), codesOf(findings), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +have)\n%s%v", diff, findings)
			}
			for _, finding := range findings {
				if finding.Found == "" || finding.Rule == "" || finding.Hint == "" || finding.Found != fault.Printable(finding.Found, 500) {
					t.Errorf("it says too little, or more than a line: %+v", finding)
				}
			}
		})
	}
}

// TestLintTexts compares what each finding says, whole.
func TestLintTexts(t *testing.T) {
	const file = "testdata/findings.txt"
	m, have := newMill(now), ""
	for _, f := range flaws(m) {
		cert, _, _ := m.make(f)
		for _, finding := range pki.Lint(cert, f.options) {
			found := finding.Found
			if finding.Code == "go_refuses" { // behind the colon Go speaks
				found, _, _ = strings.Cut(found, ": ")
			}
			have += fmt.Sprintf("%s: %s: %s\n", strings.TrimSpace(f.code+" "+f.name), finding.Severity, found)
		}
	}
	if *record {
		if err := os.WriteFile(file, []byte(have), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(strings.Split(string(testpki.Must(os.ReadFile(file))), "\n"), strings.Split(have, "\n")); diff != "" {
		t.Errorf("(-want +have)\n%s", diff)
	}
}

// TestLintOfOurs: nothing is found on what Signet issues.
func TestLintOfOurs(t *testing.T) {
	for _, made := range everyIssued() {
		findings := pki.LintChain(made.credential.Chain, pki.LintOptions{Now: time.Now()})
		for _, root := range made.roots {
			findings = append(findings, pki.Lint(root, pki.LintOptions{Now: time.Now()})...)
		}
		if len(findings) > 0 {
			t.Errorf("%s: %+v", made.name, findings)
		}
	}
}
