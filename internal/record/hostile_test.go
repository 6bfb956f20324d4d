package record

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"slices"
	"strings"
	"testing"
)

// sealed returns a record as a peer may make it that keeps to no rule: outer is its kind
// from outside, inside is its content, kind and padding.
func sealed(h *half, outer byte, inside ...[]byte) []byte {
	plaintext := slices.Concat(inside...)
	header := binary.BigEndian.AppendUint16([]byte{outer, 3, 3}, uint16(len(plaintext)+tagLength))
	return h.aead.Seal(bytes.Clone(header), h.next(), plaintext, header)
}

// Pieces of what peers say.
var (
	asData      = []byte{kindData}
	asAlert     = []byte{kindAlert}
	asHandshake = []byte{kindHandshake}
	aTicket     = newTicket(3600, []byte("ticket"), nil)
)

// newTicket returns a message (RFC 8446, section 4.6.1).
func newTicket(lifetime uint32, label, extensions []byte) []byte {
	body := binary.BigEndian.AppendUint32(nil, lifetime)
	body = append(body, 1, 2, 3, 4, 2, 0, 1)
	body = append(binary.BigEndian.AppendUint16(body, uint16(len(label))), label...)
	body = append(binary.BigEndian.AppendUint16(body, uint16(len(extensions))), extensions...)
	return message(messageNewSessionTicket, body)
}

