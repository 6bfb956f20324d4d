package signet

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestSecrets takes two of four lines, as crypto/tls writes them, and wipes them.
func TestSecrets(t *testing.T) {
	up, down := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 48)
	var log bytes.Buffer
	s := new(secrets)
	w := s.beside(&log)
	for label, secret := range map[string][]byte{"CLIENT_HANDSHAKE_TRAFFIC_SECRET": down, labelClientTraffic: up, labelServerTraffic: down, "SERVER_HANDSHAKE_TRAFFIC_SECRET": up} {
		if n, err := fmt.Fprintf(w, "%s %064x %x\n", label, 7, secret); n == 0 || err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(s.client.get(), up) || !bytes.Equal(s.server.get(), down) || strings.Count(log.String(), "\n") != 4 {
		t.Errorf("kept are %x and %x; the log has %q", s.client.get(), s.server.get(), log.String())
	}
	s.wrapped()
	if s.wipe(); *s != (secrets{}) {
		t.Errorf("after wiping there are %+v", *s)
	}
	var none *secrets
	none.wipe()
	none.wrapped()
	if none.beside(nil) != nil || none.beside(io.Discard) != io.Discard {
		t.Error("who is not to be detached has a log")
	}
}

// TestInboxWhole knows when crypto/tls was handed more than a record, or less.
func TestInboxWhole(t *testing.T) {
	finished, data, alert := []byte{23, 3, 3, 0, 1, 9}, []byte{23, 3, 3, 0, 2, 7, 7}, []byte{recordAlert, 3, 3, 0, 2, 1, 0}
	for _, test := range []struct {
		name  string
		data  []byte
		reads []int // room of each
		want  bool
	}{
		{"a record", finished, []int{512}, true},
		{"a record in parts", finished, []int{5, 1}, true},
		{"a header", finished, []int{5}, false},
		{"half a header", finished, []int{3}, false},
		{"a record with data behind", append(finished[:6:6], data...), []int{512}, true},
		{"a record with an alert behind", append(finished[:6:6], alert...), []int{512}, false},
		{"a record with an alert behind that has no room", append(finished[:6:6], alert...), []int{6}, true},
	} {
		in := &inbox{data: test.data}
		for _, room := range test.reads {
			in.Read(make([]byte, room))
		}
		if have := in.whole(); have != test.want {
			t.Errorf("%s: whole is %v, want %v", test.name, have, test.want)
		}
	}
}

func FuzzSecrets(f *testing.F) {
	f.Add([]byte("CLIENT_TRAFFIC_SECRET_0 00 0102\n"))
	f.Add([]byte("SERVER_TRAFFIC_SECRET_0 00 " + strings.Repeat("ab", 49)))
	f.Fuzz(func(t *testing.T, line []byte) {
		s := new(secrets)
		if n, err := s.Write(line); n != len(line) || err != nil {
			t.Errorf("%d of %d bytes, %v", n, len(line), err)
		}
		if len(s.client.get()) > maxTrafficSecret || len(s.server.get()) > maxTrafficSecret {
			t.Error("a secret is too long")
		}
	})
}
