package verify_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/verify"
)

// hostileCase is a chain that is made to keep a verifier busy.
type hostileCase struct {
	name  string
	chain []*pki.Certificate
	opts  verify.Options
	code  fault.Code
}

// many makes as many texts as there are numbers below count.
func many(count int, format string) (all []string) {
	for i := range count {
		all = append(all, fmt.Sprintf(format, i))
	}
	return all
}

// layered is a graph in which each of the authorities of a layer, all of one name
// and key, has signed each below: wide^layers paths. The last layer's issuer is
// nobody, or the anchor.
func layered(layers, wide int, anchor *pki.Credential, top, leaf *x509.Certificate, change func(*x509.Certificate)) []*pki.Certificate {
	var all []*pki.Certificate
	above := anchor
	for layer := range layers {
		template := with(authority(fmt.Sprint("Layer ", layer)), change)
		first := forge(template, above)
		all = append(all, first.Leaf())
		for i := 1; i < wide; i++ {
			template.SerialNumber = big.NewInt(int64(i + 1))
			again := *testpki.Must(first.Leaf().X509())
			again.SerialNumber, again.AuthorityKeyId, again.SignatureAlgorithm = template.SerialNumber, nil, 0
			all = append(all, resignedAs(&again, first, above))
		}
		above = first
	}
	slices.Reverse(all)
	return append(forge(leaf, above).Chain[:1], all...)
}

// resignedAs is a template with a subject's key, signed by an issuer.
func resignedAs(template *x509.Certificate, subject, issuer *pki.Credential) *pki.Certificate {
	der := testpki.Must(x509.CreateCertificate(rand.Reader, template, testpki.Must(issuer.Leaf().X509()), subject.Key.Public(), issuer.Key))
	return testpki.Must(pki.ParseCertificate(der))
}