func message(kind byte, body []byte) []byte {
	return append([]byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

func zeros(n int) []byte { return make([]byte, n) }

func times(n int, p []byte) [][]byte { return slices.Repeat([][]byte{p}, n) }

// outcome is what a Session makes of records: its data, and the alert that ends it.
type outcome struct {
	data  string
	alert uint8
	from  string // "sent", "received", "" where no alert has ended it
}

func outcomeOf(t *testing.T, data []byte, err error) outcome {
	t.Helper()
	o := outcome{data: string(data)}
	var e *Error
	switch {
	case err == io.EOF:
		o.from = "received"
	case errors.As(err, &e) && e.Received:
		o.alert, o.from = e.Alert, "received"
	case errors.As(err, &e):
		o.alert, o.from = e.Alert, "sent"
	case err != nil:
		t.Fatalf("an error of another kind: %v", err)
	}
	return o
}

// receive is Receive, and on behind its pauses.
func receive(s *Session, dst, in []byte) (data []byte, used int, err error) {
	data = dst
	for {
		var n int
		data, n, err = s.Receive(data, in[used:])
		if used += n; err != nil || !s.Paused() {
			return data, used, err
		}
	}
}

// TestRules has a client be told what a server may say and what not.
func TestRules(t *testing.T) {
	hello := []byte("hello")
	sent := func(data string, alert uint8) outcome { return outcome{data, alert, "sent"} }
	heard := func(data string, alert uint8) outcome { return outcome{data, alert, "received"} }
	goesOn := func(data string) outcome { return outcome{data, 0, ""} }
	plain := func(header ...byte) func(*half) []byte {
		return func(*half) []byte { return append(header, zeros(int(header[3])<<8|int(header[4]))...) }
	}
	one := func(outer byte, inside ...[]byte) func(*half) []byte {
		return func(h *half) []byte { return sealed(h, outer, inside...) }
	}
	data := func(inside ...[]byte) func(*half) []byte { return one(kindData, inside...) }
	many := func(n int, record func(*half) []byte) func(*half) []byte {
		return func(h *half) (all []byte) {
			for range n {
				all = append(all, record(h)...)
			}
			return all
		}
	}
	then := func(records ...func(*half) []byte) func(*half) []byte {
		return func(h *half) (all []byte) {
			for _, record := range records {
				all = append(all, record(h)...)
			}
			return all
		}
	}
	message255 := append([]byte{messageNewSessionTicket, 0, 1, 0}, zeros(100)...)

	tests := []struct {
		name    string
		records func(*half) []byte
		want    outcome
	}{
		{"data", data(hello, asData), goesOn("hello")},
		{"padded", data(hello, asData, zeros(1000)), goesOn("hello")},
		{"of full length", data(zeros(MaxData), asData), goesOn(string(zeros(MaxData)))},
		{"of full length with padding", data(zeros(1), asData, zeros(MaxData-1)), goesOn("\x00")},
		{"a byte too long inside", data(zeros(MaxData+1), asData), sent("", alertRecordOverflow)},
		{"padded to a byte too long", data(hello, asData, zeros(MaxData-4)), sent("", alertRecordOverflow)},
		{"as long as a record may be", data(zeros(MaxData + 256 - tagLength)), sent("", alertRecordOverflow)},
		{"longer than a record may be", plain(kindData, 3, 3, 0x41, 1), sent("", alertRecordOverflow)},
		{"that header alone", func(*half) []byte { return []byte{kindData, 3, 3, 0x41, 1} }, sent("", alertRecordOverflow)},
		{"another version", plain(kindData, 3, 1, 0, 40), sent("", alertProtocolVersion)},
		{"change_cipher_spec", plain(kindChangeCipherSpec, 3, 3, 0, 1), sent("", alertUnexpectedMessage)},
		{"change_cipher_spec inside", data([]byte{1, kindChangeCipherSpec}), sent("", alertUnexpectedMessage)},
		{"not sealed", plain(kindAlert, 3, 3, 0, 2), sent("", alertBadRecordMAC)},
		{"empty", plain(kindData, 3, 3, 0, 0), sent("", alertBadRecordMAC)},
		{"altered", func(h *half) []byte { r := sealed(h, kindData, hello, asData); r[7] ^= 1; return r }, sent("", alertBadRecordMAC)},
		{"said twice", func(h *half) []byte { return slices.Concat(times(2, sealed(h, kindData, hello, asData))...) }, sent("hello", alertBadRecordMAC)},
		{"one left out", func(h *half) []byte { h.next(); return sealed(h, kindData, hello, asData) }, sent("", alertBadRecordMAC)},
		{"an alert from outside", one(kindAlert, hello, asData), sent("", alertUnexpectedMessage)},
		{"of the handshake from outside", one(kindHandshake, hello, asData), sent("", alertUnexpectedMessage)},
		{"of an unknown kind", data(hello, []byte{24}), sent("", alertUnexpectedMessage)},
		{"padding alone", data(zeros(17)), sent("", alertUnexpectedMessage)},
		{"nothing inside", data(), sent("", alertUnexpectedMessage)},

		{"16 empty ones", then(many(16, data(asData)), data(hello, asData)), goesOn("hello")},
		{"17 empty ones", many(17, data(asData)), sent("", alertUnexpectedMessage)},
		{"16 empty ones before each", many(3, then(many(16, data(asData)), data(hello, asData))), goesOn("hellohellohello")},

		{"close_notify", data([]byte{levelWarning, alertCloseNotify}, asAlert), heard("", alertCloseNotify)},
		{"close_notify that calls itself fatal", data([]byte{levelFatal, alertCloseNotify}, asAlert), heard("", alertCloseNotify)},
		{"data, close_notify, data", then(data(hello, asData), data([]byte{1, 0}, asAlert), data(hello, asData)), heard("hello", alertCloseNotify)},
		{"a fatal alert", then(data(hello, asData), data([]byte{levelFatal, 49}, asAlert)), heard("hello", 49)},
		{"one that calls itself a warning", data([]byte{levelWarning, 49}, asAlert), heard("", 49)},
		{"an unknown one", data([]byte{levelFatal, 222}, asAlert), heard("", 222)},
		{"16 times user_canceled", then(many(16, data([]byte{1, alertUserCanceled}, asAlert)), data([]byte{1, 0}, asAlert)), heard("", alertCloseNotify)},
		{"17 times user_canceled", many(17, data([]byte{1, alertUserCanceled}, asAlert)), sent("", alertUnexpectedMessage)},
		{"two alerts in a record", data([]byte{1, 0, 1, 0}, asAlert), sent("", alertUnexpectedMessage)},
		{"half an alert", data([]byte{1}, asAlert), sent("", alertUnexpectedMessage)},
		{"an empty alert", data(asAlert), sent("", alertUnexpectedMessage)},

		{"a ticket", then(data(aTicket, asHandshake), data(hello, asData)), goesOn("hello")},
		{"three tickets in a record", then(data(aTicket, aTicket, aTicket, asHandshake), data(hello, asData)), goesOn("hello")},
		{"16 tickets", then(data(slices.Concat(times(16, aTicket)...), asHandshake), data(hello, asData)), goesOn("hello")},
		{"16 tickets across records", then(inParts(slices.Concat(times(16, aTicket)...), 7), data(hello, asData)), goesOn("hello")},
		{"17 tickets", data(slices.Concat(times(17, aTicket)...), asHandshake), sent("", alertUnexpectedMessage)},
		{"a ticket in parts", then(data(aTicket[:1], asHandshake), data(aTicket[1:6], asHandshake), data(aTicket[6:], aTicket[:9], asHandshake), data(aTicket[9:], asHandshake), data(hello, asData)), goesOn("hello")},
		{"a ticket of 60,000 bytes", then(many(6, data(zeros(0), asData)), inParts(newTicket(1, zeros(60000), nil), 10000), data(hello, asData)), goesOn("hello")},
		{"a ticket of 65,537 bytes", data([]byte{messageNewSessionTicket, 1, 0, 1}, asHandshake), sent("", alertInternalError)},
		{"a ticket that lives for seven days", data(newTicket(604800, []byte("t"), nil), asHandshake), goesOn("")},
		{"a ticket that lives longer", data(newTicket(604801, []byte("t"), nil), asHandshake), sent("", alertIllegalParameter)},
		{"a ticket without one", data(newTicket(1, nil, nil), asHandshake), sent("", alertDecodeError)},
		{"a ticket with early data", data(newTicket(1, []byte("t"), []byte{0, 42, 0, 4, 0, 0, 0, 9}), asHandshake), goesOn("")},
		{"a ticket with half of early data", data(newTicket(1, []byte("t"), []byte{0, 42, 0, 2, 0, 0}), asHandshake), sent("", alertDecodeError)},
		{"a ticket with half an extension", data(newTicket(1, []byte("t"), []byte{0, 1, 0, 9, 0}), asHandshake), sent("", alertDecodeError)},
		{"a ticket and more in it", data(message(messageNewSessionTicket, append(aTicket[messageHeader:], 0)), asHandshake), sent("", alertDecodeError)},
		{"a ticket cut short in itself", data(message(messageNewSessionTicket, aTicket[messageHeader:len(aTicket)-1]), asHandshake), sent("", alertDecodeError)},
		{"data inside a ticket", then(data(message255, asHandshake), data(hello, asData)), sent("", alertUnexpectedMessage)},
		{"an alert inside a ticket", then(data(message255, asHandshake), data([]byte{1, 0}, asAlert)), sent("", alertUnexpectedMessage)},
		{"an empty record inside a ticket", then(data(message255, asHandshake), data(asHandshake)), sent("", alertUnexpectedMessage)},
		{"an empty record of the handshake", data(asHandshake), sent("", alertUnexpectedMessage)},
		{"an unknown KeyUpdate", data([]byte{messageKeyUpdate, 0, 0, 1, 2}, asHandshake), sent("", alertIllegalParameter)},
		{"an empty KeyUpdate", data([]byte{messageKeyUpdate, 0, 0, 0}, asHandshake), sent("", alertDecodeError)},
		{"a long KeyUpdate", data([]byte{messageKeyUpdate, 0, 0, 2}, asHandshake), sent("", alertDecodeError)},
		{"a KeyUpdate and a ticket", data(keyUpdate(false), aTicket, asHandshake), sent("", alertUnexpectedMessage)},
		{"a KeyUpdate and a byte", data(keyUpdate(false), []byte{4}, asHandshake), sent("", alertUnexpectedMessage)},
		{"a KeyUpdate and old keys", then(data(keyUpdate(false), asHandshake), data(hello, asData)), sent("", alertBadRecordMAC)},
		{"a ClientHello", data(message(1, zeros(100)), asHandshake), sent("", alertUnexpectedMessage)},
		{"a CertificateRequest", data([]byte{13, 0, 0, 3}, asHandshake), sent("", alertUnexpectedMessage)},
		{"a HelloRequest", data([]byte{0, 0, 0, 0}, asHandshake), sent("", alertUnexpectedMessage)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, suite := range allSuites {
				client, server := fresh(t, suite)
				records := test.records(&server.out)
				data, used, err := client.Receive(room(), records)
				if have := outcomeOf(t, data, err); have != test.want {
					t.Errorf("%s: have %.20q, %d %s; want %.20q, %d %s", tls.CipherSuiteName(suite), have.data, have.alert, have.from, test.want.data, test.want.alert, test.want.from)
				}
				if err == nil && used != len(records) {
					t.Errorf("%d bytes of %d are used", used, len(records))
				}
				if again, used, err2 := client.Receive(room(), sealed(&server.out, kindData, hello, asData)); err != nil && (len(again) > 0 || used > 0 || err2 != err) {
					t.Errorf("after the end: %q, %d, %v", again, used, err2)
				}
			}
		})
	}
}

// inParts returns what seals a message in records of so many bytes each.
func inParts(message []byte, size int) func(*half) []byte {
	return func(h *half) (all []byte) {
		for part := range slices.Chunk(message, size) {
			all = append(all, sealed(h, kindData, part, asHandshake)...)
		}
		return all
	}
}

// TestServerGetsNoTicket: tickets are a server's to send.
func TestServerGetsNoTicket(t *testing.T) {
	client, server := fresh(t, tls.TLS_AES_128_GCM_SHA256)
	data, _, err := server.Receive(room(), sealed(&client.out, kindData, aTicket[:messageHeader], asHandshake))
	if have, want := outcomeOf(t, data, err), (outcome{"", alertUnexpectedMessage, "sent"}); have != want {
		t.Errorf("%+v", have)
	}
}

// TestManyKeyUpdates: between two that bring data a peer may send 16.
func TestManyKeyUpdates(t *testing.T) {
	for n, want := range map[int]outcome{16: {"data", 0, ""}, 17: {"", alertUnexpectedMessage, "sent"}} {
		client, server := fresh(t, tls.TLS_AES_128_GCM_SHA256)
		var records []byte
		for range n {
			records = server.UpdateKeys(records, false)
		}
		records = server.Send(records, []byte("data"))
		data, _, err := receive(client, room(), records)
		if have := outcomeOf(t, data, err); have != want {
			t.Errorf("%d: %+v, want %+v", n, have, want)
		}
	}
}

// TestErrors reads what an end's owner is told.
func TestErrors(t *testing.T) {
	tests := []struct {
		name, text string
		err        error
		as         any
	}{
		{"received", "remote error: tls: access denied", &Error{Alert: 49, Received: true}, new(*net.OpError)},
		{"sent", "a record is not what was sent: local error: tls: bad record MAC", refuse(alertBadRecordMAC, "a record is not what was sent"), new(*net.OpError)},
		{"header", "a record is too long: tls: a record is too long", refuseHeader(alertRecordOverflow, "a record is too long", []byte{23, 3, 3, 255, 255}), new(tls.RecordHeaderError)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if have := test.err.Error(); have != test.text {
				t.Errorf("%q, want %q", have, test.text)
			}
			if !errors.As(test.err, test.as) {
				t.Errorf("%#v is no %T", test.err, test.as)
			}
		})
	}
}

