package verify_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

var now = time.Date(2027, 1, 21, 10, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// badCase is a chain that must be refused, or accepted if it has no code.
type badCase struct {
	name, wrong string
	code        fault.Code
	depth       int
	chain       []*pki.Certificate
	opts        verify.Options
}

// Shorthands for fixtures.
func domain(name string) spiffeid.TrustDomain {
	return testpki.Must(spiffeid.ParseTrustDomain(name))
}
func id(text string) spiffeid.ID { return testpki.Must(spiffeid.Parse(text)) }
func roots(anchors ...*pki.Certificate) verify.Roots {
	return testpki.Must(verify.NewRoots("ca.pem", anchors...))
}
func rootsOf(name string, anchors ...*pki.Certificate) verify.Roots {
	return testpki.Must(verify.ForTrustDomain(domain(name), anchors...))
}

// authority is the template of a certificate that may sign everything.
func authority(name string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-day), NotAfter: now.Add(30 * day),
		SubjectKeyId:          []byte("key of " + name),
		BasicConstraintsValid: true, IsCA: true, MaxPathLen: -1, KeyUsage: x509.KeyUsageCertSign}
}

// leaf is the template of a good server's and client's certificate.
func leaf() *x509.Certificate {
	return &x509.Certificate{NotBefore: now.Add(-day), NotAfter: now.Add(30 * day), DNSNames: []string{testpki.Host},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
}

func forge(template *x509.Certificate, issuer *pki.Credential) *pki.Credential {
	return testpki.Must(testpki.Forge(template, issuer))
}

// with changes a template.
func with(template *x509.Certificate, change func(*x509.Certificate)) *x509.Certificate {
	change(template)
	return template
}

// altered is the certificate with another signature.
func altered(cert *pki.Certificate) *pki.Certificate {
	der := bytes.Clone(cert.Raw())
	der[len(der)-1] ^= 1
	return testpki.Must(pki.ParseCertificate(der))
}

// brokenKinds are those of testpki, for both ends.
func brokenKinds() []badCase {
	var cases []badCase
	for _, end := range []struct {
		profile pki.Profile
		purpose verify.Purpose
	}{{pki.Server, verify.ServerAuth}, {pki.Client, verify.ClientAuth}} {
		for _, broken := range testpki.Must(testpki.Broken(now, end.profile)) {
			cases = append(cases, badCase{end.purpose.String() + " " + broken.Name, broken.Wrong, broken.Code, broken.Depth, broken.Credential.Chain,
				verify.Options{Roots: roots(broken.Roots...), Name: verify.Host(broken.Host), Purpose: end.purpose, Now: now}})
		}
	}
	return cases
}

// chainCases are chains that lead nowhere, or where they must not.
func chainCases() []badCase {
	ours := testpki.Must(testpki.New(now))
	server := testpki.Must(ours.Server(testpki.Host)).Chain
	self := forge(leaf(), nil).Chain
	opts := verify.Options{Roots: roots(ours.Roots()...), Name: verify.Host(testpki.Host), Now: now}
	asClient := opts
	asClient.Purpose = verify.ClientAuth
	stranger := forge(authority("Stranger Root"), nil)
	sameName := testpki.Must(testpki.New(now))
	sameKeyID := forge(with(authority("Demo Root"), func(c *x509.Certificate) { c.SubjectKeyId = testpki.Must(ours.Root.Leaf().X509()).SubjectKeyId }), nil)
	// Two authorities that signed each other, and are signed by nobody else.
	b := forge(authority("B"), nil)
	a := forge(authority("A"), b)
	bAgain := &pki.Credential{Chain: []*pki.Certificate{resigned(b, a)}, Key: b.Key}
	looped := append(forge(leaf(), a).Chain[:2:2], bAgain.Leaf())
	var many []*pki.Certificate
	for range 65 {
		many = append(many, server[0])
	}
	inFile := opts
	inFile.File = "web.pem"
	otherInter := forge(authority("Demo Intermediate"), ours.Root)
	return []badCase{
		{"good", "nothing", "", 0, server, opts},
		{"good, anchor sent along", "nothing", "", 0, append(slices.Clip(server), ours.Roots()...), opts},
		{"good, certificates twice", "nothing", "", 0, []*pki.Certificate{server[0], server[0], server[1], server[1]}, opts},
		{"good, strangers sent along", "nothing", "", 0, []*pki.Certificate{server[0], stranger.Leaf(), a.Leaf(), b.Leaf(), server[1]}, opts},
		{"no certificate", "the server shows none", verify.NoCertificate, 0, nil, opts},
		{"no certificate of a client", "the client shows none", verify.NoCertificate, 0, nil, asClient},
		{"nil certificate", "one of the chain is nil", verify.NoCertificate, 0, []*pki.Certificate{server[0], nil}, opts},
		{"65 certificates", "more than are looked at", verify.BudgetExceeded, 0, many, opts},
		{"self-signed", "the server's certificate is signed by its own key", verify.SelfSigned, 0, self, opts},
		{"self-signed client", "the client's certificate is signed by its own key", verify.SelfSigned, 0, self, asClient},
		{"self-signed root as leaf", "a stranger's root is shown as the server's certificate", verify.SelfSigned, 0, stranger.Chain, opts},
		{"altered leaf", "the leaf's signature does not fit", verify.SignatureInvalid, 0, []*pki.Certificate{altered(server[0]), server[1]}, opts},
		{"altered intermediate", "the intermediate's signature does not fit", verify.SignatureInvalid, 1, []*pki.Certificate{server[0], altered(server[1])}, opts},
		{"root of the same name and key identifier", "another root has our root's name and key identifier", verify.SignatureInvalid, 0, forge(leaf(), sameKeyID).Chain[:1], opts},
		{"root of the same name, key not named", "another root has our root's name, and the leaf does not say which key signed it", verify.SignatureInvalid, 0,
			forge(carrying(leaf(), asn1.ObjectIdentifier{2, 5, 29, 35}, false, sequence()), sameName.Root).Chain[:1], opts},
		{"root of the same name", "another root has our root's name", verify.UnknownRoot, 1, testpki.Must(sameName.Server(testpki.Host)).Chain, opts},
		{"root of the same name, alone", "another root has our root's name, and signed the leaf itself", verify.UnknownRoot, 0,
			testpki.Must(sameName.Root.New(pki.Spec{Profile: pki.Server, DNS: []string{testpki.Host}, Now: now})).Chain, opts},
		{"unknown root sent along", "the chain leads to a stranger's root, which is sent too", verify.UnknownRoot, 1, forge(leaf(), stranger).Chain, opts},
		{"loop", "two authorities signed each other, and nobody else them", verify.UnknownRoot, 2, looped, opts},
		{"intermediate can be fetched", "the intermediate is not sent, but the leaf says where it is", verify.ChainIncomplete, 0,
			forge(with(leaf(), func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://ca.example/i.crt"} }), ours.Intermediate).Chain[:1], opts},
		{"another intermediate of its name", "the intermediate that is sent has another key than the one that signed", verify.ChainIncomplete, 0,
			[]*pki.Certificate{server[0], otherInter.Leaf()}, opts},
		{"another intermediate of its name, in a file", "the intermediate in a file has another key than the one that signed", verify.ChainIncomplete, 0,
			[]*pki.Certificate{server[0], otherInter.Leaf()}, inFile},
		{"missing intermediate, in a file", "the file has the leaf alone", verify.ChainIncomplete, 0, server[:1], inFile},
		{"65 certificates, in a file", "more than are looked at", verify.BudgetExceeded, 0, many, inFile},
		{"self-signed, in a file", "the certificate is signed by its own key", verify.SelfSigned, 0, self, inFile},
		{"issuer is no authority", "a server's certificate was used to sign another", verify.IssuerNotAuthority, 1,
			forge(leaf(), testpki.Must(ours.Server("evil.example"))).Chain, opts},
		{"issuer's key usage", "the issuer is an authority whose key usage forbids to sign", verify.IssuerMayNotSign, 1,
			forge(leaf(), forge(with(authority("Crippled"), func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }), ours.Root)).Chain, opts},
	}
}

// resigned is subject's certificate, signed by issuer.
func resigned(subject, issuer *pki.Credential) *pki.Certificate {
	template := *testpki.Must(subject.Leaf().X509())
	template.AuthorityKeyId, template.SignatureAlgorithm = nil, 0
	der := testpki.Must(x509.CreateCertificate(rand.Reader, &template, testpki.Must(issuer.Leaf().X509()), subject.Key.Public(), issuer.Key))
	return testpki.Must(pki.ParseCertificate(der))
}

// ruleCases lead to an anchor, but break a rule on the way.
func ruleCases() []badCase {
	root := forge(authority("Root"), nil)
	opts := verify.Options{Roots: roots(root.Leaf()), Name: verify.Host(testpki.Host), Now: now}
	below := func(change func(*x509.Certificate)) *pki.Credential {
		return forge(with(authority("Inter"), change), root)
	}
	self := forge(leaf(), nil).Chain
	asStamper, atLimited, atPin := opts, opts, opts
	atPin.Roots = pinned(self[0])["certificate"]
	atPinLater := atPin
	atPinLater.Now = now.Add(31 * day)
	asStamper.Purpose = verify.TimeStamping
	centuries := opts
	centuries.Now = now.AddDate(600, 0, 0)
	atLimited.Roots = testpki.Must(opts.Roots.Constrain(permitted("DNS:example.com")))
	hugeKeys := opts
	hugeKeys.Legacy = []dangerous.Legacy{dangerous.HugeKeys()}
	oldRoot := forge(with(authority("Root"), func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) }), nil)
	atOldRoot := opts
	atOldRoot.Roots = roots(oldRoot.Leaf())
	clientRoot := forge(with(authority("Root"), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), nil)
	atClientRoot := opts
	atClientRoot.Roots = roots(clientRoot.Leaf())
	narrow := below(func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example.com"} })
	noSub := below(func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true })
	shortLived := below(func(c *x509.Certificate) { c.NotAfter = now.Add(2 * day) })
	later := below(func(c *x509.Certificate) { explicitPolicy(c, 5) })
	mapping := forge(carrying(authority("Sub"), idPolicyMappings, true, sequence(sequence([]byte{6, 2, 0x2a, 3}, []byte{6, 2, 0x2a, 4}))), later)
	codeOnly := []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
	private := []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 99999, 1}}
	return []badCase{
		{"good, intermediate ends first", "nothing", "", 0, forge(leaf(), shortLived).Chain, opts},
		{"good, directly below the root", "nothing", "", 0, forge(leaf(), root).Chain[:1], opts},
		{"expired intermediate", "the intermediate ended", verify.CertExpired, 1,
			forge(leaf(), below(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.Add(-9*day), now.Add(-3*day) })).Chain, opts},
		{"expired root", "the root ended", verify.CertExpired, 1, forge(leaf(), oldRoot).Chain, atOldRoot},
		{"intermediate not yet valid", "the intermediate begins later", verify.CertNotYetValid, 1,
			forge(leaf(), below(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) })).Chain, opts},
		{"wrong name and expired", "it is for another name, and ended", verify.NameMismatch, 0,
			forge(with(leaf(), func(c *x509.Certificate) { c.DNSNames, c.NotAfter = []string{"other.example"}, now.Add(-time.Minute) }), root).Chain, opts},
		{"expired centuries ago", "it ended 600 years ago", verify.CertExpired, 0, forge(leaf(), root).Chain, centuries},
		{"TLS feature of its authority", "the root demands staples of all below it, and the leaf does not say so", verify.FeatureMissing, 1,
			forge(leaf(), below(func(c *x509.Certificate) {
				c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 3, 2, 1, 5}}}
			})).Chain, opts},
		{"everything", "unknown root, wrong name, ended, and for signing code", verify.UnknownRoot, 1,
			forge(with(leaf(), func(c *x509.Certificate) {
				c.DNSNames, c.NotBefore, c.NotAfter, c.ExtKeyUsage = nil, now.Add(-500*day), now.Add(-400*day), codeOnly
			}), forge(authority("Stranger"), nil)).Chain, opts},
		{"intermediate's purpose", "the intermediate may sign for clients only", verify.WrongPurpose, 1,
			forge(leaf(), below(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })).Chain, opts},
		{"root's purpose", "the root may sign for clients only", verify.WrongPurpose, 1, forge(leaf(), clientRoot).Chain, atClientRoot},
		{"many purposes", "it is for code, twice, and e-mail", verify.WrongPurpose, 0,
			forge(with(leaf(), func(c *x509.Certificate) { c.ExtKeyUsage = append(codeOnly, x509.ExtKeyUsageEmailProtection) }), root).Chain, opts},
		{"authority's key for nothing of the kind", "the leaf is an authority whose key is for contracts alone", verify.WrongPurpose, 0,
			forge(with(authority("Leaf"), func(c *x509.Certificate) {
				c.DNSNames, c.KeyUsage = []string{testpki.Host}, x509.KeyUsageContentCommitment
			}), root).Chain, opts},
		{"unknown purpose", "its purpose is a private number", verify.WrongPurpose, 0,
			forge(with(leaf(), func(c *x509.Certificate) { c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, private }), root).Chain, opts},
		{"good, pinned", "nothing", "", 0, self, atPin},
		{"pinned, expired", "the certificate that is pinned has expired", verify.CertExpired, 0, self, atPinLater},
		{"purpose not named", "time stamps are wanted, and it does not say what it is for", verify.WrongPurpose, 0, forge(useful(true), root).Chain, asStamper},
		{"purpose among others", "time stamps are wanted, and it is for e-mail, too", verify.WrongPurpose, 0,
			forge(useful(true, []int{1, 3, 6, 1, 5, 5, 7, 3, 8}, []int{1, 3, 6, 1, 5, 5, 7, 3, 4}), root).Chain, asStamper},
		{"purpose not critical", "time stamps are wanted, and what it is for may be passed over", verify.WrongPurpose, 0,
			forge(useful(false, []int{1, 3, 6, 1, 5, 5, 7, 3, 8}), root).Chain, asStamper},
		{"constrained anchor", "the caller believes the root below example.com only", verify.AnchorLimited, 1, forge(leaf(), root).Chain, atLimited},
		{"name constraints", "the intermediate may sign below example.com only", verify.NameNotPermitted, 1, forge(leaf(), narrow).Chain, opts},
		{"path length", "an intermediate that may sign leaves only signed another", verify.PathTooLong, 2,
			forge(leaf(), forge(authority("Sub"), noSub)).Chain, opts},
		{"critical extension of the leaf", "the leaf has an unknown critical extension", verify.CriticalUnknown, 0,
			forge(with(leaf(), unknownCritical), root).Chain, opts},
		{"critical extension of the intermediate", "the intermediate has an unknown critical extension", verify.CriticalUnknown, 1,
			forge(leaf(), below(unknownCritical)).Chain, opts},
		{"policies", "the intermediate demands a certificate policy, and the leaf has none", verify.PolicyMissing, 0,
			forge(leaf(), below(func(c *x509.Certificate) { explicitPolicy(c, 0) })).Chain, opts},
		{"good, policies mapped where there are none", "nothing", "", 0, forge(leaf(), mapping).Chain, opts},
		{"SHA-1", "the leaf is signed with SHA-1", verify.SignatureForgeable, 0,
			forge(with(leaf(), func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }), root).Chain, opts},
		{"good, enormous key that is permitted", "nothing", "", 0, []*pki.Certificate{withRSA(leaf(), 9000, root)}, hugeKeys},
		{"good, largest key that is computed with", "nothing", "", 0, []*pki.Certificate{withRSA(leaf(), 8192, root)}, opts},
		{"enormous key", "an RSA key that takes long to compute with", verify.KeyTooLarge, 0, []*pki.Certificate{withRSA(leaf(), 9000, root)}, opts},
	}
}

