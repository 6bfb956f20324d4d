package verify_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/verify"
)

// TestPurposes asks leaves with some extended key usages for each purpose.
func TestPurposes(t *testing.T) {
	any := []int{2, 5, 29, 37, 0}
	of := func(last ...int) [][]int {
		var all [][]int
		for _, number := range last {
			all = append(all, []int{1, 3, 6, 1, 5, 5, 7, 3, number})
		}
		return all
	}
	server, client, code, mail, stamp, ocsp := of(1), of(2), of(3), of(4), of(8), of(9)
	const no = verify.WrongPurpose
	tests := []struct {
		name                                         string
		usages                                       [][]int
		server, client, any, mail, code, stamp, ocsp fault.Code
	}{
		{"server", server, "", no, "", no, no, no, no},
		{"client", client, no, "", "", no, no, no, no},
		{"code", code, no, no, "", no, "", no, no},
		{"mail", mail, no, no, "", "", no, no, no},
		{"stamp", stamp, no, no, "", no, no, "", no},
		{"responder", ocsp, no, no, "", no, no, no, ""},
		{"none named", nil, "", "", "", "", no, no, no},
		{"any", [][]int{any}, "", "", "", "", no, no, no},
		{"any and code", append(of(3), any), "", "", "", "", "", no, no},
		{"stamps and mail", of(8, 4), no, no, "", "", no, no, no},
		{"private", [][]int{{1, 3, 6, 1, 4, 1, 99999, 1}}, no, no, "", no, no, no, no},
	}
	purposes := []verify.Purpose{verify.ServerAuth, verify.ClientAuth, verify.AnyPurpose, verify.EmailProtection, verify.CodeSigning, verify.TimeStamping, verify.OCSPSigning}
	root := authority("Root")
	opts := verify.Options{Roots: roots(strange(root, root)), Name: verify.Any("a test"), Now: now}
	for _, test := range tests {
		for i, want := range []fault.Code{test.server, test.client, test.any, test.mail, test.code, test.stamp, test.ocsp} {
			t.Run(test.name+" for a "+purposes[i].String(), func(t *testing.T) {
				opts.Purpose = purposes[i]
				wantVerdict(t, chainOf(strange(useful(true, test.usages...), root)), opts, want)
			})
		}
	}
	opts.Purpose = verify.TimeStamping
	wantVerdict(t, chainOf(strange(useful(false, stamp...), root)), opts, no)
}

// useful is the template of a leaf with extended key usages.
func useful(critical bool, usages ...[]int) *x509.Certificate {
	return with(leaf(), func(c *x509.Certificate) {
		c.ExtKeyUsage = nil
		var list []asn1.ObjectIdentifier
		for _, usage := range usages {
			list = append(list, usage)
		}
		if list != nil {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: []int{2, 5, 29, 37}, Critical: critical, Value: der(list)})
		}
	})
}

// TestPurposeTexts reads the refusals.
func TestPurposeTexts(t *testing.T) {
	root := authority("Root")
	opts := verify.Options{Roots: roots(strange(root, root)), Name: verify.Host("other.example"), Now: now}
	mail := chainOf(strange(useful(false, []int{1, 3, 6, 1, 5, 5, 7, 3, 4}), root))
	bare := chainOf(strange(useful(false), root))
	tests := []struct {
		purpose verify.Purpose
		text    string // of certificates for e-mail
	}{
		{verify.ServerAuth, "localhost is for e-mail, not for a TLS server"},
		{verify.ClientAuth, "localhost is for e-mail, not for a TLS client"},
		{verify.AnyPurpose, "may be a TLS peer"},
		{verify.EmailProtection, "may be used for e-mail"},
		{verify.CodeSigning, "localhost is for e-mail, not for signing code"},
		{verify.TimeStamping, "localhost is for e-mail, not for time stamps"},
		{verify.OCSPSigning, "localhost is for e-mail, not for OCSP answers"},
	}
	for _, test := range tests {
		opts.Purpose = test.purpose
		report, _ := judged(mail, opts)
		if have := text(report); !strings.Contains(have, test.text) || !strings.Contains(have, "have the "+test.purpose.String()+" show a certificate for other.example") {
			t.Errorf("have\n%s, want %q in it", have, test.text)
		}
	}
	var private [][]int
	for i := range 10 {
		private = append(private, []int{1, 3, 6, 1, 4, 1, 99999, i})
	}
	opts.Purpose, opts.Name = verify.CodeSigning, verify.Any("a test")
	if _, check := headline(verify.Verify(chainOf(strange(useful(false, private...), root)), opts)); !strings.HasSuffix(check.Have, "99999.7, 2 more") {
		t.Errorf("of ten purposes have %q", check.Have)
	}
	_, err := verify.Verify(bare, opts)
	wantFault(t, err, verify.WrongPurpose, "localhost does not say that it is for signing code")
	if e, _ := fault.Of(err); e.Hint != "have the signer show a certificate with the extended key usage codeSigning" {
		t.Errorf("the next step is %q", e.Hint)
	}
	lister := with(useful(true, []int{1, 3, 6, 1, 5, 5, 7, 3, 3}), func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })
	_, err = verify.Verify(chainOf(strange(lister, root)), opts)
	wantFault(t, err, verify.WrongPurpose, "may not be used for signing code, by its key usage")
	if e, _ := fault.Of(err); e.Hint != "have the signer show a certificate with the key usage digitalSignature" {
		t.Errorf("of a key usage the next step is %q", e.Hint)
	}
}
