package verify_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// FuzzVerify shows whatever parses as certificates, beside a good intermediate
// and alone, to every kind of question.
func FuzzVerify(f *testing.F) {
	fixture := testpki.Must(testpki.New(now))
	for _, test := range slices.Concat(brokenKinds(), chainCases(), ruleCases(), nameCases()) {
		var der []byte
		for _, cert := range test.chain {
			if cert != nil {
				der = append(der, cert.Raw()...)
			}
		}
		f.Add(der)
	}
	hosts, home := roots(fixture.Roots()...), rootsOf("demo.signet", fixture.Roots()...)
	questions := []verify.Options{
		{Roots: hosts, Name: verify.Host(testpki.Host)},
		{Roots: hosts, Name: verify.Any("fuzzing"), Purpose: verify.ClientAuth},
		{Roots: home, Name: verify.Member(domain("demo.signet")), Purpose: verify.ClientAuth},
		{Roots: testpki.Must(verify.SystemRoots()), Name: verify.Host(testpki.Host)},
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		certs, err := pki.ParseCertificates(data)
		if err != nil {
			return
		}
		for _, opts := range questions {
			opts.Now = now
			for _, chain := range [][]*pki.Certificate{certs, append(slices.Clip(certs), fixture.Intermediate.Leaf())} {
				report, err := judged(chain, opts)
				wantWhole(t, report, err)
			}
			// Whoever parsed as an authority becomes the anchor of all the others.
			if trusted, err := verify.NewRoots("fuzzed", certs...); err == nil && opts.Roots.TrustDomain().IsZero() {
				opts.Roots = trusted
				report, err := judged(certs, opts)
				wantWhole(t, report, err)
			}
		}
	})
}

func FuzzNameCheck(f *testing.F) {
	for _, seed := range []string{"api.example.com", "[::1]", "fe80::1%eth0", "*.example", "bücher.example", "a\x00b", ""} {
		f.Add(seed)
	}
	hosts := roots(testpki.Must(testpki.New(now)).Roots()...)
	f.Fuzz(func(t *testing.T, text string) {
		name := verify.Host(text)
		if err := name.Check(hosts); err != nil {
			wantFault(t, err, verify.NameInvalid, "")
			return
		}
		if again := verify.Host(name.String()); again != name {
			t.Errorf("%q names %q, which names %q", text, name, again)
		}
		if sni := name.ServerName(); sni != "" && !pki.IsHostname(sni) {
			t.Errorf("%q puts %q into SNI", text, sni)
		}
		// A name that can be asked for is one that a certificate can have.
		fixture := testpki.Must(testpki.New(now))
		shown := name.ServerName()
		if shown == "" {
			shown = name.String()
		}
		chain := testpki.Must(fixture.Server(shown)).Chain
		opts := verify.Options{Roots: roots(fixture.Roots()...), Name: name, Now: now}
		if _, err := verify.Verify(chain, opts); errors.Is(err, verify.NameMismatch) {
			t.Errorf("%q is not matched by a certificate for %q: %v", text, shown, err)
		}
	})
}
