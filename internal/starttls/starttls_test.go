package starttls

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
)

// server answers on one connection: it says its first line at once where it
// begins, then for each request, which begins with so many bytes or ends a line,
// what the script has next.
type server struct {
	requests []string // what must come, a prefix each; "" for a greeting that nobody asks for
	answers  []string
}

// talkTo runs Upgrade against the server, over TCP, and returns what is left to
// read behind it, and its error.
func talkTo(t *testing.T, protocol string, s server) (string, error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		for i, answer := range s.answers {
			want := s.requests[i]
			got := make([]byte, len(want))
			if _, err := io.ReadFull(in, got); err != nil || string(got) != want {
				t.Errorf("the client said %q, %v; want %q", got, err, want)
				return
			}
			io.WriteString(conn, answer)
		}
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, in)
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	err = Upgrade(t.Context(), conn, protocol)
	rest, _ := io.ReadAll(conn)
	conn.Close()
	<-done
	return string(rest), err
}

const ldapOK = "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"

func TestUpgrade(t *testing.T) {
	ehlo := []string{"", "EHLO localhost\r\n", "STARTTLS\r\n"}
	long := strings.Repeat("x", maxLine)
	for _, test := range []struct {
		name, protocol    string
		requests, answers []string
		code              fault.Code // "": it is upgraded
	}{
		{"postgres", "postgres", []string{sslRequest}, []string{"S"}, ""},
		{"postgres without TLS", "postgres", []string{sslRequest}, []string{"N"}, Refused},
		{"postgres with an error", "postgres", []string{sslRequest}, []string{"E\x00\x00\x00\x05x"}, Refused},
		{"postgres with bytes behind", "postgres", []string{sslRequest}, []string{"SE\x00\x00"}, Injected},
		{"postgres that is another", "postgres", []string{sslRequest}, []string{"HTTP/1.1 400 Bad Request\r\n"}, Failed},
		{"postgres that hangs up", "postgres", []string{sslRequest}, []string{""}, Failed},

		{"smtp", "smtp", ehlo, []string{"220 mail ESMTP\r\n", "250-mail\r\n250-PIPELINING\r\n250 STARTTLS\r\n", "220 go\r\n"}, ""},
		{"smtp in lower case", "smtp", ehlo, []string{"220-mail\r\n220 ESMTP\r\n", "250-mail\r\n250-starttls\r\n250 HELP\r\n", "220\r\n"}, ""},
		{"smtp without the offer", "smtp", ehlo[:2], []string{"220 mail\r\n", "250-mail\r\n250-XSTARTTLS\r\n250 HELP\r\n"}, Refused},
		{"smtp with the word as its name", "smtp", ehlo[:2], []string{"220 mail\r\n", "250 STARTTLS\r\n"}, Refused},
		{"smtp that refuses EHLO", "smtp", ehlo[:2], []string{"220 mail\r\n", "502 what?\r\n"}, Refused},
		{"smtp that is busy", "smtp", ehlo[:1], []string{"421 later\r\n"}, Refused},
		{"smtp that cannot now", "smtp", ehlo, []string{"220 mail\r\n", "250-mail\r\n250 STARTTLS\r\n", "454 no key\r\n"}, Refused},
		{"smtp with bytes behind", "smtp", ehlo, []string{"220 mail\r\n", "250-mail\r\n250 STARTTLS\r\n", "220 go\r\n250 injected\r\n"}, Injected},
		{"smtp with a long line", "smtp", ehlo[:1], []string{"220 " + long + "\r\n"}, Failed},
		{"smtp without an end", "smtp", ehlo[:1], []string{strings.Repeat("220-mail\r\n", maxLines+1)}, Failed},
		{"smtp that is another", "smtp", ehlo[:1], []string{"SSH-2.0-x\r\n"}, Failed},
		{"smtp of empty lines", "smtp", ehlo[:1], []string{"\r\n"}, Failed},
		{"smtp cut", "smtp", ehlo[:1], []string{"220 ma"}, Failed},

		{"ftp", "ftp", []string{"", "AUTH TLS\r\n"}, []string{"220 files\r\n", "234 go\r\n"}, ""},
		{"ftp without TLS", "ftp", []string{"", "AUTH TLS\r\n"}, []string{"220 files\r\n", "530 log in first\r\n"}, Refused},
		{"ftp that is closed", "ftp", []string{""}, []string{"421 closed\r\n"}, Refused},

		{"pop3", "pop3", []string{"", "STLS\r\n"}, []string{"+OK mail\r\n", "+OK go\r\n"}, ""},
		{"pop3 without TLS", "pop3", []string{"", "STLS\r\n"}, []string{"+OK mail\r\n", "-ERR what?\r\n"}, Refused},
		{"pop3 that is another", "pop3", []string{""}, []string{"220 mail\r\n"}, Failed},
		{"pop3 that hangs up", "pop3", []string{""}, []string{""}, Failed},

		{"imap", "imap", []string{"", "a STARTTLS\r\n"}, []string{"* OK mail\r\n", "* CAPABILITY IMAP4rev1\r\na OK go\r\n"}, ""},
		{"imap without TLS", "imap", []string{"", "a STARTTLS\r\n"}, []string{"* OK mail\r\n", "a BAD what?\r\n"}, Refused},
		{"imap that knows us already", "imap", []string{""}, []string{"* PREAUTH hello\r\n"}, Refused},
		{"imap that says goodbye", "imap", []string{""}, []string{"* BYE full\r\n"}, Refused},
		{"imap that is another", "imap", []string{""}, []string{"+OK mail\r\n"}, Failed},
		{"imap without an end", "imap", []string{"", "a STARTTLS\r\n"}, []string{"* OK mail\r\n", strings.Repeat("* x\r\n", maxLines+1)}, Failed},
		{"imap with bytes behind", "imap", []string{"", "a STARTTLS\r\n"}, []string{"* OK mail\r\n", "a OK go\r\n* OK injected\r\n"}, Injected},
		{"imap that hangs up", "imap", []string{"", "a STARTTLS\r\n"}, []string{"* OK mail\r\n", ""}, Failed},
		{"imap that says nothing", "imap", []string{""}, []string{""}, Failed},

		{"ldap", "ldap", []string{startTLS}, []string{ldapOK}, ""},
		{"ldap with lengths in four bytes", "ldap", []string{startTLS}, []string{"\x30\x84\x00\x00\x00\x10\x02\x01\x01\x78\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00"}, ""},
		{"ldap without TLS", "ldap", []string{startTLS}, []string{"\x30\x0f\x02\x01\x01\x78\x0a\x0a\x01\x34\x04\x00\x04\x03no!"}, Refused},
		{"ldap with bytes behind", "ldap", []string{startTLS}, []string{ldapOK + "x"}, Injected},
		{"ldap about another request", "ldap", []string{startTLS}, []string{strings.Replace(ldapOK, "\x02\x01\x01", "\x02\x01\x02", 1)}, Failed},
		{"ldap with an endless length", "ldap", []string{startTLS}, []string{"\x30\x80\x00\x00"}, Failed},
		{"ldap with a huge length", "ldap", []string{startTLS}, []string{"\x30\x84\xff\xff\xff\xff"}, Failed},
		{"ldap with a length of lengths", "ldap", []string{startTLS}, []string{"\x30\x85\x00\x00\x00\x00\x01"}, Failed},
		{"ldap that is another", "ldap", []string{startTLS}, []string{"HTTP/1.1 400 Bad Request\r\n"}, Failed},
		{"ldap of nothing", "ldap", []string{startTLS}, []string{"\x30\x00"}, Failed},
		{"ldap cut", "ldap", []string{startTLS}, []string{ldapOK[:7]}, Failed},
		{"ldap cut in its length", "ldap", []string{startTLS}, []string{"\x30\x82\x01"}, Failed},
		{"ldap that hangs up", "ldap", []string{startTLS}, []string{""}, Failed},
		{"a protocol that nobody knows", "gopher", nil, nil, Unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			rest, err := talkTo(t, test.protocol, server{test.requests, test.answers})
			if test.code == "" && (err != nil || rest != "") {
				t.Errorf("%v; %q is left", err, rest)
			}
			if test.code != "" && !errors.Is(err, test.code) {
				t.Errorf("%v, want %s", err, test.code)
			}
			if e, ok := fault.Of(err); ok && e.Hint == "" {
				t.Errorf("%v has no next step", err)
			}
		})
	}
}

