package verify_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net"
	"os"
	"testing"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// Object identifiers of extensions and curves, as in DER.
var (
	idSubjectAltName  = asn1.ObjectIdentifier{2, 5, 29, 17}
	idPolicyMappings  = asn1.ObjectIdentifier{2, 5, 29, 33}
	idExtKeyUsage     = asn1.ObjectIdentifier{2, 5, 29, 37}
	idNameConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}

	curveP256    = []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}
	curveP192    = []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 1}
	ecdsaSHA256  = []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2}
	ecdsaUnknown = []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 9}
	ecdsaSHA384  = []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3}
	serverAuth   = []byte{6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1}
	registeredID = []byte{0x88, 2, 0x2a, 3} // 1.2.3, as a GeneralName
)

// carrying is a template with one more extension.
func carrying(template *x509.Certificate, id asn1.ObjectIdentifier, critical bool, value []byte) *x509.Certificate {
	template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: id, Critical: critical, Value: value})
	return template
}

// sequence is the SEQUENCE of these elements; they are short.
func sequence(elements ...[]byte) []byte {
	content := bytes.Join(elements, nil)
	return append([]byte{0x30, byte(len(content))}, content...)
}

// dns is a GeneralName.
func dns(name string) []byte { return append([]byte{0x82, byte(len(name))}, name...) }

