package verify_test

import (
	"crypto/x509"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// TestVerdictIsX509s: over random chains, trusted means that crypto/x509 finds a
// path for the purpose and that the leaf has the name; never more, never less.
func TestVerdictIsX509s(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	verdicts := map[bool]int{}
	for range 400 {
		chain, opts, anchors := randomCase(random)
		report, err := judged(chain, opts)
		if report == nil {
			t.Fatal(err)
		}
		wantWhole(t, report, err)
		want := x509Verdict(chain, opts, anchors) == nil && testpki.Must(chain[0].X509()).VerifyHostname(testpki.Host) == nil
		if report.Trusted != want {
			t.Fatalf("have trusted %v, want %v: %v\n%s%s", report.Trusted, want, x509Verdict(chain, opts, anchors), text(report), pemOf(chain))
		}
		verdicts[want]++
	}
	if verdicts[true] < 20 || verdicts[false] < 20 {
		t.Errorf("the chains are not random enough: %v", verdicts)
	}
}

// x509Verdict asks crypto/x509 by itself.
func x509Verdict(chain []*pki.Certificate, opts verify.Options, anchors []*pki.Certificate) error {
	trusted, others := x509.NewCertPool(), x509.NewCertPool()
	for _, anchor := range anchors {
		trusted.AddCert(testpki.Must(anchor.X509()))
	}
	for _, cert := range chain[1:] {
		others.AddCert(testpki.Must(cert.X509()))
	}
	usage := x509.ExtKeyUsageServerAuth
	if opts.Purpose == verify.ClientAuth {
		usage = x509.ExtKeyUsageClientAuth
	}
	_, err := testpki.Must(chain[0].X509()).Verify(x509.VerifyOptions{Roots: trusted, Intermediates: others, CurrentTime: opts.Now, KeyUsages: []x509.ExtKeyUsage{usage}})
	return err
}

func pemOf(chain []*pki.Certificate) string {
	var out strings.Builder
	for _, cert := range chain {
		out.Write(cert.PEM())
	}
	return out.String()
}

// randomCase makes two roots, up to three authorities and a leaf, of which each
// may be wrong in some way, and sends them in some order.
func randomCase(random *rand.Rand) (chain []*pki.Certificate, opts verify.Options, anchors []*pki.Certificate) {
	chance := func(of int) bool { return random.IntN(of) == 0 }
	ours, stranger := forge(spoil(random, authority("Root"), 20), nil), forge(authority("Root"), nil)
	issuer := ours
	if chance(12) {
		issuer = stranger
	}
	for i := range random.IntN(4) {
		next := forge(spoil(random, authority("CA "+string(rune('A'+i))), 8), issuer)
		if chance(4) { // cross-signed by the other root, too
			next.Chain = append(next.Chain, resigned(next, stranger))
		}
		issuer = next
	}
	chain = forge(spoil(random, leaf(), 4), issuer).Chain
	if chance(8) {
		chain[0] = altered(chain[0])
	}
	sent := chain[1:]
	random.Shuffle(len(sent), func(i, j int) { sent[i], sent[j] = sent[j], sent[i] })
	if chance(6) && len(sent) > 0 {
		sent = sent[1:]
	}
	if chance(6) && len(sent) > 0 {
		sent = append(sent, sent[0])
	}
	chain = append(chain[:1:1], sent...)
	anchors = ours.Chain
	if chance(4) {
		anchors = append(anchors, stranger.Leaf())
	}
	if !anchors[0].IsAuthority() {
		anchors = stranger.Chain
	}
	opts = verify.Options{Roots: roots(anchors...), Name: verify.Host(testpki.Host), Now: now, Profile: verify.Path}
	if chance(3) {
		opts.Purpose = verify.ClientAuth
	}
	return chain, opts, anchors
}

// spoil changes a template in one way, or with luck in none.
func spoil(random *rand.Rand, template *x509.Certificate, luck int) *x509.Certificate {
	ways := []func(*x509.Certificate){
		func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) },
		func(c *x509.Certificate) { c.NotAfter = now },
		func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) },
		func(c *x509.Certificate) { c.NotBefore = now },
		func(c *x509.Certificate) { c.DNSNames = []string{"other.example"} },
		func(c *x509.Certificate) { c.DNSNames = nil },
		func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
		func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} },
		func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature },
		func(c *x509.Certificate) { c.KeyUsage = 0 },
		func(c *x509.Certificate) { c.IsCA, c.MaxPathLen = false, 0 },
		func(c *x509.Certificate) { c.BasicConstraintsValid, c.IsCA, c.MaxPathLen = false, false, 0 },
		func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, c.IsCA },
		func(c *x509.Certificate) { c.MaxPathLen = max(c.MaxPathLen, 0) * 2 },
		func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example.com"} },
		func(c *x509.Certificate) { c.PermittedDNSDomains = []string{testpki.Host} },
		func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{testpki.Host} },
		func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"other.example"} },
		func(c *x509.Certificate) { c.PermittedEmailAddresses = []string{"mail.example"} },
		func(c *x509.Certificate) { c.EmailAddresses = []string{"a@mail.example"} },
		func(c *x509.Certificate) { c.EmailAddresses = []string{"a@other.example"} },
		func(c *x509.Certificate) { c.PermittedURIDomains = []string{"web.example"} },
		func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "https", Host: "other.example"}} },
		func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1).To4()} },
		func(c *x509.Certificate) {
			c.ExcludedIPRanges = []*net.IPNet{{IP: net.IPv4(10, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}}
		},
		func(c *x509.Certificate) { c.AuthorityKeyId = []byte("nobody's") },
		func(c *x509.Certificate) { c.SubjectKeyId = nil },
		func(c *x509.Certificate) { c.Subject.CommonName = "Root" },
		func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 },
		unknownCritical,
	}
	if way := random.IntN(len(ways) * luck); way < len(ways) {
		ways[way](template)
	}
	return template
}