// A server that says nothing is waited for as long as the context says.
func TestUpgradeIsBounded(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, p := range protocols {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if err := Upgrade(ctx, conn, p.name); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", p.name, err)
		}
		cancel()
		conn.Close()
	}
}

func TestForPort(t *testing.T) {
	for port, want := range map[string]string{"5432": "postgres", "587": "smtp", "143": "imap", "389": "ldap", "443": ""} {
		if have := ForPort(port); have != want {
			t.Errorf("port %s: %q, want %q", port, have, want)
		}
	}
}

// FuzzUpgrade gives servers any words: whatever they are, there is an end, and
// what is refused is told why.
func FuzzUpgrade(f *testing.F) {
	for _, words := range []string{"S", "220 x\r\n250-x\r\n250 STARTTLS\r\n220 x\r\n", "* OK\r\na OK\r\n", ldapOK, "+OK\r\n+OK\r\n"} {
		f.Add(words)
	}
	f.Fuzz(func(t *testing.T, words string) {
		for _, p := range protocols {
			talk := &talk{protocol: p, in: bufio.NewReaderSize(strings.NewReader(words), maxLine), out: io.Discard}
			err := talk.ask(talk)
			if e, ok := fault.Of(err); err != nil && (!ok || e.Hint == "") {
				t.Errorf("%s of %q: %v", p.name, words, err)
			}
		}
	})
}
