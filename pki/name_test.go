package pki_test

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"pgregory.net/rapid"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

func TestParseName(t *testing.T) {
	tests := []struct {
		name, text string
		want       string // as String writes it
		values     []string
	}{
		{"empty", "", "", nil},
		{"spaces alone", "   ", "", nil},
		{"one", "CN=Jane", "CN=Jane", []string{"Jane"}},
		{"the last is the first in DER", "CN=Jane,O=Example", "CN=Jane,O=Example", []string{"Example", "Jane"}},
		{"spaces around", " CN = Jane Doe , O = Example ", "CN=Jane Doe,O=Example", []string{"Example", "Jane Doe"}},
		{"keywords in any case", "cn=a,EmailAddress=b@c", "CN=a,emailAddress=b@c", []string{"b@c", "a"}},
		{"a name in words", "commonName=a", "CN=a", []string{"a"}},
		{"as Windows writes", "E=b@c,S=Kent", "emailAddress=b@c,ST=Kent", []string{"Kent", "b@c"}},
		{"dotted", "2.5.4.3=a", "CN=a", []string{"a"}},
		{"dotted without a keyword", "1.2.3.4=#0c0161", "1.2.3.4=#0c0161", []string{"a"}},
		{"hexadecimal", "CN=#0c0161,O=b", "CN=a,O=b", []string{"b", "a"}},
		{"hexadecimal, no text", "CN=#0500", "2.5.4.3=#0500", []string{""}},
		{"hexadecimal in a relative name of two", "CN=#0c0161+O=b", "CN=a+O=b", []string{"a", "b"}},
		{"two in one, in the order of DER", "OU=b+CN=a", "CN=a+OU=b", []string{"a", "b"}},
		{"specials", `CN=\,\+\"\\\<\>\;\=\#\ `, `CN=\,\+\"\\\<\>\;=#\ `, []string{`,+"\<>;=# `}},
		{"octets", `CN=Lu\C4\8Di\c4\87`, "CN=Lučić", []string{"Lučić"}},
		{"UTF-8", "CN=한글", "CN=한글", []string{"한글"}},
		{"an escaped NUL", `CN=a\00b`, `CN=a\00b`, []string{"a\x00b"}},
		{"an escaped line end", `CN=a\0ab`, `CN=a\0ab`, []string{"a\nb"}},
		{"a sharp inside", "CN=a#b", "CN=a#b", []string{"a#b"}},
		{"an escaped sharp", `CN=\#a`, `CN=\#a`, []string{"#a"}},
		{"spaces that count", `CN=\ a \ `, `CN=\ a \ `, []string{" a  "}},
		{"empty value", "CN=,O=", "CN=,O=", []string{"", ""}},
		{"an equals sign", "CN=a=b", "CN=a=b", []string{"a=b"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			name, err := pki.ParseName(test.text)
			if err != nil {
				t.Fatal(err)
			}
			var values []string
			for a := range name.Attributes() {
				values = append(values, a.Text())
			}
			if name.String() != test.want || fmt.Sprintf("%q", values) != fmt.Sprintf("%q", test.values) {
				t.Errorf("have %s with %q, want %s with %q", name, values, test.want, test.values)
			}
			if name.IsEmpty() != (test.want == "") {
				t.Errorf("that it is empty is %v", name.IsEmpty())
			}
		})
	}
	refused := []struct{ name, text, says string }{
		{"no type", "Jane", "a type and = should stand at byte 0"},
		{"unknown type", "XY=a", "an unknown type stands at byte 0"},
		{"bad dotted type", "3.1=a", "an unknown type stands at byte 0"},
		{"empty type", "=a", "an unknown type stands at byte 0"},
		{"comma at the end", "CN=a,", "a type and a value should follow at byte 5"},
		{"plus at the end", "CN=a+", "a type and = should stand at byte 5"},
		{"two commas", "CN=a,,O=b", "an unknown type stands at byte 5"},
		{"a bare quotation mark", `CN="a"`, `a character without \ stands at byte 3`},
		{"a bare semicolon", "CN=a;O=b", `a character without \ stands at byte 4`},
		{"a bare less-than", "CN=<", `a character without \ stands at byte 3`},
		{"a bare greater-than", "CN=>", `a character without \ stands at byte 3`},
		{"a bare NUL", "CN=\x00", `a character without \ stands at byte 3`},
		{"backslash at the end", `CN=a\`, "no escaped character stands at byte 4"},
		{"half an octet", `CN=a\0`, "no escaped character stands at byte 4"},
		{"no octet", `CN=a\zz`, "no escaped character stands at byte 4"},
		{"not UTF-8", `CN=\ff`, "not UTF-8"},
		{"no hexadecimal", "CN=#0cxx", "no value in DER stands at byte 4"},
		{"DER cut short", "CN=#0c05", "no value in DER stands"},
		{"DER that goes on", "CN=#0c016161", "no value in DER stands"},
		{"no DER", "CN=#", "no value in DER stands"},
		{"too long", "CN=" + strings.Repeat("a", 64<<10-2), "a name of 65537 bytes is longer than the 65536"},
	}
	for _, test := range refused {
		t.Run(test.name, func(t *testing.T) {
			_, err := pki.ParseName(test.text)
			wantFault(t, err, pki.DNInvalid, test.says)
		})
	}
	if _, err := pki.ParseName("CN=" + strings.Repeat("a", 64<<10-3)); err != nil {
		t.Errorf("the longest name is refused: %v", err)
	}
}

func TestNewAttribute(t *testing.T) {
	const utf8String, printable, ia5 = 12, 19, 22
	tests := []struct {
		kind pki.OID
		text string
		tag  int
		says string
	}{
		{pki.OIDCommonName, "Jane", utf8String, ""},
		{pki.OIDCommonName, strings.Repeat("é", 64), utf8String, ""},
		{pki.OIDCommonName, strings.Repeat("é", 65), 0, "65 characters are more than 64"},
		{pki.OIDLocality, strings.Repeat("a", 128), utf8String, ""},
		{pki.OIDLocality, strings.Repeat("a", 129), 0, "129 characters are more than 128"},
		{pki.OIDCountry, "GB", printable, ""},
		{pki.OIDCountry, "gb", 0, "two capital letters"},
		{pki.OIDCountry, "GBR", 0, "two capital letters"},
		{pki.OIDCountry, "Ü1", 0, "two capital letters"},
		{pki.OIDSerialNumber, "a'()+,-./:=? 9", printable, ""},
		{pki.OIDSerialNumber, "a_b", 0, "letters, digits, spaces"},
		{pki.OIDEmailAddress, "a_b@c.example", ia5, ""},
		{pki.OIDEmailAddress, "ü@c.example", 0, "ASCII"},
		{pki.OIDDomainComponent, "example", ia5, ""},
		{pki.OIDDomainComponent, strings.Repeat("a", 64), 0, "64 characters are more than 63"},
		{pki.OIDStreet, strings.Repeat("a", 32768), utf8String, ""},
		{pki.OIDStreet, strings.Repeat("a", 32769), 0, "more than 32768"},
		{pki.OIDCommonName, "", 0, "the value is empty"},
		{pki.OIDCommonName, "\xff", 0, "not UTF-8"},
		{pki.OIDCommonName, "a\x00", 0, "a control character"},
		{pki.OIDCommonName, "a\u0085", 0, "a control character"},
		{pki.OIDCommonName, "a\x7f", 0, "a control character"},
		{pki.OIDCommonName, "a~", utf8String, ""},
	}
	for _, test := range tests {
		attribute, err := pki.NewAttribute(test.kind, test.text)
		if test.says != "" {
			wantFault(t, err, pki.DNInvalid, test.says)
			continue
		}
		if err != nil || attribute.Tag != test.tag || string(attribute.Raw) != test.text {
			t.Errorf("%s %.20q: have %+v, %v, want tag %d", test.kind.Name(), test.text, attribute, err, test.tag)
		}
	}
	name := pki.NewName(testpki.Must(pki.NewAttribute(pki.OIDCountry, "GB")), testpki.Must(pki.NewAttribute(pki.OIDCommonName, "Jane")))
	if got, want := hex.EncodeToString(name.DER()), "301c310b3009060355040613024742310d300b06035504030c044a616e65"; got != want {
		t.Errorf("have %s, want %s", got, want)
	}
	if !pki.NewName().IsEmpty() {
		t.Error("the name of no attributes is not empty")
	}
	long := pki.NewName(testpki.Must(pki.NewAttribute(pki.OIDStreet, strings.Repeat("a", 300))))
	if again := testpki.Must(pki.ParseName(long.String())); !again.Equal(long) {
		t.Error("a value of 300 bytes does not survive")
	}
}

// nameOf is a name of attributes with any type, tag and value, in DER.
func nameOf(pairs ...[3]any) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, pair := range pairs {
			b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(pair[0].(pki.OID))) })
					b.AddASN1(asn1.Tag(pair[1].(int)), func(b *cryptobyte.Builder) { b.AddBytes([]byte(pair[2].(string))) })
				})
			})
		}
	})
	return b.BytesOrPanic()
}

// directory reads a name in DER, as a certificate's extension would have it.
func directory(t testing.TB, der []byte) pki.Name {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.Tag(4).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(der) })
	})
	value, err := pki.Extension{ID: pki.OIDSubjectAltName, Value: b.BytesOrPanic()}.Decode()
	if err != nil {
		t.Fatal(err)
	}
	name, _ := value.([]pki.GeneralName)[0].Directory()
	return name
}

// TestNameRoundTrip holds that the text of any name is one printable line, which
// reads as a matching name, whose own text and bytes stay.
func TestNameRoundTrip(t *testing.T) {
	kinds := []pki.OID{pki.OIDCommonName, pki.OIDCountry, pki.OIDEmailAddress, pki.OIDServerAuth, "\x2a\x03"}
	rapid.Check(t, func(r *rapid.T) {
		var pairs [][3]any
		latin := false // OpenSSL takes octets as Latin-1 that are shown as UTF-8
		texts := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune(" #,+\"\\<>;=\x00\n\u202eé한aA1"))))
		for range rapid.IntRange(0, 4).Draw(r, "attributes") {
			tag := rapid.SampledFrom([]int{12, 19, 20, 22, 26, 28, 30, 2, 3, 4, 48, 128}).Draw(r, "tag")
			value := texts.Draw(r, "text")
			if rapid.Bool().Draw(r, "octets") {
				value = string(rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(r, "value"))
			}
			latin = latin || (tag == 19 || tag == 22 || tag == 26) && strings.IndexFunc(value, func(c rune) bool { return c >= 0x80 }) >= 0
			pairs = append(pairs, [3]any{rapid.SampledFrom(kinds).Draw(r, "type"), tag, value})
		}
		name := directory(t, nameOf(pairs...))
		text := name.String()
		if !utf8.ValidString(text) || strings.IndexFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) >= 0 {
			r.Fatalf("%q is not one printable line", text)
		}
		once, err := pki.ParseName(text)
		if err != nil {
			r.Fatalf("%q: %v", text, err)
		}
		if once.String() != text || !latin && !once.Match(name) {
			r.Fatalf("%q became %q, match %v", text, once, once.Match(name))
		}
		if twice, err := pki.ParseName(once.String()); err != nil || !twice.Equal(once) {
			r.Fatalf("%q: another name, or %v", text, err)
		}
	})
}

func TestNameMatch(t *testing.T) {
	cn := pki.OIDCommonName
	utf8Name := nameOf([3]any{cn, 12, "Jane Doe"})
	tests := []struct {
		name string
		der  []byte
		want bool
	}{
		{"itself", utf8Name, true},
		{"another encoding", nameOf([3]any{cn, 19, "Jane Doe"}), true},
		{"BMPString", nameOf([3]any{cn, 30, "\x00J\x00a\x00n\x00e\x00 \x00D\x00o\x00e"}), true},
		{"another case", nameOf([3]any{cn, 12, "jANE dOE"}), true},
		{"more spaces", nameOf([3]any{cn, 12, " \tJane \n\v\f\r Doe "}), true},
		{"no space", nameOf([3]any{cn, 12, "JaneDoe"}), false},
		{"another value", nameOf([3]any{cn, 12, "Jane Do"}), false},
		{"another type", nameOf([3]any{pki.OIDOrganization, 12, "Jane Doe"}), false},
		{"no text", nameOf([3]any{cn, 4, "Jane Doe"}), false},
		{"octets of another case", nameOf([3]any{cn, 4, "jane doe"}), false},
		{"one more", nameOf([3]any{cn, 12, "Jane Doe"}, [3]any{cn, 12, "Jane Doe"}), false},
		{"empty", nameOf(), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, b := directory(t, utf8Name), directory(t, test.der)
			if a.Match(b) != test.want || b.Match(a) != test.want {
				t.Errorf("have %v and %v, want %v", a.Match(b), b.Match(a), test.want)
			}
			if test.want != (a.Hash() == b.Hash()) {
				t.Errorf("hashes %08x and %08x", a.Hash(), b.Hash())
			}
		})
	}
	long := directory(t, nameOf([3]any{cn, 20, "\xc4\xc5 A"}))
	if !long.Match(directory(t, nameOf([3]any{cn, 12, "ÄÅ a"}))) || long.Match(directory(t, nameOf([3]any{cn, 12, "äå a"}))) {
		t.Error("Latin-1 is not compared as UTF-8, or its capitals are folded")
	}
}

// TestNameHash compares with what OpenSSL files names under.
func TestNameHash(t *testing.T) {
	openssl := peers.OpenSSL(t)
	names := []string{
		"CN=Jane Doe,O=Example,C=GB", "CN=  a   B  ", `CN=\ a`, "CN=Ünïcode 한글,OU=x+CN=y", "emailAddress=A@B.c,DC=Example,DC=COM",
		"1.2.3=#0303004142", "CN=#1e0800410062004300e9", "CN=#1405c4c5204162", "CN=#12023132", "serialNumber=AB  1", "CN=", "",
	}
	dir := t.TempDir()
	for i, text := range names {
		name := testpki.Must(pki.ParseName(text))
		path := filepath.Join(dir, fmt.Sprint(i))
		cert := testpki.Must(testpki.Forge(&x509.Certificate{RawSubject: name.DER()}, nil)).Leaf()
		if err := os.WriteFile(path, cert.PEM(), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(openssl, "x509", "-noout", "-subject_hash", "-in", path).Output()
		if have, want := fmt.Sprintf("%08x", name.Hash()), strings.TrimSpace(string(out)); err != nil || have != want {
			t.Errorf("%s: have %s, openssl %s, %v", text, have, want, err)
		}
	}
}

// TestParseNameDER holds that a name comes back as it was written, and that
// nothing else is one.
func TestParseNameDER(t *testing.T) {
	name := testpki.Must(pki.ParseName("CN=one+OU=two,O=Example"))
	have, err := pki.ParseNameDER(name.DER())
	if err != nil || !have.Equal(name) {
		t.Errorf("have %s, %v; want %s", have, err, name)
	}
	for _, bad := range [][]byte{nil, {0x30}, {0x31, 0}, append(name.DER(), 0)} {
		_, err := pki.ParseNameDER(bad)
		if !errors.Is(err, pki.DNInvalid) {
			t.Errorf("% x: have %v, want %s", bad, err, pki.DNInvalid)
		}
		peers.WantCoded(t, err)
	}
}
