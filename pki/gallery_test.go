package pki

import (
	"bytes"
	"fmt"
	"strings"
)

// The gallery is certificates, and values of extensions, with everything that a
// text has to say, and what may be wrong with it. They are made octet by octet, so
// that each text is always the same.

// exhibit is one of them; differs says why OpenSSL 3.0 writes it otherwise.
type exhibit struct {
	name    string
	der     []byte
	differs string
}

// sketch is a certificate's fields in DER.
type sketch struct {
	version, serial, algorithm, issuer, validity, subject, key, ids, extensions, outer []byte
	signature                                                                          []byte // its octets
}

// draw makes a certificate of a sketch that change has altered; nobody signed it.
func draw(change func(*sketch)) []byte {
	s := sketch{
		version:   tlv(0xa0, unhex("020102")),
		serial:    unhex("020107"),
		algorithm: tlv(0x30, o(oidSHA256ECDSA)),
		issuer:    name,
		validity:  tlv(0x30, tlv(0x17, text("260102030405Z")), tlv(0x18, text("20501231235959Z"))),
		subject:   tlv(0x30, rdn(attr(OIDCommonName, 0x13, "a"))),
		key:       tlv(0x30, tlv(0x30, o(oidEd25519)), bitsOf(octetsTo(32))),
		signature: octetsTo(20),
	}
	change(&s)
	if s.outer == nil {
		s.outer = s.algorithm
	}
	tbs := tlv(0x30, s.version, s.serial, s.algorithm, s.issuer, s.validity, s.subject, s.key, s.ids, s.extensions)
	return tlv(0x30, tbs, s.outer, bitsOf(s.signature))
}

// octetsTo are so many different octets.
func octetsTo(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(3*i + 1)
	}
	return data
}

func bitsOf(content []byte) []byte { return tlv(0x03, []byte{0}, content) }

func rdn(attributes ...[]byte) []byte { return tlv(0x31, attributes...) }

func attr(kind OID, tag byte, value string) []byte {
	return tlv(0x30, o(kind), tlv(tag, text(value)))
}

// withKey is a certificate of a key: of its algorithm, parameters and bits.
func withKey(kind OID, parameters, content []byte) []byte {
	return draw(func(s *sketch) { s.key = tlv(0x30, tlv(0x30, o(kind), parameters), bitsOf(content)) })
}

// signedBy is a certificate with another signature.
func signedBy(kind OID, parameters, signature []byte) []byte {
	return draw(func(s *sketch) { s.algorithm, s.signature = tlv(0x30, o(kind), parameters), signature })
}

func withSerial(content string) []byte {
	return draw(func(s *sketch) { s.serial = tlv(0x02, unhex(content)) })
}

// whole is an INTEGER of so many octets: above 64 bits from nine of them on.
func whole(octets int, first byte) []byte {
	content := octetsTo(octets)
	content[0] = first
	return tlv(0x02, content)
}

