package signet_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// failing is a source that has no certificate.
type failing struct{}

var errNoCredential = errors.New("the agent is gone")

func (failing) Credential() (*pki.Credential, error) { return nil, errNoCredential }

func TestClientSaysWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		name    string
		client  *signet.Client
		address string
		want    error
		says    string
	}{
		{"zero value", &signet.Client{}, "127.0.0.1:1", verify.RootsMissing, "whom to trust"},
		{"no port", &signet.Client{Roots: w.roots}, "127.0.0.1", signet.AddressInvalid, "HOST:PORT"},
		{"no host", &signet.Client{Roots: w.roots}, ":443", signet.AddressInvalid, "HOST:PORT"},
		{"host at a trust domain's roots", &signet.Client{Roots: w.members}, "127.0.0.1:1", verify.RootsDoNotFit, "vouch"},
		{"ID at a host's roots", &signet.Client{Roots: w.roots, Name: verify.ID(w.orders.Leaf().ID())}, "127.0.0.1:1", verify.RootsDoNotFit, "vouch"},
		{"an empty protocol", &signet.Client{Roots: w.roots, ALPN: []string{""}}, "127.0.0.1:1", signet.ConfigInvalid, "0 bytes"},
		{"a long protocol", &signet.Client{Roots: w.roots, ALPN: []string{strings.Repeat("x", 256)}}, "127.0.0.1:1", signet.ConfigInvalid, "256 bytes"},
		{"many protocols", &signet.Client{Roots: w.roots, ALPN: slices.Repeat([]string{"h2"}, 6000)}, "127.0.0.1:1", signet.ConfigInvalid, "18000 bytes"},
		{"a negative timeout", &signet.Client{Roots: w.roots, HandshakeTimeout: -1}, "127.0.0.1:1", signet.ConfigInvalid, "HandshakeTimeout"},
		{"a negative bound", &signet.Client{Roots: w.roots, MaxHandshakeBytes: -1}, "127.0.0.1:1", signet.ConfigInvalid, "MaxHandshakeBytes"},
		{"any name without a reason", &signet.Client{Roots: w.roots, Name: verify.Any(" ")}, "127.0.0.1:1", verify.NameInvalid, "reason"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dialed := false
			test.client.Dialer = dialerFunc(func() (net.Conn, error) { dialed = true; return nil, errors.New("dialed") })
			_, err := test.client.Dial(t.Context(), "tcp", test.address)
			wantCode(t, "dial", err, test.want)
			if e, _ := fault.Of(err); e == nil || e.Hint == "" || !strings.Contains(e.Message, test.says) {
				t.Errorf("have %#v, want a next step and a message with %q", e, test.says)
			}
			if dialed {
				t.Error("a connection was made before the question was right")
			}
		})
	}
	t.Run("an identity of nothing", func(t *testing.T) {
		near, _ := memory(t)
		_, err := (&signet.Client{Roots: w.roots, Identity: identity.Static(nil)}).Wrap(t.Context(), near, "localhost")
		wantCode(t, "wrap", err, signet.ConfigInvalid)
	})
	t.Run("no time left", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := (&signet.Client{Roots: w.roots}).Dial(ctx, "tcp", "127.0.0.1:1"); !errors.Is(err, context.Canceled) {
			t.Errorf("have %v, want %v", err, context.Canceled)
		}
	})
	t.Run("source without a certificate", func(t *testing.T) {
		client := &signet.Client{Roots: w.roots, Identity: failing{}}
		near, far := memory(t)
		if _, err := client.Wrap(t.Context(), near, "localhost"); !errors.Is(err, errNoCredential) {
			t.Errorf("have %v, want %v", err, errNoCredential)
		}
		if n, err := far.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("have %d bytes, %v; want a closed connection and nothing sent", n, err)
		}
	})
}

func TestServerSaysWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	us := identity.Static(w.server)
	tests := []struct {
		name   string
		server *signet.Server
		want   error
		says   string
	}{
		{"zero value", &signet.Server{}, signet.ConfigInvalid, "Identity"},
		{"an identity of nothing", &signet.Server{Identity: identity.Static(nil), Public: true}, signet.ConfigInvalid, "no certificate"},
		{"an empty identity", &signet.Server{Identity: identity.Static(&pki.Credential{}), Public: true}, signet.ConfigInvalid, "no certificate"},
		{"an identity without a key", &signet.Server{Identity: identity.Static(&pki.Credential{Chain: w.server.Chain}), Public: true}, signet.ConfigInvalid, "no certificate"},
		{"a host with an identity of nothing", &signet.Server{Hosts: map[string]*signet.Server{"*": {Identity: identity.Static(nil), Public: true}}}, signet.ConfigInvalid, "no certificate"},
		{"a long protocol", &signet.Server{Identity: us, Public: true, ALPN: []string{strings.Repeat("x", 256)}}, signet.ConfigInvalid, "256 bytes"},
		{"a negative timeout", &signet.Server{Identity: us, Public: true, HandshakeTimeout: -1}, signet.ConfigInvalid, "HandshakeTimeout"},
		{"a negative bound", &signet.Server{Identity: us, Public: true, MaxHandshakes: -1}, signet.ConfigInvalid, "MaxHandshakes"},
		{"nobody believed", &signet.Server{Identity: us}, signet.ConfigInvalid, "whose clients"},
		{"public with a name", &signet.Server{Identity: us, Public: true, Name: verify.Host("a.example")}, signet.ConfigInvalid, "must keep"},
		{"public with rules", &signet.Server{Identity: us, Public: true, Rules: verify.Options{RequirePolicy: true}}, signet.ConfigInvalid, "must keep"},
		{"public with revocation", &signet.Server{Identity: us, Public: true, Revocation: func() *verify.Revocation { return nil }}, signet.ConfigInvalid, "must keep"},
		{"public and roots", &signet.Server{Identity: us, Public: true, Roots: w.roots}, signet.ConfigInvalid, "both public"},
		{"roots without a name", &signet.Server{Identity: us, Roots: w.roots}, verify.NameMissing, "who the peer must be"},
		{"member at a host's roots", &signet.Server{Identity: us, Roots: w.roots, Name: verify.Member(w.domain)}, verify.RootsDoNotFit, "vouch"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, listen := test.server.Listen(t.Context(), "127.0.0.1:0")
			_, config := test.server.TLSConfig()
			near, far := memory(t)
			_, wrap := test.server.Wrap(t.Context(), near)
			for what, err := range map[string]error{"listen": listen, "config": config, "wrap": wrap} {
				wantCode(t, what, err, test.want)
				if e, _ := fault.Of(err); e == nil || e.Hint == "" || !strings.Contains(e.Message, test.says) {
					t.Errorf("%s: have %#v, want a next step and a message with %q", what, e, test.says)
				}
			}
			if _, err := far.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the refused connection is open: %v", err)
			}
		})
	}
}

