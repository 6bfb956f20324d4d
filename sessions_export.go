package signet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/tls"
	"encoding/json"
	"maps"
	"runtime"
	"slices"

	"github.com/signet-tls/signet/fault"
)

// sessionKeySize is the size of the key that exported sessions are sealed under,
// for AES-256.
const sessionKeySize = 32

// Bounds of what is imported: bytes, and sessions in all.
const (
	maxSessionsData = 16 << 20
	maxImported     = 1024
)

// exported is a session as it is sealed.
type exported struct {
	Server string `json:"server"` // what crypto/tls calls it
	Ticket []byte `json:"ticket"`
	State  []byte `json:"state"` // with its mark, and the secret that resumes it
}

// ExportSessions returns the sessions that may be resumed, for ImportSessions of
// another process. They are sealed under a key of 32 secret bytes, chosen at random
// and kept apart from them: who has both could go on in the client's name. Only a
// program that was built with the same version of Go reads them, since their form
// is crypto/tls's own.
func (c *Client) ExportSessions(key []byte) ([]byte, error) {
	seal, err := sessionSeal(key)
	if err != nil {
		return nil, err
	}
	var all []exported
	for _, have := range c.sessions.all() {
		ticket, state, err := have.state.ResumptionState()
		if err != nil {
			continue // it cannot be resumed
		}
		bytes, err := state.Bytes()
		if err != nil {
			continue
		}
		all = append(all, exported{have.server, ticket, bytes})
	}
	data, err := json.Marshal(all[max(0, len(all)-maxImported):])
	if err != nil {
		return nil, err
	}
	return seal.Seal(nil, nil, data, sessionForm()), nil
}

// ImportSessions takes what ExportSessions returned. Each session is resumed where
// it belongs: with the same roots, rules, name, certificate of ours and ALPN, within
// its lifetime, and with everything but the proof of the server's key verified
// anew. Elsewhere it is left aside, and the handshake is a full one. What was
// altered, or sealed under another key, is SessionsInvalid.
func (c *Client) ImportSessions(key, data []byte) error {
	seal, err := sessionSeal(key)
	if err != nil {
		return err
	}
	if len(data) > maxSessionsData {
		return badSessions("%d bytes of sessions; %d are read", len(data), maxSessionsData)
	}
	data, err = seal.Open(nil, nil, data, sessionForm())
	if err != nil {
		return badSessions("the sessions were altered, sealed under another key, or exported by a program of another version of Go")
	}
	var all []exported
	if err := json.Unmarshal(data, &all); err != nil || len(all) > maxImported {
		return badSessions("what was sealed are no sessions")
	}
	for _, have := range all {
		state, err := tls.ParseSessionState(have.State)
		if err != nil {
			return badSessions("a session cannot be read")
		}
		resumable, err := tls.NewResumptionState(have.Ticket, state)
		m, ok := markOf(state)
		if err != nil || !ok {
			return badSessions("a session does not say what it belongs to")
		}
		c.sessions.adopt(m.bound, session{have.Server, resumable})
	}
	return nil
}

// sessionSeal seals and opens exported sessions.
func sessionSeal(key []byte) (cipher.AEAD, error) {
	if len(key) != sessionKeySize || !slices.ContainsFunc(key, func(b byte) bool { return b != 0 }) {
		return nil, fault.New(ConfigInvalid, "sessions are sealed under a key of %d random bytes; this one has %d, or is empty", sessionKeySize, len(key)).
			WithHint("make one with crypto/rand, and keep it where only this program reads it")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// sessionForm is what sealed sessions must agree in with who reads them.
func sessionForm() []byte { return []byte("signet/sessions 1, " + runtime.Version()) }

func badSessions(format string, args ...any) error {
	return fault.New(SessionsInvalid, format, args...).
		WithHint("go on without them: connections then begin new sessions")
}

// all returns the sessions of all caches.
func (s *sessions) all() []session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []session
	for _, cache := range slices.AppendSeq(slices.Collect(maps.Values(s.imported)), maps.Values(s.caches)) {
		cache.mu.Lock()
		all = append(all, cache.sessions...)
		cache.mu.Unlock()
	}
	return all
}

// adopt gives a session to the cache that it belongs to, whether anybody has asked
// for that or not.
func (s *sessions) adopt(bound binding, have session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, cache := range s.caches {
		if cache.bound == bound {
			cache.put(have.server, have.state)
			return
		}
	}
	cache := s.imported[bound]
	if cache == nil {
		if s.imported == nil || len(s.imported) >= maxSessionCaches {
			s.imported = map[binding]*sessionCache{}
		}
		cache = &sessionCache{bound: bound}
		s.imported[bound] = cache
	}
	cache.put(have.server, have.state)
}
