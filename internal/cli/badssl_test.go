package cli

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// badHost is a way of being wrong, or right, that badssl.com has a host for.
type badHost struct {
	name string
	what string     // the server, in words
	code fault.Code // of the answer; "" for a yes
	make func(h *badHosts, host string) setting
}

// setting is how a host is served, and asked about.
type setting struct {
	config *tls.Config
	at     string   // where it is served; "": by the one server
	trust  []string // whom to believe; nil: --roots
	flags  []string // beside that and --name
}

// badTable is the document that this test writes.
const badTable = `# Hosts that are wrong on purpose

What ` + "`signet verify`" + ` says about a server for each host of badssl.com, in the order of its page, and about some more. The page is written by ` + "`go generate ./internal/cli`" + ` from what the command says; its test makes the certificates anew, with BadSSL Root as the only root.
Where Go's TLS cannot serve a case, OpenSSL 3 does; where neither can, the row says what stands in its place.

| host | the server | answer | next |
|---|---|---|---|
`

// TestBadHosts asks about every host and compares the answers with the document.
func TestBadHosts(t *testing.T) {
	h := newBadHosts(t)
	rows := []string{badTable}
	for _, b := range badHostList {
		t.Run(b.name, func(t *testing.T) {
			h.t = t
			rows = append(rows, h.ask(b))
		})
	}
	if t.Failed() || len(rows) <= len(badHostList) { // without OpenSSL there are fewer
		return
	}
	doc := strings.Join(rows, "")
	file := filepath.Join(module, "docs", "badssl.md")
	if *update {
		h.check(os.WriteFile(file, []byte(doc), 0o644))
	}
	have, err := os.ReadFile(file)
	h.check(err)
	if diff := cmp.Diff(string(have), doc); diff != "" {
		t.Errorf("docs/badssl.md is not what is said (-page +said); run go generate ./internal/cli\n%s", diff)
	}
}

// varying is what differs from run to run in an answer.
var varying = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "HOST:PORT"},
	{regexp.MustCompile(`\d{1,2} [A-Z][a-z]{2} 20\d\d( \d\d:\d\d UTC)?`), "DATE"},
	{regexp.MustCompile(`length \d+`), "length LENGTH"},
	{regexp.MustCompile(`\d+ (days|h|min|s)\b`), "SPAN"},
	{regexp.MustCompile(`/\S+/`), ""},
}

// ask returns the row of a host.
func (h *badHosts) ask(b badHost) string {
	host := b.name + ".badssl.test"
	served := b.make(h, host)
	if served.at == "" {
		served.at = h.address
		h.host(host, served.config)
	}
	if served.trust == nil {
		served.trust = []string{"--roots", h.path("ca.pem")}
	}
	said := signetMain(h.t, nil, slices.Concat([]string{"verify", served.at, "--name", host}, served.trust, served.flags)...)
	answer, rest, _ := strings.Cut(said.stdout+said.stderr, "\n")
	_, next, _ := strings.Cut(rest, "next: ")
	next = strings.Join(strings.FieldsFunc(next, func(r rune) bool { return r == '\n' }), "; ")
	if code := codeIn(answer); code != string(b.code) {
		h.t.Errorf("%s, want the code %q\n%s%s", answer, b.code, said.stdout, said.stderr)
	}
	if b.code != "" && next == "" {
		h.t.Errorf("%s: there is no next step", answer)
	}
	row := fmt.Sprintf("| %s | %s | %s | %s |\n", b.name, b.what, answer, strings.Join(strings.Fields(next), " "))
	for _, v := range varying {
		row = v.what.ReplaceAllString(row, v.with)
	}
	return row
}

// codeIn is the code in an answer's first line.
func codeIn(answer string) string {
	_, code, _ := strings.Cut(answer, "[")
	return strings.TrimSuffix(code, "]")
}

