package spiffe_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	theirid "github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"

	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// theirs says whether go-spiffe accepts a chain of somebody in the trust domain.
func theirs(chain []*pki.Certificate, anchors ...*pki.Certificate) error {
	plain := func(certs []*pki.Certificate) (all []*x509.Certificate) {
		for _, cert := range certs {
			all = append(all, testpki.Must(x509.ParseCertificate(cert.Raw())))
		}
		return all
	}
	bundle := x509bundle.FromX509Authorities(theirid.RequireTrustDomainFromString(domain.String()), plain(anchors))
	_, _, err := x509svid.Verify(plain(chain), bundle)
	return err
}

// ours says whether Signet does.
func ours(chain []*pki.Certificate, anchors ...*pki.Certificate) error {
	roots, err := verify.ForTrustDomain(domain, anchors...)
	if err != nil {
		return err
	}
	_, err = verify.Verify(chain, verify.Options{Roots: roots, Name: verify.Member(domain), Purpose: verify.AnyPurpose})
	return err
}

// TestAuthority: go-spiffe accepts what our authority issues, and its bundle, and
// refuses another authority's.
func TestAuthority(t *testing.T) {
	now := time.Now()
	authority, other := testpki.Must(ca.New(domain, now)), testpki.Must(ca.New(domain, now))
	issue := func(from *ca.CA, path string) []*pki.Certificate {
		key := testpki.Must(pki.NewKey())
		plan := testpki.Must(from.Plan(testpki.Must(domain.ID(path)), now))
		return testpki.Must(from.Sign(plan, key.Public()))
	}
	for _, path := range []string{"web", "proxy/edge-1", "operator/ann", "a/b/c.d-e_f"} {
		chain := issue(authority, path)
		if err := theirs(chain, authority.Root()); err != nil {
			t.Errorf("go-spiffe refuses %s: %v", path, err)
		}
		id, err := x509svid.IDFromCert(testpki.Must(x509.ParseCertificate(chain[0].Raw())))
		if err != nil || id.String() != "spiffe://shop.example/"+path {
			t.Errorf("go-spiffe reads %s as %s, %v", path, id, err)
		}
		foreign := issue(other, path)
		for name, judge := range map[string]func([]*pki.Certificate, ...*pki.Certificate) error{"go-spiffe": theirs, "Signet": ours} {
			if err := judge(foreign, authority.Root()); err == nil {
				t.Errorf("%s accepts %s of another authority", name, path)
			}
		}
	}
	bundle, err := x509bundle.Parse(theirid.RequireTrustDomainFromString(domain.String()), authority.Root().PEM())
	if err != nil || len(bundle.X509Authorities()) != 1 {
		t.Errorf("go-spiffe reads the bundle as %v, %v", bundle, err)
	}
}

// maker makes certificates of any kind.
type maker struct {
	t                  *testing.T
	root, intermediate *x509.Certificate
	rootKey, key       *ecdsa.PrivateKey
}

func newMaker(t *testing.T) *maker {
	t.Helper()
	m := &maker{t: t}
	authority := func(name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: serialNumber(), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, URIs: []*url.URL{testpki.Must(url.Parse("spiffe://shop.example"))}}
	}
	m.rootKey, m.key = newKey(), newKey()
	m.root = m.make(authority("root"), authority("root"), &m.rootKey.PublicKey, m.rootKey)
	m.intermediate = m.make(authority("intermediate"), m.root, &m.key.PublicKey, m.rootKey)
	return m
}

func newKey() *ecdsa.PrivateKey {
	return testpki.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
}

func serialNumber() *big.Int {
	return testpki.Must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)))
}

func (m *maker) make(template, parent *x509.Certificate, public any, signer any) *x509.Certificate {
	m.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		m.t.Fatal(err)
	}
	return testpki.Must(x509.ParseCertificate(der))
}

