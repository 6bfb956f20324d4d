package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet/pki"
)

// sizes are how much load a test makes.
type sizes struct {
	shakes  int           // connections of a handshake test
	workers int           // of them at once
	bulk    int64         // bytes of a bulk test
	pings   time.Duration // how long round trips go on
	settle  time.Duration // until what is idle is looked at
}

var (
	fullSizes  = sizes{shakes: 4000, workers: 32, bulk: 4 << 30, pings: 3 * time.Second, settle: 3 * time.Second}
	quickSizes = sizes{shakes: 500, workers: 16, bulk: 1 << 29, pings: time.Second, settle: time.Second}
)

// target is a proxy, or a relay, under load.
type target struct {
	address string
	process *process
	people  *loadPeople // nil: it speaks no TLS
}

// loadPeople are those whom a proxy trusts, and whom the load believes a proxy.
type loadPeople struct {
	clients []*pki.Credential
	roots   *x509.CertPool
	known   atomic.Pointer[[]byte] // the proxy's certificate that was verified last
}

// patienceOfLoad is how long a connection may take to be made, or to answer.
const patienceOfLoad = 20 * time.Second

// tls returns the settings of a client that shows these certificates in turn.
func (p *loadPeople) tls(group tls.CurveID, clients ...*pki.Credential) *tls.Config {
	certificates := make([]*tls.Certificate, len(clients))
	for i, client := range clients {
		certificates[i] = certificate(client)
	}
	var next atomic.Int64
	return &tls.Config{
		MinVersion:       tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{group},
		ServerName:       host,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return certificates[int(next.Add(1))%len(certificates)], nil
		},
		InsecureSkipVerify: true, // verify does
		VerifyConnection:   p.verify,
	}
}

// service returns the settings of a service that shows one of the clients' certificates.
// Who its own clients are it does not look at.
func (p *loadPeople) service(client int) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{*certificate(p.clients[client])}, ClientAuth: tls.RequireAnyClientCert}
}

// verify verifies a proxy's certificate unless it is the one that it verified last:
// what the load saves, the proxy has of this machine.
func (p *loadPeople) verify(state tls.ConnectionState) error {
	chain := state.PeerCertificates
	if known := p.known.Load(); known != nil && bytes.Equal(*known, chain[0].Raw) {
		return nil
	}
	others := x509.NewCertPool()
	for _, cert := range chain[1:] {
		others.AddCert(cert)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: p.roots, Intermediates: others}); err != nil {
		return err
	}
	p.known.Store(&chain[0].Raw)
	return nil
}

// dial connects, by TLS where there are settings for it.
func (t *target) dial(settings *tls.Config) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", t.address, patienceOfLoad)
	if err != nil || settings == nil {
		return conn, err
	}
	secure := tls.Client(&gatherer{Conn: conn}, settings)
	secure.SetDeadline(time.Now().Add(patienceOfLoad))
	if err := secure.Handshake(); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, secure.SetDeadline(time.Time{})
}

// settings are those of t's first client; nil where there is no TLS.
func (t *target) settings(group tls.CurveID) *tls.Config {
	if t.people == nil {
		return nil
	}
	return t.people.tls(group, t.people.clients[0])
}

// ready waits until a byte comes back from the backend, and says what was agreed on.
func (t *target) ready(settings *tls.Config) (agreed string, err error) {
	var last error
	err = until("a byte comes back", func() (bool, error) {
		var conn net.Conn
		if conn, last = t.dial(settings); last != nil {
			return false, t.process.over()
		}
		defer conn.Close()
		last = echoed(conn)
		agreed = "none"
		if secure, ok := conn.(*tls.Conn); ok {
			state := secure.ConnectionState()
			agreed = fmt.Sprintf("%s, %s, %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), state.CurveID)
		}
		return last == nil, nil
	})
	if err != nil {
		return "", fmt.Errorf("%w: %w", err, last)
	}
	return agreed, nil
}

// echoed makes a connection one whose bytes come back, and returns when one has: the
// proxy has taken the client's certificate, and reached the backend.
func echoed(conn net.Conn) error {
	conn.SetDeadline(time.Now().Add(patienceOfLoad))
	defer conn.SetDeadline(time.Time{})
	if _, err := conn.Write(append(wish(wishEcho, 0), 'x')); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err
}

// gatherer writes the records of one Write by one call of the system: the load is to
// cost as little as can be, as it shares the machine.
type gatherer struct {
	net.Conn
	gathering bool
	gathered  []byte
}

// Write implements net.Conn.
func (g *gatherer) Write(p []byte) (int, error) {
	if !g.gathering {
		return g.Conn.Write(p)
	}
	g.gathered = append(g.gathered, p...)
	return len(p), nil
}

// writeAll writes data to a connection of dial's.
func writeAll(conn net.Conn, data []byte) error {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		_, err := conn.Write(data)
		return err
	}
	g := secure.NetConn().(*gatherer)
	g.gathering, g.gathered = true, g.gathered[:0]
	_, err := secure.Write(data)
	g.gathering = false
	if err == nil {
		_, err = g.Conn.Write(g.gathered)
	}
	return err
}

// many does something n times, with so many workers, until one fails.
func many(n, workers int, do func(worker, i int) error) error {
	var next atomic.Int64
	var group sync.WaitGroup
	var once sync.Once
	var first error
	var failed atomic.Bool
	for worker := range workers {
		group.Go(func() {
			for !failed.Load() {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(worker, i); err != nil {
					failed.Store(true)
					once.Do(func() { first = err })
				}
			}
		})
	}
	group.Wait()
	return first
}