// good is a host with nothing wrong, but for what change does.
func good(change func(*x509.Certificate)) func(*badHosts, string) setting {
	return func(h *badHosts, host string) setting {
		template := leafFor(host)
		if change != nil {
			change(template)
		}
		return setting{config: shows(h.sign(template, h.mid, nil), h.mid)}
	}
}

// keyed is a good host with a key of its own kind.
func keyed(key func(h *badHosts) crypto.Signer) func(*badHosts, string) setting {
	return func(h *badHosts, host string) setting {
		return setting{config: shows(h.sign(leafFor(host), h.mid, key(h)), h.mid)}
	}
}

// speaking is a good host with an RSA key whose TLS is another.
func speaking(change func(*tls.Config)) func(*badHosts, string) setting {
	return func(h *badHosts, host string) setting {
		config := shows(h.sign(leafFor(host), h.mid, h.rsaKey(2048)), h.mid)
		change(config)
		return setting{config: config}
	}
}

// only offers one cipher suite of TLS 1.2 and before.
func only(suites ...uint16) func(*badHosts, string) setting {
	return speaking(func(c *tls.Config) { c.CipherSuites, c.MaxVersion = suites, tls.VersionTLS12 })
}

func upTo(version uint16) func(*badHosts, string) setting {
	return speaking(func(c *tls.Config) { c.MaxVersion = version })
}

// withOpenSSL is a host of openssl's server.
func withOpenSSL(args ...string) func(*badHosts, string) setting {
	return func(h *badHosts, host string) setting { return setting{at: h.openssl(args...)} }
}

// diffieHellman is a host that agrees on keys in a group of so many bits.
func diffieHellman(prime func(bits int) *big.Int, bits int) func(*badHosts, string) setting {
	return func(h *badHosts, host string) setting {
		der, err := asn1.Marshal(struct{ P, G *big.Int }{prime(bits), big.NewInt(2)})
		h.check(err)
		group := h.path("group.pem")
		h.check(os.WriteFile(group, pem.EncodeToMemory(&pem.Block{Type: "DH PARAMETERS", Bytes: der}), 0o600))
		return setting{at: h.openssl("-cipher", "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0", "-dhparam", group)}
	}
}

func somePrime(bits int) *big.Int {
	p, err := rand.Prime(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return p
}

func composite(bits int) *big.Int {
	return new(big.Int).Mul(somePrime(bits/2), somePrime(bits/2))
}

// vouchedBy is a host with the certificate of an authority that is not ours.
func vouchedBy(name string) func(*badHosts, string) setting {
	return func(h *badHosts, host string) setting {
		stranger := h.sign(authorityNamed(name), signer{}, nil)
		return setting{config: shows(h.sign(leafFor(host), stranger, nil), stranger)}
	}
}

// selfSigned is a host that vouches for itself.
func selfSigned(h *badHosts, host string) setting {
	return setting{config: shows(h.sign(leafFor(host), signer{}, nil))}
}

// client is a host that wants a certificate of its client.
func client(shown bool) func(*badHosts, string) setting {
	return func(h *badHosts, host string) setting {
		s := speaking(func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert })(h, host)
		if shown {
			own := leafFor("client.badssl.test")
			own.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			s.flags = []string{"--as", h.write("client.pem", h.sign(own, h.mid, nil), h.mid)}
		}
		return s
	}
}

func manyNames(count int) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for i := range count - 1 {
			c.DNSNames = append(c.DNSNames, fmt.Sprintf("subject-alternative-name-%05d.badssl.test", i))
		}
	}
}

func revoked(h *badHosts, host string) setting {
	leaf := h.sign(leafFor(host), h.mid, nil)
	return setting{config: shows(leaf, h.mid), flags: []string{"--crl", h.list("revoked.crl", leaf)}}
}

