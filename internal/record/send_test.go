package record

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"reflect"
	"strconv"
	"testing"
)

// inside opens what one end has said for the other, and returns the kinds of the records
// with their content.
func inside(t *testing.T, reader *Session, records []byte) (all []string) {
	t.Helper()
	for len(records) > 0 {
		record, err := cut(records)
		if record == nil {
			t.Fatalf("%d bytes are no record: %v", len(records), err)
		}
		records = records[len(record):]
		plaintext, err := reader.in.open(nil, record)
		if err != nil {
			t.Fatal(err)
		}
		kind, content, err := inner(plaintext)
		if err != nil {
			t.Fatal(err)
		}
		if kind == kindHandshake && content[0] == messageKeyUpdate {
			reader.in.update(reader.suite)
		}
		all = append(all, strconv.Itoa(int(kind))+" "+string(content))
	}
	return all
}

func expect(t *testing.T, have []string, want ...string) {
	t.Helper()
	if !reflect.DeepEqual(have, want) {
		t.Errorf("have %.60q, want %.60q", have, want)
	}
}

// Records as inside tells of them.
const (
	isUpdate  = "22 \x18\x00\x00\x01\x00"
	isRequest = "22 \x18\x00\x00\x01\x01"
	isClose   = "21 \x01\x00"
)

// TestRecordsAreFull sends as few records as there can be.
func TestRecordsAreFull(t *testing.T) {
	client, server := fresh(t, tls.TLS_AES_128_GCM_SHA256)
	expect(t, inside(t, server, client.Send(nil, nil)))
	for _, size := range []int{1, MaxData, MaxData + 1, 3 * MaxData} {
		sent := random(size)
		records := client.Send([]byte("kept"), sent)
		if want := len("kept") + size + (size+MaxData-1)/MaxData*Overhead; len(records) != want || string(records[:4]) != "kept" {
			t.Errorf("%d bytes are %d, want %d", size, len(records), want)
		}
		data, _, err := server.Receive(room(), records[4:])
		if !bytes.Equal(data, sent) || err != nil {
			t.Errorf("%d bytes of %d have come, %v", len(data), size, err)
		}
	}
}

// TestKeysWearOut sends up to the limit and beyond.
func TestKeysWearOut(t *testing.T) {
	for _, suite := range allSuites {
		client, server := fresh(t, suite)
		client.out.sequence, server.in.sequence = keyLimit-1, keyLimit-1
		expect(t, inside(t, server, client.Send(nil, []byte("a"))), "23 a")
		expect(t, inside(t, server, client.Send(nil, []byte("b"))), isUpdate, "23 b")
		expect(t, inside(t, server, client.Send(nil, []byte("c"))), "23 c")
		if client.out.sequence != 2 {
			t.Errorf("it has sent %d records under its key, want 2", client.out.sequence)
		}

		client.out.sequence, server.in.sequence = keyLimit-1, keyLimit-1
		large := string(zeros(MaxData))
		expect(t, inside(t, server, client.Send(nil, zeros(3*MaxData))), "23 "+large, isUpdate, "23 "+large, "23 "+large)

		client, server = fresh(t, suite)
		client.out.sequence, server.in.sequence = math.MaxUint64, math.MaxUint64 // as no handshake leaves it
		expect(t, inside(t, server, client.Send(nil, []byte("d"))), isUpdate, "23 d")
	}
}

// TestReplies asks for new keys in every way.
func TestReplies(t *testing.T) {
	asked := func(t *testing.T) (client, server *Session) {
		client, server = fresh(t, tls.TLS_AES_256_GCM_SHA384)
		for _, request := range []bool{true, true, false} {
			if _, _, err := client.Receive(room(), server.UpdateKeys(nil, request)); err != nil {
				t.Fatal(err)
			}
		}
		if !client.Owes() || server.Owes() {
			t.Fatal("the wrong end owes a KeyUpdate")
		}
		return client, server
	}
	tests := []struct {
		name string
		do   func(client *Session) []byte
		want []string
		owes bool
	}{
		{"Reply", func(s *Session) []byte { return s.Reply(s.Reply(nil)) }, []string{isUpdate}, false},
		{"Send", func(s *Session) []byte { return s.Send(s.Send(nil, []byte("a")), []byte("b")) }, []string{isUpdate, "23 a", "23 b"}, false},
		{"Send of nothing", func(s *Session) []byte { return s.Send(nil, nil) }, nil, true},
		{"UpdateKeys", func(s *Session) []byte { return s.UpdateKeys(nil, false) }, []string{isUpdate}, false},
		{"UpdateKeys with a request", func(s *Session) []byte { return s.UpdateKeys(nil, true) }, []string{isUpdate, isRequest}, false},
		{"CloseNotify", func(s *Session) []byte { return s.Reply(s.CloseNotify(nil)) }, []string{isClose}, false},
		{"Alert", func(s *Session) []byte { return s.Reply(s.Alert(nil, 49)) }, []string{"21 \x02\x31"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client, server := asked(t)
			expect(t, inside(t, server, test.do(client)), test.want...)
			if client.Owes() != test.owes {
				t.Errorf("it owes: %v", client.Owes())
			}
		})
	}
	t.Run("Send at the limit", func(t *testing.T) {
		client, server := asked(t)
		client.out.sequence, server.in.sequence = keyLimit, keyLimit
		expect(t, inside(t, server, client.Send(nil, []byte("a"))), isUpdate, "23 a")
	})
	t.Run("asked by an update without a request", func(t *testing.T) {
		client, server := fresh(t, tls.TLS_AES_256_GCM_SHA384)
		client.Receive(room(), server.UpdateKeys(nil, false))
		if client.Owes() {
			t.Error("it owes a KeyUpdate that nobody wants")
		}
	})
}

