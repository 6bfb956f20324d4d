package record

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// allSuites are those of TLS 1.3.
var allSuites = []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256}

// fresh returns the two ends of a connection that has new secrets. No two share any, so
// that under the tag noncecheck no key is used by two sessions.
func fresh(t testing.TB, suite uint16) (client, server *Session) {
	t.Helper()
	known, err := suiteOf(suite)
	if err != nil {
		t.Fatal(err)
	}
	up, down := make([]byte, known.secretLength), make([]byte, known.secretLength)
	rand.Read(up)
	rand.Read(down)
	client = open(t, Keys{Suite: suite, Client: true, Read: bytes.Clone(down), Write: bytes.Clone(up)})
	server = open(t, Keys{Suite: suite, Read: up, Write: down})
	return client, server
}

func open(t testing.TB, keys Keys) *Session {
	t.Helper()
	s, err := NewSession(keys)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wire is one direction of a connection in memory.
type wire struct {
	mutex sync.Mutex
	more  *sync.Cond
	data  bytes.Buffer
	waits bool // of who reads it while it is empty; otherwise errEmpty
}

// errEmpty is an error that crypto/tls takes for one that passes.
var errEmpty net.Error = empty{}

type empty struct{}

func (empty) Error() string   { return "nothing has come" }
func (empty) Timeout() bool   { return false }
func (empty) Temporary() bool { return true }

// end is a net.Conn over two wires.
type end struct {
	net.Conn // for what is never called
	in, out  *wire
}

func (e end) Read(p []byte) (int, error) {
	e.in.mutex.Lock()
	defer e.in.mutex.Unlock()
	for e.in.data.Len() == 0 {
		if !e.in.waits {
			return 0, errEmpty
		}
		e.in.more.Wait()
	}
	return e.in.data.Read(p)
}

func (e end) Write(p []byte) (int, error) {
	e.out.mutex.Lock()
	defer e.out.mutex.Unlock()
	defer e.out.more.Signal()
	return e.out.data.Write(p)
}

func (e end) Close() error                     { return nil }
func (e end) SetDeadline(time.Time) error      { return nil }
func (e end) SetReadDeadline(time.Time) error  { return nil }
func (e end) SetWriteDeadline(time.Time) error { return nil }
func (e end) LocalAddr() net.Addr              { return &net.UnixAddr{} }
func (e end) RemoteAddr() net.Addr             { return &net.UnixAddr{} }

// connection is two ends of crypto/tls after their handshake, and what a Session needs to
// stand in for either.
type connection struct {
	suite          uint16
	client, server *tls.Conn
	up, down       *wire  // from the client, and to it
	upSecret       []byte // the client's
	downSecret     []byte // the server's
	tickets        uint64 // that the server has sent
}

var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// connect makes a connection. Which suite it has is chosen by crypto/tls, whose order of
// those of TLS 1.3 cannot be set: AES-128-GCM, or ChaCha20-Poly1305 where AES is slow.
func connect(t testing.TB) *connection {
	t.Helper()
	c := &connection{up: newWire(), down: newWire()}
	var log strings.Builder
	serverConfig := &tls.Config{
		Certificates:     []tls.Certificate{certificate()},
		ClientAuth:       tls.RequireAnyClientCert, // so that the ticket comes behind the handshake
		MinVersion:       tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{tls.X25519},
		KeyLogWriter:     &log,
		WrapSession: func(tls.ConnectionState, *tls.SessionState) ([]byte, error) {
			c.tickets++
			return make([]byte, 200), nil
		},
	}
	clientConfig := &tls.Config{
		Certificates:       serverConfig.Certificates,
		ServerName:         "server",
		InsecureSkipVerify: true,
		CurvePreferences:   serverConfig.CurvePreferences,
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	c.client = tls.Client(end{in: c.down, out: c.up}, clientConfig)
	c.server = tls.Server(end{in: c.up, out: c.down}, serverConfig)
	served := make(chan error, 1)
	go func() { served <- c.server.Handshake() }()
	if err := c.client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	c.up.waits, c.down.waits = false, false
	c.suite = c.client.ConnectionState().CipherSuite
	c.upSecret, c.downSecret = trafficSecrets(log.String())
	return c
}

// trafficSecrets reads crypto/tls's log: the client's, and the server's.
func trafficSecrets(log string) (up, down []byte) {
	for line := range strings.Lines(log) {
		var label, random, secret string
		fmt.Sscan(line, &label, &random, &secret)
		switch label {
		case "CLIENT_TRAFFIC_SECRET_0":
			up, _ = hex.DecodeString(secret)
		case "SERVER_TRAFFIC_SECRET_0":
			down, _ = hex.DecodeString(secret)
		}
	}
	return up, down
}

func newWire() *wire {
	w := &wire{waits: true}
	w.more = sync.NewCond(&w.mutex)
	return w
}

// asClient returns a Session in the place of the connection's client, before it has read a
// ticket.
func (c *connection) asClient(t testing.TB) *Session {
	return open(t, Keys{Suite: c.suite, Client: true, Read: bytes.Clone(c.downSecret), Write: bytes.Clone(c.upSecret)})
}

// asServer returns a Session in the place of the connection's server.
func (c *connection) asServer(t testing.TB) *Session {
	return open(t, Keys{Suite: c.suite, Read: bytes.Clone(c.upSecret), Write: bytes.Clone(c.downSecret), WriteSequence: c.tickets})
}

// everything reads what has come.
func everything(conn *tls.Conn) ([]byte, error) {
	var data []byte
	p := make([]byte, MaxData)
	for {
		n, err := conn.Read(p)
		data = append(data, p[:n]...)
		if err == errEmpty {
			return data, nil
		}
		if err != nil {
			return data, err
		}
	}
}

// room is a dst that Receive does not stop for.
func room() []byte { return make([]byte, 0, 8*MaxRecord) }
