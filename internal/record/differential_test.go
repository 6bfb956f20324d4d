package record

import (
	"bytes"
	"errors"
	"io"
	"net"
	"reflect"
	"testing"
)

// script reads a fuzzer's bytes as choices; at its end each is 0.
type script []byte

func (s *script) byte() int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b)
}

// size is that of data: mostly small, and often at a limit.
func (s *script) size() int {
	n := s.byte()
	switch {
	case n < 200:
		return n
	case n < 240:
		return n * 60
	}
	return MaxData - 250 + n
}

// peer seals records of every kind, and knows which of them a Session refuses where
// crypto/tls does not, or by another alert: all that stand in the package's comment, and
// what both refuse, here before the whole of it has come.
type peer struct {
	script
	out      half
	suite    *suite
	server   bool // it is one, and may send tickets
	deviates bool // the last record may be refused by a Session alone
}

// record appends one, or several that belong together.
func (p *peer) record() (record []byte) {
	switch choice := p.byte() % 16; choice {
	case 0, 1, 2, 3, 4:
		return sealed(&p.out, kindData, zeros(p.size()), asData, zeros(p.byte()/16*p.byte()/16))
	case 5:
		return sealed(&p.out, kindData, asData)
	case 6, 7, 8, 9:
		return p.messages()
	case 10:
		return sealed(&p.out, kindData, []byte{levelWarning, alertUserCanceled}, asAlert)
	case 11:
		return sealed(&p.out, kindData, []byte{byte(p.byte()), byte(p.byte())}[:min(2, p.byte())], asAlert)
	case 12: // of any kind
		kind := byte(p.byte())
		p.deviates = kind == kindChangeCipherSpec || kind == kindHandshake
		return sealed(&p.out, kindData, zeros(p.byte()%4), []byte{kind}, zeros(p.byte()%4))
	case 13: // with any header
		record = sealed(&p.out, kindData, zeros(p.size()), asData)
		record[p.byte()%headerLength] ^= byte(p.byte())
		p.deviates = record[0] == kindChangeCipherSpec
		return record
	case 14: // altered
		record = sealed(&p.out, kindData, zeros(p.size()), asData)
		record[headerLength+p.byte()%(len(record)-headerLength)] ^= byte(p.byte())
		return record
	}
	outer := []byte{kindData, kindAlert, kindHandshake, 24}[p.byte()%4]
	if outer == kindData {
		p.deviates = true
		return sealed(&p.out, outer) // nothing, no kind either
	}
	return sealed(&p.out, outer, zeros(p.size()), asData)
}

// messages are of the handshake, in as many records as the script wants.
func (p *peer) messages() (records []byte) {
	var content []byte
	updates := false
	for n := p.byte()%3 + 1; n > 0; n-- {
		updates = false
		switch choice := p.byte() % 8; choice {
		case 0, 1, 2:
			content, updates = append(content, keyUpdate(choice == 1)...), true
		case 3:
			content = append(content, messageKeyUpdate, 0, 0, 1, byte(p.byte()))
			p.deviates = true
		case 4:
			content = append(content, message(byte(p.byte()), zeros(p.byte()%40))...)
			p.deviates = true
		default:
			ticket := newTicket(uint32(p.byte()+1)<<(p.byte()%16), zeros(p.size()*(p.byte()%4)+1), []byte{0, 42, 0, 4, 0, 0, 0, 0})
			if p.byte() < 60 {
				ticket[messageHeader+p.byte()%12] ^= byte(p.byte())
			}
			content = append(content, ticket...)
			p.deviates = p.deviates || !p.server || len(ticket) > 4+5 && [4]byte(ticket[4:]) == [4]byte{}
		}
	}
	for len(content) > 0 {
		n := len(content)
		if p.byte() > 175 {
			n = min(n, p.size()+1)
		}
		n = min(n, MaxData)
		records = append(records, sealed(&p.out, kindData, content[:n], asHandshake)...)
		content = content[n:]
	}
	if updates && p.byte() < 250 {
		p.out.update(p.suite)
	}
	return records
}

// feed has a Session receive what is in, in pieces that the script wants, and returns the
// data and the rest.
func (p *peer) feed(s *Session, in []byte) (data, rest []byte) {
	for s.ended == nil {
		n := len(in)
		if p.byte() > 155 {
			n = min(n, p.size())
		}
		opened, used, _ := s.Receive(room(), in[:n])
		data = append(data, opened...)
		if used == 0 && n == len(in) {
			break
		}
		in = in[used:]
	}
	return data, in
}

// FuzzReceive tells crypto/tls and a Session the same, cut up in different ways, and
// compares what they make of it: the data, and how it ends.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{0})
	for n := range 16 {
		f.Add(bytes.Repeat([]byte{byte(n), 7, 3}, 20))
		f.Add(append([]byte{1}, bytes.Repeat([]byte{byte(n), 1}, 30)...))
	}
	f.Add([]byte{0, 6, 0, 0, 0, 0, 0, 0, 0, 5, 1, 10, 11, 1, 0, 9})
	f.Fuzz(func(t *testing.T, choices []byte) {
		c := connect(t)
		p := &peer{script: choices[:min(len(choices), 2000)]}
		p.server = p.byte()%2 == 0
		theirs, ours, wire, answers, spy := c.client, c.asClient(t), c.down, c.up, c.asServer(t)
		if !p.server {
			theirs, ours, wire, answers, spy = c.server, c.asServer(t), c.up, c.down, c.asClient(t)
		}
		p.suite, p.out = ours.suite, spy.out // which writes what ours and theirs read
		if !p.server {
			if _, used, err := spy.Receive(room(), answers.data.Bytes()); err != nil || used != answers.data.Len() {
				t.Fatal("the ticket: ", err)
			}
			answers.data.Reset()
		}
		in := bytes.Clone(wire.data.Bytes())
		for len(p.script) > 0 && !p.deviates {
			record := p.record()
			wire.data.Write(record)
			data, err := everything(theirs)
			want := madeOf(t, data, err, spy, answers.data.Next(answers.data.Len()))

			data, in = p.feed(ours, append(in, record...))
			have := outcomeOf(t, data, ours.ended)
			switch {
			case p.deviates && have.from == "sent" && have.data == want.data[:min(len(have.data), len(want.data))]:
				return
			case have != want:
				t.Fatalf("we have %d bytes, %d %q, %v; crypto/tls has %d, %d %q, %v", len(have.data), have.alert, have.from, ours.ended, len(want.data), want.alert, want.from, err)
			case want.from != "":
				return
			}
		}
	})
}

// madeOf is what crypto/tls has made of records, by its data, its error and its answers.
func madeOf(t *testing.T, data []byte, err error, spy *Session, answers []byte) outcome {
	t.Helper()
	said, _, end := spy.Receive(room(), answers)
	if len(said) > 0 {
		t.Fatalf("crypto/tls says %q", said)
	}
	o := outcome{data: string(data)}
	var received *net.OpError
	switch sent := new(Error); {
	case errors.As(end, &sent) && sent.Received: // by the spy, from crypto/tls
		o.alert, o.from = sent.Alert, "sent"
	case end != nil:
		t.Fatalf("crypto/tls says what ends in %v", end)
	case err == io.EOF:
		o.from = "received"
	case errors.As(err, &received) && received.Op == "remote error":
		o.alert, o.from = uint8(reflect.ValueOf(received.Err).Uint()), "received"
	case err != nil:
		t.Fatalf("crypto/tls ends without a word: %v", err)
	}
	return o
}
