package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// What one pass does.
const (
	handshakes = 200
	bulk       = 64 << 20 // bytes
	piece      = 64 << 10 // of them, at once
	idle       = 1000     // connections
)

// connections measures what Signet's connections cost over those of bare crypto/tls:
// both ends in one process, over loopback TCP, TLS 1.3, each end with a certificate of
// P-256 under an intermediate, both verified.
func connections(out io.Writer, rounds int, _ []string) error {
	people, err := newPeople()
	if err != nil {
		return err
	}
	known := people.couples[:1]
	bare, ours := people.bare(known), people.ours(known)
	for _, meeting := range []struct {
		name       string
		bare, ours func() pair
	}{
		{"the same two again and again", func() pair { return bare }, func() pair { return ours }},
		{"two that have not met, by other intermediates each time", func() pair { return people.bare(people.couples) }, func() pair { return people.ours(people.couples) }},
	} {
		results, err := compare(rounds, []contender{{"crypto/tls", people.shake(meeting.bare)}, {"signet", people.shake(meeting.ours)}})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\nhandshakes of %s, both ends, %d rounds\n", meeting.name, rounds)
		if err := table(out, results, "crypto/tls", handshakes, "handshake"); err != nil {
			return err
		}
	}
	rounds *= 4 // short ones: what two ends on two cores do varies
	results, err := compare(rounds, []contender{{"crypto/tls", people.transfer(bare)}, {"signet", people.transfer(ours)}})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nbulk, both ends, %d rounds\n", rounds)
	if err := table(out, results, "crypto/tls", bulk>>20, "MiB"); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nmemory of an idle connection, both ends, of %d\n", idle)
	var least [2]uint64
	for i, pair := range []pair{bare, ours} {
		if least[i], err = people.memory(pair); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "crypto/tls  %d bytes\nsignet      %d bytes, %+d for each end\n", least[0], least[1], (int64(least[1])-int64(least[0]))/2)
	return nil
}

// pair makes one connection: the client's end, and the server's.
type pair struct {
	client func(net.Conn) (net.Conn, error)
	server func(net.Conn) (net.Conn, error)
}

// people are servers and their clients, and the authority of all.
type people struct {
	root     *pki.Certificate
	roots    verify.Roots // that, as Signet has it
	couples  []couple     // one for each handshake of a pass
	listener net.Listener
}

// couple are a server and its client.
type couple struct{ server, client *pki.Credential }

func newPeople() (*people, error) {
	root, err := authority(nil, pki.Root, "Bench Root")
	if err != nil {
		return nil, err
	}
	p := &people{root: root.Leaf()}
	if p.roots, err = verify.NewRoots("bench", p.root); err != nil {
		return nil, err
	}
	for i := range handshakes {
		intermediate, err := authority(root, pki.Intermediate, fmt.Sprintf("Bench Intermediate %03d", i))
		if err != nil {
			return nil, err
		}
		var both [2]*pki.Credential
		for i, profile := range []pki.Profile{pki.Server, pki.Client} {
			key, err := pki.GenerateKey(pki.P256)
			if err != nil {
				return nil, err
			}
			if both[i], err = intermediate.New(pki.Spec{Profile: profile, DNS: []string{host}, Key: key}); err != nil {
				return nil, err
			}
		}
		p.couples = append(p.couples, couple{both[0], both[1]})
	}
	p.listener, err = net.Listen("tcp", "127.0.0.1:0")
	return p, err
}

func authority(above *pki.Credential, profile pki.Profile, name string) (*pki.Credential, error) {
	key, err := pki.GenerateKey(pki.P256)
	if err != nil {
		return nil, err
	}
	spec := pki.Spec{Profile: profile, Name: name, Key: key}
	if above == nil {
		return pki.SelfSigned(spec)
	}
	return above.New(spec)
}

