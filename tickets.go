package signet

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"strings"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Tickets are the keys of session tickets (RFC 5077; RFC 8446, section 4.6.1): made
// at random, replaced every day, and forgotten after a week. Servers that share
// them, such as those before and after a change of settings, resume each other's
// sessions, as far as a session belongs to both. The zero value is ready; it is
// safe for concurrent use and must not be copied.
type Tickets struct {
	keys tls.Config // crypto/tls makes and replaces them
}

// admission is one connection of a server, from the client's hello to the verdict.
type admission struct {
	ctx    context.Context
	server *Server
	under  *transport
	own    [sha256.Size]byte // of the certificate that we show
	host   string            // that the client asks for
	policy uint64            // its generation at the hello

	bound binding   // of the session; set by unwrap, or by judge where it is new
	since time.Time // when the client proved its key; set with bound

	once    sync.Once
	refused error // set by once
}

// admit reads the policy's generation once, before a session is opened: what
// Authorize decides by is then never older than what the session belongs to.
func (s *Server) admit(hello *tls.ClientHelloInfo, under *transport, own *pki.Credential) *admission {
	a := &admission{ctx: hello.Context(), server: s, under: under, own: fingerprintOf(own), host: strings.ToLower(hello.ServerName)}
	if s.Generation != nil {
		a.policy = s.Generation()
	}
	return a
}

// guard has crypto/tls ask a for its verdict, and whether a session is resumed. The
// configuration lives as long as the connection, and a only as long as the handshake.
func (a *admission) guard(config *tls.Config) {
	under := a.under
	under.admission = a
	config.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		return under.admission.unwrap(ticket, state)
	}
	config.WrapSession = func(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
		return under.admission.wrap(state, session)
	}
	config.VerifyConnection = func(state tls.ConnectionState) error { return under.admission.verify(state) }
}

// binding is that of a session of this connection.
func (a *admission) binding(state tls.ConnectionState) binding {
	return bond{end: "server", rules: a.server.asked, own: a.own, host: a.host, alpn: state.NegotiatedProtocol, generation: a.policy}.binding()
}

// unwrap returns the session of a ticket, or nil for a full handshake.
func (a *admission) unwrap(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
	session, err := a.server.tickets.keys.DecryptTicket(ticket, state)
	if session == nil || err != nil {
		return nil, nil
	}
	bound := a.binding(state)
	m, ok := markOf(session)
	if !ok || !m.fits(bound, clock(a.server.Now), orDefault(a.server.SessionLifetime, DefaultSessionLifetime)) {
		return nil, nil
	}
	a.bound, a.since = bound, m.since
	return session, nil
}

// wrap makes the ticket of a session. With TLS 1.3 that is before VerifyConnection
// where the client is resumed or shows no certificate, so the verdict is asked for
// here; whom it refuses gets a ticket that opens nothing, and then the refusal.
func (a *admission) wrap(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
	a.under.secrets.wrapped()
	if a.judge(state) != nil {
		dead := make([]byte, 32)
		rand.Read(dead)
		return dead, nil
	}
	mark{a.bound, a.since}.put(session)
	return a.server.tickets.keys.EncryptTicket(state, session)
}

// verify refuses who is not to be let in. That a resumed session belongs here is
// looked at again: who changes a TLSConfig could have opened another.
func (a *admission) verify(state tls.ConnectionState) error {
	if state.DidResume && a.bound != a.binding(state) {
		err := fault.New(SessionForeign, "a session was resumed that does not belong to this server's rules, certificate, host, protocol and policy").
			WithHint("leave UnwrapSession as the Server's TLSConfig has it")
		a.under.judged(nil, err)
		return err
	}
	return a.judge(state)
}

// judge is the verdict on the client, given once.
func (a *admission) judge(state tls.ConnectionState) error {
	a.once.Do(func() {
		if !state.DidResume {
			a.bound, a.since = a.binding(state), clock(a.server.Now)
		}
		a.under.shown(state)
		peer, err := a.server.verify(a.ctx, state, a.since)
		a.under.judged(peer, err)
		a.refused = err
	})
	return a.refused
}