// pinned is a host whose key, or another one, is pinned.
func pinned(right bool) func(*badHosts, string) setting {
	return func(h *badHosts, host string) setting {
		leaf := h.sign(leafFor(host), h.mid, nil)
		pin := pki.Adopt(leaf.cert).PublicKey().PinText()
		if !right {
			pin = pki.Adopt(h.mid.cert).PublicKey().PinText()
		}
		return setting{config: shows(leaf, h.mid), trust: []string{"--pin", pin}}
	}
}

// mustStaple is the TLS feature status_request (RFC 7633).
func mustStaple(c *x509.Certificate) {
	c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 3, 2, 1, 5}}}
}

// stapled is a host that sends an OCSP response along.
func stapled(status pki.CertStatus) func(*badHosts, string) setting {
	return func(h *badHosts, host string) setting {
		template := leafFor(host)
		mustStaple(template)
		leaf := h.sign(template, h.mid, nil)
		config := shows(leaf, h.mid)
		config.Certificates[0].OCSPStaple = h.response(leaf, h.mid, status)
		return setting{config: config}
	}
}

// fetchable is a host whose certificates say where more about them is.
func fetchable(whole bool, status pki.CertStatus) func(*badHosts, string) setting {
	return func(h *badHosts, host string) setting {
		var leaf, mid signer
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.HasPrefix(r.URL.Path, "/ocsp/root"):
				w.Write(h.response(mid, h.root, pki.StatusGood))
			case strings.HasPrefix(r.URL.Path, "/ocsp/mid"):
				w.Write(h.response(leaf, mid, status))
			case r.URL.Path == "/mid.der":
				w.Write(mid.cert.Raw)
			}
		}))
		h.t.Cleanup(server.Close)
		authority, template := authorityNamed("BadSSL Fetched Intermediate"), leafFor(host)
		authority.OCSPServer = []string{server.URL + "/ocsp/root"}
		template.OCSPServer, template.IssuingCertificateURL = []string{server.URL + "/ocsp/mid"}, []string{server.URL + "/mid.der"}
		mid = h.sign(authority, h.root, nil)
		leaf = h.sign(template, mid, nil)
		s := setting{config: shows(leaf, mid), flags: []string{"--fetch", "--fetch-private", "127.0.0.0/8"}}
		if !whole {
			s.config = shows(leaf)
		}
		return s
	}
}

func plainHTTP(h *badHosts, _ string) setting {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	h.check(err)
	server := &http.Server{Handler: http.NotFoundHandler()}
	go server.Serve(listener)
	h.t.Cleanup(func() { server.Close() })
	return setting{at: listener.Addr().String()}
}

func rsa8192(h *badHosts) crypto.Signer {
	data, err := os.ReadFile(filepath.Join("testdata", "rsa8192.pem"))
	h.check(err)
	key, err := pki.ParseKey(data)
	h.check(err)
	return key
}

