package signet_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/verify"
)

// exit makes a handshake between configurations of a Client and a Server, as
// the libraries that take them would.
func exit(t *testing.T, client, server *tls.Config, wrap bool) (near, far *tls.Conn, nearErr, farErr error) {
	t.Helper()
	one, other := pair(t)
	dialed, accepted := net.Conn(one), net.Conn(other)
	if wrap {
		dialed, accepted = signet.Transport(one), signet.Transport(other)
	}
	near, far = tls.Client(dialed, client), tls.Server(accepted, server)
	var both sync.WaitGroup
	both.Go(func() {
		if nearErr = near.HandshakeContext(t.Context()); nearErr != nil {
			dialed.Close()
		}
	})
	both.Go(func() {
		if farErr = far.HandshakeContext(t.Context()); farErr != nil {
			accepted.Close()
		}
	})
	both.Wait()
	return near, far, nearErr, farErr
}

func configs(t *testing.T, client *signet.Client, server *signet.Server, name verify.Name) (*tls.Config, *tls.Config) {
	t.Helper()
	theirs, err := server.TLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	ours, err := client.TLSConfig(name)
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

func TestTLSConfigs(t *testing.T) {
	w := newWorld(t)
	t.Run("verify both ends", func(t *testing.T) {
		client, server := configs(t, w.dialer(), w.listener(), verify.Host(testpki.Host))
		for i := range 2 {
			near, far, nearErr, farErr := exit(t, client, server, true)
			if nearErr != nil || farErr != nil {
				t.Fatal(nearErr, farErr)
			}
			if state := far.ConnectionState(); state.DidResume || len(state.PeerCertificates) == 0 || state.Version != tls.VersionTLS13 {
				t.Errorf("connection %d: resumed %v, %d certificates, %s", i, state.DidResume, len(state.PeerCertificates), tls.VersionName(state.Version))
			}
			talk(t, near, far)
		}
	})
	t.Run("refuse a wrong name", func(t *testing.T) {
		client, server := configs(t, w.dialer(), w.listener(), verify.Host("other.example"))
		_, _, nearErr, _ := exit(t, client, server, true)
		wantCode(t, "client", nearErr, verify.NameMismatch)
	})
	t.Run("authorize", func(t *testing.T) {
		refusing := w.listener()
		refusing.Authorize = func(context.Context, *signet.Peer) error { return errors.New("no") }
		client, server := configs(t, w.dialer(), refusing, verify.Host(testpki.Host))
		_, _, _, farErr := exit(t, client, server, true)
		wantCode(t, "server", farErr, signet.NotAuthorized)
	})
	t.Run("of a server refuse a bare connection", func(t *testing.T) {
		client, server := configs(t, w.dialer(), w.listener(), verify.Host(testpki.Host))
		_, _, _, farErr := exit(t, client, server, false)
		wantCode(t, "server", farErr, signet.ConfigInvalid)
		if farErr == nil || !strings.Contains(farErr.Error(), "signet.Transport") {
			t.Errorf("have %v, want the name of what is missing", farErr)
		}
	})
	t.Run("of a client need a name", func(t *testing.T) {
		_, err := w.dialer().TLSConfig(verify.Name{})
		wantCode(t, "config", err, verify.NameMissing)
		named := w.dialer()
		named.Name = verify.Host(testpki.Host)
		if config, err := named.TLSConfig(verify.Name{}); err != nil || config.ServerName != testpki.Host || config.MinVersion != tls.VersionTLS13 {
			t.Errorf("have %+v, %v; want the client's own name and TLS 1.3", config, err)
		}
	})
	t.Run("keep the rule of the end", func(t *testing.T) {
		client, server := configs(t, w.dialer(), w.listener(), verify.Host(testpki.Host))
		near, far, nearErr, farErr := exit(t, client, server, true)
		if nearErr != nil || farErr != nil {
			t.Fatal(nearErr, farErr)
		}
		near.NetConn().Close()
		_, err := far.Read(make([]byte, 1))
		wantCode(t, "read", err, signet.Truncated)
	})
}

// TestDialAndListen is the short way, over real sockets.
func TestDialAndListen(t *testing.T) {
	w := newWorld(t)
	listener, err := w.listener().Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.Copy(conn, conn)
			}()
		}
	}()
	client := w.dialer()
	var all sync.WaitGroup
	for range 8 { // one Client and one Server, used by all at once
		all.Go(func() {
			for range 4 {
				if err := echo(t.Context(), client, listener.Addr().String()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// echo sends a line, ends its own direction, and wants exactly that line back.
func echo(ctx context.Context, client *signet.Client, address string) error {
	conn, err := client.Dial(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	line := "this is " + conn.ID()
	if _, err := io.WriteString(conn, line); err != nil {
		return err
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	have, err := io.ReadAll(conn)
	if err == nil && string(have) != line {
		err = errors.New("have " + string(have) + ", want " + line)
	}
	return err
}

// TestNothingIsLeftBehind counts goroutines around connections that end well,
// are refused, cut, aborted, and given up.
func TestNothingIsLeftBehind(t *testing.T) {
	w := newWorld(t)
	before := runtime.NumGoroutine()
	for range 3 {
		near, far := meet(t, w.dialer(), w.listener())
		talk(t, near, far)
		near, far = meet(t, w.dialer(), w.listener())
		near.Abort()
		far.Read(make([]byte, 1))
		far.Close()
		refusing := w.listener()
		refusing.Authorize = func(context.Context, *signet.Peer) error { return errors.New("no") }
		refused, _ := shake(t, w.dialer(), refusing)
		if refused.err == nil {
			refused.conn.Read(make([]byte, 1))
			refused.conn.Close()
		}
		hanging, _ := pair(t)
		patient := w.dialer()
		patient.HandshakeTimeout = 5 * time.Millisecond
		if _, err := patient.Wrap(t.Context(), hanging, testpki.Host); err == nil {
			t.Fatal("shook hands with nobody")
		}
	}
	peers.Settled(t, before)
}
