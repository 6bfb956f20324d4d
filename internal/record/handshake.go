package record

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"
)

// Messages after the handshake (RFC 8446, section 4).
const (
	messageNewSessionTicket = 4
	messageKeyUpdate        = 24

	messageHeader = 4 // bytes: a type, and the length of the rest
)

// maxMessage is the most bytes behind a message's header, as crypto/tls has it. A session
// holds so many where a message goes on in the next record: a server's never, since what
// a client may say is a KeyUpdate.
const maxMessage = 64 << 10

// keyUpdate returns the message (RFC 8446, section 4.6.3).
func keyUpdate(request bool) []byte {
	message := []byte{messageKeyUpdate, 0, 0, 1, 0}
	if request {
		message[messageHeader] = 1
	}
	return message
}

// handshake is told what a record has of handshake messages: several, or a part of one.
func (s *Session) handshake(content []byte) error {
	if len(content) == 0 {
		return refuse(alertUnexpectedMessage, "an empty record of the handshake")
	}
	if s.message != nil {
		s.message = append(s.message, content...)
		content = s.message
	}
	rest := content
	for {
		left, err := s.first(rest)
		if err != nil {
			s.message = nil
			return err
		}
		if len(left) == len(rest) {
			break
		}
		rest = left
	}
	switch {
	case len(rest) == 0:
		s.message = nil
	case s.message == nil || len(rest) < len(content):
		s.message = bytes.Clone(rest)
	}
	return nil
}

// first does what the first message says, and returns those behind it; one that is not
// whole stays.
func (s *Session) first(messages []byte) (rest []byte, err error) {
	if len(messages) < messageHeader {
		return messages, nil
	}
	kind, length := messages[0], int(messages[1])<<16|int(messages[2])<<8|int(messages[3])
	switch {
	case kind != messageKeyUpdate && (kind != messageNewSessionTicket || !s.client):
		return nil, refuse(alertUnexpectedMessage, "a handshake message that may not come after the handshake")
	case kind == messageKeyUpdate && length != 1:
		return nil, refuse(alertDecodeError, "a KeyUpdate of another length")
	case length > maxMessage:
		return nil, refuse(alertInternalError, "a ticket is too long")
	case len(messages) < messageHeader+length:
		return messages, nil
	}
	body, rest := messages[messageHeader:messageHeader+length], messages[messageHeader+length:]
	if err := s.idle(); err != nil {
		return nil, err
	}
	if kind == messageNewSessionTicket {
		return rest, ticket(body)
	}
	return rest, s.keyUpdate(body[0], rest)
}

// keyUpdate is told that the peer's next record is under new keys.
func (s *Session) keyUpdate(request byte, rest []byte) error {
	switch {
	case request > 1:
		return refuse(alertIllegalParameter, "a KeyUpdate asks for what is not known")
	case len(rest) > 0: // it would be under the old keys (RFC 8446, section 5.1)
		return refuse(alertUnexpectedMessage, "a message stands behind a KeyUpdate in its record")
	}
	s.in.update(s.suite)
	s.updates++
	s.owes = s.owes || request == 1
	return nil
}

// Of tickets (RFC 8446, sections 4.2 and 4.6.1).
const (
	maxLifetime        = 7 * 24 * 60 * 60 // seconds
	extensionEarlyData = 42
)

// ticket reads one, which crypto/tls alone could have used: it does not show the secret
// that belongs to it.
func ticket(body cryptobyte.String) error {
	var lifetime uint32
	var nonce, label, extensions cryptobyte.String
	if !body.ReadUint32(&lifetime) || !body.Skip(4) || !body.ReadUint8LengthPrefixed(&nonce) ||
		!body.ReadUint16LengthPrefixed(&label) || label.Empty() ||
		!body.ReadUint16LengthPrefixed(&extensions) || !body.Empty() {
		return refuse(alertDecodeError, "a ticket cannot be read")
	}
	for !extensions.Empty() {
		var kind uint16
		var extension cryptobyte.String
		if !extensions.ReadUint16(&kind) || !extensions.ReadUint16LengthPrefixed(&extension) ||
			kind == extensionEarlyData && len(extension) != 4 {
			return refuse(alertDecodeError, "a ticket's extensions cannot be read")
		}
	}
	if lifetime > maxLifetime {
		return refuse(alertIllegalParameter, "a ticket lives too long")
	}
	return nil
}