// recut replaces bytes of a credential's certificate by as many others, the first
// that fit, and has its issuer sign it again.
func recut(subject *pki.Credential, issuer crypto.Signer, old, fresh []byte) *pki.Credential {
	var outer struct {
		Contents  asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	testpki.Must(asn1.Unmarshal(subject.Leaf().Raw(), &outer))
	outer.Contents = asn1.RawValue{FullBytes: bytes.Replace(outer.Contents.FullBytes, old, fresh, 1)}
	digest := sha256.Sum256(outer.Contents.FullBytes)
	signature := testpki.Must(issuer.Sign(rand.Reader, digest[:], crypto.SHA256))
	outer.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	cert := testpki.Must(pki.ParseCertificate(testpki.Must(asn1.Marshal(outer))))
	return &pki.Credential{Chain: append([]*pki.Certificate{cert}, subject.Chain[1:]...), Key: subject.Key}
}

// withRSA is a leaf for an RSA key of so many bits, which nobody has.
func withRSA(template *x509.Certificate, bits uint, issuer *pki.Credential) *pki.Certificate {
	modulus := new(big.Int).Lsh(big.NewInt(1), bits-1)
	template.SerialNumber = big.NewInt(2)
	der := testpki.Must(x509.CreateCertificate(rand.Reader, template, testpki.Must(issuer.Leaf().X509()),
		&rsa.PublicKey{N: modulus.SetBit(modulus, 0, 1), E: 65537}, issuer.Key))
	return testpki.Must(pki.ParseCertificate(der))
}

// formCases are chains of which a certificate is not as it must be.
func formCases() []badCase {
	root := forge(authority("Root"), nil)
	opts := verify.Options{Roots: roots(root.Leaf()), Name: verify.Host(testpki.Host), Now: now}
	crippled := forge(with(authority("Crippled Root"), func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }), nil)
	atCrippled := opts
	atCrippled.Roots = roots(crippled.Leaf())
	below := func(template *x509.Certificate) *pki.Credential { return forge(template, root) }
	good := below(leaf())
	serial := []byte{2, 1, 1}
	san := sequence(dns(testpki.Host))
	nameless := below(with(authority("Nameless"), func(c *x509.Certificate) { c.Subject = pkix.Name{} }))
	broken := recut(below(authority("Broken")), root.Key, append(curveP256, 3, 0x42, 0, 4), append(bytes.Clone(curveP256), 3, 0x42, 0, 5))
	odd := recut(below(authority("Odd")), root.Key, curveP256, curveP192)
	narrow := below(with(authority("Narrow"), func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{testpki.Host}, true
	}))
	itself := below(with(authority("Itself"), func(c *x509.Certificate) { c.DNSNames = []string{testpki.Host} }))
	atItself := opts
	atItself.Roots = roots(itself.Leaf())
	unknown := testpki.Must(pki.ParseCertificates(testpki.Must(os.ReadFile("testdata/ed448.pem")))) // made by OpenSSL
	atUnknown := opts
	atUnknown.Roots = roots(unknown[1])
	return []badCase{
		{"signature of a kind that is not known", "the leaf is signed by an algorithm that nobody has", pki.SignatureUnsupported, 0,
			[]*pki.Certificate{testpki.Must(pki.ParseCertificate(bytes.ReplaceAll(good.Leaf().Raw(), ecdsaSHA256, ecdsaUnknown)))}, opts},
		{"key of a kind that is not known", "the root's key is of Ed448", pki.KeyUnsupported, 1, unknown[:1], atUnknown},
		{"good, an anchor that another has signed", "nothing", "", 0, itself.Chain[:1], atItself},
		{"version 2", "the leaf says that it is of version 2", verify.VersionOld, 0,
			recut(good, root.Key, []byte{0xa0, 3, 2, 1, 2}, []byte{0xa0, 3, 2, 1, 1}).Chain, opts},
		{"negative serial", "the leaf's serial number is below zero", verify.SerialInvalid, 0,
			recut(good, root.Key, serial, []byte{2, 1, 0xff}).Chain, opts},
		{"dates the wrong way round", "the leaf ends before it begins", verify.DateMalformed, 0,
			below(with(leaf(), func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.Add(3*day), now.Add(-3*day) })).Chain, opts},
		{"nameless authority", "the intermediate has no name", verify.NameEmpty, 0, forge(leaf(), nameless).Chain, opts},
		{"two algorithms", "the leaf's two copies of its signature's algorithm differ", verify.SignatureAlgorithmMismatch, 0,
			recut(good, root.Key, ecdsaSHA256, ecdsaSHA384).Chain, opts},
		{"curve without a use", "the leaf's key is on P-192", pki.KeyUnsupported, 0, recut(good, root.Key, curveP256, curveP192).Chain, opts},
		{"issuer's curve", "the intermediate's key is on P-192, so that no signature of it can be checked", pki.KeyUnsupported, 1,
			[]*pki.Certificate{forge(leaf(), below(authority("Odd"))).Leaf(), odd.Leaf()}, opts},
		{"issuer's broken key", "the intermediate's key is no point of its curve's form", pki.KeyMalformed, 1,
			[]*pki.Certificate{forge(leaf(), below(authority("Broken"))).Leaf(), broken.Leaf()}, opts},
		{"issuer without a name", "the leaf does not say who signed it", verify.NameEmpty, 0,
			forge(leaf(), forge(with(authority("Nobody"), func(c *x509.Certificate) { c.Subject = pkix.Name{} }), nil)).Chain[:1], opts},

		{"extension twice", "the leaf has its alternative names twice", verify.ExtensionDuplicate, 0,
			below(carrying(carrying(leaf(), idSubjectAltName, true, san), idSubjectAltName, true, san)).Chain, opts},
		{"extension is no list", "the leaf's alternative names are no DER", verify.ExtensionMalformed, 0,
			below(carrying(leaf(), idSubjectAltName, true, []byte("localhost"))).Chain, opts},
		{"extension of authorities", "the leaf has name constraints", verify.ExtensionForbidden, 0,
			below(carrying(leaf(), idNameConstraints, true, sequence([]byte{0xa0, 13}, sequence(dns(testpki.Host))))).Chain, opts},
		{"constraints not critical", "the intermediate's name constraints may be ignored", verify.ExtensionCriticality, 1,
			forge(leaf(), below(with(authority("Inter"), func(c *x509.Certificate) { c.PermittedDNSDomains = []string{testpki.Host} }))).Chain, opts},
		{"key usage of an authority", "the leaf may sign certificates by its key usage", verify.LeafSigns, 0,
			below(with(leaf(), func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })).Chain, opts},

		{"name is none", "one of the leaf's names is no host", verify.NameMalformed, 0,
			below(with(leaf(), func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, ".example.com") })).Chain, opts},
		{"name that cannot be read", "one of the leaf's names is not ASCII", verify.NameMalformed, 0,
			below(carrying(leaf(), idSubjectAltName, true, sequence(dns(testpki.Host), dns("b\xfccher.example")))).Chain, opts},
		{"wrong name that can be read", "it is for another name, and one that cannot be read", verify.NameMismatch, 0,
			below(carrying(leaf(), idSubjectAltName, true, sequence(dns("other.example"), dns("b\xfccher.example")))).Chain, opts},
		{"policy mapped to any", "the intermediate maps a policy to any policy", verify.PolicyMappingInvalid, 1,
			forge(leaf(), below(carrying(authority("Inter"), idPolicyMappings, true,
				sequence(sequence([]byte{6, 2, 0x2a, 3}, []byte{6, 4, 0x55, 0x1d, 0x20, 0}))))).Chain, opts},
		{"constraint is none", "the intermediate's name constraint is a wildcard", verify.NameConstraintMalformed, 1,
			forge(leaf(), below(with(authority("Inter"), func(c *x509.Certificate) {
				c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"*.example.com"}, true
			}))).Chain, opts},
		{"constraints are none", "the intermediate's name constraints cannot be read", verify.NameConstraintMalformed, 1,
			[]*pki.Certificate{forge(leaf(), narrow).Leaf(), recut(narrow, root.Key, dns("localhost"), append([]byte{0x8f, 9}, "localhost"...)).Leaf()}, opts},
		{"constraint of another form", "the intermediate excludes an object identifier, and the leaf has it as a name", verify.NameConstraintUnknown, 1,
			forge(carrying(leaf(), idSubjectAltName, true, sequence(dns(testpki.Host), registeredID)),
				below(carrying(authority("Inter"), idNameConstraints, true, sequence([]byte{0xa1, 6}, sequence(registeredID))))).Chain, opts},

		{"root's key usage", "the root is an authority whose key usage forbids to sign", verify.IssuerMayNotSign, 1,
			forge(leaf(), crippled).Chain[:1], atCrippled},
	}
}