// galleryOfCertificates has the fields, keys and signatures.
func galleryOfCertificates() []exhibit {
	digest := func(id OID) []byte { return tlv(0x30, o(id), tlv(0x05)) }
	pss := tlv(0x30, tlv(0xa0, digest(oidSHA256)), tlv(0xa1, tlv(0x30, o(oidMGF1), digest(oidSHA384))), tlv(0xa2, unhex("02020120")), tlv(0xa3, unhex("020101")))
	rsa := tlv(0x30, tlv(0x02, []byte{0, 0xc1}, octetsTo(31)), unhex("0203010001"))
	prime := tlv(0x02, []byte{0, 0xd1}, octetsTo(16))
	domain := tlv(0x30, prime, whole(9, 0x61), whole(8, 0x41))
	all := []exhibit{
		{"plain", draw(func(*sketch) {}), ""},
		{"version 1", draw(func(s *sketch) { s.version = nil }), ""},
		{"version 2", draw(func(s *sketch) { s.version = tlv(0xa0, unhex("020101")) }), ""},
		{"version 4", draw(func(s *sketch) { s.version = tlv(0xa0, unhex("020103")) }), ""},
		{"version 5", draw(func(s *sketch) { s.version = tlv(0xa0, unhex("020104")) }), ""},
		{"serial number 0", withSerial("00"), ""},
		{"serial number of 63 bits", withSerial("7fffffffffffffff"), ""},
		{"serial number of 64 bits", withSerial("008000000000000000"), ""},
		{"serial number of 160 bits", withSerial("102030405060708090a0b0c0d0e0f00112233445"), ""},
		{"serial number -1", withSerial("ff"), negativeSerial},
		{"serial number -129", withSerial("ff7f"), ""},
		{"serial number below 63 bits", withSerial("ff7fffffffffffffff"), negativeSerial},
		{"dates of the last century", draw(func(s *sketch) {
			s.validity = tlv(0x30, tlv(0x17, text("500101000000Z")), tlv(0x17, text("491231235959Z")))
		}), ""},
		{"unique identifiers", draw(func(s *sketch) { s.ids = append(tlv(0x81, []byte{0}, octetsTo(20)), tlv(0x82, []byte{4, 0xf0})...) }), "OpenSSL puts the octets behind their label, not below it"},
		{"empty unique identifiers", draw(func(s *sketch) { s.ids = append(tlv(0x81, []byte{0}), tlv(0x82, []byte{0})...) }), "OpenSSL has their labels alone"},
		{"no names", draw(func(s *sketch) { s.issuer, s.subject = tlv(0x30), tlv(0x30) }), ""},
		{"names of many kinds", draw(func(s *sketch) {
			s.issuer = tlv(0x30, rdn(attr(OIDCountry, 0x13, "KR")), rdn(attr(OIDOrganization, 0x0c, "서울"), attr(OIDOrganizationalUnit, 0x14, "caf\xe9")), rdn(attr(OIDCommonName, 0x1e, "\x00a\x00b")))
			s.subject = tlv(0x30, rdn(attr(OIDEmailAddress, 0x16, "a@b")), rdn(attr(oid123, 0x13, "x"), attr(OIDUserID, 0x12, "42")))
		}), ""},
		{"a name in four octets a character", draw(func(s *sketch) { s.subject = tlv(0x30, rdn(attr(OIDCommonName, 0x1c, "\x00\x00\x00a"))) }), ""},
		{"a name in VisibleString", draw(func(s *sketch) { s.subject = tlv(0x30, rdn(attr(OIDSerialNumber, 0x1a, "1"))) }), refusedName},
		{"values that need quotes", draw(func(s *sketch) {
			s.issuer = tlv(0x30, rdn(attr(OIDCommonName, 0x0c, "#a")), rdn(attr(OIDCommonName, 0x0c, " a")), rdn(attr(OIDCommonName, 0x0c, "a ")), rdn(attr(OIDCommonName, 0x0c, "a#b c")),
				rdn(attr(OIDCommonName, 0x0c, "a,b")), rdn(attr(OIDCommonName, 0x0c, "a+b")), rdn(attr(OIDCommonName, 0x0c, "<a>")), rdn(attr(OIDCommonName, 0x0c, "a;b")))
			s.subject = tlv(0x30, rdn(attr(OIDCommonName, 0x0c, "a\"b\\c")), rdn(attr(OIDCommonName, 0x0c, "a\x1f\x7f~")), rdn(attr(OIDCommonName, 0x0c, "")))
		}), ""},
		{"a name of bits", draw(func(s *sketch) { s.subject = tlv(0x30, rdn(tlv(0x30, o(OIDCommonName), bitsOf([]byte{1, 0xab})))) }), ""},
		{"a name in GeneralString", draw(func(s *sketch) { s.subject = tlv(0x30, rdn(attr(OIDCommonName, 0x1b, "a"))) }), refusedName},
		{"another algorithm outside", draw(func(s *sketch) { s.outer = tlv(0x30, o(oidSHA384ECDSA)) }), ""},
		{"an unknown algorithm", signedBy(oid123, nil, octetsTo(19)), ""},
		{"a signature of 18 octets", signedBy(oidSHA256RSA, tlv(0x05), octetsTo(18)), ""},
		{"no signature", signedBy(oidSHA256RSA, tlv(0x05), nil), "OpenSSL writes an empty line"},
		{"a DSA signature", signedBy(oidSHA1DSA, nil, tlv(0x30, whole(20, 0x7f), whole(8, 0x12))), ""},
		{"a DSA signature with more", signedBy(oidSHA1DSA, nil, tlv(0x30, whole(20, 0x7f), whole(8, 0x12), whole(1, 1))), ""},
		{"a DSA signature with more behind it", signedBy(oidSHA256DSA, nil, append(tlv(0x30, whole(20, 0x7f), whole(8, 0x12)), 5, 0)), "OpenSSL passes over what is behind it"},
		{"PSS by default", signedBy(oidRSAPSS, tlv(0x30), octetsTo(5)), ""},
		{"PSS with everything", signedBy(oidRSAPSS, pss, octetsTo(5)), ""},
		{"PSS with a salt alone", signedBy(oidRSAPSS, tlv(0x30, tlv(0xa2, unhex("020120"))), octetsTo(5)), ""},
		{"PSS with another mask", signedBy(oidRSAPSS, tlv(0x30, tlv(0xa1, tlv(0x30, o(oid123), digest(oidSHA1)))), octetsTo(5)), ""},
		{"PSS with an unreadable mask", signedBy(oidRSAPSS, tlv(0x30, tlv(0xa1, tlv(0x30, o(oidMGF1), tlv(0x05)))), octetsTo(5)), ""},
		{"PSS with two salts in one", signedBy(oidRSAPSS, tlv(0x30, tlv(0xa2, unhex("020120"), unhex("020120"))), octetsTo(5)), ""},
		{"PSS with more", signedBy(oidRSAPSS, tlv(0x30, tlv(0xa4, unhex("020120"))), octetsTo(5)), ""},
		{"PSS without parameters", signedBy(oidRSAPSS, nil, octetsTo(5)), ""},

		{"an RSA key", withKey(oidRSA, tlv(0x05), rsa), ""},
		{"an RSA key of 64 bits", withKey(oidRSA, tlv(0x05), tlv(0x30, unhex("02090080000000000000010201 03"))), ""},
		{"an RSA key whose exponent is long", withKey(oidRSA, tlv(0x05), tlv(0x30, whole(16, 0x41), whole(16, 0x11))), ""},
		{"an RSA key of zero", withKey(oidRSA, tlv(0x05), tlv(0x30, unhex("020100 0203010001"))), "OpenSSL loads it"},
		{"an RSA key with an exponent of zero", withKey(oidRSA, tlv(0x05), tlv(0x30, whole(16, 0x41), unhex("020100"))), "OpenSSL loads it"},
		{"an RSA key with more", withKey(oidRSA, tlv(0x05), tlv(0x30, whole(16, 0x41), unhex("020103 020103"))), ""},
		{"an RSA key with more behind it", withKey(oidRSA, tlv(0x05), append(bytes.Clone(rsa), 5, 0)), "OpenSSL passes over what is behind it"},
		{"a PSS key", withKey(oidRSAPSS, nil, rsa), ""},
		{"a PSS key bound to parameters", withKey(oidRSAPSS, pss, rsa), ""},
		{"a PSS key bound to defaults", withKey(oidRSAPSS, tlv(0x30), rsa), ""},
		{"a PSS key that is none", withKey(oidRSAPSS, nil, octetsTo(5)), ""},
		{"an Ed448 key", withKey(testOID("1.3.101.113"), nil, octetsTo(57)), ""},
		{"an X25519 key", withKey(testOID("1.3.101.110"), nil, octetsTo(32)), ""},
		{"an X448 key", withKey(testOID("1.3.101.111"), nil, octetsTo(56)), ""},
		{"a key of no known kind", withKey(oid123, nil, octetsTo(5)), ""},
		{"a DSA key", withKey(oidDSA, domain, whole(10, 0x21)), ""},
		{"a DSA key with more", withKey(oidDSA, domain, append(whole(10, 0x21), 5, 0)), "OpenSSL passes over what is behind it"},
		{"a DSA key without parameters", withKey(oidDSA, nil, whole(10, 0x21)), ""},
		{"a DSA key with three numbers and more", withKey(oidDSA, tlv(0x30, prime, whole(9, 0x61), whole(8, 0x41), whole(8, 0x41)), whole(10, 0x21)), ""},
		{"a DSA key with a prime of zero", withKey(oidDSA, tlv(0x30, unhex("020100"), whole(9, 0x61), whole(8, 0x41)), whole(10, 0x21)), "OpenSSL loads it"},
		{"an EC key on a curve of no known name", withKey(oidEC, o(oid123), octetsTo(33)), ""},
	}
	for id, curve := range sortedCurves() {
		all = append(all, exhibit{"a key on " + curve, withKey(oidEC, o(id), octetsTo(33)), pointOnNoCurve})
	}
	return all
}

