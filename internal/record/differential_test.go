package record

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
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

// record returns one, or several that belong together. Few of them end a session.
func (p *peer) record() []byte {
	choice := p.byte()
	switch {
	case choice < 90:
		return sealed(&p.out, kindData, zeros(p.size()), asData, zeros(p.byte()/16*p.byte()/16))
	case choice < 130:
		return sealed(&p.out, kindData, asData)
	case choice < 220:
		return p.messages()
	case choice < 240:
		return sealed(&p.out, kindData, []byte{levelWarning, alertUserCanceled}, asAlert)
	case choice < 244:
		return sealed(&p.out, kindData, []byte{byte(p.byte()), byte(p.byte())}[:min(2, p.byte())], asAlert)
	case choice < 247: // of any kind
		kind := byte(p.byte())
		p.deviates = kind == kindChangeCipherSpec || kind == kindHandshake
		return sealed(&p.out, kindData, zeros(p.byte()%4), []byte{kind}, zeros(p.byte()%4))
	case choice < 250: // with any header
		record := sealed(&p.out, kindData, zeros(p.size()), asData)
		record[p.byte()%headerLength] ^= byte(p.byte())
		p.deviates = record[0] == kindChangeCipherSpec
		return record
	case choice < 253: // altered
		record := sealed(&p.out, kindData, zeros(p.size()), asData)
		record[headerLength+p.byte()%(len(record)-headerLength)] ^= byte(p.byte())
		return record
	case choice < 254:
		p.deviates = true
		return sealed(&p.out, kindData) // nothing, no kind either
	}
	outer := []byte{kindAlert, kindHandshake, 24}[p.byte()%3]
	return sealed(&p.out, outer, zeros(p.size()), asData)
}

// messages returns some of the handshake, in as many records as the script wants.
func (p *peer) messages() (records []byte) {
	var content []byte
	for n := p.byte() % 3; n > 0; n-- {
		content = append(content, p.message()...)
	}
	update := p.byte() < 128
	if update {
		content = append(content, keyUpdate(p.byte()%2 == 0)...)
	} else {
		content = append(content, p.message()...)
	}
	for len(content) > 0 {
		n := min(len(content), MaxData)
		if p.byte() > 175 {
			n = min(n, p.size()+1)
		}
		records = append(records, sealed(&p.out, kindData, content[:n], asHandshake)...)
		content = content[n:]
	}
	if update {
		p.out.update(p.suite)
	}
	return records
}

// message returns one that others may follow: a ticket, and whatever may not be said.
func (p *peer) message() []byte {
	choice := p.byte()
	switch {
	case choice < 6:
		return keyUpdate(true)
	case choice < 12:
		p.deviates = true
		return []byte{messageKeyUpdate, 0, 0, 1, byte(p.byte())}
	case choice < 18:
		p.deviates = true
		return message(byte(p.byte()), zeros(p.byte()%40))
	case !p.server && choice < 240:
		return nil
	}
	ticket := newTicket(uint32(p.byte()+1)<<(p.byte()%12), zeros(p.size()*(p.byte()%4)+1), []byte{0, 42, 0, 4, 0, 0, 0, 0})
	if p.byte() < 20 {
		ticket[messageHeader+p.byte()%12] ^= byte(p.byte())
	}
	p.deviates = p.deviates || !p.server || [4]byte(ticket[messageHeader:]) == [4]byte{}
	return ticket
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

// FuzzReceive has random records received by crypto/tls and by a Session.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{0})
	for n := range 32 {
		f.Add(bytes.Repeat([]byte{byte(8 * n), 7, 3}, 20))
		f.Add(append([]byte{1}, bytes.Repeat([]byte{byte(8 * n), 1}, 30)...))
	}
	f.Fuzz(func(t *testing.T, choices []byte) { compare(t, choices[:min(len(choices), 2000)]) })
}

// TestReceiveAtRandom is FuzzReceive for who has not the time.
func TestReceiveAtRandom(t *testing.T) {
	for seed := range byte(255) {
		choices := make([]byte, 400)
		rand.NewChaCha8([32]byte{seed}).Read(choices)
		if compare(t, choices); t.Failed() {
			t.Fatal("seed ", seed)
		}
	}
}

// compare tells crypto/tls and a Session the same, cut up in different ways, and compares
// what they make of it: the data, and how it ends.
func compare(t *testing.T, choices []byte) {
	c := connect(t)
	p := &peer{script: choices}
	p.server = p.byte()%2 == 0
	theirs, ours, wire, answers, spy := c.client, c.asClient(t), c.down, c.up, c.asServer(t)
	if !p.server {
		theirs, ours, wire, answers, spy = c.server, c.asServer(t), c.up, c.down, c.asClient(t)
	}
	p.suite, p.out = ours.suite, spy.out // which seals what ours and theirs open
	if _, _, err := spy.Receive(room(), answers.data.Next(answers.data.Len())); err != nil {
		t.Fatal("the ticket: ", err)
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
}

// madeOf is what crypto/tls has made of records, by its data, its error and its answers.
func madeOf(t *testing.T, data []byte, err error, spy *Session, answers []byte) outcome {
	t.Helper()
	said, _, end := receive(spy, room(), answers)
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
