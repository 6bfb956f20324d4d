package signet

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/verify"
)

// Direction says who sent an alert.
type Direction string

// The directions.
const (
	Received Direction = "received"
	Sent     Direction = "sent"
)

// Alert is the detail of an error that a TLS alert ended (RFC 8446, section 6).
type Alert struct {
	Number    uint8
	Direction Direction
}

// Numbers of alerts that need words of their own (RFC 8446, section 6.2).
const (
	alertUnexpectedMessage    = 10
	alertBadRecordMAC         = 20
	alertHandshakeFailure     = 40 // in TLS 1.2 also for a missing certificate (RFC 5246, section 7.4.6)
	alertDecryptError         = 51
	alertProtocolVersion      = 70
	alertInsufficientSecurity = 71
	alertInternalError        = 80
	alertNoRenegotiation      = 100
	alertCertificateRequired  = 116
)

// certificateAlerts are those by which a peer refuses a certificate. crypto/tls
// answers every refusal of a callback with 42, whatever its reason was.
var certificateAlerts = []uint8{42, 43, 44, 45, 46, 48, 49, 113}

// noClientCertificate is how crypto/tls says that a client showed none; it has
// no type for it, and no callback runs.
const noClientCertificate = "tls: client didn't provide a certificate"

// secondHello is how crypto/tls says that a client began another handshake on the
// connection; it has no type for that either.
const secondHello = "tls: received unexpected handshake message of type *tls.clientHelloMsg"

// tooMany is how crypto/tls begins to say that the peer went on and on with records that
// bring nothing; it has sent an alert then, and tells of it no more.
const tooMany = "tls: too many "

// alertOf finds the TLS alert that err stands for. crypto/tls has no exported
// type for it: it wraps an unexported uint8 in a *net.OpError whose Op says
// which way the alert went.
func alertOf(err error) (Alert, bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Err == nil {
		return Alert{}, false
	}
	value := reflect.ValueOf(op.Err)
	if value.Kind() != reflect.Uint8 {
		return Alert{}, false
	}
	direction := Sent
	if op.Op == "remote error" {
		direction = Received
	}
	return Alert{uint8(value.Uint()), direction}, true
}

// openAlert returns the fatal alert, in the clear, at the end of what has come
// from a client, or zero. OpenSSL's clients say so that they refuse a server of
// TLS 1.3: they begin to encrypt only with their last message of the handshake.
func openAlert(p []byte) (number uint8) {
	const fatal, length = 2, recordHeader + 2
	if len(p) < length {
		return 0
	}
	p = p[len(p)-length:]
	if p[0] != recordAlert || p[1] != 3 || p[3] != 0 || p[4] != 2 || p[5] != fatal {
		return 0
	}
	return p[6]
}

// explain turns an error of crypto/tls or of the socket into ours; io.EOF and
// what is ours already pass.
func (c *Conn) explain(err error) error {
	if refusal := c.transport.refusal.Load(); refusal != nil {
		return *refusal
	}
	established := c.Peer() != nil
	if err == io.EOF && !established { // which is how crypto/tls says that it got a close_notify
		return handshakeCut("the peer closed the connection during the handshake", nil)
	}
	if _, ours := fault.Of(err); ours {
		if errors.Is(err, Truncated) && !established {
			return handshakeCut("the peer hung up during the handshake", errors.Unwrap(err))
		}
		return err
	}
	if alert, ok := alertOf(err); ok {
		return c.standing().explainAlert(err, alert)
	}
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &plain) && established:
		return recordAltered(err)
	case errors.As(err, &plain) && !isRecord(plain.RecordHeader) && c.transport.chosen == 0:
		return notTLS(err, plain.RecordHeader)
	case errors.Is(err, net.ErrClosed), errors.Is(err, context.Canceled):
		return err
	case timedOut(err) && established:
		return err // the caller's own deadline, which it looks for as a net.Error
	case timedOut(err):
		return handshakeTimeout(err)
	case err.Error() == noClientCertificate:
		return &fault.Error{Code: verify.NoCertificate, Err: err, Message: "the client showed no certificate",
			Hint: "configure the client with a certificate"}
	case c.transport.chosen != 0 && c.transport.chosen < c.minVersion:
		mismatch := versionMismatch(c.minVersion)
		mismatch.Err = err
		return mismatch
	case c.transport.told == alertHandshakeFailure && !c.transport.peerIsServer:
		return nothingInCommon(err, Alert{alertHandshakeFailure, Sent}, plainly(err))
	case !established:
		return &fault.Error{Code: HandshakeFailed, Err: err, Message: "the handshake failed: " + plainly(err), Hint: bothEnds}
	case strings.HasPrefix(err.Error(), secondHello):
		return &fault.Error{Code: NotSupported, Err: err, Detail: Alert{alertUnexpectedMessage, Sent},
			Message: "the peer began " + secondHandshake, Hint: "have the client open another connection"}
	case strings.HasPrefix(err.Error(), tooMany):
		return c.standing().explainAlert(err, Alert{alertUnexpectedMessage, Sent})
	}
	return broke(err)
}

func broke(err error) error {
	return &fault.Error{Code: ConnectionFailed, Err: err, Message: "the connection broke: " + plainly(err), Hint: "try again"}
}

