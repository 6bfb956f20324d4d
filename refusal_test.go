package signet_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/verify"
)

// against lets Signet in one role shake hands with a peer that is a script, and
// returns what Signet got.
func (w *world) against(t *testing.T, as role, script func(far net.Conn)) error {
	t.Helper()
	near, far := pair(t)
	var scripted sync.WaitGroup
	scripted.Go(func() { script(far) })
	t.Cleanup(scripted.Wait)
	if as == asClient {
		_, err := w.dialer().Wrap(t.Context(), near, testpki.Host)
		return err
	}
	_, err := w.listener().Wrap(t.Context(), near)
	return err
}

func TestHandshakeFailures(t *testing.T) {
	old := func(w *world) *tls.Config {
		config := w.bare(asServer, tls.VersionTLS11)
		config.MinVersion = tls.VersionTLS10
		return config
	}
	drain := func(far net.Conn) { io.Copy(io.Discard, far) }
	tests := []struct {
		name   string
		as     role
		script func(w *world) func(far net.Conn)
		want   error
	}{
		{"server of TLS 1.1", asClient, func(w *world) func(net.Conn) {
			return func(far net.Conn) { tls.Server(far, old(w)).Handshake() }
		}, signet.VersionMismatch},
		{"server that chooses TLS 1.0 whatever it is offered", asClient, func(*world) func(net.Conn) {
			return func(far net.Conn) {
				io.ReadFull(far, make([]byte, 8))
				far.Write(slices.Concat([]byte{22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1}, make([]byte, 33), []byte{0xc0, 0x09, 0}))
				drain(far)
			}
		}, signet.VersionMismatch},
		{"client of TLS 1.1", asServer, func(w *world) func(net.Conn) {
			return func(far net.Conn) { tls.Client(far, old(w)).Handshake() }
		}, signet.VersionMismatch},
		{"server of plain HTTP", asClient, func(*world) func(net.Conn) {
			return func(far net.Conn) {
				io.ReadFull(far, make([]byte, 8))
				io.WriteString(far, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
				drain(far)
			}
		}, signet.NotTLS},
		{"client of plain HTTP", asServer, func(*world) func(net.Conn) {
			return func(far net.Conn) {
				io.WriteString(far, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
				drain(far)
			}
		}, signet.NotTLS},
		{"client that hangs up", asServer, func(*world) func(net.Conn) {
			return func(far net.Conn) { far.Close() }
		}, signet.HandshakeCut},
		{"server that hangs up", asClient, func(*world) func(net.Conn) {
			return func(far net.Conn) {
				far.Read(make([]byte, 4096))
				far.Close()
			}
		}, signet.HandshakeCut},
		{"server that resets", asClient, func(*world) func(net.Conn) {
			return func(far net.Conn) {
				far.Read(make([]byte, 1))
				far.(*net.TCPConn).SetLinger(0)
				far.Close()
			}
		}, signet.HandshakeCut},
		{"server without a common suite", asClient, func(w *world) func(net.Conn) {
			return func(far net.Conn) {
				config := w.bare(asServer, tls.VersionTLS12)
				config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
				tls.Server(far, config).Handshake()
			}
		}, signet.CipherMismatch},
		{"client without a common suite", asServer, func(w *world) func(net.Conn) {
			return func(far net.Conn) {
				config := w.bare(asClient, tls.VersionTLS12)
				config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
				tls.Client(far, config).Handshake()
			}
		}, signet.CipherMismatch},
		{"server with a record that is too long", asClient, func(*world) func(net.Conn) {
			return func(far net.Conn) {
				io.ReadFull(far, make([]byte, 8))
				far.Write([]byte{22, 3, 3, 0xff, 0xff})
				drain(far)
			}
		}, signet.HandshakeFailed},
		{"server of another protocol", asClient, func(w *world) func(net.Conn) {
			return func(far net.Conn) {
				io.ReadFull(far, make([]byte, 8))
				far.Write([]byte{22, 3, 3, 0, 4, 99, 0, 0, 0}) // a handshake message that does not exist
				drain(far)
			}
		}, signet.HandshakeFailed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			err := w.against(t, test.as, test.script(w))
			wantCode(t, "handshake", err, test.want)
			if e, _ := fault.Of(err); e == nil || e.Message == "" || e.Hint == "" || strings.Contains(e.Message, "\n") {
				t.Errorf("have %#v, want a line that says what, and a next step", e)
			}
		})
	}
}

// TestAlertsInPlainWords lets a peer answer with every alert that there can be.
func TestAlertsInPlainWords(t *testing.T) {
	w := newWorld(t)
	for number := range 256 {
		for _, as := range []role{asClient, asServer} {
			err := w.against(t, as, func(far net.Conn) {
				if as == asClient {
					far.Read(make([]byte, 4096))
				}
				far.Write([]byte{21, 3, 3, 0, 2, 2, byte(number)})
				io.Copy(io.Discard, far)
			})
			e, _ := fault.Of(err)
			if e == nil || e.Hint == "" || regexp.MustCompile(`tls:|EOF|alert\(`).MatchString(e.Message) {
				t.Errorf("alert %d: have %#v, want plain words", number, e)
			}
		}
	}
}

// hello is a hand-made ClientHello (RFC 5246, section 7.4.1.2) of one suite.
func hello(version byte, extensions ...byte) []byte {
	body := slices.Concat([]byte{3, version}, make([]byte, 32), []byte{0, 0, 2, 0xc0, 0x2b, 1, 0})
	if len(extensions) > 0 {
		body = slices.Concat(body, []byte{0, byte(len(extensions))}, extensions)
	}
	message := append([]byte{1, 0, 0, byte(len(body))}, body...)
	return append([]byte{22, 3, 1, 0, byte(len(message))}, message...)
}

// TestHostileHellos holds that versions which are none (SSL 3.0; numbers that
// mean nothing, RFC 8701) get past no check, and are refused like any other.
func TestHostileHellos(t *testing.T) {
	tests := []struct {
		name  string
		hello []byte
		want  error
		alert byte
	}{
		{"SSL 3.0", hello(0), signet.VersionMismatch, 70},
		{"reserved versions alone", hello(3, 0, 43, 0, 5, 4, 0x8a, 0x8a, 0xfa, 0xfa), signet.VersionMismatch, 70},
		{"a reserved version above TLS 1.2", hello(3, 0, 43, 0, 5, 4, 0x8a, 0x8a, 3, 3), signet.NoMasterSecret, 40},
		{"TLS 1.2", hello(3), signet.NoMasterSecret, 40},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := newWorld(t).against(t, asServer, func(far net.Conn) {
				far.Write(test.hello)
				if alert, err := io.ReadAll(far); !bytes.HasSuffix(alert, []byte{2, test.alert}) {
					t.Errorf("the client was told % x, %v; want the fatal alert %d", alert, err, test.alert)
				}
			})
			wantCode(t, "handshake", err, test.want)
		})
	}
}

