package record

import (
	"encoding/binary"
	"math"
)

// Kinds of records (RFC 8446, section 5.1).
const (
	kindChangeCipherSpec = 20
	kindAlert            = 21
	kindHandshake        = 22
	kindData             = 23
)

// version is in the header of every record (RFC 8446, section 5.2).
const version = 0x0303

// maxUseless is how many records and messages in a row may bring no data.
const maxUseless = 16

// maxUpdates is how many KeyUpdates one Receive takes. New keys cost as much as opening
// several kilobytes, and a record that brings them has 27 bytes: in what a loop reads at
// once there is room for thousands, while which all other links would wait.
const maxUpdates = 16

// Receive opens the whole records at the front of in, appends their data to dst, and
// returns how many bytes of in are used up; the rest, shorter than MaxRecord, is to be
// passed again with more behind it. It stops before a record that might need more room
// than dst has: it does not allocate, and where dst has room for MaxRecord bytes it does
// not stop for want of it. It stops, too, where it Paused: then what is left has any
// length. dst must not overlap in.
//
// The error, which is returned again from then on, is io.EOF if the peer said that this
// was all, and an *Error where an alert ends the session. Data that came before it is
// returned with it.
func (s *Session) Receive(dst, in []byte) (data []byte, used int, err error) {
	for s.updates = 0; s.ended == nil && !s.Paused(); {
		var record []byte
		if record, s.ended = cut(in[used:]); record == nil || cap(dst)-len(dst) < len(record)-headerLength-tagLength {
			break
		}
		used += len(record)
		dst, s.ended = s.take(dst, record)
	}
	return dst, used, s.ended
}

// Paused reports whether the last Receive has taken as many KeyUpdates as one may, so that
// there may be whole records in what it left: they are for the next, when others have had
// their turn.
func (s *Session) Paused() bool { return s.updates >= maxUpdates }

// cut returns the whole record at the front of in, or nil; a header that cannot be one is
// refused before its record has come.
func cut(in []byte) ([]byte, error) {
	if len(in) < headerLength {
		return nil, nil
	}
	length := int(binary.BigEndian.Uint16(in[3:]))
	switch {
	case binary.BigEndian.Uint16(in[1:]) != version:
		return nil, refuseHeader(alertProtocolVersion, "a record has another version", in)
	case length > MaxRecord-headerLength:
		return nil, refuseHeader(alertRecordOverflow, "a record is too long", in)
	case in[0] == kindChangeCipherSpec:
		return nil, refuse(alertUnexpectedMessage, "a change_cipher_spec after the handshake")
	case len(in) < headerLength+length:
		return nil, nil
	}
	return in[:headerLength+length], nil
}

// take opens a record, and appends what it has of data.
func (s *Session) take(dst, record []byte) ([]byte, error) {
	if s.in.sequence == math.MaxUint64 { // the next would have the number of the first
		return dst, refuse(alertInternalError, "the sequence numbers are used up")
	}
	opened, err := s.in.open(dst, record)
	switch {
	case err != nil:
		return dst, refuse(alertBadRecordMAC, "a record is not what was sent")
	case record[0] != kindData:
		return dst, refuse(alertUnexpectedMessage, "a record does not look like data from outside")
	}
	kind, content, err := inner(opened[len(dst):])
	switch {
	case err != nil:
		return dst, err
	case kind != kindHandshake && s.message != nil:
		return dst, refuse(alertUnexpectedMessage, "a handshake message is interrupted")
	}
	switch kind {
	case kindData:
		if len(content) == 0 {
			return dst, s.idle()
		}
		s.useless = 0
		return dst[:len(dst)+len(content)], nil
	case kindHandshake:
		return dst, s.handshake(content)
	case kindAlert:
		return dst, s.alert(content)
	}
	return dst, refuse(alertUnexpectedMessage, "a record of an unknown kind")
}

// inner takes a TLSInnerPlaintext apart (RFC 8446, sections 5.2 and 5.4).
func inner(plaintext []byte) (kind byte, content []byte, err error) {
	if len(plaintext) > MaxData+1 {
		return 0, nil, refuse(alertRecordOverflow, "a record is too long inside")
	}
	last := len(plaintext) - 1
	for last >= 0 && plaintext[last] == 0 {
		last--
	}
	if last < 0 {
		return 0, nil, refuse(alertUnexpectedMessage, "a record is nothing but padding")
	}
	return plaintext[last], plaintext[:last], nil
}

// idle counts a record or message that brought no data.
func (s *Session) idle() error {
	if s.useless++; s.useless > maxUseless {
		return refuse(alertUnexpectedMessage, "too many records in a row bring no data")
	}
	return nil
}