func hostileCases() []hostileCase {
	root, nobody := forge(authority("Root"), nil), forge(authority("Nobody"), nil)
	opts := verify.Options{Roots: roots(root.Leaf()), Name: verify.Any("the work is what is looked at"), Now: now}
	critical := func(c *x509.Certificate) { c.PermittedDNSDomainsCritical = true }
	same := func(*x509.Certificate) {}
	named := func(count int) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames = many(count, "host%d.example") }
	}
	constrained := func(change func(*x509.Certificate), leafs func(*x509.Certificate)) []*pki.Certificate {
		return forge(with(leaf(), leafs), forge(with(with(authority("Narrow"), critical), change), root)).Chain
	}
	subject := func(c *x509.Certificate) {
		for i := range 200 {
			c.Subject.OrganizationalUnit = append(c.Subject.OrganizationalUnit, fmt.Sprint("Unit ", i))
		}
	}
	directories := func(c *x509.Certificate) {
		var trees []byte
		for i := range 2000 {
			name := testpki.Must(asn1.Marshal(pkix.Name{Organization: []string{fmt.Sprint("Other ", i)}}.ToRDNSequence()))
			base := testpki.Must(asn1.Marshal(asn1.RawValue{Class: 2, Tag: 4, IsCompound: true, Bytes: name}))
			trees = append(trees, testpki.Must(asn1.Marshal(asn1.RawValue{Tag: 16, IsCompound: true, Bytes: base}))...)
		}
		list := testpki.Must(asn1.Marshal(asn1.RawValue{Class: 2, Tag: 1, IsCompound: true, Bytes: trees}))
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 30}, Critical: true, Value: testpki.Must(asn1.Marshal(asn1.RawValue{Tag: 16, IsCompound: true, Bytes: list}))}}
	}
	extended := func(c *x509.Certificate) {
		for i := range 250 {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, i}, Value: []byte{5, 0}})
		}
	}
	policed := func(c *x509.Certificate) {
		for i := range 100 {
			c.Policies = append(c.Policies, testpki.Must(x509.OIDFromInts([]uint64{1, 3, 6, 1, 4, 1, 99999, uint64(i)})))
			c.PolicyMappings = append(c.PolicyMappings, x509.PolicyMapping{IssuerDomainPolicy: c.Policies[i], SubjectDomainPolicy: c.Policies[0]})
		}
	}
	sameName := func(keys func(i int) crypto.PublicKey) []*pki.Certificate {
		chain := forge(leaf(), forge(authority("Many"), root)).Chain[:1]
		for i := range 60 {
			template := with(authority("Many"), func(c *x509.Certificate) { c.SerialNumber, c.SubjectKeyId = big.NewInt(int64(i+1)), nil })
			der := testpki.Must(x509.CreateCertificate(rand.Reader, template, testpki.Must(root.Leaf().X509()), keys(i), root.Key))
			chain = append(chain, testpki.Must(pki.ParseCertificate(der)))
		}
		return chain
	}
	random := func(bits uint) *big.Int {
		n := testpki.Must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), bits-1)))
		return n.SetBit(n.SetBit(n, int(bits-1), 1), 0, 1)
	}
	large := func(int) crypto.PublicKey { return &rsa.PublicKey{N: random(8192), E: 65537} }
	flawed := func(i int) crypto.PublicKey { return &rsa.PublicKey{N: flawedModulus(int64(i)), E: 65537} }
	curved := func(int) crypto.PublicKey { return testpki.Must(pki.GenerateKey(pki.P521)).Public() }
	demanding := opts
	demanding.RequirePolicy = true
	return []hostileCase{
		{"layers to nobody", layered(7, 9, nobody, nil, leaf(), same), opts, verify.BudgetExceeded},
		{"layers to the root", layered(7, 9, root, nil, leaf(), func(c *x509.Certificate) { c.NotAfter = now.Add(-day) }), opts, verify.CertExpired},
		{"layers of many names", layered(7, 9, root, nil, leaf(), func(c *x509.Certificate) { named(200)(c); c.NotAfter = now.Add(-day) }), opts, verify.CertExpired},
		{"layers of many extensions", layered(7, 9, root, nil, leaf(), func(c *x509.Certificate) { extended(c); c.NotAfter = now.Add(-day) }), opts, verify.CertExpired},
		{"layers of many constraints", layered(7, 9, root, nil, leaf(), func(c *x509.Certificate) {
			critical(c)
			c.ExcludedDNSDomains, c.NotAfter = many(200, "no%d.example"), now.Add(-day)
		}), opts, verify.CertExpired},
		{"layers of many policies", layered(10, 6, root, nil, leaf(), policed), demanding, verify.BudgetExceeded},
		{"hosts against hosts", constrained(func(c *x509.Certificate) { c.ExcludedDNSDomains = many(3000, "no%d.example") }, named(3000)), opts, verify.BudgetExceeded},
		{"permitted hosts", constrained(func(c *x509.Certificate) { c.PermittedDNSDomains = append(many(3000, "no%d.example"), "example") }, named(3000)), opts, verify.BudgetExceeded},
		{"mailboxes", constrained(func(c *x509.Certificate) { c.ExcludedEmailAddresses = many(2000, "u%d@no.example") },
			func(c *x509.Certificate) { c.EmailAddresses = many(2000, "u%d@yes.example") }), opts, verify.BudgetExceeded},
		{"URIs", constrained(func(c *x509.Certificate) { c.ExcludedURIDomains = many(2000, "no%d.example") }, func(c *x509.Certificate) {
			for _, text := range many(2000, "https://yes%d.example/a/b/c") {
				c.URIs = append(c.URIs, testpki.Must(url.Parse(text)))
			}
		}), opts, verify.BudgetExceeded},
		{"addresses", constrained(func(c *x509.Certificate) {
			for i := range 2000 {
				c.ExcludedIPRanges = append(c.ExcludedIPRanges, &net.IPNet{IP: net.IPv4(11, 0, byte(i>>8), byte(i)).To4(), Mask: net.CIDRMask(32, 32)})
			}
		}, func(c *x509.Certificate) {
			for i := range 2000 {
				c.IPAddresses = append(c.IPAddresses, net.IPv4(10, 0, byte(i>>8), byte(i)).To4())
			}
		}), opts, verify.BudgetExceeded},
		{"directories", constrained(directories, subject), opts, verify.BudgetExceeded},
		{"many RSA keys of 8,192 bits", signedByRSA(sameName(large)), opts, verify.BudgetExceeded},
		{"many keys on P-521", sameName(curved), opts, verify.BudgetExceeded},
		{"many compressed points", squeezed(sameName(curved), root), opts, verify.BudgetExceeded},
		{"many keys of a flawed chip", sameName(flawed), opts, verify.ChainIncomplete},
		{"a name of 100,000 bytes", constrained(same, func(c *x509.Certificate) { c.DNSNames = []string{strings.Repeat("a.", 50_000) + "a"} }), opts, verify.NameMalformed},
	}
}

