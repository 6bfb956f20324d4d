package verify_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"net/netip"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// general reads a name, or with a mask the base of a constraint, without looking
// at what it says: DNS:x, email:x, URI:x, IP:10.0.0.1, IP:10.0.0.0/255.0.0.0,
// dir:O=x/CN=y with values in UTF-8 or, after a !, in PrintableString, and
// utf8:x for an internationalised mailbox.
func general(text string) pki.GeneralName {
	kind, value, _ := strings.Cut(text, ":")
	switch kind {
	case "DNS":
		return pki.GeneralName{Kind: pki.DNSName, Raw: []byte(value)}
	case "email":
		return pki.GeneralName{Kind: pki.EmailName, Raw: []byte(value)}
	case "URI":
		return pki.GeneralName{Kind: pki.URIName, Raw: []byte(value)}
	case "IP":
		var raw []byte
		for part := range strings.SplitSeq(value, "/") {
			raw = append(raw, netip.MustParseAddr(part).AsSlice()...)
		}
		return pki.GeneralName{Kind: pki.IPName, Raw: raw}
	case "dir":
		return pki.GeneralName{Kind: pki.DirectoryName, Raw: directory(value)}
	case "utf8":
		return pki.GeneralName{Kind: pki.OtherName, Raw: append(der(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 8, 9}),
			der(asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: der(asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(value)})})...)}
	}
	panic(text)
}

func der(value any) []byte { return testpki.Must(asn1.Marshal(value)) }

// directory makes a name of O=x/CN=y.
func directory(text string) []byte {
	ids := map[string]asn1.ObjectIdentifier{"C": {2, 5, 4, 6}, "O": {2, 5, 4, 10}, "OU": {2, 5, 4, 11}, "CN": {2, 5, 4, 3}, "mail": {1, 2, 840, 113549, 1, 9, 1}}
	var name []byte
	for part := range strings.SplitSeq(text, "/") {
		id, value, found := strings.Cut(part, "=")
		if !found {
			continue
		}
		tag := asn1.TagUTF8String
		if printable, ok := strings.CutPrefix(value, "!"); ok {
			tag, value = asn1.TagPrintableString, printable
		}
		attribute := der(struct {
			ID    asn1.ObjectIdentifier
			Value asn1.RawValue
		}{ids[id], asn1.RawValue{Tag: tag, Bytes: []byte(value)}})
		name = append(name, der(asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: attribute})...)
	}
	return der(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: name})
}

func generalDER(name pki.GeneralName) []byte {
	return der(asn1.RawValue{Class: 2, Tag: int(name.Kind), IsCompound: name.Kind == pki.DirectoryName || name.Kind == pki.OtherName, Bytes: name.Raw})
}

// named is the template of a leaf with these alternative names.
func named(names ...pki.GeneralName) *x509.Certificate {
	return with(leaf(), func(c *x509.Certificate) {
		c.DNSNames = nil
		var list []byte
		for _, name := range names {
			list = append(list, generalDER(name)...)
		}
		if list != nil {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: der(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: list})})
		}
	})
}

// constraintsExtension are name constraints as they are said.
func constraintsExtension(names pki.NameConstraints) pkix.Extension {
	var lists []byte
	for tag, trees := range [][]pki.Subtree{names.Permitted, names.Excluded} {
		var list []byte
		for _, tree := range trees {
			list = append(list, der(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: generalDER(tree.Base)})...)
		}
		if list != nil {
			lists = append(lists, der(asn1.RawValue{Class: 2, Tag: tag, IsCompound: true, Bytes: list})...)
		}
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 30}, Critical: true, Value: der(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: lists})}
}

// strangeKey signs certificates that crypto/x509 need not understand.
var strangeKey = testpki.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))

// strange is a certificate by a template as it stands, signed by the strange key
// in the name of an issuer.
func strange(template, issuer *x509.Certificate) *pki.Certificate {
	template.SerialNumber = big.NewInt(1)
	return testpki.Must(pki.ParseCertificate(testpki.Must(x509.CreateCertificate(rand.Reader, template, issuer, strangeKey.Public(), strangeKey))))
}

// constrainedChain is a leaf below an authority with name constraints, and the
// question whether it is believed.
func constrainedChain(names pki.NameConstraints, template *x509.Certificate) ([]*pki.Certificate, verify.Options) {
	root := with(authority("Root"), func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, constraintsExtension(names)) })
	anchor := strange(root, root)
	return []*pki.Certificate{strange(template, root)}, verify.Options{Roots: roots(anchor), Name: verify.Any("a test"), Now: now, Profile: verify.Path}
}

