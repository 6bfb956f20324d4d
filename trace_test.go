package signet_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/verify"
)

// recording is a Trace that keeps what it hears.
type recording struct {
	mu     sync.Mutex
	events []signet.Event // guarded by mu
}

func (r *recording) hear(e signet.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recording) phases() (phases []signet.Phase) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		phases = append(phases, e.Phase)
	}
	return phases
}

func (r *recording) one(t *testing.T, phase signet.Phase) signet.Event {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.IndexFunc(r.events, func(e signet.Event) bool { return e.Phase == phase })
	if at < 0 {
		t.Fatalf("no %s among %v", phase, r.events)
	}
	return r.events[at]
}

// TestTrace holds which steps are told of, in which order, and with what.
func TestTrace(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		w := newWorld(t)
		client, server := w.dialer(), w.listener()
		var heard recording
		client.Trace, server.Trace = heard.hear, heard.hear
		near, far := pair(t)
		var conn *signet.Conn
		var err error
		want := []signet.Phase{signet.PhaseClientHello, signet.PhaseServerHello, signet.PhaseCertificate, signet.PhaseVerified}
		if as == asClient {
			peer := tls.Server(far, w.bare(asServer, version))
			go func() { peer.Handshake(); peer.Close() }()
			conn, err = client.Wrap(t.Context(), near, testpki.Host)
			want = append(want, signet.PhaseCertificateRequest)
		} else {
			peer := tls.Client(far, w.bare(asClient, version))
			go func() { peer.Handshake(); peer.Close() }()
			conn, err = server.Wrap(t.Context(), near)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		want = append(want, signet.PhaseFinished, signet.PhaseAlert, signet.PhaseAlert, signet.PhaseClosed)
		if diff := cmp.Diff(want, heard.phases()); diff != "" {
			t.Errorf("(-want +have):\n%s", diff)
		}
		ours, theirs := conn.Randoms()
		hello, answer := heard.one(t, signet.PhaseClientHello), heard.one(t, signet.PhaseServerHello)
		if hello.Hello.Random != ours || !slices.Contains(hello.Hello.Versions, version) || len(hello.Hello.Suites) == 0 || len(hello.Hello.Groups) == 0 ||
			hello.Hello.ServerName != testpki.Host || (hello.Direction == signet.Sent) != (as == asClient) {
			t.Errorf("client hello: %+v", hello)
		}
		if answer.Hello.Random != theirs || !slices.Equal(answer.Hello.Versions, []uint16{version}) || len(answer.Hello.Suites) != 1 {
			t.Errorf("server hello: %+v", answer.Hello)
		}
		if shown := heard.one(t, signet.PhaseCertificate); len(shown.Peer.Chain) == 0 || shown.Peer.Proof != nil {
			t.Errorf("certificate: %+v", shown.Peer)
		}
		if finished := heard.one(t, signet.PhaseFinished); finished.ID != conn.ID() || finished.Peer != conn.Peer() || finished.Time.IsZero() || finished.Remote.String() != near.RemoteAddr().String() {
			t.Errorf("finished: %+v", finished)
		}
		if said := heard.one(t, signet.PhaseAlert); said.Alert != (signet.Alert{Number: 0, Direction: signet.Received}) {
			t.Errorf("alert: %+v", said)
		}
	})
}

// TestTraceOfFailures holds that a refusal and an alert are told of.
func TestTraceOfFailures(t *testing.T) {
	w := newWorld(t)
	no := errors.New("not today")
	t.Run("refused", func(t *testing.T) {
		var heard, told recording
		client, server := w.dialer(), w.listener()
		server.Trace, client.Trace = heard.hear, told.hear
		server.Authorize = func(context.Context, *signet.Peer) error { return no }
		near, _ := shake(t, client, server)
		if near.err == nil {
			near.conn.Read(make([]byte, 1))
		}
		if refused := heard.one(t, signet.PhaseRefused); !errors.Is(refused.Err, no) {
			t.Errorf("have %v, want %v", refused.Err, no)
		}
		if alert := told.one(t, signet.PhaseAlert); alert.Alert != (signet.Alert{Number: 42, Direction: signet.Received}) || alert.Err == nil {
			t.Errorf("have %+v, want the server's alert", alert)
		}
	})
	t.Run("altered", func(t *testing.T) {
		var heard recording
		server := w.listener()
		server.Trace = heard.hear
		near, far := pair(t)
		go tls.Client(far, w.bare(asClient, tls.VersionTLS13)).Handshake()
		conn, err := server.Wrap(t.Context(), near)
		if err != nil {
			t.Fatal(err)
		}
		far.Write(append([]byte{23, 3, 3, 0, 64}, make([]byte, 64)...))
		conn.Read(make([]byte, 1))
		conn.Close()
		if alert := heard.one(t, signet.PhaseAlert); alert.Alert != (signet.Alert{Number: 20, Direction: signet.Sent}) {
			t.Errorf("have %+v, want our alert", alert)
		}
		heard.one(t, signet.PhaseClosed)
	})
	for _, test := range []struct {
		name    string
		version uint16
		suite   uint16
		code    error
		alert   uint8
	}{
		{"no common suite", tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, signet.CipherMismatch, 40},
		{"no common version", tls.VersionTLS11, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, signet.VersionMismatch, 70},
	} {
		t.Run(test.name, func(t *testing.T) {
			var heard recording
			server := w.listener()
			server.Trace = heard.hear
			config := w.bare(asClient, test.version)
			config.MinVersion, config.CipherSuites = test.version, []uint16{test.suite}
			near, far := pair(t)
			go tls.Client(far, config).Handshake()
			server.Wrap(t.Context(), near)
			if refused := heard.one(t, signet.PhaseRefused); !errors.Is(refused.Err, test.code) {
				t.Errorf("have %v, want %v", refused.Err, test.code)
			}
			if alert := heard.one(t, signet.PhaseAlert); alert.Alert != (signet.Alert{Number: test.alert, Direction: signet.Sent}) {
				t.Errorf("have %+v, want our alert", alert)
			}
		})
	}
	t.Run("hello retry", func(t *testing.T) {
		var heard recording
		client := w.dialer()
		client.Trace = heard.hear
		config := w.bare(asServer, tls.VersionTLS13)
		config.CurvePreferences = []tls.CurveID{tls.CurveP521}
		near, far := pair(t)
		go tls.Server(far, config).Handshake()
		conn, err := client.Wrap(t.Context(), near, testpki.Host)
		if err != nil {
			t.Fatal(err)
		}
		if retry := heard.one(t, signet.PhaseHelloRetry); !retry.Hello.Retry || !slices.Equal(retry.Hello.Groups, []uint16{uint16(tls.CurveP521)}) {
			t.Errorf("have %+v", retry.Hello)
		}
		if _, random := conn.Randoms(); random != heard.one(t, signet.PhaseServerHello).Hello.Random {
			t.Error("the retry's random value was taken for the server's")
		}
	})
	t.Run("of an exit", func(t *testing.T) {
		var heard recording
		server := w.listener()
		server.Trace = heard.hear
		client, config := configs(t, w.dialer(), server, verify.Host(testpki.Host))
		near, far, nearErr, farErr := exit(t, client, config, true)
		if nearErr != nil || farErr != nil {
			t.Fatal(nearErr, farErr)
		}
		near.Close()
		far.Close()
		want := []signet.Phase{signet.PhaseServerHello, signet.PhaseCertificate, signet.PhaseVerified, signet.PhaseClosed}
		if diff := cmp.Diff(want, heard.phases()); diff != "" {
			t.Errorf("(-want +have):\n%s", diff)
		}
	})
}