const (
	negativeSerial = "OpenSSL 3.0 writes a negative serial number of any size in hexadecimal, the sign first"
	refusedName    = "OpenSSL does not read a certificate with a name of this type, which X.520 does not have"
	pointOnNoCurve = "OpenSSL loads no key whose point is not on its curve; TestTextOfCurves has keys"
)

func testOID(dotted string) OID {
	id, err := ParseOID(dotted)
	if err != nil {
		panic(err)
	}
	return id
}

// galleryOfExtensions has each value of TestDecode, those too that are not as
// they must be, and some more, in a certificate each.
func galleryOfExtensions() []exhibit {
	var all []exhibit
	more := []valueTest{
		{"an unknown kind", oid123, []byte("a\n~\x7f\x1f é"), nil},
		{"an unknown kind, nothing", oid123, nil, nil},
		{"authority key ID of two parts", OIDAuthorityKeyID, tlv(0x30, tlv(0x80, []byte{1, 0xab}), tlv(0x82, unhex("00"))), nil},
		{"authority key ID, a serial number alone", OIDAuthorityKeyID, tlv(0x30, tlv(0x82, unhex("0102"))), nil},
		{"every use", OIDKeyUsage, unhex("03 03 07 ff 80"), nil},
		{"every Netscape type", OIDNetscapeCertType, unhex("03 02 00 ff"), nil},
		{"names of every form", OIDSubjectAltName, tlv(0x30, dns, tlv(0x81, text("a@b")), tlv(0x86, text("https://a/")), tlv(0x87, []byte{10, 0, 0, 1}),
			tlv(0x87, unhex("20010db8000000000000000000ff0abc")), tlv(0xa4, tlv(0x30, rdn(attr(OIDCountry, 0x13, "KR")), rdn(attr(OIDCommonName, 0x0c, "é~\x1f/"))))), nil},
		{"names that are registered", OIDSubjectAltName, tlv(0x30, tlv(0x88, []byte(OIDServerAuth)), tlv(0x88, []byte(oid123))), nil},
		{"directory names", OIDSubjectAltName, tlv(0x30, tlv(0xa4, tlv(0x30, rdn(attr(OIDCountry, 0x13, "KR"), attr(OIDCommonName, 0x0c, "a+b=c")), rdn(attr(OIDCommonName, 0x0c, "d\\e"))))), nil},
		{"other names of known kinds that are no text", OIDSubjectAltName, tlv(0x30, other("1.3.6.1.4.1.311.20.2.3", 0x13, "a@b"), other("1.3.6.1.5.5.7.8.7", 0x0c, "_smtp.a"), other("1.2.3", 0x16, "x")), nil},
		{"other names", OIDSubjectAltName, tlv(0x30, other("1.3.6.1.4.1.311.20.2.3", 0x0c, "a@b"), other("1.3.6.1.5.5.7.8.7", 0x16, "_smtp.a"), other("1.3.6.1.5.5.7.8.9", 0x0c, "é@b"),
			other("1.2.3", 0x0c, "x"), other("1.2.3", 0x13, "x")), nil},
		{"names below of every form", OIDNameConstraints, tlv(0x30, tlv(0xa0, tlv(0x30, dns), tlv(0x30, tlv(0x87, unhex("0a000000ff000000"))),
			tlv(0x30, dir), tlv(0x30, tlv(0x81, text("b"))), tlv(0x30, other("1.3.6.1.4.1.311.20.2.3", 0x0c, "a@b")), tlv(0x30, other("1.2.3", 0x0c, "x"))),
			tlv(0xa1, tlv(0x30, tlv(0x87, append(unhex("20010db8000000000000000000000000"), bytes.Repeat([]byte{0xff}, 16)...))))), nil},
		{"two policies", OIDCertificatePolicies, tlv(0x30, tlv(0x30, o(oid123), tlv(0x30,
			tlv(0x30, o(OIDPolicyNotice), tlv(0x30, tlv(0x30, tlv(0x1a, text("Org")), tlv(0x30, unhex("020101 020102 020103"))))),
			tlv(0x30, o(OIDPolicyNotice), tlv(0x30, tlv(0x0c, text("text")))),
			tlv(0x30, o(OIDPolicyNotice), tlv(0x30, tlv(0x30, tlv(0x0c), tlv(0x30, unhex("020109"))), tlv(0x0c, text("text")))))), tlv(0x30, o(OIDAnyPolicy))), nil},
		{"two mappings", OIDPolicyMappings, tlv(0x30, tlv(0x30, o(oid123), o(oid124)), tlv(0x30, o(oid124), o(OIDAnyPolicy))), nil},
		{"two points", OIDCRLPoints, tlv(0x30, tlv(0x30, tlv(0xa0, tlv(0xa0, dns, tlv(0x86, text("http://a/"))))), tlv(0x30, tlv(0xa0, tlv(0xa0, dir)))), nil},
		{"a point of two issuers", OIDCRLPoints, tlv(0x30, tlv(0x30, tlv(0xa2, dir, dns))), nil},
		{"a scope of everything", OIDIssuingPoint, tlv(0x30, tlv(0xa0, tlv(0xa1, cn)), tlv(0x81, []byte{0xff}), tlv(0x82, []byte{0xff}), tlv(0x83, unhex("0106fe")), tlv(0x84, []byte{0xff}), tlv(0x85, []byte{0xff})), nil},
		{"two accesses", OIDAuthorityInfo, tlv(0x30, tlv(0x30, o(OIDAccessOCSP), tlv(0x86, text("http://o"))), tlv(0x30, o(oid123), dir)), nil},
		{"every reason", OIDCRLReason, unhex("0a0109"), nil},
		{"three timestamps", OIDSCTs, timestampList(timestampOf(4, 1, nil, octetsTo(33)), timestampOf(4, 3, octetsTo(3), octetsTo(16)), timestampOf(5, 3, nil, nil)), nil},
	}
	for _, v := range append(valueTests(), more...) {
		list := tlv(0x30, tlv(0x30, o(v.id), tlv(0x04, v.value)))
		der := draw(func(s *sketch) { s.extensions = tlv(0xa3, list) })
		all = append(all, exhibit{v.name, der, valuesDiffer[v.name]})
	}
	both := tlv(0x30, tlv(0x30, o(OIDBasicConstraints), unhex("0101ff"), tlv(0x04, tlv(0x30, unhex("0101ff")))), tlv(0x30, o(oid123), tlv(0x04, text("x"))))
	return append(all, exhibit{"two, one critical", draw(func(s *sketch) { s.extensions = tlv(0xa3, both) }), ""},
		exhibit{"an empty list", draw(func(s *sketch) { s.extensions = tlv(0xa3, tlv(0x30)) }), ""})
}

