package main

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// damaging changes, or leaves out, a byte that is written at some place.
type damaging struct {
	*net.TCPConn
	at   int
	how  func(byte) []byte
	past int
}

func (d *damaging) Write(p []byte) (int, error) {
	data := p
	if at := d.at - d.past; at >= 0 && at < len(p) {
		data = append(append(append([]byte{}, p[:at]...), d.how(p[at])...), p[at+1:]...)
	}
	d.past += len(p)
	_, err := d.TCPConn.Write(data)
	return len(p), err
}

// TestSpeech has both ends agree on what was said, and on nothing else.
func TestSpeech(t *testing.T) {
	const header = 32
	whole := func(b byte) []byte { return []byte{b} }
	for _, test := range []struct {
		name string
		said speech
		at   int
		how  func(byte) []byte
		good bool
	}{
		{"both at once", speech{7, 3*patternLength + 1, 2*patternLength + 5, 0}, 0, whole, true},
		{"in turns", speech{patternLength - 3, 1000, 1000, 64}, 0, whole, true},
		{"nothing", speech{}, 0, whole, true},
		{"a bit differs", speech{7, 300000, 300000, 0}, header + 299999, func(b byte) []byte { return []byte{b ^ 1} }, false},
		{"a byte is missing", speech{7, 300000, 10, 0}, header + 5, func(byte) []byte { return nil }, false},
		{"a byte is there twice", speech{7, 300000, 10, 0}, header + 5, func(b byte) []byte { return []byte{b, b} }, false},
		{"a byte more at the end", speech{7, 300000, 10, 0}, header + 299999, func(b byte) []byte { return []byte{b, b} }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, service := joined(t)
			var heard atomic.Int64
			answered := make(chan error, 1)
			go func() {
				err := answer(service, &heard)
				service.Close()
				answered <- err
			}()
			err := test.said.ask(&damaging{TCPConn: client, at: test.at, how: test.how}, &heard)
			client.Close()
			other := <-answered
			if test.good && (err != nil || other != nil || heard.Load() != test.said.Up+test.said.Down) {
				t.Errorf("client: %v; service: %v; %d bytes", err, other, heard.Load())
			}
			if !test.good && (err == nil || other == nil) {
				t.Errorf("the damage is not seen: client: %v; service: %v", err, other)
			}
		})
	}
}

// TestRekeying has two ends ask each other for new keys all the time, while they speak:
// but seldom enough that data comes between, since a peer takes few records without any.
func TestRekeying(t *testing.T) {
	const pause = 20 * time.Millisecond
	a, err := newArena(t.TempDir(), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	near, far := joined(t)
	var heard atomic.Int64
	var service *rekeying
	answered := make(chan error, 1)
	go func() {
		var err error
		if service, err = rekey(far, false, a.people.service(1), pause); err == nil {
			err = answer(service, &heard)
			service.Close()
		}
		answered <- err
	}()
	client, err := rekey(near, true, a.people.tls(tls.X25519, a.people.clients[0]), pause)
	if err != nil {
		t.Fatal(err)
	}
	said := speech{Seed: 1, Up: 256 << 20, Down: 256 << 20}
	err = said.ask(client, &heard)
	client.Close()
	if other := <-answered; err != nil || other != nil || heard.Load() != said.Up+said.Down {
		t.Fatalf("client: %v; service: %v; %d bytes", err, other, heard.Load())
	}
	for _, end := range []*rekeying{client, service} {
		if sent, received := end.updates(); sent < 2 || received < 2 {
			t.Errorf("%d KeyUpdates were sent, %d received", sent, received)
		}
	}
}

func joined(t *testing.T) (client, service *net.TCPConn) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	near, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near.(*net.TCPConn), far.(*net.TCPConn)
}
