package signet_test

import (
	"errors"
	"io"
	"os/exec"
	"testing"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
)

// TestClientsRenegotiationIsNotMade has a client begin a second handshake.
func TestClientsRenegotiationIsNotMade(t *testing.T) {
	openssl := peers.OpenSSL(t)
	w := newWorld(t)
	var heard recording
	server := signet.Server{Identity: w.listener().Identity, Public: true, Trace: heard.hear}
	listener, err := server.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client := exec.CommandContext(t.Context(), openssl, "s_client", "-connect", listener.Addr().String(), "-tls1_2")
	ask, err := client.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	defer client.Wait()
	defer client.Process.Kill()
	conn := testpki.Must(listener.Accept()).(*signet.Conn)
	defer conn.Close()
	if err := conn.Handshake(t.Context()); err != nil {
		t.Fatal(err)
	}
	io.WriteString(ask, "R\n")
	_, err = conn.Read(make([]byte, 1))
	wantCode(t, "read", err, signet.NotSupported)
	if e, _ := fault.Of(err); e.Detail != (signet.Alert{Number: 10, Direction: signet.Sent}) {
		t.Errorf("have detail %+v, want alert 10 sent", e.Detail)
	}
	if refused := heard.one(t, signet.PhaseRefused); !errors.Is(refused.Err, signet.NotSupported) {
		t.Errorf("the trace hears %v", refused.Err)
	}
	heard.one(t, signet.PhaseAlert)
}

// TestGarbageOnceEstablished holds that who has made a handshake speaks TLS, whatever
// comes in the place of a record.
func TestGarbageOnceEstablished(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		for _, garbage := range []string{"HTTP/1.1 400 Bad Request\r\n\r\n", "\x17\x03\x03\xff\xff", "\x17\x03\x09\x00\x40", "\x80\x80\x80\x80\x80\x80"} {
			near, far := pair(t)
			conn, _ := newWorld(t).facesOver(t, as, version, near, far)
			io.WriteString(far, garbage)
			n, err := conn.Read(make([]byte, 64))
			wantCode(t, "read", err, signet.RecordAltered)
			if n != 0 {
				t.Errorf("%q: %d bytes were delivered", garbage, n)
			}
		}
	})
}
