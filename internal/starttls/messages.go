package starttls

import (
	"encoding/asn1"
	"io"

	"github.com/signet-tls/signet/internal/ber"
)

// sslRequest is PostgreSQL's (its manual, section "Message Formats").
const sslRequest = "\x00\x00\x00\x08\x04\xd2\x16\x2f"

// askPostgres gets one letter for an answer.
func askPostgres(t *talk) error {
	if _, err := io.WriteString(t.out, sslRequest); err != nil {
		return t.broken(err)
	}
	answer, err := t.in.ReadByte()
	switch {
	case err != nil:
		return t.broken(err)
	case answer == 'S':
		return nil
	case answer == 'N', answer == 'E':
		return t.refused("")
	}
	return t.failed("the server answered with something else than %s", t.title)
}

// startTLS is an extended request of LDAP with the number 1 (RFC 4511, section
// 4.14.1).
const startTLS = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + "1.3.6.1.4.1.1466.20037"

// maxMessage bounds an answer of LDAP.
const maxMessage = 64 << 10

// askLDAP sends one message and gets one.
func askLDAP(t *talk) error {
	if _, err := io.WriteString(t.out, startTLS); err != nil {
		return t.broken(err)
	}
	message, err := t.message()
	if err != nil {
		return err
	}
	answer, ok := parseResponse(message)
	switch {
	case !ok:
		return t.failed("the server answered with something else than %s", t.title)
	case answer.Result.Code != 0:
		return t.refused(string(answer.Result.Diagnosis))
	}
	return nil
}

// message reads one element of BER with a length, which some servers write in
// four bytes whatever it is.
func (t *talk) message() ([]byte, error) {
	head, err := t.in.Peek(2)
	if err != nil {
		return nil, t.broken(err)
	}
	length, size := int(head[1]), 2
	if form := head[1]; form > 0x80 && form <= 0x84 {
		size += int(form - 0x80)
		if head, err = t.in.Peek(size); err != nil {
			return nil, t.broken(err)
		}
		length = 0
		for _, b := range head[2:] {
			length = length<<8 | int(b)
		}
	}
	if head[0] != 0x30 || head[1] == 0x80 || head[1] > 0x84 || length > maxMessage {
		return nil, t.failed("the server answered with something else than %s", t.title)
	}
	message := make([]byte, size+length)
	_, err = io.ReadFull(t.in, message)
	return message, t.broken(err)
}

// response is an extended response of LDAP (RFC 4511, section 4.12); what may
// stand behind these is not looked at.
type response struct {
	Number int
	Result struct {
		Code      asn1.Enumerated
		Matched   []byte
		Diagnosis []byte
	} `asn1:"application,tag:24"`
}

// parseResponse reads what the server says of the request.
func parseResponse(message []byte) (r response, ok bool) {
	der, err := ber.ToDER(message)
	if err != nil {
		return r, false
	}
	_, err = asn1.Unmarshal(der, &r)
	return r, err == nil && r.Number == 1
}
