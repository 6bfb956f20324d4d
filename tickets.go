package signet

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	mu   sync.RWMutex
	keys []*ticketKey // guarded by mu; the newest first
}

// How long a key of tickets is used.
const (
	sealsFor = 24 * time.Hour
	sealsOf  = 1 << 31            // tickets: their nonces are random (NIST SP 800-38D, section 8.3)
	opensFor = 7 * 24 * time.Hour // no ticket may be used for longer (RFC 8446, section 4.6.1)
)

// ticketKey is one key, under a name by which each of its tickets begins.
type ticketKey struct {
	name  [8]byte
	aead  cipher.AEAD // AES-256-GCM, with a random nonce in front of what it seals
	made  time.Time
	count atomic.Uint32 // of the tickets
}

func newTicketKey() *ticketKey {
	k := &ticketKey{made: time.Now()}
	var secret [32]byte
	rand.Read(k.name[:])
	rand.Read(secret[:])
	defer clear(secret[:])
	block, err := aes.NewCipher(secret[:])
	if err == nil {
		k.aead, err = cipher.NewGCMWithRandomNonce(block)
	}
	if err != nil { // of a key that has its length it cannot fail
		panic(err)
	}
	return k
}

// seal makes a ticket.
func (t *Tickets) seal(state []byte) []byte {
	key := t.newest()
	ticket := append(make([]byte, 0, len(key.name)+len(state)+key.aead.Overhead()), key.name[:]...)
	return key.aead.Seal(ticket, nil, state, key.name[:])
}

// open returns what is in a ticket that seal has made not too long ago, or nil.
func (t *Tickets) open(ticket []byte) []byte {
	key := t.named(ticket)
	if key == nil {
		return nil
	}
	state, err := key.aead.Open(nil, nil, ticket[len(key.name):], key.name[:])
	if err != nil {
		return nil
	}
	return state
}

// newest is the key for another ticket.
func (t *Tickets) newest() *ticketKey {
	t.mu.RLock()
	if len(t.keys) > 0 && t.keys[0].seals() {
		defer t.mu.RUnlock()
		return t.keys[0]
	}
	t.mu.RUnlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.keys) == 0 || !t.keys[0].seals() {
		t.keys = slices.DeleteFunc(t.keys, func(k *ticketKey) bool { return !k.opens() })
		t.keys = slices.Insert(t.keys, 0, newTicketKey())
	}
	return t.keys[0]
}

// named is the key that a ticket was made with, or nil.
func (t *Tickets) named(ticket []byte) *ticketKey {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, key := range t.keys {
		if bytes.HasPrefix(ticket, key.name[:]) && key.opens() {
			return key
		}
	}
	return nil
}

// seals reports whether the key may make another ticket, and counts it.
func (k *ticketKey) seals() bool { return time.Since(k.made) < sealsFor && k.count.Add(1) <= sealsOf }

func (k *ticketKey) opens() bool { return time.Since(k.made) < opensFor }

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
	opened := a.server.tickets.open(ticket)
	if opened == nil {
		return nil, nil
	}
	session, err := tls.ParseSessionState(opened)
	if err != nil {
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
	secret, err := session.Bytes()
	if err != nil {
		return nil, err
	}
	return a.server.tickets.seal(secret), nil
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