// bare is crypto/tls, which verifies both ends by itself. With each connection the
// next couple meets.
func (p *people) bare(couples []couple) pair {
	known := pool(p.root)
	var servers, clients turns[*tls.Certificate]
	for _, c := range couples {
		servers.all, clients.all = append(servers.all, certificate(c.server)), append(clients.all, certificate(c.client))
	}
	client := &tls.Config{RootCAs: known, ServerName: host, MinVersion: tls.VersionTLS13,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return clients.next(), nil }}
	server := &tls.Config{ClientCAs: known, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return servers.next(), nil }}
	shaken := func(conn *tls.Conn) (net.Conn, error) { return conn, conn.Handshake() }
	return pair{
		func(raw net.Conn) (net.Conn, error) { return shaken(tls.Client(raw, client)) },
		func(raw net.Conn) (net.Conn, error) { return shaken(tls.Server(raw, server)) },
	}
}

func pool(of ...*pki.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, cert := range of {
		p.AppendCertsFromPEM(cert.PEM())
	}
	return p
}

func certificate(of *pki.Credential) *tls.Certificate {
	c := &tls.Certificate{PrivateKey: of.Key}
	for _, cert := range of.ChainBelowRoot() {
		c.Certificate = append(c.Certificate, cert.Raw())
	}
	return c
}

// ours are a client and a server that know nothing yet. With each connection the next
// couple meets.
func (p *people) ours(couples []couple) pair {
	var servers, clients turns[*pki.Credential]
	for _, c := range couples {
		servers.all, clients.all = append(servers.all, c.server), append(clients.all, c.client)
	}
	client := &signet.Client{Roots: p.roots, Identity: source{&clients}, SessionLifetime: -1}
	server := &signet.Server{Roots: p.roots, Name: verify.Host(host), Identity: source{&servers}, SessionLifetime: -1}
	return pair{
		func(raw net.Conn) (net.Conn, error) { return client.Wrap(context.Background(), raw, host) },
		func(raw net.Conn) (net.Conn, error) { return server.Wrap(context.Background(), raw) },
	}
}

// turns hands out one after the other, and begins again; one call at a time.
type turns[T any] struct {
	all []T
	at  int
}

func (t *turns[T]) next() T {
	t.at++
	return t.all[(t.at-1)%len(t.all)]
}

// source is an identity.Source.
type source struct{ *turns[*pki.Credential] }

func (s source) Credential() (*pki.Credential, error) { return s.next(), nil }

// connect makes one connection, and returns both ends after the handshake.
func (p *people) connect(by pair) (client, server net.Conn, err error) {
	raw, err := net.Dial("tcp", p.listener.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	accepted, err := p.listener.Accept()
	if err != nil {
		return nil, nil, err
	}
	done := make(chan error)
	go func() {
		var err error
		server, err = by.server(accepted)
		done <- err
	}()
	client, err = by.client(raw)
	return client, server, errors.Join(err, <-done)
}

// shake makes connections by a pair, and ends them.
func (p *people) shake(by func() pair) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		runtime.GC() // what others have left behind is not this one's work
		before, pair := cpuTime(), by()
		for range handshakes {
			client, server, err := p.connect(pair)
			if err != nil {
				return 0, err
			}
			client.Close()
			server.Close()
		}
		return cpuTime() - before, nil
	}
}

// transfer sends bytes from the server to the client over one connection, which is
// made before the time counts.
func (p *people) transfer(by pair) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		client, server, err := p.connect(by)
		if err != nil {
			return 0, err
		}
		defer client.Close()
		defer server.Close()
		runtime.GC()
		before := cpuTime()
		done := make(chan error)
		go func() {
			data := make([]byte, piece)
			for range bulk / piece {
				if _, err := server.Write(data); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		data := make([]byte, piece)
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(client, bulk), data); err != nil {
			return 0, err
		}
		err = <-done
		return cpuTime() - before, err
	}
}

// memory is what one connection keeps while nothing happens, at both ends.
func (p *people) memory(by pair) (bytes uint64, err error) {
	before := inUse()
	var conns []net.Conn
	for range idle {
		client, server, err := p.connect(by)
		if err != nil {
			return 0, err
		}
		conns = append(conns, client, server)
	}
	bytes = (inUse() - before) / idle
	for _, conn := range conns {
		conn.Close()
	}
	return bytes, nil
}

// inUse is the heap and the stacks after everything that can be freed is.
func inUse() uint64 {
	for range 3 { // what a finalizer or a pool holds goes later
		runtime.GC()
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc + stats.StackInuse
}