// position is where a name lies.
type position string

const (
	in        position = "in the subtree"
	out       position = "outside"
	free      position = "of another form"
	neither   position = "not comparable: refused either way"
	malformed position = "no subtree at all"
)

// TestNameConstraints holds one name against one subtree, which is permitted once
// and excluded once (RFC 5280, section 4.2.1.10).
func TestNameConstraints(t *testing.T) {
	tests := []struct {
		name, tree string
		want       position
	}{
		{"DNS:example.com", "DNS:example.com", in},
		{"DNS:a.example.com", "DNS:example.com", in},
		{"DNS:b.a.example.com", "DNS:example.com", in},
		{"DNS:A.Example.COM", "DNS:example.com", in},
		{"DNS:a.example.com", "DNS:EXAMPLE.com", in},
		{"DNS:badexample.com", "DNS:example.com", out},
		{"DNS:example.com", "DNS:a.example.com", out},
		{"DNS:example.com.evil.test", "DNS:example.com", out},
		{"DNS:com", "DNS:example.com", out},
		{"DNS:localhost", "DNS:localhost", in},
		{"DNS:a.example.com", "DNS:", in},
		{"DNS:a.example.com", "DNS:.example.com", malformed},
		{"DNS:a.example.com", "DNS:example.com.", malformed},
		{"DNS:a.example.com", "DNS:*.example.com", malformed},
		{"DNS:a.example.com", "DNS:.", malformed},
		{"DNS:a.example.com", "DNS:a..b", malformed},
		{"DNS:a.example.com", "DNS:a\x00.b", malformed},
		{"DNS:a.example.com.", "DNS:example.com", neither},
		{"DNS:.example.com", "DNS:example.com", neither},
		{"DNS:a b.example.com", "DNS:example.com", neither},
		{"DNS:10.0.0.1", "DNS:example.com", neither},
		{"DNS:*.example.com", "DNS:example.com", in},
		{"DNS:*.a.example.com", "DNS:example.com", in},
		{"DNS:*.example.org", "DNS:example.com", out},
		{"DNS:xn--bcher-kva.example", "DNS:xn--bcher-kva.example", in},
		{"DNS:a.XN--BCHER-KVA.example", "DNS:xn--bcher-kva.example", in},
		{"DNS:xn--bcher-kva.example", "DNS:bcher.example", out},

		{"IP:10.1.2.3", "IP:10.0.0.0/255.0.0.0", in},
		{"IP:11.1.2.3", "IP:10.0.0.0/255.0.0.0", out},
		{"IP:10.0.0.1", "IP:10.0.0.1/255.255.255.255", in},
		{"IP:10.0.0.2", "IP:10.0.0.1/255.255.255.255", out},
		{"IP:10.1.2.3", "IP:0.0.0.0/0.0.0.0", in},
		{"IP:10.1.2.3", "IP:10.9.9.9/255.0.0.0", in}, // bits behind the mask do not count
		{"IP:10.1.2.3", "IP:10.0.0.0/255.0.255.0", malformed},
		{"IP:10.1.2.3", "IP:10.0.0.0/254.128.0.0", malformed},
		{"IP:10.1.2.3", "IP:10.0.0.0/127.0.0.0", malformed},
		{"IP:2001:db8::1", "IP:2001:db8::/ffff:ffff::", in},
		{"IP:2001:db9::1", "IP:2001:db8::/ffff:ffff::", out},
		{"IP:2001:db8::1", "IP:10.0.0.0/255.0.0.0", out},
		{"IP:10.1.2.3", "IP:::/::", out}, // the other family, as a whole
		{"IP:::ffff:10.1.2.3", "IP:10.0.0.0/255.0.0.0", out},
		{"IP:10.1.2.3", "IP:::ffff:10.0.0.0/ffff:ffff:ffff:ffff:ffff:ffff:ff00:0", out},

		{"email:jane@example.com", "email:example.com", in},
		{"email:jane@EXAMPLE.com", "email:example.COM", in},
		{"email:jane@a.example.com", "email:example.com", out},
		{"email:jane@a.example.com", "email:.example.com", in},
		{"email:jane@b.a.example.com", "email:.example.com", in},
		{"email:jane@example.com", "email:.example.com", out},
		{"email:jane@badexample.com", "email:.example.com", out},
		{"email:jane@example.com", "email:jane@example.com", in},
		{"email:jane@Example.com", "email:jane@example.com", in},
		{"email:Jane@example.com", "email:jane@example.com", out},
		{"email:joe@example.com", "email:jane@example.com", out},
		{"email:jane@example.com", "email:", in},
		{"email:jane", "email:example.com", neither},
		{"email:jane@", "email:example.com", neither},
		{"email:@example.com", "email:example.com", neither},
		{"email:jane@evil.test@example.com", "email:example.com", neither},
		{"email:jane@example.com.", "email:example.com", neither},
		{"email:jane@example.com", "email:.", malformed},
		{"email:jane@example.com", "email:@example.com", malformed},
		{"utf8:jürgen@example.com", "email:example.com", in},
		{"utf8:jürgen@example.org", "email:example.com", out},
		{"utf8:jürgen@a.example.com", "email:.example.com", in},
		{"utf8:jürgen@bücher.example", "email:example.com", neither},
		{"utf8:jürgen", "email:example.com", neither},

		{"URI:https://example.com/a", "URI:example.com", in},
		{"URI:https://@example.com/a", "URI:example.com", in},
		{"URI:https://EXAMPLE.com/a", "URI:Example.COM", in},
		{"URI:https://a.example.com/a", "URI:example.com", out},
		{"URI:https://a.example.com/a", "URI:.example.com", in},
		{"URI:https://example.com/a", "URI:.example.com", out},
		{"URI:https://jane:x@example.com:8443?q=@evil.test", "URI:example.com", in},
		{"URI:https://example.com@evil.test/", "URI:example.com", out},
		{"URI:https://example.com#@evil.test", "URI:example.com", in},
		{"URI:spiffe://demo.signet/web", "URI:demo.signet", in},
		{"URI:https://10.0.0.1/", "URI:example.com", neither},
		{"URI:https://[2001:db8::1]/", "URI:example.com", neither},
		{"URI:urn:example.com", "URI:example.com", neither},
		{"URI:https:example.com", "URI:example.com", neither},
		{"URI:https:///path", "URI:example.com", neither},
		{"URI:https://example.com./", "URI:example.com", neither},
		{"URI:urn:example.com", "URI:", in},
		{"URI:https://example.org\\@example.com/", "URI:example.com", neither},
		{"URI:https://example.org\\.example.com/", "URI:.example.com", neither},
		{"URI:https://exam ple.com/", "URI:example.com", neither},
		{"URI:https://jane\x01@example.com/", "URI:example.com", neither},
		{"URI:https://example.com\n/", "URI:example.com", neither},
		{"URI:https://example.com/a", "URI:https://example.com", malformed},
		{"URI:https://example.com/a", "URI:10.0.0.1", malformed},

		{"dir:O=Acme/CN=x", "dir:O=Acme", in},
		{"dir:O=Acme/CN=x", "dir:O=!ACME", in},
		{"dir:O=!acme  corp/CN=x", "dir:O=Acme Corp", in},
		{"dir:O=Acme/CN=x", "dir:O=Acme/CN=x", in},
		{"dir:O=Acme/CN=x", "dir:", in},
		{"dir:O=Acme/CN=x", "dir:CN=x", out},
		{"dir:O=Acme", "dir:O=Acme/CN=x", out},
		{"dir:O=Acme Corp/CN=x", "dir:O=Acme", out},
		{"dir:C=DE/O=Acme", "dir:O=Acme", out},
		{"dir:O=", "dir:O=Acme", out},
		{"dir:O=École/CN=x", "dir:O=école", neither},
		{"dir:O=E\u0301cole/CN=x", "dir:O=École", neither},
		{"dir:O=Straße/CN=x", "dir:O=STRASSE", neither},
		{"dir:O=Ａcme/CN=x", "dir:O=Acme", neither},
		{"dir:O=Ac\u00adme\u200b/CN=x", "dir:O=Acme", neither},
		{"dir:O=Acme\u00a0Corp/CN=x", "dir:O=acme corp", neither},
		{"dir:O=École/CN=x", "dir:O=Ecole", out},

		{"DNS:example.com", "email:example.org", free},
		{"DNS:example.com", "IP:10.0.0.0/255.0.0.0", free},
		{"IP:10.0.0.1", "DNS:example.com", free},
		{"URI:https://example.com", "DNS:example.org", free},
		{"email:jane@example.com", "DNS:example.org", free},
		{"utf8:jürgen@example.com", "DNS:example.org", free},
	}
	for _, test := range tests {
		t.Run(test.name+" "+test.tree, func(t *testing.T) {
			trees := []pki.Subtree{{Base: general(test.tree), Maximum: -1}}
			have := positionOf(t, trees, general(test.name))
			if have != test.want {
				t.Errorf("%s is %s of %s, want %s", test.name, have, test.tree, test.want)
			}
		})
	}
}

