package pki

import (
	"bytes"
	"errors"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Pieces of values.
var (
	dns     = tlv(0x82, text("a.example"))
	dnsName = GeneralName{DNSName, text("a.example")}
	cn      = tlv(0x30, tlv(0x06, []byte(OIDCommonName)), tlv(0x0c, text("CA")))
	name    = tlv(0x30, tlv(0x31, cn))
	dir     = tlv(0xa4, name)
	oid123  = OID("\x2a\x03")
	oid124  = OID("\x2a\x04")
)

func o(id OID) []byte { return tlv(0x06, []byte(id)) }

// valueTest is a value of an extension.
type valueTest struct {
	name  string
	id    OID
	value []byte
	want  any // nil: an error
}

func valueTests() []valueTest {
	point := func(parts ...[]byte) []byte { return tlv(0x30, tlv(0x30, parts...)) }
	full := tlv(0xa0, tlv(0xa0, dns))
	sct := append(append(append([]byte{0}, bytes.Repeat([]byte{7}, 32)...), unhex("0000000000000001 0002 aabb 04 03 0003 010203")...), []byte{}...)
	sctList := func(body []byte) []byte { return tlv(0x04, []byte{byte(len(body) >> 8), byte(len(body))}, body) }
	withLength := func(body []byte) []byte { return append([]byte{byte(len(body) >> 8), byte(len(body))}, body...) }
	return []valueTest{
		{"key ID", OIDSubjectKeyID, tlv(0x04, []byte{1, 2}), []byte{1, 2}},
		{"key ID, no octets", OIDSubjectKeyID, tlv(0x02, []byte{1}), nil},
		{"key ID, more behind it", OIDSubjectKeyID, append(tlv(0x04, []byte{1}), 0), nil},
		{"authority key ID", OIDAuthorityKeyID, tlv(0x30, tlv(0x80, []byte{1, 2})), &AuthorityKeyID{KeyID: []byte{1, 2}}},
		{"authority key ID, all of it", OIDAuthorityKeyID, tlv(0x30, tlv(0x80, []byte{1}), tlv(0xa1, dns), tlv(0x82, []byte{0, 0x80})), &AuthorityKeyID{[]byte{1}, []GeneralName{dnsName}, big.NewInt(128)}},
		{"authority key ID, empty", OIDAuthorityKeyID, tlv(0x30), &AuthorityKeyID{}},
		{"authority key ID, out of order", OIDAuthorityKeyID, tlv(0x30, tlv(0x82, []byte{1}), tlv(0x80, []byte{1})), nil},
		{"authority key ID, padded serial", OIDAuthorityKeyID, tlv(0x30, tlv(0x82, []byte{0, 1})), nil},
		{"authority key ID, no issuer in it", OIDAuthorityKeyID, tlv(0x30, tlv(0xa1)), nil},
		{"usage", OIDKeyUsage, unhex("03 02 01 06"), pointer(KeyCertSign | CRLSign)},
		{"usage, ninth bit", OIDKeyUsage, unhex("03 03 07 80 80"), pointer(DigitalSignature | DecipherOnly)},
		{"usage, none", OIDKeyUsage, unhex("03 01 00"), pointer(KeyUsage(0))},
		{"usage, a bit beyond", OIDKeyUsage, unhex("03 03 06 00 40"), pointer(KeyUsage(1 << 9))},
		{"usage, a number", OIDKeyUsage, unhex("02 01 06"), nil},
		{"extended usage", OIDExtKeyUsage, tlv(0x30, o(OIDServerAuth), o(oid123)), []OID{OIDServerAuth, oid123}},
		{"extended usage, none", OIDExtKeyUsage, tlv(0x30), nil},
		{"extended usage, a text", OIDExtKeyUsage, tlv(0x30, tlv(0x0c, text("x"))), nil},
		{"leaf", OIDBasicConstraints, tlv(0x30), &BasicConstraints{false, -1}},
		{"authority", OIDBasicConstraints, tlv(0x30, unhex("0101ff")), &BasicConstraints{true, -1}},
		{"authority, path length", OIDBasicConstraints, tlv(0x30, unhex("0101ff 020103")), &BasicConstraints{true, 3}},
		{"leaf with path length", OIDBasicConstraints, tlv(0x30, unhex("020100")), &BasicConstraints{false, 0}},
		{"authority, negative path length", OIDBasicConstraints, tlv(0x30, unhex("0101ff 0201ff")), nil},
		{"authority, huge path length", OIDBasicConstraints, tlv(0x30, unhex("0101ff 02050080000000")), nil},
		{"authority, more", OIDBasicConstraints, tlv(0x30, unhex("0101ff 020103 0500")), nil},
		{"names", OIDSubjectAltName, tlv(0x30, dns, tlv(0x81, text("a@b")), tlv(0x86, text("spiffe://td/a")), tlv(0x87, []byte{127, 0, 0, 1}), dir, tlv(0x88, []byte(oid123))),
			[]GeneralName{dnsName, {EmailName, text("a@b")}, {URIName, text("spiffe://td/a")}, {IPName, []byte{127, 0, 0, 1}}, {DirectoryName, name}, {RegisteredID, []byte(oid123)}}},
		{"names of rare forms", OIDIssuerAltName, tlv(0x30, tlv(0xa0, o(oid123), tlv(0xa0, tlv(0x0c, text("x")))), tlv(0xa3, text("")), tlv(0xa5)),
			[]GeneralName{{OtherName, append(o(oid123), tlv(0xa0, tlv(0x0c, text("x")))...)}, {X400Name, text("")}, {EDIPartyName, nil}}},
		{"names, none", OIDSubjectAltName, tlv(0x30), nil},
		{"names, not ASCII", OIDSubjectAltName, tlv(0x30, tlv(0x82, text("é.example"))), nil},
		{"names, 127 is ASCII", OIDSubjectAltName, tlv(0x30, tlv(0x82, []byte{127})), []GeneralName{{DNSName, []byte{127}}}},
		{"names, 128 is not", OIDSubjectAltName, tlv(0x30, tlv(0x86, []byte{128})), nil},
		{"names, address of 5 bytes", OIDSubjectAltName, tlv(0x30, tlv(0x87, make([]byte, 5))), nil},
		{"names, address of 8 bytes", OIDSubjectAltName, tlv(0x30, tlv(0x87, make([]byte, 8))), nil},
		{"names, address of 16 bytes", OIDSubjectAltName, tlv(0x30, tlv(0x87, make([]byte, 16))), []GeneralName{{IPName, make([]byte, 16)}}},
		{"names, DNS constructed", OIDSubjectAltName, tlv(0x30, tlv(0xa2, text("a"))), nil},
		{"names, directory primitive", OIDSubjectAltName, tlv(0x30, tlv(0x84, name)), nil},
		{"names, no such form", OIDSubjectAltName, tlv(0x30, tlv(0x89, text("a"))), nil},
		{"names, universal tag", OIDSubjectAltName, tlv(0x30, tlv(0x02, []byte{1})), nil},
		{"names, two directory names in one", OIDSubjectAltName, tlv(0x30, tlv(0xa4, name, name)), nil},
		{"names, other name without value", OIDSubjectAltName, tlv(0x30, tlv(0xa0, o(oid123))), nil},
		{"names, other name with two values", OIDSubjectAltName, tlv(0x30, tlv(0xa0, o(oid123), tlv(0xa0, tlv(0x05), tlv(0x05)))), nil},
		{"names, bad ID", OIDSubjectAltName, tlv(0x30, tlv(0x88, []byte{0x80})), nil},
		{"constraints", OIDNameConstraints, tlv(0x30, tlv(0xa0, tlv(0x30, dns)), tlv(0xa1, tlv(0x30, tlv(0x87, unhex("0a000000ff000000"))))),
			&NameConstraints{[]Subtree{{dnsName, 0, -1}}, []Subtree{{GeneralName{IPName, unhex("0a000000ff000000")}, 0, -1}}}},
		{"constraints with bounds", OIDNameConstraints, tlv(0x30, tlv(0xa1, tlv(0x30, dns, tlv(0x80, []byte{1}), tlv(0x81, []byte{2})))), &NameConstraints{nil, []Subtree{{dnsName, 1, 2}}}},
		{"constraints, none", OIDNameConstraints, tlv(0x30), &NameConstraints{}},
		{"constraints, empty list", OIDNameConstraints, tlv(0x30, tlv(0xa0)), nil},
		{"constraints, address without mask", OIDNameConstraints, tlv(0x30, tlv(0xa0, tlv(0x30, tlv(0x87, make([]byte, 16))))), nil},
		{"constraints, long address", OIDNameConstraints, tlv(0x30, tlv(0xa0, tlv(0x30, tlv(0x87, make([]byte, 32))))), &NameConstraints{[]Subtree{{GeneralName{IPName, make([]byte, 32)}, 0, -1}}, nil}},
		{"constraints, swapped", OIDNameConstraints, tlv(0x30, tlv(0xa1, tlv(0x30, dns)), tlv(0xa0, tlv(0x30, dns))), nil},
		{"policies", OIDCertificatePolicies, tlv(0x30, tlv(0x30, o(oid123)), tlv(0x30, o(OIDAnyPolicy), tlv(0x30,
			tlv(0x30, o(OIDPolicyCPS), tlv(0x16, text("http://a"))),
			tlv(0x30, o(OIDPolicyNotice), tlv(0x30, tlv(0x30, tlv(0x0c, text("Org")), tlv(0x30, tlv(0x02, []byte{7}))), tlv(0x0c, text("read\x07")))),
			tlv(0x30, o(oid124), tlv(0x05))))),
			[]Policy{{ID: oid123}, {ID: OIDAnyPolicy, Qualifiers: []Qualifier{
				{ID: OIDPolicyCPS, CPS: "http://a", Raw: tlv(0x16, text("http://a"))},
				{ID: OIDPolicyNotice, Notice: &UserNotice{"Org", []int{7}, `read\u0007`}, Raw: tlv(0x30, tlv(0x30, tlv(0x0c, text("Org")), tlv(0x30, tlv(0x02, []byte{7}))), tlv(0x0c, text("read\x07")))},
				{ID: oid124, Raw: tlv(0x05)}}}}},
		{"policies, empty notice", OIDCertificatePolicies, tlv(0x30, tlv(0x30, o(oid123), tlv(0x30, tlv(0x30, o(OIDPolicyNotice), tlv(0x30))))),
			[]Policy{{oid123, []Qualifier{{ID: OIDPolicyNotice, Notice: &UserNotice{}, Raw: tlv(0x30)}}}}},
		{"policies, none", OIDCertificatePolicies, tlv(0x30), nil},
		{"policies, CPS not ASCII", OIDCertificatePolicies, tlv(0x30, tlv(0x30, o(oid123), tlv(0x30, tlv(0x30, o(OIDPolicyCPS), tlv(0x0c, text("x")))))), nil},
		{"policies, notice no sequence", OIDCertificatePolicies, tlv(0x30, tlv(0x30, o(oid123), tlv(0x30, tlv(0x30, o(OIDPolicyNotice), tlv(0x0c, text("x")))))), nil},
		{"policies, notice of an empty text", OIDCertificatePolicies, tlv(0x30, tlv(0x30, o(oid123), tlv(0x30, tlv(0x30, o(OIDPolicyNotice), tlv(0x0c))))), nil},
		{"policies, notice with a number for text", OIDCertificatePolicies, tlv(0x30, tlv(0x30, o(oid123), tlv(0x30, tlv(0x30, o(OIDPolicyNotice), tlv(0x30, tlv(0x02, []byte{1})))))), nil},
		{"policies, qualifier without value", OIDCertificatePolicies, tlv(0x30, tlv(0x30, o(oid123), tlv(0x30, tlv(0x30, o(oid124))))), nil},
		{"mappings", OIDPolicyMappings, tlv(0x30, tlv(0x30, o(oid123), o(oid124))), []PolicyMapping{{oid123, oid124}}},
		{"mappings, none", OIDPolicyMappings, tlv(0x30), nil},
		{"mappings, three", OIDPolicyMappings, tlv(0x30, tlv(0x30, o(oid123), o(oid124), o(oid123))), nil},
		{"policy constraints", OIDPolicyConstraints, tlv(0x30, tlv(0x80, []byte{0}), tlv(0x81, []byte{5})), &PolicyConstraints{0, 5}},
		{"policy constraints, first alone", OIDPolicyConstraints, tlv(0x30, tlv(0x80, []byte{5})), &PolicyConstraints{5, -1}},
		{"policy constraints, none", OIDPolicyConstraints, tlv(0x30), &PolicyConstraints{-1, -1}},
		{"policy constraints, second alone", OIDPolicyConstraints, tlv(0x30, tlv(0x81, []byte{5})), &PolicyConstraints{-1, 5}},
		{"policy constraints, negative", OIDPolicyConstraints, tlv(0x30, tlv(0x80, []byte{0xff})), nil},
		{"policy constraints, swapped", OIDPolicyConstraints, tlv(0x30, tlv(0x81, []byte{5}), tlv(0x80, []byte{0})), nil},
		{"inhibit", OIDInhibitAnyPolicy, unhex("020100"), pointer(0)},
		{"inhibit, negative", OIDInhibitAnyPolicy, unhex("0201ff"), nil},
		{"points", OIDCRLPoints, point(full, tlv(0x81, unhex("0160")), tlv(0xa2, dir)), []DistributionPoint{{&PointName{Full: []GeneralName{dnsName}}, 1<<1 | 1<<2, []GeneralName{{DirectoryName, name}}}}},
		{"points, relative", OIDFreshestCRL, point(tlv(0xa0, tlv(0xa1, cn))), []DistributionPoint{{Name: &PointName{Relative: Name{name}}}}},
		{"points, empty", OIDCRLPoints, point(), []DistributionPoint{{}}},
		{"points, none", OIDCRLPoints, tlv(0x30), nil},
		{"points, no name in it", OIDCRLPoints, point(tlv(0xa0)), nil},
		{"points, two names", OIDCRLPoints, point(tlv(0xa0, tlv(0xa0, dns), tlv(0xa0, dns))), nil},
		{"points, bad relative name", OIDCRLPoints, point(tlv(0xa0, tlv(0xa1, tlv(0x0c, text("x"))))), nil},
		{"points, empty relative name", OIDCRLPoints, point(tlv(0xa0, tlv(0xa1))), nil},
		{"points, bad reasons", OIDCRLPoints, point(tlv(0x81, unhex("08 60"))), nil},
		{"scope", OIDIssuingPoint, tlv(0x30, full, tlv(0x81, []byte{0xff}), tlv(0x83, unhex("0640")), tlv(0x84, []byte{0xff})), &IssuingPoint{Name: &PointName{Full: []GeneralName{dnsName}}, OnlyUsers: true, Reasons: 2, Indirect: true}},
		{"scope, authorities", OIDIssuingPoint, tlv(0x30, tlv(0x82, []byte{0xff}), tlv(0x85, []byte{0xff})), &IssuingPoint{OnlyAuthorities: true, OnlyAttributeHolders: true}},
		{"scope, all", OIDIssuingPoint, tlv(0x30), &IssuingPoint{}},
		{"scope, neither yes nor no", OIDIssuingPoint, tlv(0x30, tlv(0x81, []byte{1})), nil},
		{"access", OIDAuthorityInfo, tlv(0x30, tlv(0x30, o(OIDAccessOCSP), tlv(0x86, text("http://o")))), []AccessDescription{{OIDAccessOCSP, GeneralName{URIName, text("http://o")}}}},
		{"access, subject", OIDSubjectInfo, tlv(0x30, tlv(0x30, o(oid123), dns)), []AccessDescription{{oid123, dnsName}}},
		{"access, none", OIDAuthorityInfo, tlv(0x30), nil},
		{"access, more", OIDAuthorityInfo, tlv(0x30, tlv(0x30, o(oid123), dns, dns)), nil},
		{"features", OIDTLSFeature, tlv(0x30, unhex("020105 020111")), []int{5, 17}},
		{"features, none", OIDTLSFeature, tlv(0x30), []int{}},
		{"features, negative", OIDTLSFeature, tlv(0x30, unhex("0201ff")), nil},
		{"period", OIDPrivateKeyUsage, tlv(0x30, tlv(0x80, text("20240101000000Z")), tlv(0x81, text("20250101000000Z"))), &UsagePeriod{time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}},
		{"period, begin alone", OIDPrivateKeyUsage, tlv(0x30, tlv(0x80, text("20250101000000Z"))), &UsagePeriod{NotBefore: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}},
		{"period, end alone", OIDPrivateKeyUsage, tlv(0x30, tlv(0x81, text("20250101000000Z"))), &UsagePeriod{NotAfter: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}},
		{"period, no time", OIDPrivateKeyUsage, tlv(0x30, tlv(0x81, text("tomorrow"))), nil},
		{"no check", OIDOCSPNoCheck, unhex("0500"), struct{}{}},
		{"no check, a number", OIDOCSPNoCheck, unhex("020100"), nil},
		{"poison", OIDPrecertPoison, unhex("0500"), struct{}{}},
		{"poison, empty", OIDPrecertPoison, nil, nil},
		{"timestamps", OIDSCTs, sctList(withLength(sct)), []Timestamp{{LogID: [32]byte(bytes.Repeat([]byte{7}, 32)), Time: time.UnixMilli(1).UTC(), Extensions: []byte{0xaa, 0xbb}, Hash: 4, Algorithm: 3, Signature: []byte{1, 2, 3}}}},
		{"timestamps of a later version", OIDSCTs, sctList(withLength([]byte{1, 9, 9})), []Timestamp{{Version: 1}}},
		{"timestamps, none", OIDSCTs, sctList(nil), []Timestamp{}},
		{"timestamps, cut", OIDSCTs, sctList(withLength(sct[:len(sct)-1])), nil},
		{"timestamps, longer", OIDSCTs, sctList(withLength(append(bytes.Clone(sct), 0))), nil},
		{"timestamps, list cut", OIDSCTs, tlv(0x04, unhex("0005 00")), nil},
		{"timestamps, behind the list", OIDSCTs, tlv(0x04, unhex("0000 00")), nil},
		{"timestamps, not a time", OIDSCTs, sctList(withLength(append(append([]byte{0}, make([]byte, 32)...), unhex("0004000000000000 0000 04 03 0000")...))), nil},
		{"Netscape", OIDNetscapeCertType, unhex("03 02 00 01"), NetscapeType(128)},
		{"comment", OIDNetscapeComment, tlv(0x16, text("hello")), "hello"},
		{"comment, a number", OIDNetscapeComment, unhex("020100"), nil},
		{"number", OIDCRLNumber, unhex("02020080"), big.NewInt(128)},
		{"delta", OIDDeltaCRL, unhex("020103"), big.NewInt(3)},
		{"delta, a text", OIDDeltaCRL, tlv(0x0c, text("3")), nil},
		{"reason", OIDCRLReason, unhex("0a0101"), KeyCompromise},
		{"reason, the last", OIDCRLReason, unhex("0a010a"), AACompromise},
		{"reason, not in use", OIDCRLReason, unhex("0a0107"), nil},
		{"reason, beyond", OIDCRLReason, unhex("0a010b"), nil},
		{"reason, an integer", OIDCRLReason, unhex("020101"), nil},
		{"invalidity", OIDInvalidityDate, tlv(0x18, text("20240101000000Z")), time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"invalidity, UTCTime", OIDInvalidityDate, tlv(0x17, text("240101000000Z")), nil},
		{"issuer", OIDCertificateIssuer, tlv(0x30, dir), []GeneralName{{DirectoryName, name}}},
		{"nonce", OIDOCSPNonce, tlv(0x04, []byte{1, 2}), []byte{1, 2}},
		{"nonce, longest", OIDOCSPNonce, tlv(0x04, make([]byte, 128)), make([]byte, 128)},
		{"nonce, longer", OIDOCSPNonce, tlv(0x04, make([]byte, 129)), nil},
		{"nonce, empty", OIDOCSPNonce, tlv(0x04), nil},
		{"archive cutoff", OIDArchiveCutoff, tlv(0x18, text("20240101000000Z")), time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"archive cutoff, UTCTime", OIDArchiveCutoff, tlv(0x17, text("240101000000Z")), nil},
	}
}

// TestDecode reads each, and nothing that is cut short or goes on.
func TestDecode(t *testing.T) {
	tried := map[OID]bool{}
	for _, test := range valueTests() {
		t.Run(test.name, func(t *testing.T) {
			e := Extension{ID: test.id, Value: test.value}
			tried[test.id] = true
			have, err := e.Decode()
			if test.want == nil {
				if !errors.Is(err, ExtensionInvalid) || !strings.Contains(err.Error(), test.id.Name()) {
					t.Errorf("have %v, %v, want an error that names the extension", have, err)
				}
				return
			}
			if diff := cmp.Diff(test.want, have, cmp.AllowUnexported(Name{}), cmp.Comparer(func(a, b *big.Int) bool { return a == nil && b == nil || a != nil && b != nil && a.Cmp(b) == 0 }), cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Errorf("%v, -want +have:\n%s", err, diff)
			}
			if _, err := (Extension{ID: test.id, Value: append(bytes.Clone(test.value), 5, 0)}).Decode(); err == nil {
				t.Error("something behind the value is passed over")
			}
			for length := range test.value {
				if _, err := (Extension{ID: test.id, Value: test.value[:length]}).Decode(); err == nil {
					t.Errorf("cut behind %d bytes, it is read", length)
				}
			}
		})
	}
	for id := range decoders {
		if !tried[id] {
			t.Errorf("the extension %s is tried by no test", id.Name())
		}
	}
	if value, err := (Extension{ID: oid123}).Decode(); value != nil || err != nil {
		t.Errorf("an unknown one: %v, %v", value, err)
	}
}

// build returns the certificate of a root with these extensions instead.
func build(t *testing.T, extensions ...[]byte) *Certificate {
	t.Helper()
	root, err := SelfSigned(Spec{Profile: Root, Name: "Root"})
	if err != nil {
		t.Fatal(err)
	}
	tbs := newDER(root.Leaf().RawTBS())
	inner := tbs.sequence("contents")
	var parts [][]byte
	for inner.more() && !inner.has(constructed(3)) {
		whole, _, _ := inner.element("part")
		parts = append(parts, whole)
	}
	parts = append(parts, tlv(0xa3, tlv(0x30, extensions...)))
	raw := tlv(0x30, tlv(0x30, parts...), tlv(0x30, o(oidSHA256ECDSA)), tlv(0x03, []byte{0}, root.Leaf().Signature()))
	c, err := ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func extension(id OID, critical bool, value []byte) []byte {
	if critical {
		return tlv(0x30, o(id), unhex("0101ff"), tlv(0x04, value))
	}
	return tlv(0x30, o(id), tlv(0x04, value))
}

func TestExtensionsOfCertificates(t *testing.T) {
	sign := extension(OIDKeyUsage, true, unhex("03020106"))
	authority := extension(OIDBasicConstraints, true, tlv(0x30, unhex("0101ff")))
	broken := extension(OIDNameConstraints, true, unhex("0500"))
	c := build(t, sign, authority, extension(oid123, false, nil))
	want := []Extension{{OIDKeyUsage, true, unhex("03020106")}, {OIDBasicConstraints, true, tlv(0x30, unhex("0101ff"))}, {oid123, false, nil}}
	if diff := cmp.Diff(want, c.Extensions(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
	if c.Malformed() != nil || !c.IsAuthority() {
		t.Errorf("malformed: %v, an authority: %t", c.Malformed(), c.IsAuthority())
	}
	if names, err := c.SubjectAltNames(); names != nil || err != nil {
		t.Errorf("names that are not there: %v, %v", names, err)
	}
	for name, test := range map[string]struct {
		cert      *Certificate
		authority bool
		says      string
	}{
		"no key usage":             {build(t, authority), true, ""},
		"no basic constraints":     {build(t, sign), false, ""},
		"usage without signing":    {build(t, authority, extension(OIDKeyUsage, true, unhex("03020102"))), false, ""},
		"no authority":             {build(t, sign, extension(OIDBasicConstraints, true, tlv(0x30))), false, ""},
		"broken usage":             {build(t, authority, extension(OIDKeyUsage, true, unhex("0500"))), false, "Key Usage"},
		"broken basic constraints": {build(t, sign, extension(OIDBasicConstraints, true, unhex("0500"))), false, "Basic Constraints"},
		"basic constraints twice":  {build(t, sign, authority, authority), false, "twice"},
		"usage thrice":             {build(t, authority, sign, sign, sign), false, "twice"},
		"unknown twice":            {build(t, authority, extension(oid123, false, nil), extension(oid123, false, nil)), true, "1.2.3"},
		"broken name constraints":  {build(t, authority, broken), true, "Name Constraints"},
	} {
		err := test.cert.Malformed()
		if test.cert.IsAuthority() != test.authority || (err != nil) != (test.says != "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: an authority: %t, malformed: %v", name, test.cert.IsAuthority(), err)
		}
	}
	if constraints, err := build(t, broken).NameConstraints(); constraints != nil || !errors.Is(err, ExtensionInvalid) {
		t.Errorf("broken name constraints: %v, %v", constraints, err)
	}
}

// TestIDs: an identity is the only URI of a certificate that is no authority.
func TestIDs(t *testing.T) {
	uri := func(text ...string) []byte {
		var names [][]byte
		for _, name := range text {
			names = append(names, tlv(0x86, []byte(name)))
		}
		return extension(OIDSubjectAltName, false, tlv(0x30, append(names, dns)...))
	}
	authority := extension(OIDBasicConstraints, true, tlv(0x30, unhex("0101ff")))
	for name, test := range map[string]struct {
		cert *Certificate
		want string
	}{
		"one":                    {build(t, uri("spiffe://td/web")), "spiffe://td/web"},
		"none":                   {build(t, uri()), ""},
		"another scheme":         {build(t, uri("https://td/web")), ""},
		"two":                    {build(t, uri("spiffe://td/web", "spiffe://td/web")), ""},
		"one, and a page":        {build(t, uri("spiffe://td/web", "https://td")), ""},
		"a page, and one":        {build(t, uri("https://td", "spiffe://td/web")), ""},
		"an authority":           {build(t, authority, uri("spiffe://td/web")), ""},
		"broken names":           {build(t, extension(OIDSubjectAltName, false, tlv(0x30, tlv(0x86, text("spiffe://td/web")), tlv(0x82, []byte{128})))), ""},
		"broken constraints":     {build(t, extension(OIDBasicConstraints, true, unhex("0500")), uri("spiffe://td/web")), ""},
		"names twice":            {build(t, uri("spiffe://td/web"), uri("spiffe://td/web")), ""},
		"no extensions to speak": {build(t, extension(oid123, false, nil)), ""},
	} {
		have := ""
		if id := test.cert.ID(); !id.IsZero() {
			have = id.String()
		}
		if have != test.want {
			t.Errorf("%s: have %q, want %q", name, have, test.want)
		}
	}
}

func TestGeneralNameTexts(t *testing.T) {
	for _, test := range []struct {
		name GeneralName
		want string
	}{
		{dnsName, "DNS:a.example"},
		{GeneralName{EmailName, text("a\x00@b")}, `email:a\u0000@b`},
		{GeneralName{URIName, text("spiffe://td/a")}, "URI:spiffe://td/a"},
		{GeneralName{IPName, []byte{10, 0, 0, 1}}, "IP:10.0.0.1"},
		{GeneralName{IPName, netip.MustParseAddr("2001:db8::1").AsSlice()}, "IP:2001:db8::1"},
		{GeneralName{IPName, unhex("0a000000ff000000")}, "IP:10.0.0.0/255.0.0.0"},
		{GeneralName{IPName, unhex("0a0000")}, "IP:<0A:00:00>"},
		{GeneralName{DirectoryName, name}, "DirName:CN=CA"},
		{GeneralName{RegisteredID, []byte(oid123)}, "RegisteredID:1.2.3"},
		{GeneralName{OtherName, append(o(oid123), tlv(0xa0, tlv(0x0c, text("x\n")))...)}, `othername:1.2.3:x\u000a`},
		{GeneralName{OtherName, append(o(oid123), tlv(0xa0, tlv(0x02, []byte{5}))...)}, "othername:1.2.3:02:01:05"},
		{GeneralName{X400Name, []byte{1}}, "X400:<01>"},
		{GeneralName{EDIPartyName, nil}, "EDI:<>"},
	} {
		if have := test.name.String(); have != test.want {
			t.Errorf("have %s, want %s", have, test.want)
		}
	}
	if _, ok := dnsName.Address(); ok {
		t.Error("a DNS name has an address")
	}
	if _, _, ok := dnsName.Range(); ok {
		t.Error("a DNS name has a range")
	}
	if _, ok := dnsName.Directory(); ok {
		t.Error("a DNS name is a directory name")
	}
	if _, _, ok := dnsName.Other(); ok {
		t.Error("a DNS name is an other name")
	}
	mailbox := func(value []byte) GeneralName {
		return GeneralName{OtherName, append(o(oidUTF8Mailbox), tlv(0xa0, value)...)}
	}
	for _, test := range []struct {
		name GeneralName
		want string
		ok   bool
	}{
		{mailbox(tlv(0x0c, text("jürgen@a.example"))), "jürgen@a.example", true},
		{mailbox(tlv(0x0c, text("j\xfcrgen@a.example"))), "", true},
		{mailbox(tlv(0x16, text("jane@a.example"))), "", true},
		{GeneralName{OtherName, append(o(oid123), tlv(0xa0, tlv(0x0c, text("jane@a.example")))...)}, "", false},
		{dnsName, "", false},
	} {
		if have, ok := test.name.UTF8Mailbox(); have != test.want || ok != test.ok {
			t.Errorf("%s: have the mailbox %q, %v; want %q, %v", test.name, have, ok, test.want, test.ok)
		}
	}
}

func TestFlagTexts(t *testing.T) {
	for have, want := range map[string]string{
		(KeyCertSign | CRLSign).String():  "Certificate Sign, CRL Sign",
		KeyUsage(0).String():              "",
		(DecipherOnly).String():           "Decipher Only",
		ReasonFlags(1<<1 | 1<<8).String(): "Key Compromise, AA Compromise",
		NetscapeType(3).String():          "SSL Client, SSL Server",
		KeyCompromise.String():            "keyCompromise",
		Reason(7).String():                "",
	} {
		if have != want {
			t.Errorf("have %q, want %q", have, want)
		}
	}
}