func TestListenAddressInUse(t *testing.T) {
	w := newWorld(t)
	listener, err := w.listener().Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, err = w.listener().Listen(t.Context(), listener.Addr().String())
	wantCode(t, "listen", err, bind.AddressInUse)
}

// TestClosedListener holds that a loop of Accept can tell its end.
func TestClosedListener(t *testing.T) {
	listener, err := newWorld(t).listener().Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	_, plain := listener.Accept()
	_, asTLS := listener.TLS().Accept()
	if !errors.Is(plain, net.ErrClosed) || !errors.Is(asTLS, net.ErrClosed) {
		t.Errorf("have %v and %v, want %v", plain, asTLS, net.ErrClosed)
	}
}

func TestMinimumVersion(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		name  string
		roots verify.Roots
		named verify.Name
		want  uint16
	}{
		{"hosts", w.roots, verify.Host(clientHost), tls.VersionTLS12},
		{"trust domain", w.members, verify.Member(w.domain), tls.VersionTLS13},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := &signet.Server{Identity: identity.Static(w.server), Roots: test.roots, Name: test.named}
			config, err := server.TLSConfig()
			if err != nil {
				t.Fatal(err)
			}
			if config.MinVersion != test.want || config.MaxVersion != 0 {
				t.Errorf("have %s to %d, want from %s, without an end", tls.VersionName(config.MinVersion), config.MaxVersion, tls.VersionName(test.want))
			}
		})
	}
}

// TestAnyNameIsLogged holds that whoever accepts any name leaves a trace.
func TestAnyNameIsLogged(t *testing.T) {
	w := newWorld(t)
	const reason = "policy decides by key"
	var clientLog, serverLog bytes.Buffer
	client, server := w.dialer(), w.listener()
	client.Name, client.Logger = verify.Any(reason), slog.New(slog.NewTextHandler(&clientLog, nil))
	server.Name, server.Logger = verify.Any(reason), slog.New(slog.NewTextHandler(&serverLog, nil))
	meet(t, client, server)
	for end, log := range map[string]string{"client": clientLog.String(), "server": serverLog.String()} {
		if !strings.Contains(log, "level=WARN") || !strings.Contains(log, reason) {
			t.Errorf("%s: have %q, want a warning with the reason", end, log)
		}
	}
}

func TestCodesAreInTheTable(t *testing.T) {
	codes := []fault.Code{
		signet.Truncated, signet.Unread, signet.PeekTooFar, signet.BindingUnavailable, signet.ConfigInvalid, signet.AddressInvalid, signet.Unreachable, signet.Timeout, signet.NotTLS,
		signet.HandshakeCut, signet.HandshakeFailed, signet.HandshakeTooLarge, signet.CrowdedOut, signet.VersionMismatch, signet.CipherMismatch, signet.NoMasterSecret, signet.RecordAltered, signet.ProtocolBroken,
		signet.RefusedByPeer, signet.ClientCertRequired, signet.NotSupported, signet.NotAuthorized, signet.PlaintextRefused, signet.ConnectionFailed,
		signet.SessionForeign, signet.SessionsInvalid, signet.HostUnknown,
	}
	rows := map[fault.Code]fault.Entry{}
	for _, entry := range signet.Codes() {
		if _, twice := rows[entry.Code]; twice {
			t.Errorf("%s is in the table twice", entry.Code)
		}
		rows[entry.Code] = entry
	}
	for _, code := range codes {
		if row := rows[code]; row.Meaning == "" || row.Cause == "" || row.Next == "" {
			t.Errorf("%s has no complete row: %+v", code, row)
		}
	}
	if len(rows) != len(codes) {
		t.Errorf("the table has %d rows, this test knows %d codes", len(rows), len(codes))
	}
}

// TestServerNameIsSent holds that a server hears which host is meant, without
// anybody asking for it.
func TestServerNameIsSent(t *testing.T) {
	w := newWorld(t)
	for _, host := range []string{"shop.example", "db.example"} {
		near, far := memory(t)
		heard := make(chan string, 1)
		go tls.Server(far, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			heard <- hello.ServerName
			return nil, errors.New("it has heard enough")
		}}).Handshake()
		if _, err := (&signet.Client{Roots: w.roots}).Wrap(t.Context(), near, host); err == nil {
			t.Error("the handshake did not fail")
		}
		if have := <-heard; have != host {
			t.Errorf("the server heard %q, want %q", have, host)
		}
	}
}