// positionOf asks where a name lies, by what happens to a leaf that has it.
func positionOf(t *testing.T, trees []pki.Subtree, name pki.GeneralName) position {
	t.Helper()
	refused := func(names pki.NameConstraints) error {
		_, err := verify.Verify(constrainedChain(names, named(name)))
		if err != nil && !errors.Is(err, verify.NameNotPermitted) && !errors.Is(err, verify.NameMalformed) && !errors.Is(err, verify.NameConstraintMalformed) && !errors.Is(err, verify.NameConstraintUnknown) {
			t.Fatal(err)
		}
		return err
	}
	permitted, excluded := refused(pki.NameConstraints{Permitted: trees}), refused(pki.NameConstraints{Excluded: trees})
	switch {
	case errors.Is(permitted, verify.NameConstraintMalformed) && errors.Is(excluded, verify.NameConstraintMalformed):
		return malformed
	case permitted == nil && excluded == nil:
		return free
	case permitted == nil:
		return in
	case excluded == nil:
		return out
	}
	return neither
}

// TestNameConstraintsOfWildcard: a wildcard is permitted if all of its names are,
// and excluded if one of them is.
func TestNameConstraintsOfWildcard(t *testing.T) {
	tests := []struct {
		name, tree string
		want       position
	}{
		{"DNS:*.example.com", "DNS:a.example.com", neither},
		{"DNS:*.example.com", "DNS:b.a.example.com", out},
		{"DNS:*.com", "DNS:example.com", neither},
	}
	for _, test := range tests {
		if have := positionOf(t, []pki.Subtree{{Base: general(test.tree), Maximum: -1}}, general(test.name)); have != test.want {
			t.Errorf("%s is %s of %s, want %s", test.name, have, test.tree, test.want)
		}
	}
}

