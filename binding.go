package signet

import (
	"context"
	"crypto"
	_ "crypto/sha256" // hashes of tls-server-end-point
	_ "crypto/sha512"
	"crypto/tls"
	"crypto/x509"

	"github.com/signet-tls/signet/fault"
)

// maxExport bounds exported keys, in bytes: what HKDF gives with SHA-256 (RFC
// 5869, section 2.3).
const maxExport = 255 * 32

// maxLabel bounds labels, in bytes: TLS 1.3 puts 6 before them, and has a byte for the
// length of both (RFC 8446, section 7.1).
const maxLabel = 255 - 6

// ExportKeyingMaterial derives key material of both ends' own from the
// connection: length bytes, at most 8,160, the same at both ends and known to
// nobody else (RFC 8446, section 7.5; RFC 5705 for TLS 1.2, where a nil context
// differs from an empty one). A label names the use; those of standards stand in
// IANA's registry of TLS exporter labels.
func (c *Conn) ExportKeyingMaterial(label string, context []byte, length int) ([]byte, error) {
	state, err := c.state()
	if err != nil {
		return nil, err
	}
	if length < 1 || length > maxExport {
		return nil, noBinding("%d bytes of key material is not between 1 and %d", length, maxExport).
			WithHint("export a key of the length that your cipher needs")
	}
	if len(label) > maxLabel {
		return nil, noBinding("a label of %d bytes is longer than %d", len(label), maxLabel).WithHint("choose a shorter one")
	}
	if !c.bound(state) {
		return nil, noBinding("this connection of %s has no exporter: it lacks the extended master secret", tls.VersionName(state.Version)).
			WithHint("have both ends speak TLS 1.3")
	}
	key, err := state.ExportKeyingMaterial(label, context, length)
	if err != nil {
		return nil, fault.Wrap(err, BindingUnavailable, "nothing can be exported").
			WithHint("choose another label: those of TLS itself are reserved (RFC 5705, section 4)")
	}
	return key, nil
}

// Kinds of channel bindings (RFC 5056): data by which a protocol inside the
// connection, such as SCRAM, proves that both ends mean the same one.
const (
	TLSExporter       = "tls-exporter"         // RFC 9266: any version; the one to use
	TLSServerEndPoint = "tls-server-end-point" // RFC 5929, section 4: the server's certificate
	TLSUnique         = "tls-unique"           // RFC 5929, section 3: up to TLS 1.2
)

// ChannelBinding returns the connection's binding of a kind, the same at both
// ends. The error, BindingUnavailable, says why it has none of this kind.
func (c *Conn) ChannelBinding(kind string) ([]byte, error) {
	state, err := c.state()
	if err != nil {
		return nil, err
	}
	switch kind {
	case TLSExporter:
		return c.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
	case TLSServerEndPoint:
		return c.endPoint()
	case TLSUnique:
		return c.unique(state)
	}
	return nil, noBinding("%s is no channel binding", fault.Printable(kind, 100)).
		WithHint("choose one of %s, %s, %s", TLSExporter, TLSServerEndPoint, TLSUnique)
}

// unique is the first Finished message. Without the extended master secret two
// connections can be made to have the same one (RFC 7627, section 1).
func (c *Conn) unique(state tls.ConnectionState) ([]byte, error) {
	switch {
	case state.Version >= tls.VersionTLS13:
		return nil, noBinding("TLS 1.3 has no tls-unique (RFC 8446, appendix C.5)").WithHint("use %s at both ends", TLSExporter)
	case !c.transport.masterSecret || len(state.TLSUnique) == 0:
		return nil, noBinding("tls-unique is not unique without the extended master secret").WithHint("have both ends speak TLS 1.3, and use %s", TLSExporter)
	}
	return state.TLSUnique, nil
}

// endPoint is the hash of the server's certificate.
func (c *Conn) endPoint() ([]byte, error) {
	cert := c.transport.own
	if c.transport.peerIsServer {
		var err error
		if cert, err = c.Peer().Chain[0].X509(); err != nil {
			return nil, err
		}
	}
	if cert == nil {
		return nil, noBinding("the server's certificate of this resumed connection is not known").WithHint("use %s at both ends", TLSExporter)
	}
	hash, ok := endPointHashes[cert.SignatureAlgorithm]
	if !ok {
		return nil, noBinding("tls-server-end-point is not defined for a certificate signed by %s (RFC 5929, section 4.1)", cert.SignatureAlgorithm).
			WithHint("use %s at both ends", TLSExporter)
	}
	digest := hash.New()
	digest.Write(cert.Raw)
	return digest.Sum(nil), nil
}

// endPointHashes are those of the certificate's own signature; SHA-256 takes the
// place of older ones (RFC 5929, section 4.1).
var endPointHashes = map[x509.SignatureAlgorithm]crypto.Hash{
	x509.MD5WithRSA: crypto.SHA256, x509.SHA1WithRSA: crypto.SHA256, x509.ECDSAWithSHA1: crypto.SHA256,
	x509.SHA256WithRSA: crypto.SHA256, x509.SHA256WithRSAPSS: crypto.SHA256, x509.ECDSAWithSHA256: crypto.SHA256,
	x509.SHA384WithRSA: crypto.SHA384, x509.SHA384WithRSAPSS: crypto.SHA384, x509.ECDSAWithSHA384: crypto.SHA384,
	x509.SHA512WithRSA: crypto.SHA512, x509.SHA512WithRSAPSS: crypto.SHA512, x509.ECDSAWithSHA512: crypto.SHA512,
}

// Randoms returns the random values of both hellos (RFC 8446, sections 4.1.2 and
// 4.1.3), by which a key log names a connection; zero before the handshake.
func (c *Conn) Randoms() (client, server [32]byte) {
	if c.Peer() == nil {
		return client, server
	}
	return c.transport.clientRandom, c.transport.serverRandom
}

// state is what crypto/tls says of the connection, whose handshake it makes
// where it has not been made.
func (c *Conn) state() (tls.ConnectionState, error) {
	if err := c.Handshake(context.Background()); err != nil {
		return tls.ConnectionState{}, err
	}
	return c.tls.ConnectionState(), nil
}

func noBinding(format string, args ...any) *fault.Error {
	return fault.New(BindingUnavailable, format, args...)
}
