package signet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"

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
	alertBadRecordMAC        = 20
	alertHandshakeFailure    = 40 // in TLS 1.2 also for a missing certificate (RFC 5246, section 7.4.6)
	alertDecryptError        = 51
	alertProtocolVersion     = 70
	alertCertificateRequired = 116
)

// certificateAlerts are those by which a peer refuses a certificate. crypto/tls
// answers every refusal of a callback with 42, whatever its reason was.
var certificateAlerts = map[uint8]string{
	42:  "bad_certificate",
	43:  "unsupported_certificate",
	44:  "certificate_revoked",
	45:  "certificate_expired",
	46:  "certificate_unknown",
	48:  "unknown_ca",
	49:  "access_denied",
	113: "bad_certificate_status_response",
}

// noClientCertificate is how crypto/tls says that a client showed none; it has
// no type for it, and no callback runs.
const noClientCertificate = "tls: client didn't provide a certificate"

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

// explain turns an error of crypto/tls or of the socket into ours; io.EOF and
// what is ours already pass.
func (c *Conn) explain(err error) error {
	if refusal := c.transport.refusal.Load(); refusal != nil {
		return *refusal
	}
	established := c.Peer() != nil
	if _, ours := fault.Of(err); ours {
		if errors.Is(err, Truncated) && !established {
			return &fault.Error{Code: HandshakeCut, Err: errors.Unwrap(err),
				Message: "the peer hung up during the handshake", Hint: "look into the peer's log"}
		}
		return err
	}
	if alert, ok := alertOf(err); ok {
		return c.explainAlert(err, alert)
	}
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &plain):
		return notTLS(err)
	case errors.Is(err, net.ErrClosed), errors.Is(err, context.Canceled):
		return err
	case timedOut(err) && established:
		return err // the caller's own deadline, which it looks for as a net.Error
	case timedOut(err):
		return &fault.Error{Code: Timeout, Err: err, Message: "the peer did not answer in time",
			Hint: "check that the peer runs and speaks TLS at this address"}
	case err.Error() == noClientCertificate:
		return &fault.Error{Code: verify.NoCertificate, Err: err, Message: "the client showed no certificate",
			Hint: "configure the client with a certificate"}
	case !established:
		return fault.Wrap(err, HandshakeFailed, "the handshake failed").WithHint("compare both ends' settings; look into the peer's log")
	}
	return fault.Wrap(err, ConnectionFailed, "the connection broke").WithHint("try again")
}

func timedOut(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

func notTLS(err error) error {
	return &fault.Error{Code: NotTLS, Err: err, Message: "the peer does not speak TLS",
		Hint: "name the peer's TLS port"}
}

func (c *Conn) explainAlert(err error, alert Alert) error {
	result := &fault.Error{Code: HandshakeFailed, Err: err, Detail: alert, Message: fmt.Sprintf("alert %d %s: %s", alert.Number, alert.Direction, err),
		Hint: "compare both ends' settings; look into the peer's log"}
	name, refused := certificateAlerts[alert.Number]
	switch {
	case alert.Number == alertBadRecordMAC || alert.Number == alertDecryptError:
		result.Code, result.Message = RecordAltered, "bytes were altered on their way; nothing of them was delivered"
		if alert.Direction == Received {
			result.Message = "the peer says that our bytes were altered on their way"
		}
		result.Hint = "do not retry blindly: find out who changes the traffic"
	case alert.Number == alertProtocolVersion:
		mismatch := versionMismatch(c.minVersion)
		result.Code, result.Message, result.Hint = mismatch.Code, mismatch.Message, mismatch.Hint
	case alert.Direction == Received && c.owes && (refused || alert.Number == alertHandshakeFailure || alert.Number == alertCertificateRequired):
		result.Code, result.Message = ClientCertRequired, "the server refused us: it wants a certificate and we showed none"
		result.Hint = "connect with an identity that the server's policy knows"
	case alert.Direction == Received && refused:
		result.Code, result.Message = RefusedByPeer, fmt.Sprintf("the peer refused our certificate (alert %d %s)", alert.Number, name)
		result.Hint = "the reason stands in the peer's log: it does not trust who signed our certificate, the name, the dates, a revocation or its policy says no"
	case alert.Direction == Received:
		result.Code, result.Message = RefusedByPeer, fmt.Sprintf("the peer refused us (alert %d: %s)", alert.Number, tls.AlertError(alert.Number))
		result.Hint = "the reason stands in the peer's log"
	}
	return result
}

func versionMismatch(minVersion uint16) *fault.Error {
	ours := "this end speaks TLS 1.2 and 1.3"
	if minVersion == tls.VersionTLS13 {
		ours = "this end speaks TLS 1.3 only"
	}
	return fault.New(VersionMismatch, "the two ends have no TLS version in common").WithHint("upgrade the older end; %s", ours)
}
