package signet

import (
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet/ciphers"
	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// DefaultHandshakeTimeout bounds a handshake for which nothing else is said.
const DefaultHandshakeTimeout = 10 * time.Second

// suites12 are the TLS 1.2 suites with forward secrecy and an AEAD, all others
// of crypto/tls are left out.
var suites12 = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// legacySuites are those of TLS 1.0 and 1.1 that have forward secrecy.
var legacySuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
}

// chooseSuites returns what a list chooses of the suites that are spoken.
func chooseSuites(list ciphers.List, off switches) ([]uint16, error) {
	spoken := suites12
	if off.has(dangerous.LegacyVersions()) {
		spoken = slices.Concat(suites12, legacySuites)
	}
	if list.IsZero() {
		return spoken, nil
	}
	chosen := list.Suites()
	chosen = slices.DeleteFunc(chosen, func(suite uint16) bool { return !slices.Contains(spoken, suite) })
	if len(chosen) == 0 {
		return nil, fault.New(ConfigInvalid, "Ciphers choose no suite that is safe: none with forward secrecy and an AEAD").
			WithHint("choose, for example, ECDHE+AESGCM:ECDHE+CHACHA20")
	}
	return chosen, nil
}

// serverGroups are the key exchanges of a server: those of crypto/tls but P-521,
// which costs a server the most, and which no client needs (Mozilla, Server Side
// TLS 5.7, leaves it out too). crypto/tls has an order of its own for them.
var serverGroups = []tls.CurveID{
	tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024,
	tls.X25519, tls.CurveP256, tls.CurveP384,
}

// minVersion is TLS 1.3 between Signet's own ends, which have SPIFFE names and
// roots, and TLS 1.2 elsewhere.
func minVersion(roots verify.Roots, name verify.Name, off switches) uint16 {
	switch {
	case !name.TrustDomain().IsZero() || roots.OnlyIDs():
		return tls.VersionTLS13
	case off.has(dangerous.LegacyVersions()):
		return tls.VersionTLS10
	}
	return tls.VersionTLS12
}

// maxALPN is how much room the names of protocols have in a hello, in bytes; each has
// one more for its length (RFC 7301, section 3.1).
const maxALPN = 16 << 10

// checkSettings says why settings that both roles have make no sense, or nil.
func checkSettings(alpn []string, timeout time.Duration, maxBytes int) error {
	room := 0
	for _, protocol := range alpn {
		if len(protocol) == 0 || len(protocol) > 255 {
			return fault.New(ConfigInvalid, "%q in ALPN is no name of a protocol: it has %d bytes, not 1 to 255", fault.Printable(protocol, 40), len(protocol)).
				WithHint("name protocols such as h2 and http/1.1")
		}
		room += 1 + len(protocol)
	}
	switch {
	case room > maxALPN:
		return fault.New(ConfigInvalid, "the names in ALPN take %d bytes, more than %d", room, maxALPN).WithHint("name fewer protocols")
	case timeout < 0:
		return fault.New(ConfigInvalid, "HandshakeTimeout is negative: %s", timeout).WithHint("leave it at 0, which means %s", DefaultHandshakeTimeout)
	case maxBytes < 0:
		return fault.New(ConfigInvalid, "MaxHandshakeBytes is negative: %d", maxBytes).WithHint("leave it at 0, which means %d", DefaultMaxHandshakeBytes)
	}
	return nil
}

// switches are the protections that are off.
type switches []dangerous.Switch

func (s switches) has(one dangerous.Switch) bool { return slices.Contains(s, one) }

// keys is where TLS's secrets are logged, or nil.
func (s switches) keys() io.Writer {
	var logs []io.Writer
	for _, one := range s {
		if keys := one.Keys(); keys != nil {
			logs = append(logs, keys)
		}
	}
	if len(logs) == 0 {
		return nil
	}
	return io.MultiWriter(logs...)
}

// judge is what both roles do with a peer's certificates, on every connection,
// resumed ones too.
type judge struct {
	verifier  *verify.Verifier
	rules     verify.Options // but for the time
	observe   func(*Peer)
	authorize func(context.Context, *Peer) error
	now       func() time.Time
	off       switches
	logger    *slog.Logger
}

func (j judge) newPeer(state tls.ConnectionState) *Peer {
	peer := newPeer(state, j.verifier.Adopt(state.PeerCertificates))
	peer.Dangerous = j.off
	return peer
}

