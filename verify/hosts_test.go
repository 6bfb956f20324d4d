package verify_test

import (
	"testing"

	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// TestNamesOfLeaf holds the form of a leaf's names against the rules for them.
func TestNamesOfLeaf(t *testing.T) {
	root := authority("Root")
	anchor := roots(strange(root, root))
	tests := []struct {
		name    string
		subject string
		names   []string
		rfc     fault.Code
		web     fault.Code
	}{
		{"host", "", []string{"DNS:a.example"}, "", ""},
		{"wildcard", "", []string{"DNS:*.a.example"}, "", ""},
		{"underscore", "", []string{"DNS:a_b.example"}, verify.NameMalformed, verify.NameMalformed},
		{"two wildcards", "", []string{"DNS:*.*.example"}, verify.NameMalformed, verify.NameMalformed},
		{"trailing dot", "", []string{"DNS:a.example."}, verify.NameMalformed, verify.NameMalformed},
		{"address as text", "", []string{"DNS:10.0.0.1"}, verify.NameMalformed, verify.NameMalformed},
		{"NUL", "", []string{"DNS:a.example\x00.b.example"}, verify.NameMalformed, verify.NameMalformed},
		{"the second of two", "", []string{"DNS:a.example", "DNS:"}, verify.NameMalformed, verify.NameMalformed},
		{"e-mail", "", []string{"email:jane@a.example"}, "", ""},
		{"e-mail without a host", "", []string{"email:jane"}, verify.NameMalformed, verify.NameMalformed},
		{"address", "", []string{"IP:10.0.0.1"}, "", ""},
		{"wildcard of a public suffix", "", []string{"DNS:*.co.uk"}, "", verify.NameMalformed},
		{"wildcard of a private suffix", "", []string{"DNS:*.github.io"}, "", verify.NameMalformed},
		{"wildcard of everybody", "", []string{"DNS:*.com"}, "", verify.NameMalformed},
		{"wildcard below a public suffix", "", []string{"DNS:*.a.co.uk"}, "", ""},
		{"common name among the names", "CN=a.example", []string{"DNS:b.example", "DNS:a.example"}, "", ""},
		{"common name in capitals", "CN=A.example", []string{"DNS:a.example"}, "", verify.NameMalformed},
		{"common name of a wildcard's parent", "CN=a.example", []string{"DNS:*.a.example"}, "", ""},
		{"common name elsewhere", "CN=b.example", []string{"DNS:a.example"}, "", verify.NameMalformed},
		{"common name that is an address", "CN=10.0.0.1", []string{"IP:10.0.0.1"}, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var all []pki.GeneralName
			for _, name := range test.names {
				all = append(all, general(name))
			}
			template := named(all...)
			template.RawSubject = directory(test.subject)
			if test.subject == "" {
				template.ExtraExtensions[0].Critical = true
			}
			opts := verify.Options{Roots: anchor, Name: verify.Any("a test"), Now: now}
			wantVerdict(t, chainOf(strange(template, root)), opts, test.rfc)
			opts.Profile = verify.WebPKI
			wantVerdict(t, chainOf(strange(template, root)), opts, test.web)
			opts.Profile = verify.Path
			wantVerdict(t, chainOf(strange(template, root)), opts, "")
		})
	}
}

// TestCommonName: a common name counts by permission, and where there are no
// alternative names at all.
func TestCommonName(t *testing.T) {
	root := authority("Root")
	opts := verify.Options{Roots: roots(strange(root, root)), Profile: verify.Path, Now: now}
	tests := []struct {
		name    string
		subject string
		names   []pki.GeneralName
		asked   string
		want    fault.Code // with the permission
	}{
		{"the same", "CN=a.example", nil, "a.example", ""},
		{"case", "CN=A.example", nil, "a.EXAMPLE.", ""},
		{"wildcard", "CN=*.example.com", nil, "a.example.com", ""},
		{"the second of two", "CN=b.example/CN=a.example", nil, "a.example", ""},
		{"another", "CN=b.example", nil, "a.example", verify.NameMismatch},
		{"no host", "CN=Jane Doe", nil, "a.example", verify.NameMismatch},
		{"beside an alternative name", "CN=a.example", []pki.GeneralName{general("DNS:b.example")}, "a.example", verify.NameMismatch},
		{"beside one of another form", "CN=a.example", []pki.GeneralName{general("IP:10.0.0.1")}, "a.example", verify.NameMismatch},
		{"address", "CN=10.0.0.1", nil, "10.0.0.1", verify.NameMismatch},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			template := named(test.names...)
			template.RawSubject = directory(test.subject)
			chain := chainOf(strange(template, root))
			opts.Name = verify.Host(test.asked)
			opts.Legacy = nil
			wantVerdict(t, chain, opts, verify.NameMismatch)
			opts.Legacy = []dangerous.Legacy{dangerous.CommonName()}
			wantVerdict(t, chain, opts, test.want)
		})
	}
	template := named()
	template.RawSubject = directory("mail=jane@a.example/CN=jane@a.example")
	opts.Name = verify.Email("jane@a.example")
	wantVerdict(t, chainOf(strange(template, root)), opts, verify.NameMismatch)
	opts.Name = verify.URI("https://a.example/")
	wantVerdict(t, chainOf(strange(template, root)), opts, verify.NameMismatch)
}
