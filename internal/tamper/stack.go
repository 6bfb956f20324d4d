package tamper

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// stream is what an application reads from and writes to.
type stream interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// connect makes a handshake and returns the stream over it. On an error it has
// closed raw.
type connect func(ctx context.Context, raw net.Conn) (stream, error)

// stack is an implementation of TLS under attack.
type stack struct {
	name string
	// client returns a client without any session to resume; the same one
	// resumes from its second connection on.
	client func(version uint16) connect
	server func(version uint16) connect
	// faces is who stands at the other end in TLS 1.2; nil means itself.
	faces *stack
}

// Names in the certificates of the two ends.
const (
	serverName = "server.tamper"
	clientName = "client.tamper"
)

// fixture is what both stacks prove themselves with and believe.
type fixture struct {
	roots  verify.Roots
	pool   *x509.CertPool
	client *pki.Credential
	server *pki.Credential
}

func newFixture() (*fixture, error) {
	root, err := certify(nil, x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, KeyUsage: x509.KeyUsageCertSign,
		Subject: pkix.Name{CommonName: "Tamper Root"}})
	if err != nil {
		return nil, err
	}
	f := &fixture{pool: x509.NewCertPool()}
	anchor, err := root.Leaf().X509()
	if err != nil {
		return nil, err
	}
	f.pool.AddCert(anchor)
	if f.roots, err = verify.NewRoots("tamper", root.Leaf()); err != nil {
		return nil, err
	}
	if f.client, err = certify(root, x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{clientName},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return nil, err
	}
	f.server, err = certify(root, x509.Certificate{SerialNumber: big.NewInt(3), DNSNames: []string{serverName},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return f, err
}

// certify completes the template and has it signed by the issuer, or by itself.
// An offset must mean the same byte in every try and every run, so everything
// has a fixed length: Ed25519 signatures, unlike those of ECDSA, and serial
// numbers that are not random, unlike those of package pki.
func certify(issuer *pki.Credential, template x509.Certificate) (*pki.Credential, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	template.BasicConstraintsValid = true
	template.KeyUsage |= x509.KeyUsageDigitalSignature
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	parent, signer := &template, crypto.Signer(key)
	if issuer != nil {
		if parent, err = issuer.Leaf().X509(); err != nil {
			return nil, err
		}
		signer = issuer.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	cert, err := pki.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return pki.NewCredential([]*pki.Certificate{cert}, key)
}

// newStacks returns Signet and Go's crypto/tls, each with mutual
// authentication, and each otherwise as it comes by default.
func newStacks() ([]*stack, error) {
	f, err := newFixture()
	if err != nil {
		return nil, err
	}
	bare := &stack{name: "Go tls", client: f.goClient, server: f.goServer}
	return []*stack{{name: "Signet", client: f.signetClient, server: f.signetServer, faces: bare}, bare}, nil
}

// signetClient speaks the highest version that the other end speaks too.
func (f *fixture) signetClient(uint16) connect {
	dialer := &signet.Client{Roots: f.roots, Identity: identity.Static(f.client)}
	return func(ctx context.Context, raw net.Conn) (stream, error) {
		conn, err := dialer.Wrap(ctx, raw, serverName)
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
}

func (f *fixture) signetServer(uint16) connect {
	listener := &signet.Server{Roots: f.roots, Name: verify.Host(clientName), Identity: identity.Static(f.server)}
	return func(ctx context.Context, raw net.Conn) (stream, error) {
		conn, err := listener.Wrap(ctx, raw)
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
}

func (f *fixture) goClient(version uint16) connect {
	config := &tls.Config{
		RootCAs:            f.pool,
		ServerName:         serverName,
		Certificates:       []tls.Certificate{tlsCertificate(f.client)},
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
		MinVersion:         version,
		MaxVersion:         version,
	}
	return func(ctx context.Context, raw net.Conn) (stream, error) { return shake(ctx, tls.Client(raw, config)) }
}

func (f *fixture) goServer(version uint16) connect {
	config := &tls.Config{
		ClientCAs:    f.pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		Certificates: []tls.Certificate{tlsCertificate(f.server)},
		MinVersion:   version,
		MaxVersion:   version,
	}
	return func(ctx context.Context, raw net.Conn) (stream, error) { return shake(ctx, tls.Server(raw, config)) }
}

func shake(ctx context.Context, conn *tls.Conn) (stream, error) {
	if err := conn.HandshakeContext(ctx); err != nil {
		conn.NetConn().Close()
		return nil, err
	}
	return conn, nil
}

func tlsCertificate(credential *pki.Credential) tls.Certificate {
	leaf := credential.Leaf()
	return tls.Certificate{Certificate: [][]byte{leaf.Raw()}, PrivateKey: credential.Key}
}
