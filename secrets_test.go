package signet

import (
	"bytes"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"slices"
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

// keyLogLine is a line of a key log (RFC 9850, section 1) with any white space of Unicode's
// around its fields: a label, a client's random and a secret.
var keyLogLine = regexp.MustCompile("^" + space + "*" + word + space + "+" + word + space + "+" + word + space + "*$")

const (
	space = `[\s\v\x{85}\p{Z}]`
	word  = `([^\s\v\x{85}\p{Z}]+)`
)

// readKeyLog is what the secrets of a key log are, read in another way.
func readKeyLog(lines [][]byte) (client, server []byte) {
	for _, line := range lines {
		fields := keyLogLine.FindSubmatch(line)
		if fields == nil || len(fields[3]) > 2*48 { // SHA-384's, in hexadecimal
			continue
		}
		number, ok := new(big.Int).SetString("01"+string(fields[3]), 16) // 01 keeps zeros behind it
		var secret []byte
		if ok && len(fields[3])%2 == 0 {
			secret = number.Bytes()[1:]
		}
		switch string(fields[1]) {
		case "CLIENT_TRAFFIC_SECRET_0":
			client = secret
		case "SERVER_TRAFFIC_SECRET_0":
			server = secret
		}
	}
	return client, server
}

// FuzzSecrets reads any key log as readKeyLog does, line by line; a secret behind it, as
// crypto/tls writes one, as what it is; and hands all of it on.
func FuzzSecrets(f *testing.F) {
	long := strings.Repeat("ab", maxTrafficSecret)
	for _, log := range []string{
		"CLIENT_TRAFFIC_SECRET_0 00 0102\nSERVER_TRAFFIC_SECRET_0 00 0304\n",
		"SERVER_TRAFFIC_SECRET_0 00 " + long + "\nSERVER_TRAFFIC_SECRET_0 00 " + long + "ab\n",
		"CLIENT_TRAFFIC_SECRET_0 00 0102\nCLIENT_TRAFFIC_SECRET_0 00 010\n",
		"CLIENT_TRAFFIC_SECRET_0 00 0102\nCLIENT_TRAFFIC_SECRET_0 00 01+2\n",
		" CLIENT_TRAFFIC_SECRET_0 00 0405\nCLIENT_TRAFFIC_SECRET_0 00 0102 03\n",
		"# by whom\r\nCLIENT_TRAFFIC_SECRET_0\t00\u00a0FfEe\r\nEXPORTER_SECRET 00 01\n",
	} {
		f.Add([]byte(log), []byte{0, 1}, false)
		f.Add([]byte(log), bytes.Repeat([]byte{7}, 49), true)
	}
	f.Fuzz(func(t *testing.T, log, secret []byte, ofServer bool) {
		s, handed := new(secrets), new(bytes.Buffer)
		w := s.beside(handed)
		lines := bytes.SplitAfter(log, []byte("\n"))
		for _, line := range lines {
			if n, err := w.Write(line); n != len(line) || err != nil {
				t.Fatalf("%d of %d bytes, %v", n, len(line), err)
			}
		}
		client, server := readKeyLog(lines)
		want := func(when string) {
			t.Helper()
			if !bytes.Equal(s.client.get(), client) || !bytes.Equal(s.server.get(), server) {
				t.Errorf("%s: have %x and %x, want %x and %x", when, s.client.get(), s.server.get(), client, server)
			}
		}
		want("any log")
		label, of := labelClientTraffic, &client
		if ofServer {
			label, of = labelServerTraffic, &server
		}
		if len(secret) > 0 && len(secret) <= maxTrafficSecret {
			*of = secret
		}
		line := fmt.Appendf(nil, "%s %064x %x\n", label, 7, secret)
		w.Write(line)
		want("crypto/tls's line")
		if all := slices.Concat(log, line); !bytes.Equal(handed.Bytes(), all) {
			t.Errorf("handed on is %q, want %q", handed, all)
		}
		if s.wipe(); *s != (secrets{}) {
			t.Errorf("after wiping there are %+v", *s)
		}
	})
}
