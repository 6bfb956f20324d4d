package bogoshim

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/ciphers"
	"github.com/signet-tls/signet/pki"
)

// recorder keeps the hellos of a connection.
type recorder struct {
	mu     sync.Mutex
	events []signet.Event // guarded by mu
}

func (r *recorder) hear(e signet.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Hello != nil {
		r.events = append(r.events, e)
	}
}

// hello returns the first of a phase, or nil.
func (r *recorder) hello(phase signet.Phase) *signet.Hello {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Phase == phase {
			return e.Hello
		}
	}
	return nil
}

// exchange is the course of a connection after its handshake.
func (s *shim) exchange(e end) error {
	if !s.loops { // what a Trace hears of the handshake is another mode's
		if err := s.check(e.Conn()); err != nil {
			return err
		}
	}
	if s.handshakeAgain {
		if err := e.Handshake(); err != nil {
			return err
		}
	}
	if err := s.prove(e); err != nil {
		return err
	}
	if s.writesFirst {
		if _, err := io.WriteString(e, "hello"); err != nil {
			return err
		}
	}
	switch {
	case s.shutsDown:
		return s.shutDown(e)
	case s.differentSize:
		for _, size := range []int{0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769} {
			if _, err := e.Write(bytes.Repeat([]byte{0x42}, size)); err != nil {
				return err
			}
		}
	default:
		if err := s.echo(e); err != nil {
			return err
		}
	}
	return e.Close()
}

// prove sends what both ends know of the connection.
func (s *shim) prove(e end) error {
	if s.exportLength > 0 {
		key, err := s.export(e.Conn(), s.exportLabel, s.exportLength)
		if err != nil {
			return err
		}
		if _, err := e.Write(key); err != nil {
			return err
		}
	}
	if s.unique {
		binding, err := e.Conn().ChannelBinding(signet.TLSUnique)
		if err != nil {
			return err
		}
		if _, err := e.Write(binding); err != nil {
			return err
		}
	}
	return nil
}

func (s *shim) export(conn *signet.Conn, label string, length int) ([]byte, error) {
	var context []byte
	if s.useExportContext {
		context = []byte(s.exportContext)
	}
	return conn.ExportKeyingMaterial(label, context, length)
}

// shutDown ends the connection first. Whether the runner agrees counts only if the
// test says so.
func (s *shim) shutDown(e end) error {
	if err := e.Shutdown(); err != nil && s.closeNotify {
		return err
	}
	return nil
}

// echo returns each byte inverted, to the end of the stream.
func (s *shim) echo(e end) error {
	buffer := make([]byte, s.readSize)
	for {
		n, err := s.read(e, buffer)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range buffer[:n] {
			buffer[i] ^= 0xff
		}
		if _, err := e.Write(buffer[:n]); err != nil {
			return err
		}
		if s.exportBetween {
			if _, err := s.export(e.Conn(), "", 1); err != nil {
				return err
			}
		}
	}
}

// read reads, and looks ahead before if the test wants it.
func (s *shim) read(e end, buffer []byte) (int, error) {
	if !s.peek {
		return e.Read(buffer)
	}
	if _, err := e.Conn().Peek(1); err != nil {
		return 0, err
	}
	ready, err := e.Conn().Buffered()
	if err != nil {
		return 0, err
	}
	ahead, err := e.Conn().Peek(min(ready, len(buffer)))
	if err != nil {
		return 0, err
	}
	ahead = bytes.Clone(ahead)
	n, err := e.Read(buffer[:len(ahead)])
	if err == nil && !bytes.Equal(buffer[:n], ahead) {
		err = errors.New("what was read is not what was seen ahead")
	}
	return n, err
}

// check holds the connection to what the test expects.
func (s *shim) check(conn *signet.Conn) error {
	peer, want := conn.Peer(), s.expect
	alpn := want.alpn
	if s.server {
		alpn = s.selected
	}
	clientHello := s.heard.hello(signet.PhaseClientHello)
	var wrong []string
	is := func(fits bool, format string, args ...any) {
		if !fits {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	is(peer.Resumed == (s.resumed && !want.miss), "resumed is %t", peer.Resumed)
	is(want.version == 0 || "TLS "+peer.Version() == tls.VersionName(uint16(want.version)), "the version is %s", peer.Version())
	is(want.curve == 0 || peer.Group() == tls.CurveID(want.curve).String(), "the group is %s", peer.Group())
	is(want.cipher == 0 || peer.OpenSSL().Cipher == ciphers.Name(uint16(want.cipher)), "the suite is %s", peer.OpenSSL().Cipher)
	is(peer.ALPN == alpn, "the application protocol is %q", peer.ALPN)
	is(want.advertised == "" || slices.Equal(clientHello.ALPN, protocols(want.advertised)), "the client offered %q", clientHello.ALPN)
	is(want.serverName == "" || peer.ServerName == want.serverName, "the client wants %q", peer.ServerName)
	is(!want.noServerName || peer.ServerName == "", "the client wants %q", peer.ServerName)
	is(want.staple == nil || bytes.Equal(peer.Staple, want.staple), "the staple is %x", peer.Staple)
	retried := s.heard.hello(signet.PhaseHelloRetry) != nil
	is(!want.hrr || retried, "there was no second ClientHello")
	is(!want.noHRR || !retried, "there was a second ClientHello")
	is(!want.masterSecret || peer.Version() == "1.3" || s.heard.hello(signet.PhaseServerHello).ExtendedMasterSecret, "the extended master secret is missing")
	is(s.server || len(peer.Chain) > 0, "the server showed no certificate")
	is(want.clientCAs == "" || s.named(peer) == want.clientCAs, "the server named %s", s.named(peer))
	if want.certFile != "" {
		chain, err := certificates(want.certFile)
		is(err == nil && slices.EqualFunc(peer.Chain, chain, func(a, b *pki.Certificate) bool { return bytes.Equal(a.Raw(), b.Raw()) }), "the peer showed other certificates")
	}
	if wrong != nil {
		return errors.New("the connection is not as it should be: " + strings.Join(wrong, "; "))
	}
	return nil
}

// named are the authorities that the server named, as the runner writes them.
func (s *shim) named(peer *signet.Peer) string {
	var all []string
	for _, name := range peer.Authorities {
		all = append(all, hex.EncodeToString(name.DER()))
	}
	return strings.Join(all, ",")
}

func certificates(file string) ([]*pki.Certificate, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return pki.ParseCertificates(data)
}