// leaf is an SVID of web, changed.
func (m *maker) leaf(change func(*x509.Certificate)) []*x509.Certificate {
	m.t.Helper()
	template := &x509.Certificate{SerialNumber: serialNumber(), NotBefore: time.Now().Add(-5 * time.Minute), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, URIs: uris("spiffe://shop.example/web")}
	if change != nil {
		change(template)
	}
	return []*x509.Certificate{m.make(template, m.intermediate, &newKey().PublicKey, m.key), m.intermediate}
}

func uris(texts ...string) (all []*url.URL) {
	for _, text := range texts {
		all = append(all, testpki.Must(url.Parse(text)))
	}
	return all
}

// TestVerdicts: go-spiffe and Signet agree about SVIDs of every kind, but for what the
// reason says.
func TestVerdicts(t *testing.T) {
	m := newMaker(t)
	unknown := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 55555, 1}, Critical: true, Value: []byte{5, 0}}
	below := func(change func(*x509.Certificate)) []*x509.Certificate { // under an intermediate that is changed
		template := &x509.Certificate{SerialNumber: serialNumber(), Subject: pkix.Name{CommonName: "changed"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
		change(template)
		key := newKey()
		intermediate := m.make(template, m.root, &key.PublicKey, m.rootKey)
		leaf := &x509.Certificate{SerialNumber: serialNumber(), NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageDigitalSignature, URIs: uris("spiffe://shop.example/web")}
		return []*x509.Certificate{m.make(leaf, intermediate, &key.PublicKey, key), intermediate}
	}
	good := m.leaf(nil)
	tests := []struct {
		name         string
		chain        []*x509.Certificate
		theirs, ours bool
		reason       string // of a difference
	}{
		{"a good one", good, true, true, ""},
		{"with its root", append(append([]*x509.Certificate(nil), good...), m.root), true, true, ""},
		{"for servers alone", m.leaf(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), true, true, ""},
		{"for clients alone", m.leaf(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), true, true, ""},
		{"for no purpose in particular", m.leaf(func(c *x509.Certificate) { c.ExtKeyUsage = nil }), true, true, ""},
		{"with a host's name", m.leaf(func(c *x509.Certificate) { c.DNSNames = []string{"web.shop.example"} }), true, true, ""},
		{"with an address", m.leaf(func(c *x509.Certificate) { c.IPAddresses = []net.IP{{192, 0, 2, 1}} }), true, true, ""},
		{"with a subject", m.leaf(func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "web"} }), true, true, ""},
		{"with a long path", m.leaf(func(c *x509.Certificate) { c.URIs = uris("spiffe://shop.example/a/b/c/d/e/f/g") }), true, true, ""},
		{"expired", m.leaf(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), false, false, ""},
		{"not valid yet", m.leaf(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), false, false, ""},
		{"of another trust domain", m.leaf(func(c *x509.Certificate) { c.URIs = uris("spiffe://other.example/web") }), false, false, ""},
		{"without an ID", m.leaf(func(c *x509.Certificate) { c.URIs = nil; c.DNSNames = []string{"web.shop.example"} }), false, false, ""},
		{"with a URI that is no ID", m.leaf(func(c *x509.Certificate) { c.URIs = uris("https://shop.example/web") }), false, false, ""},
		{"with two IDs", m.leaf(func(c *x509.Certificate) { c.URIs = uris("spiffe://shop.example/web", "spiffe://shop.example/ops") }), false, false, ""},
		{"with an ID and another URI", m.leaf(func(c *x509.Certificate) { c.URIs = uris("spiffe://shop.example/web", "https://shop.example") }), false, false, ""},
		{"with a dot segment", m.leaf(func(c *x509.Certificate) { c.URIs = uris("spiffe://shop.example/a/../web") }), false, false, ""},
		{"with an empty segment", m.leaf(func(c *x509.Certificate) { c.URIs = uris("spiffe://shop.example//web") }), false, false, ""},
		{"with a slash at its end", m.leaf(func(c *x509.Certificate) { c.URIs = uris("spiffe://shop.example/web/") }), false, false, ""},
		{"with a query", m.leaf(func(c *x509.Certificate) { c.URIs = uris("spiffe://shop.example/web?x") }), false, false, ""},
		{"with a port", m.leaf(func(c *x509.Certificate) { c.URIs = uris("spiffe://shop.example:1/web") }), false, false, ""},
		{"with an escaped letter", m.leaf(func(c *x509.Certificate) { c.URIs = uris("spiffe://shop.example/w%65b") }), false, false, ""},
		{"without a path", m.leaf(func(c *x509.Certificate) { c.URIs = uris("spiffe://shop.example") }), true, false, "the trust domain's own ID is no workload's; SPIFFE-ID section 2.2 has a path for those"},
		{"an authority as a leaf", m.leaf(func(c *x509.Certificate) { c.IsCA = true; c.KeyUsage = x509.KeyUsageCertSign }), false, false, ""},
		{"a leaf that may sign certificates", m.leaf(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }), false, false, ""},
		{"a leaf that may sign lists", m.leaf(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCRLSign }), false, false, ""},
		{"a leaf that may not sign", m.leaf(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), true, false, "X509-SVID section 4.3 has digitalSignature set on a leaf, and go-spiffe does not ask for it"},
		{"a critical extension that nobody knows", m.leaf(func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{unknown} }), false, false, ""},
		{"without its intermediate", good[:1], false, false, ""},
		{"signed by another", []*x509.Certificate{newMaker(t).leaf(nil)[0], m.intermediate}, false, false, ""},
		{"all of another", newMaker(t).leaf(nil), false, false, ""},
		{"below an expired intermediate", below(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), false, false, ""},
		{"below an intermediate that is none", below(func(c *x509.Certificate) { c.IsCA = false; c.KeyUsage = x509.KeyUsageDigitalSignature }), false, false, ""},
		{"below an intermediate that may not sign", below(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }), false, false, ""},
		{"below an intermediate for this domain", below(func(c *x509.Certificate) {
			c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{"shop.example"}, true
		}), true, true, ""},
		{"below an intermediate for another domain", below(func(c *x509.Certificate) {
			c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{"other.example"}, true
		}), false, false, ""},
		{"below an intermediate for servers' purposes", below(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), true, true, ""},
		{"below a short RSA key", func() []*x509.Certificate {
			key := testpki.Must(rsa.GenerateKey(rand.Reader, 1024))
			template := *m.intermediate
			template.SerialNumber = serialNumber()
			intermediate := m.make(&template, m.root, &key.PublicKey, m.rootKey)
			leaf := *good[0]
			leaf.SignatureAlgorithm, template.SignatureAlgorithm = 0, 0
			return []*x509.Certificate{m.make(&leaf, intermediate, &newKey().PublicKey, key), intermediate}
		}(), true, false, "1,024 bits of RSA sign nothing that Signet believes"},
	}
	differ := 0
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var chain []*pki.Certificate
			for _, cert := range test.chain {
				chain = append(chain, testpki.Must(pki.ParseCertificate(cert.Raw)))
			}
			anchor := testpki.Must(pki.ParseCertificate(m.root.Raw))
			their, our := theirs(chain, anchor), ours(chain, anchor)
			if (their == nil) != test.theirs {
				t.Errorf("go-spiffe says %v", their)
			}
			if (our == nil) != test.ours {
				t.Errorf("Signet says %v", our)
			}
			if (test.theirs != test.ours) != (test.reason != "") {
				t.Error("a difference has a reason, and nothing else has")
			}
			if test.theirs && !test.ours {
				differ++
			}
			if test.ours && !test.theirs {
				t.Error("Signet accepts what go-spiffe refuses")
			}
		})
	}
	t.Logf("%d SVIDs; both agree about %d, and Signet alone refuses %d", len(tests), len(tests)-differ, differ)
}