// TestLastWord says nothing behind it, and goes on listening.
func TestLastWord(t *testing.T) {
	for _, last := range []struct {
		name string
		say  func(*Session) []byte
		want string
	}{
		{"CloseNotify", func(s *Session) []byte { return s.CloseNotify(nil) }, isClose},
		{"Alert", func(s *Session) []byte { return s.Alert(nil, 44) }, "21 \x02\x2c"},
	} {
		t.Run(last.name, func(t *testing.T) {
			client, server := fresh(t, tls.TLS_CHACHA20_POLY1305_SHA256)
			expect(t, inside(t, server, last.say(client)), last.want)
			said := client.Send(nil, []byte("more"))
			said = client.UpdateKeys(said, true)
			said = client.CloseNotify(said)
			said = client.Alert(said, 10)
			if len(said) > 0 {
				t.Errorf("it has said %x", said)
			}
			data, _, err := client.Receive(room(), server.UpdateKeys(server.Send(nil, []byte("late")), true))
			if string(data) != "late" || err != nil || client.Owes() {
				t.Errorf("%q, %v, owes: %v", data, err, client.Owes())
			}
		})
	}
}

// TestRoom gives less room than records need.
func TestRoom(t *testing.T) {
	client, server := fresh(t, tls.TLS_AES_128_GCM_SHA256)
	first := client.Send(nil, []byte("first"))
	in := client.CloseNotify(client.Send(bytes.Clone(first), []byte("second")))
	small := make([]byte, 1, 7) // a record's content and its kind
	data, used, err := server.Receive(small, in)
	if string(data[1:]) != "first" || used != len(first) || err != nil || &data[0] != &small[0] {
		t.Fatalf("%q, used %d, %v", data, used, err)
	}
	data, used, err = server.Receive(nil, in[used:])
	if data != nil || used != 0 || err != nil {
		t.Fatalf("%q, used %d, %v", data, used, err)
	}
	data, used, err = server.Receive(make([]byte, 0, 7), in[len(first):])
	if string(data) != "second" || used != len(in)-len(first)-24 || err != nil {
		t.Fatalf("%q, used %d, %v", data, used, err)
	}
	if _, used, err = server.Receive(make([]byte, 0, 3), in[len(first)+used:]); used != 24 || err != io.EOF {
		t.Fatalf("used %d, %v", used, err)
	}
}

// TestWipe looks for secrets where there were some.
func TestWipe(t *testing.T) {
	for _, suite := range allSuites {
		known, _ := suiteOf(suite)
		read, write := random(known.secretLength), random(known.secretLength)
		oldRead, oldWrite := bytes.Clone(read), bytes.Clone(write)
		s := open(t, Keys{Suite: suite, Client: true, Read: read, Write: write})
		if !isZero(read) || !isZero(write) {
			t.Error("what was handed over is still there")
		}
		if !bytes.Equal(s.in.secret[:known.secretLength], oldRead) {
			t.Fatal("this test does not know where a secret is")
		}
		s.UpdateKeys(nil, false)
		s.in.update(known)
		if bytes.Contains(s.in.secret[:], oldRead[:8]) || bytes.Contains(s.out.secret[:], oldWrite[:8]) {
			t.Error("after new keys the old secrets are still there")
		}
		s.message = []byte("half a ticket")
		message := s.message
		s.Wipe()
		if !isZero(s.in.secret[:]) || !isZero(s.out.secret[:]) || !isZero(s.in.iv[:]) || !isZero(s.out.iv[:]) || s.in.aead != nil || s.out.aead != nil || !isZero(message) {
			t.Error("after Wipe there are secrets")
		}
		s.Wipe()
		if said := s.Alert(s.CloseNotify(s.UpdateKeys(s.Send(nil, []byte("more")), true)), 10); len(said) > 0 {
			t.Errorf("after Wipe it has said %x", said)
		}
		if _, used, err := s.Receive(room(), []byte{kindData, 3, 3, 0, 0}); used != 0 || !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Wipe it has used %d bytes, %v", used, err)
		}
	}
}

// TestNonces sends many records across changes of keys. Under the tag noncecheck no nonce
// is used twice; which 10^8 have shown:
//
//	SIGNET_NONCES=100000000 go test -tags noncecheck -run Nonces -v -timeout 1h ./internal/record
func TestNonces(t *testing.T) {
	n := 1_000_000
	if text, ok := os.LookupEnv("SIGNET_NONCES"); ok {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, suite := range allSuites[:1] {
		client, server := fresh(t, suite)
		server.in.sequence = keyLimit - 1000
		client.out.sequence = keyLimit - 1000
		records, opened := room(), room()
		updates, before := 0, client.out.sequence
		for range n {
			_, _, err := server.Receive(opened, client.Send(records, []byte("x")))
			if err != nil {
				t.Fatal(err)
			}
			if client.out.sequence < before {
				updates++
			}
			before = client.out.sequence
		}
		t.Logf("%d records under %d keys", n, updates+1)
		if want := (n - 1000 + keyLimit - 1) / keyLimit; updates != want {
			t.Errorf("%d updates, want %d", updates, want)
		}
	}
}