// TestTrustDomainNeedsTLS13 holds that between Signet's own ends an older
// version is no choice, and that the refusal says so.
func TestTrustDomainNeedsTLS13(t *testing.T) {
	w := newWorld(t)
	near, far := pair(t)
	go tls.Server(far, w.bare(asServer, tls.VersionTLS12)).Handshake()
	client := &signet.Client{Roots: w.members, Name: verify.Member(w.domain)}
	_, err := client.Wrap(t.Context(), near, "")
	wantCode(t, "wrap", err, signet.VersionMismatch)
	if e, _ := fault.Of(err); e == nil || !strings.Contains(e.Hint, "TLS 1.3 only") {
		t.Errorf("have %+v, want a next step that names what this end speaks", e)
	}
}

func TestHangingPeer(t *testing.T) {
	w := newWorld(t)
	short := 50 * time.Millisecond
	for _, as := range []role{asClient, asServer} {
		t.Run(string(as), func(t *testing.T) {
			near, _ := pair(t)
			var err error
			if as == asClient {
				client := w.dialer()
				client.HandshakeTimeout = short
				_, err = client.Wrap(t.Context(), near, testpki.Host)
			} else {
				server := w.listener()
				server.HandshakeTimeout = short
				_, err = server.Wrap(t.Context(), near)
			}
			wantCode(t, "handshake", err, signet.Timeout)
		})
	}
	t.Run("context", func(t *testing.T) {
		near, _ := pair(t)
		ctx, cancel := context.WithTimeout(t.Context(), short)
		defer cancel()
		_, err := w.dialer().Wrap(ctx, near, testpki.Host)
		wantCode(t, "handshake", err, signet.Timeout)
	})
}

func TestUnreachable(t *testing.T) {
	w := newWorld(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	tests := []struct {
		name    string
		address string
		dialing error // nil: really dial
		want    error
		says    string
	}{
		{"nobody listens", address, nil, signet.Unreachable, "connection refused"},
		{"no such host", "localhost:443", &net.DNSError{Name: "localhost", IsNotFound: true}, signet.Unreachable, "no address is known for localhost"},
		{"no answer", "localhost:443", os.ErrDeadlineExceeded, signet.Timeout, "no answer from localhost:443"},
		{"another reason", "localhost:443", errors.New("the proxy says no"), signet.Unreachable, "the proxy says no"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := w.dialer()
			if test.dialing != nil {
				client.Dialer = dialerFunc(func() (net.Conn, error) { return nil, test.dialing })
			}
			_, err := client.Dial(t.Context(), "tcp", test.address)
			wantCode(t, "dial", err, test.want)
			if e, _ := fault.Of(err); e == nil || !strings.Contains(e.Message, test.says) || e.Hint == "" {
				t.Errorf("have %+v, want a message with %q and a next step", e, test.says)
			}
		})
	}
}

