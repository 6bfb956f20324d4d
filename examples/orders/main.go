// Command orders is a service in Go, and its client, that need no proxy: both prove who
// they are, Cedar rules say who may connect, and who no longer may is cut off in the
// middle of a connection.
//
//	orders serve orders.pem roots.crt rules.cedar 127.0.0.1:7443
//	orders ask   web.pem    roots.crt spiffe://prod.example/orders 127.0.0.1:7443
//
// The PEM files are those that "signet agent" keeps; they are followed, as the rules
// are. Revocations reach files by the rules alone: who is revoked is taken out of them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := errors.New("usage: orders serve IDENTITY ROOTS RULES ADDRESS | orders ask IDENTITY ROOTS ID ADDRESS")
	switch a := os.Args; {
	case len(a) == 6 && a[1] == "serve":
		var s *service
		if s, err = open(a[2], a[3], a[4]); err == nil {
			err = s.serve(ctx, a[5], func(address string) { fmt.Println("orders at", address) })
		}
	case len(a) == 6 && a[1] == "ask":
		err = ask(ctx, a[2], a[3], a[4], a[5], os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(2)
	}
}

// often is how often the rules are read, and every open connection is decided anew.
const often = time.Second

// service is the server, and who is connected to it.
type service struct {
	self   *identity.Rotating
	server *signet.Server
	file   string // of the rules
	id     spiffeid.ID

	mu    sync.Mutex
	rules *policy.Set           // guarded by mu
	live  map[*signet.Conn]bool // guarded by mu
}

// self follows a PEM file with our own certificate and key, and says whom to believe.
func self(file, roots string, purpose verify.Purpose) (*identity.Rotating, verify.Roots, error) {
	source, err := identity.Open(identity.Files{Chain: file, Purpose: purpose})
	if err != nil {
		return nil, verify.Roots{}, err
	}
	credential, err := source.Credential()
	if err != nil {
		return nil, verify.Roots{}, err
	}
	text, err := os.ReadFile(roots)
	if err != nil {
		return nil, verify.Roots{}, err
	}
	anchors, err := pki.ParseCertificates(text)
	if err != nil {
		return nil, verify.Roots{}, err
	}
	believed, err := verify.ForTrustDomain(credential.Leaf().ID().TrustDomain(), anchors...)
	return source, believed, err
}

// open reads all that the service needs.
func open(file, roots, rules string) (*service, error) {
	source, believed, err := self(file, roots, verify.ServerAuth)
	if err != nil {
		return nil, err
	}
	credential, err := source.Credential()
	if err != nil {
		return nil, err
	}
	s := &service{self: source, file: rules, id: credential.Leaf().ID(), live: map[*signet.Conn]bool{}}
	s.server = &signet.Server{Identity: source, Roots: believed, Name: verify.Member(s.id.TrustDomain()),
		Authorize: func(_ context.Context, peer *signet.Peer) error { return s.decide(peer.ID) }}
	s.rules, err = s.read()
	return s, err
}

// read compiles the rules.
func (s *service) read() (*policy.Set, error) {
	text, err := os.ReadFile(s.file)
	if err != nil {
		return nil, err
	}
	file, err := policy.ParseFile(string(text), s.id.TrustDomain())
	if err != nil {
		return nil, err
	}
	return file.Set()
}

// decide says whether somebody may be connected right now.
func (s *service) decide(from spiffeid.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.decided(from)
}

// decided is decide; the caller holds mu.
func (s *service) decided(from spiffeid.ID) error {
	if decision := s.rules.Decide(policy.Pair{From: from, To: s.id}, time.Now()); !decision.Allowed {
		return decision.Err()
	}
	return nil
}

// serve accepts until ctx ends; at says where.
func (s *service) serve(ctx context.Context, address string, at func(string)) error {
	listener, err := s.server.Listen(ctx, address)
	if err != nil {
		return err
	}
	at(listener.Addr().String())
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { s.self.Run(ctx) })
	all.Go(func() { s.follow(ctx) })
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		all.Go(func() { s.answer(ctx, conn.(*signet.Conn)) })
	}
}

// follow decides anew about everybody who is connected, again and again, and cuts off
// whom the rules no longer allow. Rules that cannot be read leave those before.
func (s *service) follow(ctx context.Context) {
	ticker := time.NewTicker(often)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		rules, err := s.read()
		s.mu.Lock()
		if err == nil {
			s.rules = rules
		}
		for conn := range s.live {
			if s.decided(conn.Peer().ID) != nil {
				conn.Abort() // a reset: the client does not take what it has for all
			}
		}
		s.mu.Unlock()
	}
}

// admit decides and registers in one step, so that no connection slips between a
// change of the rules and its enforcement.
func (s *service) admit(conn *signet.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.decided(conn.Peer().ID); err != nil {
		return err
	}
	s.live[conn] = true
	return nil
}

// answer tells the client who it is, once a tick, for as long as it may hear it.
func (s *service) answer(ctx context.Context, conn *signet.Conn) {
	defer conn.Close()
	if conn.Handshake(ctx) != nil || s.admit(conn) != nil {
		conn.Abort()
		return
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.live, conn)
	}()
	ticker := time.NewTicker(often / 10)
	defer ticker.Stop()
	for {
		if _, err := fmt.Fprintf(conn, "orders for %s\n", conn.Peer().ID.Path()); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// ask copies what the service says to out, until it ends; a cut is an error.
func ask(ctx context.Context, file, roots, id, address string, out io.Writer) error {
	source, believed, err := self(file, roots, verify.ClientAuth)
	if err != nil {
		return err
	}
	want, err := spiffeid.Parse(id)
	if err != nil {
		return err
	}
	client := &signet.Client{Identity: source, Roots: believed, Name: verify.ID(want)}
	conn, err := client.Dial(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	_, err = io.Copy(out, conn)
	return err
}