// constraintCases have authorities that may sign for some names only.
func constraintCases() []badCase {
	root := forge(authority("Root"), nil)
	opts := verify.Options{Roots: roots(root.Leaf()), Name: verify.Host(testpki.Host), Now: now}
	// Below an authority with constraints, a leaf with more names.
	chain := func(limit, name func(*x509.Certificate)) []*pki.Certificate {
		limited := func(c *x509.Certificate) { c.PermittedDNSDomainsCritical = true; limit(c) }
		return forge(with(leaf(), name), forge(with(authority("Inter"), limited), root)).Chain
	}
	network := func(bits, of int) []*net.IPNet {
		return []*net.IPNet{{IP: net.IPv4(10, 0, 0, 0).To4(), Mask: net.CIDRMask(bits, of)}}
	}
	address := func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(10, 1, 0, 1)} }
	mailbox := func(text string) func(c *x509.Certificate) {
		return func(c *x509.Certificate) { c.EmailAddresses = []string{text} }
	}
	many := func(c *x509.Certificate) {
		for i := range 400 {
			c.DNSNames = append(c.DNSNames, fmt.Sprintf("h%d.example.com", i))
		}
	}
	return []badCase{
		{"good, address within", "nothing", "", 0, chain(func(c *x509.Certificate) { c.PermittedIPRanges = network(8, 32) }, address), opts},
		{"good, mailbox within", "nothing", "", 0, chain(func(c *x509.Certificate) { c.PermittedEmailAddresses = []string{"example.com"} }, mailbox("a@example.com")), opts},
		{"address outside", "the intermediate may sign for other addresses only", verify.NameNotPermitted, 1,
			chain(func(c *x509.Certificate) { c.PermittedIPRanges = network(16, 32) }, address), opts},
		{"address excluded", "the intermediate may not sign for the leaf's address", verify.NameNotPermitted, 1,
			chain(func(c *x509.Certificate) { c.ExcludedIPRanges = network(8, 32) }, address), opts},
		{"mailbox outside", "the intermediate may sign for mailboxes of another host only", verify.NameNotPermitted, 1,
			chain(func(c *x509.Certificate) { c.PermittedEmailAddresses = []string{"example.com"} }, mailbox("a@sub.example.com")), opts},
		{"mailbox is none", "the leaf's mailbox has no host", verify.NameMalformed, 0,
			chain(func(c *x509.Certificate) { c.PermittedEmailAddresses = []string{"example.com"} }, mailbox("a@")), opts},
		{"wildcard with an excluded host", "the leaf is for *.example.com, of which one host is excluded", verify.NameNotPermitted, 1,
			chain(func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"a.example.com"} },
				func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "*.example.com") }), opts},
		{"many names and constraints", "400 names and 400 constraints", verify.BudgetExceeded, 0, chain(func(c *x509.Certificate) {
			many(c)
			c.ExcludedDNSDomains, c.DNSNames = c.DNSNames, nil
		}, func(c *x509.Certificate) {
			many(c)
			for i, name := range c.DNSNames[1:] {
				c.DNSNames[i+1] = "x" + name
			}
		}), opts},
	}
}