// TestNameConstraintsOfSubjects: directory names bind the subject, and e-mail
// addresses those in it.
func TestNameConstraintsOfSubjects(t *testing.T) {
	tests := []struct {
		name    string
		subject string
		names   []pki.GeneralName
		tree    string
		refused bool
	}{
		{"subject within", "O=Acme/CN=x", []pki.GeneralName{general("DNS:a.example")}, "dir:O=Acme", false},
		{"subject outside", "O=Evil/CN=x", []pki.GeneralName{general("DNS:a.example")}, "dir:O=Acme", true},
		{"no subject", "", []pki.GeneralName{general("DNS:a.example")}, "dir:O=Acme", false},
		{"e-mail of the subject within", "mail=jane@example.com", nil, "email:example.com", false},
		{"e-mail of the subject outside", "mail=jane@example.org", nil, "email:example.com", true},
		{"e-mail of the subject outside, one elsewhere within", "mail=jane@example.org", []pki.GeneralName{general("email:jane@example.com")}, "email:example.com", true},
		{"e-mail of the subject outside, other names elsewhere", "mail=jane@example.org", []pki.GeneralName{general("DNS:a.example")}, "email:example.com", true},
		{"common name alone", "CN=evil.example", nil, "DNS:example.com", false},
		{"one of two names outside", "", []pki.GeneralName{general("DNS:a.example.com"), general("DNS:a.example")}, "DNS:example.com", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			template := named(test.names...)
			template.RawSubject = directory(test.subject)
			chain, opts := constrainedChain(pki.NameConstraints{Permitted: []pki.Subtree{{Base: general(test.tree), Maximum: -1}}}, template)
			if _, err := verify.Verify(chain, opts); errors.Is(err, verify.NameNotPermitted) != test.refused || err != nil && !test.refused {
				t.Errorf("have %v, want a refusal %v", err, test.refused)
			}
		})
	}
}