// valuesDiffer says why OpenSSL 3.0 writes the text of some values otherwise.
var valuesDiffer = map[string]string{
	"authority key ID, empty":       emptyList,
	"usage, none":                   emptyList,
	"usage, a bit beyond":           emptyList,
	"policy constraints, none":      emptyList,
	"features, none":                emptyList,
	"constraints, none":             emptyLine,
	"policies, empty notice":        emptyLine,
	"points":                        lineEnds,
	"points, relative":              lineEnds,
	"points, empty":                 emptyLine,
	"scope":                         lineEnds,
	"scope, authorities":            emptyLine,
	"scope, all":                    emptyLine,
	"a scope of everything":         lineEnds,
	"timestamps, none":              emptyLine,
	"timestamps of a later version": "OpenSSL shows the octets of a timestamp of an unknown version; here the version alone",
	"three timestamps":              "OpenSSL gives up on a timestamp whose signature algorithm it does not know; here its number is shown",
	"names of rare forms":           "OpenSSL 3.0 cannot read EdiPartyName and shows octets; here its form is said",
	"names, 127 is ASCII":           "OpenSSL lets control characters through",
	"policies":                      "OpenSSL lets control characters through",
	"an unknown kind":               "OpenSSL lets line ends of unknown values through; here they are dots",
	"nonce":                         "OpenSSL shows a nonce with its header",
	"nonce, longest":                "OpenSSL shows a nonce with its header",
	"other names of known kinds that are no text": "OpenSSL shows octets if a known kind of other name has a text of another type",
}