// TestClientWithoutACertificate holds that a server which wants a certificate is
// understood, although TLS 1.3 says it only at the first read.
func TestClientWithoutACertificate(t *testing.T) {
	w := newWorld(t)
	anonymous := &signet.Client{Roots: w.roots}
	t.Run("TLS 1.3", func(t *testing.T) {
		near, far := shake(t, anonymous, w.listener())
		if near.err != nil {
			t.Fatal(near.err)
		}
		_, err := near.conn.Read(make([]byte, 1))
		wantCode(t, "first read", err, signet.ClientCertRequired)
		wantCode(t, "server", far.err, verify.NoCertificate)
	})
	t.Run("TLS 1.2", func(t *testing.T) {
		near, far := pair(t)
		go tls.Server(far, w.bare(asServer, tls.VersionTLS12)).Handshake()
		_, err := anonymous.Wrap(t.Context(), near, testpki.Host)
		wantCode(t, "handshake", err, signet.ClientCertRequired)
	})
}

// TestRefusedCertificate holds the same for a certificate that the server does
// not trust.
func TestRefusedCertificate(t *testing.T) {
	w := newWorld(t)
	stranger := testpki.Must(testpki.Must(testpki.New(time.Now())).Client(clientHost))
	client := &signet.Client{Roots: w.roots, Identity: identity.Static(stranger)}
	near, far := shake(t, client, w.listener())
	wantCode(t, "server", far.err, verify.UnknownRoot)
	if near.err != nil {
		t.Fatal(near.err)
	}
	_, err := near.conn.Read(make([]byte, 1))
	wantCode(t, "client's first read", err, signet.RefusedByPeer)
	e, _ := fault.Of(err)
	alert, ok := e.Detail.(signet.Alert)
	if !ok || alert != (signet.Alert{Number: 42, Direction: signet.Received}) || !strings.Contains(e.Hint, "peer's log") {
		t.Errorf("have detail %+v and hint %q, want alert 42 and where the reason stands", e.Detail, e.Hint)
	}
}

// TestRefusalReachesBusyClient holds that a client which sends at once, before
// it can know of the refusal, still learns of it and not of a cut.
func TestRefusalReachesBusyClient(t *testing.T) {
	w := newWorld(t)
	server := w.listener()
	server.Authorize = func(context.Context, *signet.Peer) error { return errors.New("not today") }
	for range 50 {
		dialed, accepted := pair(t)
		go server.Wrap(t.Context(), accepted)
		conn, err := w.dialer().Wrap(t.Context(), dialed, testpki.Host)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
		_, err = conn.Read(make([]byte, 1))
		wantCode(t, "first read", err, signet.RefusedByPeer)
		conn.Close()
	}
}

// TestRenegotiationIsNotMade has a server that asks for it, as some do for a
// client's certificate: the error says what it asked for.
func TestRenegotiationIsNotMade(t *testing.T) {
	openssl := peers.OpenSSL(t)
	w := newWorld(t)
	address, ask := startOpenSSL(t, openssl, w, "ExtendedMasterSecret")
	conn, err := (&signet.Client{Roots: w.roots}).Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(ask, "r\n")
	_, err = conn.Read(make([]byte, 1))
	wantCode(t, "read", err, signet.NotSupported)
	peers.WantCoded(t, err)
}

// TestAlteredRecordDetail holds that each end learns who noticed.
func TestAlteredRecordDetail(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		near, far := pair(t)
		conn, peer := newWorld(t).facesOver(t, as, version, near, far)
		far.Write(append([]byte{23, 3, 3, 0, 64}, make([]byte, 64)...))
		n, err := conn.Read(make([]byte, 64))
		wantCode(t, "read", err, signet.RecordAltered)
		e, _ := fault.Of(err)
		if n != 0 || e.Detail != (signet.Alert{Number: 20, Direction: signet.Sent}) {
			t.Errorf("have %d bytes, detail %+v; want none, and alert 20 sent", n, e.Detail)
		}
		if _, err := peer.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "bad record MAC") {
			t.Errorf("the peer was told %v, want bad record MAC", err)
		}
	})
	t.Run("told by the peer", func(t *testing.T) {
		near, far := pair(t)
		conn, peer := newWorld(t).facesOver(t, asClient, tls.VersionTLS13, near, far)
		near.Write(append([]byte{23, 3, 3, 0, 64}, make([]byte, 64)...))
		peer.Read(make([]byte, 1))
		_, err := conn.Read(make([]byte, 1))
		wantCode(t, "read", err, signet.RecordAltered)
		if e, _ := fault.Of(err); e.Detail != (signet.Alert{Number: 20, Direction: signet.Received}) {
			t.Errorf("have detail %+v, want alert 20 received", e.Detail)
		}
	})
}