// peer verifies and authorises who the state shows, and who proved its key at the
// time since. An error ends the handshake; there is no way to accept what
// verification refused.
func (j judge) peer(ctx context.Context, state tls.ConnectionState, since time.Time) (*Peer, error) {
	peer := j.newPeer(state)
	peer.Authenticated = since
	if j.observe != nil {
		j.observe(peer)
	}
	if j.off.has(dangerous.SkipVerification()) {
		return peer, j.authorized(ctx, peer)
	}
	rules := j.rules
	rules.Now, rules.Handshake = clock(j.now), &verify.Handshake{Staple: state.OCSPResponse}
	proof, err := j.verifier.Verify(peer.Chain, rules)
	if err != nil {
		return nil, err
	}
	// The same certificates are kept once for all connections.
	peer.Proof, peer.ID, peer.Chain = proof, proof.ID(), proof.Chain()
	if err := j.authorized(ctx, peer); err != nil {
		return peer, err
	}
	if name := rules.Name; name.AcceptsAny() {
		newConnLogger(j.logger).anyName(ctx, name)
	}
	return peer, nil
}

func (j judge) authorized(ctx context.Context, peer *Peer) error {
	if j.authorize == nil {
		return nil
	}
	err := j.authorize(ctx, peer)
	if _, ours := fault.Of(err); err == nil || ours {
		return err
	}
	return fault.Wrap(err, NotAuthorized, "not authorized")
}

// shown is a credential, and the same as crypto/tls wants it. It never changes.
type shown struct {
	own          *pki.Credential // nil: there is none
	certificates []tls.Certificate
}

// showcase has what its source gave last as crypto/tls wants it, once for all
// connections.
type showcase struct{ last atomic.Pointer[shown] }

// of returns what the source gives now.
func (c *showcase) of(source identity.Source) (*shown, error) {
	own, err := source.Credential()
	if err != nil {
		return nil, err
	}
	if own == nil || len(own.Chain) == 0 || own.Key == nil {
		return nil, fault.New(ConfigInvalid, "the Identity gives no certificate with its key").
			WithHint("give one that has both, such as pki.ParseCredential reads")
	}
	if last := c.last.Load(); last != nil && last.own == own {
		return last, nil
	}
	certificate, err := tlsCertificate(own)
	if err != nil {
		return nil, err
	}
	now := &shown{own, []tls.Certificate{certificate}}
	c.last.Store(now)
	return now, nil
}

func tlsCertificate(credential *pki.Credential) (tls.Certificate, error) {
	leaf, err := credential.Leaf().X509()
	if err != nil {
		return tls.Certificate{}, err
	}
	chain := make([][]byte, len(credential.Chain))
	for i, cert := range credential.Chain {
		chain[i] = cert.Raw()
	}
	return tls.Certificate{Certificate: chain, PrivateKey: credential.Key, Leaf: leaf, OCSPStaple: credential.Staple}, nil
}

func clock(now func() time.Time) time.Time {
	if now == nil {
		return time.Now()
	}
	return now()
}

// orDefault returns a setting, or what its zero value means.
func orDefault[T comparable](setting, otherwise T) T {
	var zero T
	if setting == zero {
		return otherwise
	}
	return setting
}

// connLogger writes what an operator must be able to find out later.
type connLogger struct{ logger *slog.Logger }

var silent = slog.New(slog.DiscardHandler)

func newConnLogger(logger *slog.Logger) connLogger { return connLogger{cmp.Or(logger, silent)} }

// dangers warns of the protections that are off.
func (l connLogger) dangers(ctx context.Context, off switches) {
	for _, one := range off {
		l.logger.WarnContext(ctx, "a protection is off", slog.String("dangerous", one.String()))
	}
}

func (l connLogger) established(ctx context.Context, peer *Peer) {
	l.dangers(ctx, peer.Dangerous)
	if !l.logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	l.logger.DebugContext(ctx, "connection verified", slog.String("peer", peer.ID.String()), slog.String("tls", peer.TLS()))
}

// anyName tells of a peer for whom any name would do.
func (l connLogger) anyName(ctx context.Context, name verify.Name) {
	l.logger.WarnContext(ctx, "any name was accepted", slog.String("name", name.String()))
}
