package signet_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// clientHost is the name in the certificate of the fixture's client.
const clientHost = "client.example"

// world is one authority, and who it signed: a server and a client with host
// names, and two workloads of a trust domain.
type world struct {
	*testpki.PKI
	roots          verify.Roots // vouch for host names
	domain         spiffeid.TrustDomain
	members        verify.Roots // vouch for the trust domain's IDs
	server, client *pki.Credential
	orders, web    *pki.Credential
}

func newWorld(t testing.TB) *world {
	t.Helper()
	p := testpki.Must(testpki.New(time.Now()))
	domain := testpki.Must(spiffeid.ParseTrustDomain("demo.signet"))
	return &world{
		PKI:     p,
		roots:   testpki.Must(verify.NewRoots("demo", p.Roots()...)),
		domain:  domain,
		members: testpki.Must(verify.ForTrustDomain(domain, p.Roots()...)),
		server:  testpki.Must(p.Server(testpki.Host, testpki.Address)),
		client:  testpki.Must(p.Client(clientHost)),
		orders:  testpki.Must(p.Workload("spiffe://demo.signet/orders")),
		web:     testpki.Must(p.Workload("spiffe://demo.signet/web")),
	}
}

// dialer is a client of host names with an identity; listener is its server.
func (w *world) dialer() *signet.Client {
	return &signet.Client{Roots: w.roots, Identity: identity.Static(w.client)}
}

func (w *world) listener() *signet.Server {
	return &signet.Server{Roots: w.roots, Name: verify.Host(clientHost), Identity: identity.Static(w.server)}
}

// bare returns a configuration of crypto/tls for one version, good for either
// end of a connection with the world's dialer or listener.
func (w *world) bare(as role, version uint16) *tls.Config {
	pool := x509.NewCertPool()
	for _, anchor := range w.Roots() {
		pool.AddCert(testpki.Must(anchor.X509()))
	}
	credential := w.server
	if as == asClient {
		credential = w.client
	}
	chain := make([][]byte, len(credential.Chain))
	for i, cert := range credential.Chain {
		chain[i] = cert.Raw()
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: credential.Key}},
		RootCAs:      pool,
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ServerName:   testpki.Host,
		MinVersion:   version,
		MaxVersion:   version,
	}
}

// role is which end of a connection somebody is.
type role string

const (
	asClient role = "client"
	asServer role = "server"
)

// pair is a TCP connection over loopback.
func pair(t testing.TB) (near, far *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialed, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialed.Close(); accepted.Close() })
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

// result is what an end got of its handshake.
type result struct {
	conn *signet.Conn
	err  error
}

// shake lets a client and a server meet over loopback and returns what each
// got; a connection is closed with the test.
func shake(t testing.TB, client *signet.Client, server *signet.Server) (near, far result) {
	t.Helper()
	dialed, accepted := pair(t)
	return shakeOver(t, client, server, dialed, accepted)
}

func shakeOver(t testing.TB, client *signet.Client, server *signet.Server, dialed, accepted net.Conn) (near, far result) {
	t.Helper()
	var both sync.WaitGroup
	both.Go(func() { near.conn, near.err = client.Wrap(t.Context(), dialed, testpki.Host) })
	both.Go(func() { far.conn, far.err = server.Wrap(t.Context(), accepted) })
	both.Wait()
	for _, end := range []result{near, far} {
		if end.conn != nil {
			t.Cleanup(func() { end.conn.Abort() })
		}
	}
	return near, far
}

// meet is shake where both must succeed.
func meet(t testing.TB, client *signet.Client, server *signet.Server) (near, far *signet.Conn) {
	t.Helper()
	one, other := shake(t, client, server)
	if one.err != nil || other.err != nil {
		t.Fatalf("client: %v; server: %v", one.err, other.err)
	}
	return one.conn, other.conn
}

// faces lets Signet in one role meet bare crypto/tls in the other.
func (w *world) faces(t testing.TB, as role, version uint16) (*signet.Conn, *tls.Conn) {
	t.Helper()
	near, far := pair(t)
	return w.facesOver(t, as, version, near, far)
}

