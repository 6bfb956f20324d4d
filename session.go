package signet

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"time"

	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// DefaultSessionLifetime is how long a peer's proof of its key counts for resumed
// connections where nothing else is said.
const DefaultSessionLifetime = 24 * time.Hour

// binding identifies all that a session belongs to. A session is resumed only
// where it is the same again, at either end.
type binding [sha256.Size]byte

// bond is what a binding is made of. Each part has a fixed size or is hashed by
// itself, so that no two bonds have the same text.
type bond struct {
	end        string            // "client" or "server"
	rules      [sha256.Size]byte // whom to believe, who the peer must be
	own        [sha256.Size]byte // our own certificate; zero: none
	host       string            // that the client asked for
	alpn       string            // what was offered, or what was chosen
	generation uint64            // of the policy
}

func (b bond) binding() binding {
	host, alpn := sha256.Sum256([]byte(b.host)), sha256.Sum256([]byte(b.alpn))
	generation := binary.BigEndian.AppendUint64(nil, b.generation)
	return sha256.Sum256(bytes.Join([][]byte{[]byte("signet " + b.end), b.rules[:], b.own[:], host[:], alpn[:], generation}, nil))
}

// fingerprintOf identifies our own certificate.
func fingerprintOf(own *pki.Credential) (sum [sha256.Size]byte) {
	if own == nil {
		return sum
	}
	return own.Leaf().Fingerprint()
}

// markPrefix begins what Signet adds to a session (tls.SessionState.Extra).
const markPrefix = "signet/session 1:"

// mark is what a session says of itself: what it belongs to, and when the peer
// proved that it holds its key. Resuming it is no such proof, so the time is that
// of the first connection for all that follow.
type mark struct {
	bound binding
	since time.Time
}

// put marks a session, once.
func (m mark) put(session *tls.SessionState) {
	extra := append([]byte(markPrefix), m.bound[:]...)
	session.Extra = append(session.Extra, binary.BigEndian.AppendUint64(extra, uint64(m.since.Unix())))
}

// markOf returns the mark of a session, and whether it has one.
func markOf(session *tls.SessionState) (m mark, ok bool) {
	for _, extra := range session.Extra {
		rest, ours := bytes.CutPrefix(extra, []byte(markPrefix))
		if ours && len(rest) == len(m.bound)+8 {
			copy(m.bound[:], rest)
			m.since = time.Unix(int64(binary.BigEndian.Uint64(rest[len(m.bound):])), 0)
			return m, true
		}
	}
	return m, false
}

// fits reports whether the session may be resumed: it belongs where it is to be
// resumed, and the peer's proof is not older than lifetime.
func (m mark) fits(bound binding, now time.Time, lifetime time.Duration) bool {
	return m.bound == bound && !now.After(m.since.Add(lifetime))
}

// current returns the rules with the evidence about revocation that counts now.
func current(rules verify.Options, revocation func() *verify.Revocation) verify.Options {
	if revocation != nil {
		rules.Revocation = revocation()
	}
	return rules
}