// webCases keep RFC 5280, and break a rule of the web's.
func webCases() []badCase {
	root := forge(authority("Root"), nil)
	opts := verify.Options{Roots: roots(root.Leaf()), Name: verify.Host("www.example.com"), Now: now, Profile: verify.WebPKI}
	web := func(change func(*x509.Certificate)) *x509.Certificate {
		return with(leaf(), func(c *x509.Certificate) {
			c.DNSNames = []string{"www.example.com"}
			change(c)
		})
	}
	same := func(*x509.Certificate) {}
	below := func(change func(*x509.Certificate)) []*pki.Certificate { return forge(web(change), root).Chain[:1] }
	foreign := forge(with(authority("Foreign Root"), func(c *x509.Certificate) { c.AuthorityKeyId = []byte("another") }), nil)
	atForeign, all := opts, opts
	atForeign.Roots = roots(foreign.Leaf())
	all.Name = verify.Host("example.com")
	return []badCase{
		{"good for the web", "nothing", "", 0, below(same), opts},
		{"for anything", "the leaf may be used for anything", verify.PurposeUnlimited, 0,
			below(func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageAny) }), opts},
		{"for nothing in particular", "the leaf does not say what it is for", verify.ExtensionMissing, 0,
			below(func(c *x509.Certificate) { c.ExtKeyUsage = nil }), opts},
		{"purpose that is critical", "what the leaf is for is a critical extension", verify.ExtensionCriticality, 0,
			below(func(c *x509.Certificate) { carrying(c, idExtKeyUsage, true, sequence(serverAuth)) }), opts},
		{"wildcard for everybody", "the leaf is for *.com", verify.WildcardTooWide, 0,
			below(func(c *x509.Certificate) { c.DNSNames = []string{"*.com"} }), all},
		{"wildcard for everything", "the leaf is for *", verify.WildcardTooWide, 0,
			below(func(c *x509.Certificate) { c.DNSNames = []string{"*"} }), all},
		{"stray common name", "the leaf's common name is another than its name", verify.CommonNameStray, 0,
			below(func(c *x509.Certificate) { c.Subject.CommonName = "example.com" }), opts},
		{"RSA key of odd size", "the leaf's RSA key has 2,052 bits", verify.KeyNotPermitted, 0,
			[]*pki.Certificate{withRSA(web(same), 2052, root)}, opts},
		{"root of another key", "the root names another key than its own as its issuer's", verify.IssuerKeyIDInvalid, 1,
			forge(web(same), foreign).Chain[:1], atForeign},
	}
}

// TestBasicConstraints: an authority whose basic constraints cannot be read is
// refused for that, not for being none.
func TestBasicConstraints(t *testing.T) {
	for name, value := range map[string][]byte{
		"yes that is not 255":   sequence([]byte{1, 1, 1}),
		"path length below 0":   sequence([]byte{1, 1, 0xff}, []byte{2, 1, 0xff}),
		"path length above 2³¹": sequence([]byte{1, 1, 0xff}, []byte{2, 9, 0x40, 0, 0, 0, 0, 0, 0, 0, 0}),
	} {
		t.Run(name, func(t *testing.T) {
			root := authority("Root")
			inter := with(authority("Inter"), func(c *x509.Certificate) { c.BasicConstraintsValid, c.IsCA, c.MaxPathLen = false, false, 0 })
			chain := []*pki.Certificate{strange(leaf(), inter), strange(carrying(inter, asn1.ObjectIdentifier{2, 5, 29, 19}, true, value), root)}
			_, err := verify.Verify(chain, verify.Options{Roots: roots(strange(root, root)), Name: verify.Host(testpki.Host), Now: now})
			wantFault(t, err, verify.ExtensionMalformed, "Inter cannot be read whole: the value of the extension Basic Constraints")
		})
	}
}