// secondHandshake is what is refused in either role (RFC 8446, section 4.1.2).
const secondHandshake = "a second handshake on the connection (renegotiation), which is never made"

// bothEnds is the next step where neither end alone can know.
const bothEnds = "compare both ends' settings; look into the peer's log"

func handshakeCut(message string, cause error) error {
	return &fault.Error{Code: HandshakeCut, Err: cause, Message: message, Hint: "look into the peer's log"}
}

// plainly is crypto/tls's text without its own name; it may quote the peer.
func plainly(err error) string {
	return fault.Printable(strings.TrimPrefix(err.Error(), "tls: "), 300)
}

func timedOut(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// Protocol is the detail of an error that is NotTLS: what the peer speaks
// instead, or "" where its first bytes do not tell.
type Protocol string

// openings are the first bytes of what a peer may speak instead of TLS.
var openings = []struct {
	bytes    string
	protocol Protocol
}{
	{"HTTP/", "HTTP"}, {"<html", "HTTP"}, {"<!DOC", "HTTP"},
	{"SSH-", "SSH"},
	{"220 ", "SMTP or FTP"}, {"220-", "SMTP or FTP"},
	{"* OK ", "IMAP"}, {"+OK ", "POP3"},
	{"-ERR ", "Redis or POP3"}, {"RFB ", "VNC"},
}

// isRecord reports whether a header is one of TLS (RFC 8446, section 5.1): who sent it
// speaks TLS, however badly.
func isRecord(header [recordHeader]byte) bool {
	return header[0] >= recordChangeCipherSpec && header[0] <= recordAppData && header[1] == 3
}

func notTLS(err error, first [5]byte) error {
	e := &fault.Error{Code: NotTLS, Err: err, Message: "the peer does not speak TLS", Detail: Protocol(""),
		Hint: "name the peer's TLS port"}
	for _, opening := range openings {
		if strings.HasPrefix(string(first[:]), opening.bytes) {
			e.Message, e.Detail = "the peer speaks "+string(opening.protocol)+" at this port, not TLS", opening.protocol
			break
		}
	}
	return e
}

func (s standing) explainAlert(err error, alert Alert) error {
	if alert == (Alert{alertBadRecordMAC, Sent}) && s.openly != 0 {
		alert = Alert{s.openly, Received} // which crypto/tls took for a record that is broken
	}
	result := &fault.Error{Code: HandshakeFailed, Err: err, Detail: alert, Message: "we refused what the peer sent: " + alert.words(), Hint: alert.next()}
	refused := slices.Contains(certificateAlerts, alert.Number)
	switch {
	case alert.Number == alertBadRecordMAC || alert.Number == alertDecryptError:
		altered := recordAltered(err)
		result.Code, result.Message, result.Hint = altered.Code, altered.Message, altered.Hint
		if alert.Direction == Received {
			result.Message = "the peer says that our bytes were altered on their way"
		}
	case alert.Number == alertProtocolVersion:
		mismatch := versionMismatch(s.minVersion)
		result.Code, result.Message, result.Hint = mismatch.Code, mismatch.Message, mismatch.Hint
	case alert == Alert{alertNoRenegotiation, Sent}:
		result.Code, result.Message = NotSupported, "the peer asked for "+secondHandshake
		result.Hint = "have the peer ask for all that it wants in the first handshake, such as a certificate for the whole host"
	case alert.Direction == Received && s.owes && (refused || alert.Number == alertHandshakeFailure || alert.Number == alertCertificateRequired):
		result.Code, result.Message = ClientCertRequired, "the server refused us: it wants a certificate and we showed none"
		result.Hint = "connect with an identity that the server's policy knows"
	case alert.Direction == Received && !s.met && (alert.Number == alertHandshakeFailure || alert.Number == alertInsufficientSecurity):
		return nothingInCommon(err, alert, alert.words())
	case alert.Direction == Received && refused:
		result.Code, result.Message = RefusedByPeer, "the peer refused our certificate: "+alert.words()
	case alert.Direction == Received:
		result.Code, result.Message = RefusedByPeer, "the peer refused us: "+alert.words()
	case s.shaken:
		result.Code, result.Message = ProtocolBroken, "the peer broke TLS: "+alert.words()
	}
	return result
}

// nothingInCommon is what a server's alert means who can choose nothing of what the
// client offers, at either end.
func nothingInCommon(err error, alert Alert, why string) *fault.Error {
	return &fault.Error{Code: CipherMismatch, Err: err, Detail: alert, Message: "the two ends have nothing safe in common: " + why,
		Hint: "at the older end, switch on TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305"}
}

func recordAltered(err error) *fault.Error {
	return &fault.Error{Code: RecordAltered, Err: err, Message: "bytes were altered on their way; nothing of them was delivered",
		Hint: "do not retry blindly: find out who changes the traffic"}
}

func versionMismatch(minVersion uint16) *fault.Error {
	ours := "this end speaks TLS 1.2 and 1.3"
	if minVersion == tls.VersionTLS13 {
		ours = "this end speaks TLS 1.3 only"
	}
	return fault.New(VersionMismatch, "the two ends have no TLS version in common").WithHint("upgrade the older end; %s", ours)
}