// signedByRSA is a chain whose leaf claims a signature by an RSA key of 8,192 bits.
func signedByRSA(chain []*pki.Certificate) []*pki.Certificate {
	algorithm := testpki.Must(asn1.Marshal(pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, Parameters: asn1.NullRawValue}))
	chain[0] = rewritten(chain[0], &pki.Credential{Key: noise{}}, func(c *contents) { c.Algorithm = asn1.RawValue{FullBytes: algorithm} })
	return chain
}

// noise makes signatures that are below any modulus of 8,192 bits, and wrong.
type noise struct{ crypto.Signer }

func (noise) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return append([]byte{0}, bytes.Repeat([]byte{0xa5}, 1023)...), nil
}

// squeezed is a chain whose authorities' points on P-521 are compressed.
func squeezed(chain []*pki.Certificate, root *pki.Credential) []*pki.Certificate {
	for i, cert := range chain[1:] {
		point := cert.PublicKey().Bits()
		short := append([]byte{2 + point[len(point)-1]&1}, point[1:67]...)
		chain[i+1] = rewritten(cert, root, func(c *contents) {
			var key struct {
				Algorithm asn1.RawValue
				Point     asn1.BitString
			}
			testpki.Must(asn1.Unmarshal(c.Key.FullBytes, &key))
			key.Point = asn1.BitString{Bytes: short, BitLength: 8 * len(short)}
			c.Key = asn1.RawValue{FullBytes: testpki.Must(asn1.Marshal(key))}
		})
	}
	return chain
}

// flawedModulus is one of 2,048 bits that is a power of 65537 modulo the product of
// the first primes, as those of ROCA are (CVE-2017-15361).
func flawedModulus(power int64) *big.Int {
	product := big.NewInt(1)
	for n := int64(2); n <= 167; n++ {
		if prime := big.NewInt(n); prime.ProbablyPrime(0) {
			product.Mul(product, prime)
		}
	}
	n := new(big.Int).Exp(big.NewInt(65537), big.NewInt(1_000_000+power), product)
	top := new(big.Int).Lsh(big.NewInt(1), 2047)
	return n.Add(n, product.Mul(product, top.Div(top, product).Add(top, big.NewInt(1))))
}

// TestHostile: what is made to keep a verifier busy is refused within its
// budgets, or it is cheap.
func TestHostile(t *testing.T) {
	for _, c := range hostileCases() {
		t.Run(c.name, func(t *testing.T) {
			report, spent, err := verify.Spend(c.chain, c.opts)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %+v", report.Code, spent)
			if report.Code != c.code {
				t.Errorf("have %q, want %q", report.Code, c.code)
			}
			most := verify.Budgets // what would pass one is counted, and not done
			if spent.Steps > most.Steps+1 || spent.Price > 2*most.Price || spent.Names > 2*most.Names || spent.Policies > 2*most.Policies {
				t.Errorf("spent %+v, of %+v", spent, most)
			}
		})
	}
}

// TestListSignersArePaid: what it takes to believe another signer of a revocation
// list is taken from the chain's own budget.
func TestListSignersArePaid(t *testing.T) {
	ours := testpki.Must(testpki.New(now))
	server := testpki.Must(ours.Server(testpki.Host)).Chain
	lister := forge(&x509.Certificate{Subject: testpki.Must(server[1].X509()).Subject, SubjectKeyId: []byte("lists"), KeyUsage: x509.KeyUsageCRLSign,
		NotBefore: now.Add(-day), NotAfter: now.Add(day)}, ours.Root)
	spec := pki.RevocationListSpec{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(day)}
	lists := []*pki.RevocationList{testpki.Must(lister.NewRevocationList(spec)), testpki.Must(ours.Root.NewRevocationList(spec))} // about the server, about its signer
	opts := verify.Options{Roots: roots(ours.Roots()...), Name: verify.Host(testpki.Host), Now: now}
	chain := append(server, lister.Leaf())
	_, without, _ := verify.Spend(chain, opts)
	opts.Revocation = ask(verify.LeafAlone, testpki.Must(revocation.New(lists, nil)))
	report, with, err := verify.Spend(chain, opts)
	if err != nil || !report.Trusted || with.Price <= without.Price {
		t.Errorf("have %+v and %v, spent %+v; and without the lists %+v", report, err, with, without)
	}
}

// BenchmarkHostile judges what is made to keep a verifier busy.
func BenchmarkHostile(b *testing.B) {
	for _, c := range hostileCases() {
		b.Run(strings.ReplaceAll(c.name, " ", "-"), func(b *testing.B) {
			size := 0
			for _, cert := range c.chain {
				size += len(cert.Raw())
			}
			for b.Loop() {
				verify.Verify(c.chain, c.opts)
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}
