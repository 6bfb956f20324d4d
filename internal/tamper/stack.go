package tamper

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"slices"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
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
	// faces is who stands at the other end in TLS 1.2; nil means itself. To a
	// stack behind sockets it is always there.
	faces *stack
	// process says that it is another program, which only listens: its stream
	// has what it received.
	process bool
	// detached says that it takes connections over behind their handshakes, in TLS
	// 1.3 alone: what comes before is left to the stack that it faces, and attacked there.
	detached bool
	// absent says why it cannot be attacked on this machine, "" if it can.
	absent string
	// shown are the impostors that meet it, beside which it is shown an honest
	// peer.
	shown []impostor
	// upgrade is nil where the stack has no way from another protocol into TLS.
	upgrade upgrade
}

// sockets reports whether sockets lie between the link and the stack, so that nobody
// sees whether it waits.
func (s *stack) sockets() bool { return s.process || s.detached }

// link is one to the stack: whatever is done to what it receives, loops carry on what
// is sent to its end, so that nothing but a process has to be told that the deadline has
// passed.
func (s *stack) link(done attacks) *link {
	l := newLink(done, s.process)
	l.far = s.sockets()
	return l
}

// own reports whether the stack is Signet's, so that the table is about it.
func (s *stack) own(column int) bool { return column == 0 || s.detached }

// versions are those in which it is attacked.
func (s *stack) versions() []uint16 {
	if s.detached {
		return []uint16{tls.VersionTLS13}
	}
	return versions
}

// stacks returns Signet and Go's crypto/tls, each with mutual authentication,
// and each otherwise as it comes by default.
func (f *fixture) stacks() ([]*stack, error) {
	shown, err := f.impostors()
	if err != nil {
		return nil, err
	}
	asked, err := f.asked()
	if err != nil {
		return nil, err
	}
	bare := &stack{name: "Go tls", client: f.goClient, server: f.goServer, shown: shown}
	own := &stack{name: "Signet", client: f.signetClient, server: f.signetServer, faces: bare, shown: slices.Concat(shown, asked), upgrade: careful}
	return []*stack{own, bare}, nil
}

// signetClient speaks the highest version that the other end speaks too.
func (f *fixture) signetClient(uint16) connect {
	return dialing(&signet.Client{Roots: f.roots, Identity: identity.Static(f.client.Credential), HandshakeTimeout: 2 * patience})
}

// dialing is a client that speaks the highest version that its server speaks.
func dialing(dialer *signet.Client) connect {
	return func(ctx context.Context, raw net.Conn) (stream, error) {
		conn, err := dialer.Wrap(ctx, raw, serverName)
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
}

func (f *fixture) signetServer(uint16) connect {
	return accepting(&signet.Server{Roots: f.roots, Name: verify.Host(clientName), Identity: identity.Static(f.server.Credential), HandshakeTimeout: 2 * patience})
}

// accepting is a server that speaks the highest version that its client speaks.
func accepting(listener *signet.Server) connect {
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
		Certificates:       []tls.Certificate{f.client.shown()},
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
		Certificates: []tls.Certificate{f.server.shown()},
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