// TestKeysRefused makes no Session of what no handshake leaves, and wipes it all the same.
func TestKeysRefused(t *testing.T) {
	tests := []struct {
		name, text  string
		suite       uint16
		read, write int
	}{
		{"TLS 1.2", "not a cipher suite of TLS 1.3", tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 32, 32},
		{"AES-128-CCM", "not a cipher suite of TLS 1.3", 0x1304, 32, 32},
		{"no secret", "has 0 bytes, want 32", tls.TLS_AES_128_GCM_SHA256, 0, 32},
		{"another's secret", "has 48 bytes, want 32", tls.TLS_CHACHA20_POLY1305_SHA256, 32, 48},
		{"a short one", "has 32 bytes, want 48", tls.TLS_AES_256_GCM_SHA384, 48, 32},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			keys := Keys{Suite: test.suite, Read: random(test.read), Write: random(test.write)}
			if _, err := NewSession(keys); err == nil || !strings.Contains(err.Error(), test.text) {
				t.Errorf("%v", err)
			}
			if !isZero(keys.Read) || !isZero(keys.Write) {
				t.Error("the secrets are still there")
			}
		})
	}
}

func isZero(p []byte) bool { return bytes.Count(p, []byte{0}) == len(p) }

// TestReadSequenceEnds: the last number is not used, so that none is used again.
func TestReadSequenceEnds(t *testing.T) {
	client, server := fresh(t, tls.TLS_AES_128_GCM_SHA256)
	client.in.sequence, server.out.sequence = math.MaxUint64-1, math.MaxUint64-1
	record := server.out.seal(nil, kindData, []byte("last"))
	record = server.out.seal(record, kindData, []byte("one more"))
	data, _, err := client.Receive(room(), record)
	if have, want := outcomeOf(t, data, err), (outcome{"last", alertInternalError, "sent"}); have != want {
		t.Errorf("%+v", have)
	}
}
