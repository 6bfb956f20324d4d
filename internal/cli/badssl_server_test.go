package cli

import (
	"bufio"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/pki"
)

// signer is an authority, or a server with its key.
type signer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// badHosts is a server of many names, each with its own way of being wrong.
type badHosts struct {
	t         *testing.T
	dir       string
	now       time.Time
	root, mid signer
	address   string

	mu      sync.Mutex
	configs map[string]*tls.Config // by server name; guarded by mu
}

func newBadHosts(t *testing.T) *badHosts {
	h := &badHosts{t: t, dir: t.TempDir(), now: time.Now(), configs: map[string]*tls.Config{}}
	t.Setenv("XDG_CACHE_HOME", h.dir) // of what is fetched
	h.root = h.sign(authorityNamed("BadSSL Root"), signer{}, nil)
	h.mid = h.sign(authorityNamed("BadSSL Intermediate"), h.root, nil)
	h.write("ca.pem", h.root)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.address = listener.Addr().String()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { h.serve(conn) })
		}
	})
	t.Cleanup(func() { listener.Close(); all.Wait() })
	return h
}

// serve answers as the host that the client asks for, and notes it as a mistake if
// the client sends it any data.
func (h *badHosts) serve(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	secure := tls.Server(conn, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.configs[hello.ServerName], nil
	}})
	if secure.Handshake() != nil {
		return
	}
	if n, _ := io.Copy(io.Discard, secure); n > 0 {
		h.t.Errorf("%s was sent %d bytes", secure.ConnectionState().ServerName, n)
	}
}

// host has the server be a host as config says.
func (h *badHosts) host(name string, config *tls.Config) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.configs[name] = config
}

func authorityNamed(name string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
}

// leafFor is a good certificate of a host.
func leafFor(name string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
}

// sign makes what the template says, and what it does not say as it should be.
func (h *badHosts) sign(template *x509.Certificate, issuer signer, key crypto.Signer) signer {
	h.t.Helper()
	var err error
	if key == nil {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		h.check(err)
	}
	if template.NotBefore.IsZero() {
		template.NotBefore, template.NotAfter = h.now.Add(-24*time.Hour), h.now.Add(90*24*time.Hour+time.Hour)
	}
	if template.SerialNumber == nil {
		template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
		h.check(err)
	}
	parent, by := issuer.cert, issuer.key
	if parent == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	h.check(err)
	cert, err := x509.ParseCertificate(der)
	h.check(err)
	return signer{cert, key}
}

func (h *badHosts) check(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// shows is what a server with a certificate sends: it, and those above it.
func shows(leaf signer, above ...signer) *tls.Config {
	chain := [][]byte{leaf.cert.Raw}
	for _, a := range above {
		chain = append(chain, a.cert.Raw)
	}
	return &tls.Config{MinVersion: tls.VersionTLS10, Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: leaf.key}}}
}

// path names a file of the test.
func (h *badHosts) path(name string) string { return filepath.Join(h.dir, name) }

// write writes certificates, and the key of the first where it is not an
// authority's.
func (h *badHosts) write(name string, all ...signer) string {
	h.t.Helper()
	var data []byte
	for _, s := range all {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.cert.Raw})...)
	}
	if !all[0].cert.IsCA {
		der, err := x509.MarshalPKCS8PrivateKey(all[0].key)
		h.check(err)
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	}
	h.check(os.WriteFile(h.path(name), data, 0o600))
	return h.path(name)
}

// list makes the revocation lists of both authorities.
func (h *badHosts) list(name string, revoked ...signer) string {
	h.t.Helper()
	var data []byte
	for _, issuer := range []signer{h.root, h.mid} {
		template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: h.now.Add(-time.Hour), NextUpdate: h.now.Add(24 * time.Hour)}
		for _, r := range revoked {
			if r.cert.Issuer.String() == issuer.cert.Subject.String() {
				template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
					x509.RevocationListEntry{SerialNumber: r.cert.SerialNumber, RevocationTime: h.now.Add(-2 * time.Hour), ReasonCode: 1})
			}
		}
		der, err := x509.CreateRevocationList(rand.Reader, template, issuer.cert, issuer.key)
		h.check(err)
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})...)
	}
	h.check(os.WriteFile(h.path(name), data, 0o600))
	return h.path(name)
}

// response is an OCSP response about a certificate.
func (h *badHosts) response(about, issuer signer, status pki.CertStatus) []byte {
	chain := pki.AdoptAll([]*x509.Certificate{about.cert, issuer.cert})
	id, err := pki.NewCertID(chain[0], chain[1], crypto.SHA1)
	h.check(err)
	single := pki.SingleResponse{ID: id, Status: status, ThisUpdate: h.now.Add(-time.Hour), NextUpdate: h.now.Add(time.Hour)}
	if status == pki.StatusRevoked {
		single.RevokedAt, single.Reason = h.now.Add(-2*time.Hour), pki.KeyCompromise
	}
	authority, err := pki.NewCredential(chain[1:], issuer.key)
	h.check(err)
	response, err := authority.NewOCSPResponse(pki.OCSPResponseSpec{Issuer: chain[1], Responses: []pki.SingleResponse{single}})
	h.check(err)
	return response.Raw()
}

func (h *badHosts) rsaKey(bits int) crypto.Signer {
	h.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	h.check(err)
	return key
}

// openssl starts openssl's server, for what crypto/tls does not serve, and returns
// its address.
func (h *badHosts) openssl(args ...string) string {
	h.t.Helper()
	program := peers.OpenSSL(h.t)
	leaf := h.sign(leafFor("openssl.badssl.test"), h.mid, h.rsaKey(2048))
	own := h.write("openssl.pem", leaf, h.mid)
	command := exec.Command(program, append([]string{"s_server", "-accept", "127.0.0.1:0", "-cert", own, "-cert_chain", own, "-key", own, "-tls1_2"}, args...)...)
	stdin, err := command.StdinPipe()
	h.check(err)
	stdout, err := command.StdoutPipe()
	h.check(err)
	var stderr strings.Builder
	command.Stderr = &stderr
	h.check(command.Start())
	h.t.Cleanup(func() { command.Process.Kill(); stdin.Close(); command.Wait() })
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if address, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
			go io.Copy(io.Discard, stdout)
			return address
		}
	}
	command.Wait()
	h.t.Fatalf("openssl s_server does not start: %s", stderr.String())
	return ""
}
