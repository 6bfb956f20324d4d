package authority

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net"
	"net/http"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// Bounds of what strangers can make the authority hold: those who have no
// certificate, or have not shown that they do.
const (
	maxStrangers = 1024 // connections; the oldest makes room
	maxEnrolling = 64   // requests at once
)

// admitter tells whom a proof lets in, as what, and puts the certificate that plan
// returns for them on record in the same step. For the same key it tells the same again.
// The proof is what an enrolment came with; of a token, the hash of its secret.
type admitter interface {
	Admit(ctx context.Context, proof, key string, plan func(spiffeid.ID) (control.Certificate, error)) (control.Token, error)
}

// enrolment is the server of clients without a certificate. It has the authority's
// own, and speaks one protocol: a request at a time on a connection.
func (a *Authority) enrolment() *signet.Server {
	return &signet.Server{
		Identity: &a.own,
		Public:   true,
		ALPN:     []string{"http/1.1"},
		Authorize: func(_ context.Context, peer *signet.Peer) error {
			if peer.Version() != "1.3" {
				return fault.New(NotPermitted, "enrolment is by TLS 1.3 alone; this is %s", peer.Version()).WithHint("join by signet enroll")
			}
			return nil
		},
		Now:    a.now,
		Logger: a.logger,
	}
}

// isStranger reports whether a request came on a connection for enrolment.
func isStranger(r *http.Request) bool { return signet.PeerOf(r.Context()).ServerName == api.EnrollHost }

// serveStranger lets clients without a certificate have the roots, and join.
func (a *Authority) serveStranger(w http.ResponseWriter, r *http.Request) error {
	switch r.Method + " " + r.URL.Path {
	case "GET " + api.PathRoots:
		answer, err := a.anchors()
		if err == nil {
			writeJSON(w, http.StatusOK, answer)
		}
		return err
	case "POST " + api.PathEnroll:
		return answering(a.enrol)(w, r)
	}
	return fault.New(NotPermitted, "without a certificate there is nothing here but enrolment").
		WithHint("join by signet enroll, or show a certificate")
}

// enrol gives somebody who shows a token their first certificate. The token is used
// up, and the certificate on record, before it is signed.
func (a *Authority) enrol(r *http.Request) (any, error) {
	select {
	case a.enrolling <- struct{}{}:
		defer func() { <-a.enrolling }()
	default:
		return nil, fault.New(Busy, "%d hosts enroll at this moment, as many as may at once", maxEnrolling).WithHint("run it again in a moment")
	}
	var request api.EnrollRequest
	if err := readJSON(r, api.MaxEnroll, &request); err != nil {
		return nil, err
	}
	proof, err := api.HashSecret(request.Secret)
	if err != nil {
		return nil, err
	}
	public, err := pki.ParseRequest(request.Request)
	if err != nil {
		return nil, err
	}
	key, err := hashKey(public)
	if err != nil {
		return nil, err
	}
	admitted, err := a.admitter.Admit(r.Context(), proof, key, func(id spiffeid.ID) (control.Certificate, error) {
		return a.plan(id, spiffeid.ID{})
	})
	if err != nil {
		return nil, err
	}
	replaced, err := a.settle(r.Context(), admitted)
	if err != nil {
		return nil, err
	}
	chain, err := a.sign(r.Context(), admitted.Certificate, public)
	if err != nil {
		return nil, err
	}
	anchors, err := a.anchors()
	return api.Enrolled{Chain: raw(chain), Roots: anchors.Roots, Replaced: replaced}, err
}

// anchors returns whom to believe at present.
func (a *Authority) anchors() (api.Roots, error) { return trustOf(a.ca.Stored()) }

// believe tells members whom to believe.
func (a *Authority) believe(*http.Request) (any, error) { return a.anchors() }

func trustOf(stored ca.Stored) (api.Roots, error) {
	anchors, err := stored.Anchors()
	return api.Roots{Roots: raw(anchors), Endorsements: stored.Endorsements, Generation: stored.Generation}, err
}

// hashKey returns the SHA-256 of a public key in lower-case hexadecimal.
func hashKey(public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fault.Wrap(err, BadRequest, "the key").WithHint(askerHint)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}

// welcome counts a new connection among the strangers, until it has shown who it is
// or is closed.
func (a *Authority) welcome(ctx context.Context, conn net.Conn) context.Context {
	out := func() { conn.Close() }
	if secured, ok := conn.(*tls.Conn); ok {
		out = func() { secured.NetConn().Close() } // without a word, for which we would have to wait
	}
	leave := a.strangers.Enter(out)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.leaves[conn] = leave
	return context.WithValue(ctx, connKey{}, conn)
}

type connKey struct{}

// proved takes a request's connection out of the strangers.
func (a *Authority) proved(r *http.Request) {
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	a.gone(conn, http.StateClosed)
}

// gone is the server's ConnState.
func (a *Authority) gone(conn net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	a.mu.Lock()
	leave := a.leaves[conn]
	delete(a.leaves, conn)
	a.mu.Unlock()
	if leave != nil {
		leave()
	}
}