// extendedMasterSecret is the extension as crypto/tls writes it: number 23,
// empty (RFC 7627, section 5.1).
var extendedMasterSecret = []byte{0, 23, 0, 0}

// without is a connection whose first flight says nothing of the extended
// master secret: another extension's number is put in its place.
type without struct {
	net.Conn
	replaced bool
}

func (c *without) Write(p []byte) (int, error) {
	if !c.replaced && bytes.Count(p, extendedMasterSecret) == 1 {
		c.replaced = true
		p = bytes.Replace(p, extendedMasterSecret, []byte{0xfd, 0xe8, 0, 0}, 1)
	}
	return c.Conn.Write(p)
}

func TestServerWantsExtendedMasterSecret(t *testing.T) {
	w := newWorld(t)
	var sent *without
	err := w.against(t, asServer, func(far net.Conn) {
		sent = &without{Conn: far}
		tls.Client(sent, w.bare(asClient, tls.VersionTLS12)).Handshake()
		far.Close()
	})
	wantCode(t, "handshake", err, signet.NoMasterSecret)
	if !sent.replaced {
		t.Error("the ClientHello was not changed")
	}
}

// TestClientWantsExtendedMasterSecret needs a server of TLS 1.2 that can do
// without, which crypto/tls is not.
func TestClientWantsExtendedMasterSecret(t *testing.T) {
	openssl := peers.OpenSSL(t)
	w := newWorld(t)
	tests := []struct {
		name    string
		options string
		godebug string
		want    error
	}{
		{"without", "-ExtendedMasterSecret", "", signet.NoMasterSecret},
		{"without, and crypto/tls told not to mind", "-ExtendedMasterSecret", "tlsunsafeekm=1", signet.NoMasterSecret},
		{"with", "ExtendedMasterSecret", "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("GODEBUG", test.godebug)
			address, _ := startOpenSSL(t, openssl, w, test.options)
			client := &signet.Client{Roots: w.roots}
			conn, err := client.Dial(t.Context(), "tcp", address)
			wantCode(t, "dial", err, test.want)
			if err == nil {
				conn.Close()
				return
			}
			_, err = httpClient(t, client).Get("https://" + address + "/")
			wantCode(t, "get", err, test.want)
			config, err := client.TLSConfig(verify.Host(testpki.Host))
			if err != nil {
				t.Fatal(err)
			}
			if conn, err := tls.Dial("tcp", address, config); err == nil {
				conn.Close()
				t.Error("an exit speaks TLS 1.2, whose master secret nobody looks at")
			}
		})
	}
}

// startOpenSSL runs a TLS 1.2 server with options of OpenSSL's configuration
// until the test ends; it obeys s_server's commands.
func startOpenSSL(t *testing.T, openssl string, w *world, options string) (address string, stdin io.Writer) {
	t.Helper()
	dir := t.TempDir()
	config := "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n[tls]\nMaxProtocol = TLSv1.2\nOptions = " + options + "\n"
	writeCredential(t, w.server, filepath.Join(dir, "chain.pem"), filepath.Join(dir, "key.pem"))
	if err := os.WriteFile(filepath.Join(dir, "openssl.cnf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	cmd := exec.CommandContext(t.Context(), openssl, "s_server", "-accept", fmt.Sprintf("127.0.0.1:%d", port),
		"-cert", filepath.Join(dir, "chain.pem"), "-cert_chain", filepath.Join(dir, "chain.pem"), "-key", filepath.Join(dir, "key.pem"))
	cmd.Env = append(os.Environ(), "OPENSSL_CONF="+filepath.Join(dir, "openssl.cnf"))
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	stdin, err = cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	address = fmt.Sprintf("127.0.0.1:%d", port)
	for range 500 {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return address, stdin
		}
		time.Sleep(10 * time.Millisecond)
	}
	cmd.Process.Kill()
	cmd.Wait()
	t.Fatalf("openssl s_server does not listen:\n%s", output.Bytes())
	return "", nil
}
