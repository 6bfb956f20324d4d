package signet

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-tls/signet/ciphers"
	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// Peer is who stands at the other end, as proved by the handshake.
type Peer struct {
	// ID is the peer's SPIFFE ID; zero unless its own trust domain's roots have
	// vouched for it.
	ID spiffeid.ID
	// Chain is what the peer sent, leaf first; empty for the client of a public
	// server.
	Chain []*pki.Certificate
	// Proof is what verification has proved, and can report on it; nil for the
	// client of a public server.
	Proof *verify.Proof
	// Authenticated is when the peer proved that it holds its certificate's key:
	// on the first connection of a session that was resumed since. It is zero for
	// the client of a public server.
	Authenticated time.Time
	// ServerName is the name that the client asked for (SNI), or "".
	ServerName string
	// Staple is the OCSP response that the peer sent along (RFC 6066, section 8),
	// as it came, or nil.
	Staple []byte
	// Authorities are those by whose names a server told a client to choose its
	// certificate; empty if it named none, or asked for none.
	Authorities []pki.Name
	// Dangerous are the protections that this connection lacks. Without
	// verification, ID and Proof are zero.
	Dangerous []dangerous.Switch
	// ALPN is the application protocol that both ends agreed on, or "".
	ALPN string
	// Resumed says that the peer proved its identity on an earlier connection,
	// and that everything else was verified anew on this one.
	Resumed bool
	// WantsCertificate says that the server asked for a certificate of ours and
	// got none. One that insists says so only after the handshake of TLS 1.3.
	WantsCertificate bool

	// export derives keys of the connection; nil where they are not known, and once the
	// handshake is over.
	export func(label string, context []byte, length int) ([]byte, error)

	version, suite uint16
	group          tls.CurveID
}

func newPeer(state tls.ConnectionState, chain []*pki.Certificate) *Peer {
	return &Peer{
		Chain:      chain,
		Resumed:    state.DidResume,
		Staple:     state.OCSPResponse,
		ALPN:       state.NegotiatedProtocol,
		ServerName: state.ServerName,
		version:    state.Version,
		suite:      state.CipherSuite,
		group:      state.CurveID,
	}
}

// complete adds what is known only after the handshake.
func (p *Peer) complete(state tls.ConnectionState) {
	p.ALPN, p.group, p.export = state.NegotiatedProtocol, state.CurveID, nil
}

// Connection names the connection, as Conn.ID does from the end of the handshake on,
// for a Server's Observe and Authorize, and for whoever keeps the Peer of a
// handshake that fails: so that both ends can tell of a refusal under one name. It is
// "" where that is not known: before TLS 1.3, at a client, and later.
func (p *Peer) Connection() string {
	if p == nil || p.export == nil {
		return ""
	}
	id, err := p.export(connectionIDLabel, nil, connectionIDLength)
	if err != nil {
		return ""
	}
	return connectionName(id)
}

// PostQuantum reports whether the key exchange withstands a quantum computer.
func (p *Peer) PostQuantum() bool {
	switch p.group {
	case tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024:
		return true
	}
	return false
}

// TLS describes the connection to a person: "1.3, AES-128-GCM, X25519MLKEM768
// (post-quantum)".
func (p *Peer) TLS() string {
	text := fmt.Sprintf("%s, %s, %s", p.Version(), p.Cipher(), p.Group())
	if p.PostQuantum() {
		text += " (post-quantum)"
	}
	return text
}

// Version is that of TLS: "1.3".
func (p *Peer) Version() string { return strings.TrimPrefix(tls.VersionName(p.version), "TLS ") }

// Group is that of the key exchange: "X25519MLKEM768".
func (p *Peer) Group() string { return p.group.String() }

// Cipher is that of the cipher suite, in the field's short form: "AES-128-GCM".
func (p *Peer) Cipher() string {
	if name, ok := shortNames()[p.suite]; ok {
		return name
	}
	return tls.CipherSuiteName(p.suite)
}

// shortNames are those of the cipher suites. crypto/tls makes lists of all each time that it
// is asked for one, which is 1/200 of a resumed handshake.
var shortNames = sync.OnceValue(func() map[uint16]string {
	names := map[uint16]string{}
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		names[suite.ID] = shortName(suite.Name)
	}
	return names
})

func shortName(name string) string {
	if _, cipher, ok := strings.Cut(name, "_WITH_"); ok {
		name = cipher
	}
	name = strings.TrimPrefix(name, "TLS_")
	for _, hash := range []string{"_SHA256", "_SHA384"} {
		name = strings.TrimSuffix(name, hash)
	}
	return strings.ReplaceAll(name, "_", "-")
}

// OpenSSL is what was negotiated, under the names that OpenSSL has.
type OpenSSL struct {
	Version string // TLSv1.3
	Cipher  string // TLS_AES_128_GCM_SHA256, or ECDHE-RSA-AES128-GCM-SHA256 of TLS 1.2
	Bits    int    // the length of the cipher's key
	Group   string // of the key exchange: X25519MLKEM768, x25519 or secp256r1
}

// OpenSSL describes the connection to those who knew it from there.
func (p *Peer) OpenSSL() OpenSSL {
	return OpenSSL{ciphers.Version(p.version), ciphers.Name(p.suite), ciphers.Bits(p.suite), ciphers.Group(p.group)}
}