func unknownCritical(c *x509.Certificate) {
	c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 7}, Critical: true, Value: []byte{5, 0}}}
}

// explicitPolicy demands policies of all certificates below, but for the first few
// (RFC 5280, section 4.2.1.11).
func explicitPolicy(c *x509.Certificate, skipped byte) {
	c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 36}, Critical: true, Value: []byte{0x30, 3, 0x80, 1, skipped}}}
}

// nameCases are good chains for the wrong one, trust domains above all.
func nameCases() []badCase {
	ours, foreign := testpki.Must(testpki.New(now)), testpki.Must(testpki.New(now))
	home, away := rootsOf("demo.signet", ours.Roots()...), rootsOf("other.example", foreign.Roots()...)
	hosts := roots(ours.Roots()...)
	web := testpki.Must(ours.Workload("spiffe://demo.signet/web")).Chain
	impostor := testpki.Must(foreign.Workload("spiffe://demo.signet/web")).Chain
	server := testpki.Must(ours.Server(testpki.Host)).Chain
	shown := func(change func(*x509.Certificate)) []*pki.Certificate {
		return forge(with(leaf(), change), ours.Intermediate).Chain
	}
	uris := func(texts ...string) []*url.URL {
		var all []*url.URL
		for _, text := range texts {
			all = append(all, testpki.Must(url.Parse(text)))
		}
		return all
	}
	ask := func(roots verify.Roots, name verify.Name, end verify.Purpose) verify.Options {
		return verify.Options{Roots: roots, Name: name, Purpose: end, Now: now}
	}
	asWorkload := ask(hosts, verify.Any("the test looks at the chain alone"), verify.ServerAuth)
	asWorkload.Profile = verify.Workload
	exactly := verify.ID(id("spiffe://demo.signet/web"))
	member := verify.Member(domain("demo.signet"))
	anyone := verify.Any("the test looks at the chain alone")
	ofAnother := forge(with(leaf(), func(c *x509.Certificate) { c.URIs = uris("spiffe://demo.signet/web") }),
		forge(with(authority("CA"), func(c *x509.Certificate) { c.URIs = uris("spiffe://other.example") }), ours.Root)).Chain
	byRFC5280 := ask(home, exactly, verify.ServerAuth)
	byRFC5280.Profile = verify.RFC5280
	return []badCase{
		{"good ID", "nothing", "", 0, web, ask(home, exactly, verify.ServerAuth)},
		{"good member", "nothing", "", 0, web, ask(home, member, verify.ClientAuth)},
		{"good, any name of a trust domain", "nothing", "", 0, web, ask(home, anyone, verify.ClientAuth)},
		{"good, any name of a host", "nothing", "", 0, server, ask(hosts, anyone, verify.ServerAuth)},
		{"another ID", "it is orders, not web", verify.NameMismatch, 0, testpki.Must(ours.Workload("spiffe://demo.signet/orders")).Chain, ask(home, exactly, verify.ServerAuth)},
		{"our ID from a foreign root", "another trust domain's root signed an ID of ours", verify.UnknownRoot, 1, impostor, ask(home, exactly, verify.ServerAuth)},
		{"our ID at foreign roots, any name", "another trust domain's root signed an ID of ours, and is asked for any name", verify.NameMismatch, 0, impostor, ask(away, anyone, verify.ClientAuth)},
		{"our ID at foreign roots, any member", "another trust domain's root signed an ID of ours, and is asked for its members", verify.NameMismatch, 0, impostor, ask(away, verify.Member(domain("other.example")), verify.ClientAuth)},
		{"host at a trust domain's roots", "a host's certificate is shown where an identity is wanted", verify.NameMismatch, 0, server, ask(home, anyone, verify.ServerAuth)},
		{"two IDs", "the certificate has two SPIFFE IDs, so it has none", verify.NameMismatch, 0,
			shown(func(c *x509.Certificate) { c.URIs = uris("spiffe://demo.signet/web", "spiffe://demo.signet/admin") }), ask(home, exactly, verify.ClientAuth)},
		{"ID of an authority", "an authority shows an ID of its own", verify.NameMismatch, 0,
			forge(with(authority("CA"), func(c *x509.Certificate) { c.URIs = uris("spiffe://demo.signet/web") }), ours.Root).Chain, ask(home, exactly, verify.ServerAuth)},
		{"host in a workload's place", "a workload's is wanted by the profile alone, and it has no ID", verify.WorkloadIDInvalid, 0, server, asWorkload},
		{"authority of another trust domain", "the intermediate's own ID is of another trust domain than the leaf's", verify.WorkloadIDInvalid, 1, ofAnother, ask(home, exactly, verify.ServerAuth)},
		{"authority of another trust domain, by other rules", "the same, and the caller asks for an ID by the rules of RFC 5280", verify.WorkloadIDInvalid, 1, ofAnother, byRFC5280},
		{"common name alone", "the name stands in the common name only", verify.SANMissing, 0,
			shown(func(c *x509.Certificate) { c.DNSNames, c.Subject.CommonName = nil, testpki.Host }), ask(hosts, verify.Host(testpki.Host), verify.ServerAuth)},
		{"many names", "it has six names, none of them wanted", verify.NameMismatch, 0,
			shown(func(c *x509.Certificate) {
				c.DNSNames = strings.Fields("a.example b.example c.example d.example e.example f.example")
			}),
			ask(hosts, verify.Host(testpki.Host), verify.ServerAuth)},
		{"another address", "it is for another address", verify.NameMismatch, 0, testpki.Must(ours.Server("10.0.0.1")).Chain, ask(hosts, verify.Host("[::1]"), verify.ServerAuth)},
		{"hostile names", "its names hold line ends, escapes and bidirectional controls", verify.NameMalformed, 0,
			shown(func(c *x509.Certificate) {
				c.DNSNames = []string{"localhost\x00.evil.example", "a\x1b[2J\r\nYes: trusted"}
				c.Subject.CommonName = "ok\u202egro.elpmaxe\u2066"
			}), ask(hosts, verify.Host(testpki.Host), verify.ServerAuth)},
		{"hostile names, missing intermediate", "its issuer's names hold controls, too", verify.ChainIncomplete, 0,
			forge(with(leaf(), func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://a\x1b]0;x\x07\n"} }),
				forge(authority("CA\n\x1b[31m\u202e"), nil)).Chain[:1], ask(hosts, verify.Host(testpki.Host), verify.ServerAuth)},
	}
}
