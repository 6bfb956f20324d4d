package record

import (
	"crypto/tls"
	"io"
	"net"
)

// Alerts (RFC 8446, section 6), and their levels.
const (
	levelWarning = 1
	levelFatal   = 2

	alertCloseNotify       = 0
	alertUnexpectedMessage = 10
	alertBadRecordMAC      = 20
	alertRecordOverflow    = 22
	alertIllegalParameter  = 47
	alertDecodeError       = 50
	alertProtocolVersion   = 70
	alertInternalError     = 80
	alertUserCanceled      = 90
)

// Error is why Receive has ended a session other than by the peer's close_notify. It
// wraps what crypto/tls returns in its place, a *net.OpError whose Op says which way the
// alert went, or a tls.RecordHeaderError.
type Error struct {
	Alert    uint8  // that ended it
	Received bool   // the peer has sent it; otherwise it is to be sent, by Session.Alert
	Reason   string // what is wrong with what the peer sent; "" if Received

	header *[headerLength]byte // that is refused, or nil
}

// Error returns the reason, and what crypto/tls says.
func (e *Error) Error() string {
	if e.Received {
		return e.Unwrap().Error()
	}
	return e.Reason + ": " + e.Unwrap().Error()
}

// Unwrap returns what crypto/tls returns.
func (e *Error) Unwrap() error {
	switch {
	case e.header != nil:
		return tls.RecordHeaderError{Msg: e.Reason, RecordHeader: *e.header}
	case e.Received:
		return &net.OpError{Op: "remote error", Err: tls.AlertError(e.Alert)}
	}
	return &net.OpError{Op: "local error", Err: tls.AlertError(e.Alert)}
}

// CloseNotify appends to dst the word that this was all. The peer may go on.
func (s *Session) CloseNotify(dst []byte) []byte {
	return s.last(dst, levelWarning, alertCloseNotify)
}

// Alert appends a fatal alert to dst (RFC 8446, section 6.2).
func (s *Session) Alert(dst []byte, alert uint8) []byte { return s.last(dst, levelFatal, alert) }

// last appends an alert behind which nothing leaves, not even another.
func (s *Session) last(dst []byte, level, alert uint8) []byte {
	if s.said {
		return dst
	}
	s.said = true
	return s.out.seal(dst, kindAlert, []byte{level, alert})
}

// alert is told what the peer has said in one. Its level says nothing (RFC 8446, section
// 6).
func (s *Session) alert(content []byte) error {
	switch {
	case len(content) != 2:
		return refuse(alertUnexpectedMessage, "an alert is not alone in its record")
	case content[1] == alertCloseNotify:
		return io.EOF
	case content[1] == alertUserCanceled: // a close_notify follows
		return s.idle()
	}
	return &Error{Alert: content[1], Received: true}
}

func refuse(alert uint8, reason string) error { return &Error{Alert: alert, Reason: reason} }

// refuseHeader refuses a record for the header that in begins with.
func refuseHeader(alert uint8, reason string, in []byte) error {
	header := [headerLength]byte(in)
	return &Error{Alert: alert, Reason: reason, header: &header}
}
