package signet_test

import (
	"crypto/tls"
	"io"
	"sync"
	"testing"

	"github.com/signet-tls/signet"
)

// TestProtocolBroken meets a client that keeps to TLS until the handshake is over.
func TestProtocolBroken(t *testing.T) {
	w := newWorld(t)
	near, far := pair(t)
	var scripted sync.WaitGroup
	scripted.Go(func() {
		tls.Client(far, w.bare(asClient, tls.VersionTLS13)).Handshake()
		for range 17 { // 16 in a row are borne
			far.Write([]byte{20, 3, 3, 0, 1, 1}) // a change_cipher_spec
		}
		io.Copy(io.Discard, far)
	})
	t.Cleanup(scripted.Wait)
	conn, err := w.listener().Wrap(t.Context(), near)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Read(make([]byte, 1))
	wantCode(t, "read", err, signet.ProtocolBroken)
	conn.Close()
}