const (
	emptyList = "OpenSSL shows the octets of an empty list"
	emptyLine = "OpenSSL writes an empty line where nothing is to be said"
	lineEnds  = "OpenSSL 3.0 forgets the line end before what follows a name, and writes empty lines"
)

func other(kind string, tag byte, value string) []byte {
	return tlv(0xa0, o(testOID(kind)), tlv(0xa0, tlv(tag, text(value))))
}

// timestampOf is a signed timestamp of the millisecond 1,700,000,000,123.
func timestampOf(hash, algorithm byte, extensions, signature []byte) []byte {
	return bytes.Join([][]byte{{0}, octetsTo(32), unhex("0000018bcfe5687b"), {0, byte(len(extensions))}, extensions, {hash, algorithm, 0, byte(len(signature))}, signature}, nil)
}

func timestampList(timestamps ...[]byte) []byte {
	var list []byte
	for _, one := range timestamps {
		list = append(append(list, byte(len(one)>>8), byte(len(one))), one...)
	}
	return tlv(0x04, []byte{byte(len(list) >> 8), byte(len(list))}, list)
}

// textOf returns what the text of a certificate says: of one with extensions,
// only of those.
func textOf(whole string, extensions bool) string {
	if !extensions {
		return whole
	}
	_, after, _ := strings.Cut(whole, "Public Key Algorithm: ED25519\n")
	at := strings.Index(after, "        X509v3 extensions:")
	if end := strings.LastIndex(after, "    Signature Algorithm:"); at >= 0 && end > at {
		return after[at:end]
	}
	return fmt.Sprintln("no extensions")
}