var badHostList = []badHost{
	{"expired", "the certificate ended ten days ago", "cert_expired", good(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().AddDate(0, -2, 0), time.Now().AddDate(0, 0, -10).Add(-time.Minute)
	})},
	{"wrong.host", "the certificate is for \\*.badssl.test, which stands for one label", "name_mismatch", good(func(c *x509.Certificate) { c.DNSNames = []string{"*.badssl.test"} })},
	{"self-signed", "the certificate is signed by its own key", "self_signed", selfSigned},
	{"untrusted-root", "the root is not one of ours", "unknown_root", vouchedBy("BadSSL Untrusted Root")},
	{"revoked", "the certificate is on the revocation list (--crl)", "cert_revoked", revoked},
	{"revoked-staple", "the same, in the OCSP response that it staples", "cert_revoked", stapled(pki.StatusRevoked)},
	{"good-staple", "it staples a good one", "", stapled(pki.StatusGood)},
	{"must-staple", "the certificate demands a staple, and none is sent", "staple_missing", good(mustStaple)},
	{"revoked-fetched", "the certificate names its OCSP responder, which says that it is revoked (--fetch)", "cert_revoked", fetchable(true, pki.StatusRevoked)},
	{"pinning-test", "its key is not the one that is pinned (--pin)", "pin_mismatch", pinned(false)},
	{"pinned", "its key is", "", pinned(true)},
	{"no-common-name", "the subject has no common name; the alternative name counts", "", good(func(c *x509.Certificate) { c.Subject = pkix.Name{Organization: []string{"BadSSL"}} })},
	{"no-subject", "the subject is empty; the alternative name counts", "", good(func(c *x509.Certificate) { c.Subject = pkix.Name{} })},
	{"incomplete-chain", "the intermediate certificate is not sent", "chain_incomplete", func(h *badHosts, host string) setting {
		return setting{config: shows(h.sign(leafFor(host), h.mid, nil))}
	}},
	{"incomplete-chain-fetched", "the same, but the certificate says where the intermediate is (--fetch)", "", fetchable(false, pki.StatusGood)},
	{"sha1-intermediate", "the intermediate is signed with SHA-1", "signature_forgeable", func(h *badHosts, host string) setting {
		old := authorityNamed("BadSSL SHA-1 Intermediate")
		old.SignatureAlgorithm = x509.ECDSAWithSHA1
		mid := h.sign(old, h.root, nil)
		return setting{config: shows(h.sign(leafFor(host), mid, nil), mid)}
	}},
	{"sha1-2017", "the certificate is signed with SHA-1", "signature_forgeable", good(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 })},
	{"sha256", "the certificate is signed with SHA-256", "", good(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA256 })},
	{"sha384", "the certificate is signed with SHA-384", "", good(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA384 })},
	{"sha512", "the certificate is signed with SHA-512", "", good(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA512 })},
	{"1000-sans", "the certificate has 1,000 names", "", good(manyNames(1000))},
	{"10000-sans", "the certificate has 10,000 names, more than a message of TLS may have in Go (256 KiB)", "handshake_failed", good(manyNames(10_000))},
	{"ecc256", "the key is of P-256", "", good(nil)},
	{"ecc384", "the key is of P-384", "", keyed(func(h *badHosts) crypto.Signer {
		key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		h.check(err)
		return key
	})},
	{"rsa2048", "the key is of RSA, 2,048 bits", "", keyed(func(h *badHosts) crypto.Signer { return h.rsaKey(2048) })},
	{"rsa4096", "the key is of RSA, 4,096 bits", "", keyed(func(h *badHosts) crypto.Signer { return h.rsaKey(4096) })},
	{"rsa8192", "the key is of RSA, 8,192 bits", "", keyed(rsa8192)},
	{"extended-validation", "the chain is good for the policy of extended validation (--policy-oid 2.23.140.1.1)", "", func(h *badHosts, host string) setting {
		policy, err := x509.OIDFromInts([]uint64{2, 23, 140, 1, 1})
		h.check(err)
		authority, leaf := authorityNamed("BadSSL EV Intermediate"), leafFor(host)
		authority.Policies, leaf.Policies = []x509.OID{policy}, []x509.OID{policy}
		mid := h.sign(authority, h.root, nil)
		return setting{config: shows(h.sign(leaf, mid, nil), mid), flags: []string{"--policy-oid", "2.23.140.1.1"}}
	}},
	{"no-extended-validation", "the same is asked of a chain that is not", "policy_missing", func(h *badHosts, host string) setting {
		s := good(nil)(h, host)
		s.flags = []string{"--policy-oid", "2.23.140.1.1"}
		return s
	}},

	{"client", "it wants a certificate of its client, and gets one (--as)", "", client(true)},
	{"client-cert-missing", "it wants one and gets none", "client_cert_required", client(false)},

	{"http", "it speaks HTTP without TLS", "not_tls", plainHTTP},

	{"cbc", "TLS 1.2 with AES in CBC alone", "tls_cipher_mismatch", only(tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256)},
	{"rc4-md5", "TLS 1.2 with suites that nobody asks for, in the place of RC4-MD5, which no server here has", "tls_cipher_mismatch", only(tls.TLS_RSA_WITH_RC4_128_SHA)},
	{"rc4", "TLS 1.2 with RC4 alone", "tls_cipher_mismatch", only(tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, tls.TLS_RSA_WITH_RC4_128_SHA)},
	{"3des", "TLS 1.2 with 3DES alone", "tls_cipher_mismatch", only(tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA)},
	{"null", "TLS 1.2 without encryption (OpenSSL)", "tls_cipher_mismatch", withOpenSSL("-cipher", "NULL-SHA256:ECDHE-RSA-NULL-SHA:@SECLEVEL=0")},
	{"mozilla-old", "TLS 1.0 to 1.2 with old suites beside good ones", "", speaking(func(c *tls.Config) {
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	})},
	{"mozilla-intermediate", "TLS 1.2 and 1.3 with good suites", "", speaking(func(c *tls.Config) { c.MinVersion = tls.VersionTLS12 })},
	{"mozilla-modern", "TLS 1.3 alone", "", speaking(func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 })},

	{"dh480", "TLS 1.2 with Diffie-Hellman in a group of 1,024 bits (OpenSSL), in the place of 480, which no server here has", "tls_cipher_mismatch", diffieHellman(somePrime, 1024)},
	{"dh512", "the same, in the place of 512 bits", "tls_cipher_mismatch", diffieHellman(somePrime, 1024)},
	{"dh1024", "the same, of 1,024 bits (OpenSSL)", "tls_cipher_mismatch", diffieHellman(somePrime, 1024)},
	{"dh2048", "the same, of 2,048 bits (OpenSSL)", "tls_cipher_mismatch", withOpenSSL("-cipher", "DHE-RSA-AES128-GCM-SHA256")},
	{"dh-small-subgroup", "the same, where the order of the group has small factors (OpenSSL)", "tls_cipher_mismatch", diffieHellman(somePrime, 1024)},
	{"dh-composite", "the same, modulo a number that is no prime (OpenSSL)", "tls_cipher_mismatch", diffieHellman(composite, 1024)},
	{"static-rsa", "TLS 1.2 with keys encrypted by RSA, without forward secrecy", "tls_cipher_mismatch", only(tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA)},

	{"tls-v1-0", "TLS 1.0 alone", "tls_version_mismatch", upTo(tls.VersionTLS10)},
	{"tls-v1-1", "TLS 1.1 at most", "tls_version_mismatch", upTo(tls.VersionTLS11)},
	{"tls-v1-2", "TLS 1.2 at most", "", upTo(tls.VersionTLS12)},

	{"no-sct", "the certificate is in no public log: Signet does not look at those", "", good(nil)},
	{"invalid-expected-sct", "its proof of one is garbage: Signet does not look at it", "", good(func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}, Value: []byte{4, 2, 0, 0}}}
	})},

	{"superfish", "the root of Superfish, whose key everybody has", "unknown_root", vouchedBy("Superfish, Inc.")},
	{"edellroot", "the root of Dell's machines, whose key everybody has", "unknown_root", vouchedBy("eDellRoot")},
	{"dsdtestprovider", "another one of those", "unknown_root", vouchedBy("DSDTestProvider")},
	{"preact-cli", "the certificate that a development server ships with its key", "self_signed", selfSigned},
	{"webpack-dev-server", "another one of those", "self_signed", selfSigned},
	{"mitm-software", "the root of a program that opens TLS in the middle", "unknown_root", vouchedBy("BadSSL MITM Software Test Root")},
	{"captive-portal", "a portal answers in the place of the host", "name_mismatch", good(func(c *x509.Certificate) {
		c.Subject, c.DNSNames = pkix.Name{CommonName: "login.captive-portal.badssl.test"}, []string{"login.captive-portal.badssl.test"}
	})},
	{"hsts", "nothing is wrong", "", good(nil)},
}
