package verify_test

import (
	"encoding/asn1"
	"errors"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

func chainOf(certs ...*pki.Certificate) []*pki.Certificate { return certs }

// TestEmailMatch asks a certificate with one address for another.
func TestEmailMatch(t *testing.T) {
	tests := []struct {
		name, shown, asked string
		want               bool
	}{
		{"same", "email:jane@example.com", "jane@example.com", true},
		{"case of the host shown", "email:jane@EXAMPLE.com", "jane@example.com", true},
		{"case of the host asked", "email:jane@example.com", "jane@Example.COM", true},
		{"case of the local part", "email:Jane@example.com", "jane@example.com", false},
		{"another local part", "email:joe@example.com", "jane@example.com", false},
		{"a tag", "email:jane+x@example.com", "jane@example.com", false},
		{"another host", "email:jane@example.org", "jane@example.com", false},
		{"a host below", "email:jane@a.example.com", "jane@example.com", false},
		{"wildcard of local parts", "email:*@example.com", "jane@example.com", false},
		{"wildcard of hosts", "email:jane@*.example.com", "jane@a.example.com", false},
		{"host alone", "email:example.com", "jane@example.com", false},
		{"trailing dot", "email:jane@example.com.", "jane@example.com", false},
		{"NUL", "email:jane@example.com\x00.evil.test", "jane@example.com", false},
		{"two signs", "email:jane@example.com@evil.test", "jane@example.com", false},
		{"name of a host", "DNS:example.com", "jane@example.com", false},
		{"URI", "URI:mailto:jane@example.com", "jane@example.com", false},
		{"punycode", "email:jane@xn--bcher-kva.example", "jane@xn--bcher-kva.example", true},
		{"international", "utf8:jürgen@example.com", "jürgen@example.com", true},
		{"international, case of the host", "utf8:jürgen@Example.com", "jürgen@example.com", true},
		{"international, case of the local part", "utf8:Jürgen@example.com", "jürgen@example.com", false},
		{"international, another form of the same letter", "utf8:ju\u0308rgen@example.com", "jürgen@example.com", false},
		{"international, host in Unicode", "utf8:jürgen@bücher.example", "jürgen@xn--bcher-kva.example", false},
		{"ASCII where it may not be", "utf8:jane@example.com", "jane@example.com", false},
		{"international, not UTF-8", "utf8:j\xfcrgen@example.com", "jürgen@example.com", false},
		{"international, in Korean", "utf8:홍길동@example.com", "홍길동@example.com", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantNamed(t, test.shown, verify.Email(test.asked), test.want)
		})
	}
}

// TestEmailOfSubject: an address in the subject is nobody's.
func TestEmailOfSubject(t *testing.T) {
	root := authority("Root")
	template := named(general("email:joe@example.com"))
	template.RawSubject = directory("mail=jane@example.com/CN=jane@example.com")
	opts := verify.Options{Roots: roots(strange(root, root)), Name: verify.Email("jane@example.com"), Now: now, Profile: verify.Path}
	_, err := verify.Verify(chainOf(strange(template, root)), opts)
	wantFault(t, err, verify.NameMismatch, "wrong name: it is for joe@example.com, not for jane@example.com")
}

// TestEmailOtherNames: only a UTF8String of the right type is an address.
func TestEmailOtherNames(t *testing.T) {
	root := authority("Root")
	opts := verify.Options{Roots: roots(strange(root, root)), Name: verify.Email("jürgen@example.com"), Now: now, Profile: verify.Path}
	other := func(id asn1.ObjectIdentifier, value []byte) pki.GeneralName {
		return pki.GeneralName{Kind: pki.OtherName, Raw: append(der(id), der(asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: value})...)}
	}
	mailbox, principal := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 8, 9}, asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}
	text := func(tag int) []byte { return der(asn1.RawValue{Tag: tag, Bytes: []byte("jürgen@example.com")}) }
	for _, name := range []pki.GeneralName{other(principal, text(asn1.TagUTF8String)), other(mailbox, text(asn1.TagIA5String)), other(mailbox, text(asn1.TagOctetString))} {
		if _, err := verify.Verify(chainOf(strange(named(name), root)), opts); !errors.Is(err, verify.NameMismatch) {
			t.Errorf("%v: have %v", name, err)
		}
	}
	if _, err := verify.Verify(chainOf(strange(named(other(mailbox, text(asn1.TagUTF8String))), root)), opts); err != nil {
		t.Error(err)
	}
}

func TestCheckEmail(t *testing.T) {
	hosts := roots(testpki.Must(testpki.New(now)).Roots()...)
	for _, good := range []string{"jane@example.com", "jürgen@example.com", "a+b.c@localhost", "홍길동@example.com", strings.Repeat("a", 64) + "@example.com"} {
		if err := verify.Email(good).Check(hosts); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "jane", "@example.com", "jane@", "jane@a..b", "jane@10.0.0.1", "jane@[10.0.0.1]", "jane@bücher.example", "ja ne@example.com", "jane@example.com.",
		"jane\x00@example.com", "j\u202ene@example.com", "j\xff@example.com", "a@b@example.com", "mailto:a@b@c", strings.Repeat("a", 65) + "@example.com"} {
		wantFault(t, verify.Email(bad).Check(hosts), verify.NameInvalid, "is not an e-mail address")
	}
	name := verify.Email("jane@example.com")
	if name.String() != "jane@example.com" || name.ServerName() != "" || !name.TrustDomain().IsZero() {
		t.Errorf("have %q with the SNI %q", name, name.ServerName())
	}
	wantFault(t, name.Check(rootsOf("demo.signet", testpki.Must(testpki.New(now)).Roots()...)), verify.RootsDoNotFit, "cannot vouch for jane@example.com")
}

// TestNamesFound: a mismatch lists whom the certificate is for, of every form.
func TestNamesFound(t *testing.T) {
	root := authority("Root")
	opts := verify.Options{Roots: roots(strange(root, root)), Name: verify.Host("other.example"), Now: now, Profile: verify.Path}
	tests := []struct {
		names []pki.GeneralName
		says  string
	}{
		{[]pki.GeneralName{general("URI:https://a.example/"), general("email:jane@a.example"), general("IP:10.0.0.1"), general("DNS:a.example")}, "it is for a.example, 10.0.0.1, https://a.example/, jane@a.example,"},
		{[]pki.GeneralName{general("utf8:jürgen@a.example")}, "it is for jürgen@a.example,"},
		{[]pki.GeneralName{general("utf8:\x1b[2J\n\u202e@a.example")}, "@a.example,"},
		{[]pki.GeneralName{general("dir:O=Acme")}, "it is for no name at all"},
	}
	for _, test := range tests {
		_, err := verify.Verify(chainOf(strange(named(test.names...), root)), opts)
		wantFault(t, err, verify.NameMismatch, test.says)
	}
	template := named()
	for range 10_000 {
		template.EmailAddresses = append(template.EmailAddresses, strings.Repeat("a", 200)+"@a.example")
	}
	_, err := verify.Verify(chainOf(strange(template, root)), opts)
	wantFault(t, err, verify.NameMismatch, "and 9996 more")
	if len(err.Error()) > 1000 {
		t.Errorf("a message of %d bytes", len(err.Error()))
	}
}
