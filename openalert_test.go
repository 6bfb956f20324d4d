package signet_test

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
)

// openly is a client's connection that says something in the place of all but
// the first hello.
type openly struct {
	net.Conn
	say    string
	hellos int
}

func (o *openly) Write(p []byte) (int, error) {
	if o.hellos++; o.hellos == 1 {
		return o.Conn.Write(p)
	}
	if o.hellos == 2 {
		o.Conn.Write([]byte(o.say))
	}
	return len(p), nil
}

// TestAlertInTheClear has a client refuse a server of TLS 1.3 as OpenSSL's do, and
// others send records that are really broken.
func TestAlertInTheClear(t *testing.T) {
	const changed, alert = "\x14\x03\x03\x00\x01\x01", "\x15\x03\x03\x00\x02\x02\x30"
	for _, test := range []struct {
		name, say string
		code      fault.Code
	}{
		{"alone", alert, signet.RefusedByPeer},
		{"behind a change of ciphers", changed + alert, signet.RefusedByPeer},
		{"a warning", strings.ReplaceAll(alert, "\x02\x30", "\x01\x30"), signet.RecordAltered},
		{"data that ends alike", "\x17\x03\x03\x00\x18" + strings.Repeat("x", 24), signet.RecordAltered},
		{"no more than a part", changed + "\x15\x03\x03\x00\x01\x02", signet.RecordAltered},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			near, far := pair(t)
			go tls.Client(&openly{Conn: far, say: test.say}, w.bare(asClient, tls.VersionTLS13)).Handshake()
			_, err := w.listener().Wrap(t.Context(), near)
			e, _ := fault.Of(err)
			if !errors.Is(err, test.code) {
				t.Fatalf("have %v, want %s", err, test.code)
			}
			want := signet.Alert{Number: 48, Direction: signet.Received}
			if have, _ := e.Detail.(signet.Alert); test.code == signet.RefusedByPeer && have != want {
				t.Errorf("have %v, want %v", have, want)
			}
		})
	}
}
