package signet

import (
	"crypto/sha256"
	"crypto/tls"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// Bounds of a client's sessions; beyond them the oldest, or all, are forgotten,
// which costs a full handshake each.
const (
	maxSessionCaches = 256 // of identity, roots, name and ALPN
	maxSessions      = 64  // of one cache: servers of the same name
)

// sessions are a client's sessions that may be resumed. crypto/tls knows them by
// the server's name only, or by its address, so each identity with its roots, wanted
// name and ALPN has a cache of its own.
type sessions struct {
	mu       sync.Mutex
	caches   map[sessionKey]*sessionCache // guarded by mu
	imported map[binding]*sessionCache    // that nobody has asked for yet; guarded by mu
}

// sessionKey says whose sessions a cache has. All of it is immutable.
type sessionKey struct {
	roots    verify.Roots
	name     verify.Name
	identity [sha256.Size]byte
	alpn     string
}

// session is one that may be resumed. Server is what crypto/tls calls it.
type session struct {
	server string
	state  *tls.ClientSessionState
}

// sessionCache has the sessions of one binding.
type sessionCache struct {
	bound binding

	mu       sync.Mutex
	sessions []session // the newest last; guarded by mu
}

// of returns the cache for connections by these rules.
func (s *sessions) of(rules verify.Options, own *pki.Credential, alpn []string) *sessionCache {
	key := sessionKey{rules.Roots, rules.Name, fingerprintOf(own), strings.Join(alpn, "\x00")}
	s.mu.Lock()
	defer s.mu.Unlock()
	cache, ok := s.caches[key]
	if !ok {
		if s.caches == nil || len(s.caches) >= maxSessionCaches {
			s.caches = map[sessionKey]*sessionCache{}
		}
		bound := bond{end: "client", rules: rules.Fingerprint(), own: key.identity, alpn: key.alpn}.binding()
		if cache = s.imported[bound]; cache == nil {
			cache = &sessionCache{bound: bound}
		}
		delete(s.imported, bound)
		s.caches[key] = cache
	}
	return cache
}

func (c *sessionCache) get(server string) *tls.ClientSessionState {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, have := range c.sessions {
		if have.server == server {
			return have.state
		}
	}
	return nil
}

// put keeps a session in the place of an older one; a state of nil forgets that.
func (c *sessionCache) put(server string, state *tls.ClientSessionState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions = slices.DeleteFunc(c.sessions, func(have session) bool { return have.server == server })
	if state == nil {
		return
	}
	if len(c.sessions) == maxSessions {
		c.sessions = slices.Delete(c.sessions, 0, 1)
	}
	c.sessions = append(c.sessions, session{server, state})
}

// resumption is the tls.ClientSessionCache of one connection: it knows since when
// the peer of that connection is known, which a cache for many cannot.
type resumption struct {
	cache  *sessionCache
	client *Client
	since  time.Time // when the peer proved its key; set by Get, then by verification
}

// Get implements tls.ClientSessionCache.
func (r *resumption) Get(server string) (*tls.ClientSessionState, bool) {
	state := r.cache.get(server)
	if state == nil {
		return nil, false
	}
	_, session, err := state.ResumptionState()
	if err != nil {
		return nil, false
	}
	if m, ok := markOf(session); ok && m.fits(r.cache.bound, clock(r.client.Now), orDefault(r.client.SessionLifetime, DefaultSessionLifetime)) {
		r.since = m.since
		return state, true
	}
	r.cache.put(server, nil)
	return nil, false
}

// Put implements tls.ClientSessionCache. crypto/tls calls it once the connection is
// verified.
func (r *resumption) Put(server string, state *tls.ClientSessionState) {
	if _, session, err := state.ResumptionState(); err == nil && session != nil {
		mark{r.cache.bound, r.since}.put(session)
	}
	r.cache.put(server, state)
}

// authenticated returns when the peer of the connection proved its key.
func (r *resumption) authenticated(resumed bool) time.Time {
	if !resumed {
		r.since = clock(r.client.Now)
	}
	return r.since
}