func (w *world) facesOver(t testing.TB, as role, version uint16, near, far net.Conn) (conn *signet.Conn, peer *tls.Conn) {
	t.Helper()
	var both sync.WaitGroup
	var ours, theirs error
	if as == asClient {
		peer = tls.Server(far, w.bare(asServer, version))
		both.Go(func() { conn, ours = w.dialer().Wrap(t.Context(), near, testpki.Host) })
	} else {
		peer = tls.Client(far, w.bare(asClient, version))
		both.Go(func() { conn, ours = w.listener().Wrap(t.Context(), near) })
	}
	both.Go(func() { theirs = peer.HandshakeContext(t.Context()) })
	both.Wait()
	if ours != nil || theirs != nil {
		t.Fatalf("signet as %s: %v; crypto/tls: %v", as, ours, theirs)
	}
	t.Cleanup(func() { conn.Abort() })
	return conn, peer
}

// everyRole runs a test for each role of Signet and each version of TLS.
func everyRole(t *testing.T, test func(t *testing.T, as role, version uint16)) {
	for _, as := range []role{asClient, asServer} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(string(as)+" "+tls.VersionName(version), func(t *testing.T) { test(t, as, version) })
		}
	}
}

// recorder is a TCP connection that keeps what it sends.
type recorder struct {
	*net.TCPConn
	mu   sync.Mutex
	sent []byte // guarded by mu
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	r.sent = append(r.sent, p...)
	r.mu.Unlock()
	return r.TCPConn.Write(p)
}

// records returns the content types of the records sent so far (RFC 8446,
// section 5.1).
func (r *recorder) records(t testing.TB) (types []byte) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for rest := r.sent; len(rest) > 0; {
		if len(rest) < 5 || len(rest) < 5+int(rest[3])<<8+int(rest[4]) {
			t.Fatalf("half a record was sent: % x", rest[:min(len(rest), 16)])
		}
		types = append(types, rest[0])
		rest = rest[5+int(rest[3])<<8+int(rest[4]):]
	}
	return types
}

// memory is a connection in memory whose writes never wait: net.Pipe's do, and
// TLS 1.3 deadlocks on it.
func memory(t testing.TB) (near, far net.Conn) {
	t.Helper()
	var flows [2]*flow
	for i := range flows {
		flows[i] = &flow{}
		flows[i].changed.L = &flows[i].mu
	}
	near, far = memoryEnd{in: flows[0], out: flows[1]}, memoryEnd{in: flows[1], out: flows[0]}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// flow is one direction of a connection in memory.
type flow struct {
	mu      sync.Mutex
	changed sync.Cond
	data    []byte // guarded by mu
	ended   bool   // guarded by mu
	waiting int    // readers; guarded by mu
}

type memoryEnd struct {
	net.Conn // deadlines and addresses are not asked for
	in, out  *flow
}

func (e memoryEnd) Read(p []byte) (int, error) {
	e.in.mu.Lock()
	defer e.in.mu.Unlock()
	for len(e.in.data) == 0 && !e.in.ended {
		e.in.waiting++
		e.in.changed.Wait()
		e.in.waiting--
	}
	n := copy(p, e.in.data)
	if e.in.data = e.in.data[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (e memoryEnd) Write(p []byte) (int, error) {
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	if !e.out.ended { // as with TCP, whoever writes to a closed end learns of it by reading
		e.out.data = append(e.out.data, p...)
		e.out.changed.Broadcast()
	}
	return len(p), nil
}

func (e memoryEnd) Close() error {
	e.in.end()
	e.out.end()
	return nil
}

func (f *flow) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	f.changed.Broadcast()
}

func (memoryEnd) SetDeadline(time.Time) error      { return nil }
func (memoryEnd) SetReadDeadline(time.Time) error  { return nil }
func (memoryEnd) SetWriteDeadline(time.Time) error { return nil }

// wantCode fails the test unless err has the code.
func wantCode(t testing.TB, what string, err, code error) {
	t.Helper()
	if !errors.Is(err, code) {
		t.Errorf("%s: have %v, want %v", what, err, code)
	}
	if errors.Is(err, io.EOF) {
		t.Errorf("%s: %v is io.EOF too, which callers take for a clean end", what, err)
	}
}
