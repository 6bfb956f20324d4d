package tamper

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"

	"github.com/signet-tls/signet/internal/starttls"
)

// script is a server of a protocol in which TLS begins on demand: what it says
// first, and what it answers. Behind the answer to the demand it speaks TLS.
type script struct {
	protocol string
	greeting string
	demand   string // what the client asks for TLS with, or how that begins
	consent  string // the answer to it
	answers  []answer
	strips   []substitute // by who sits in the path, towards the client
	words    bool         // its messages are lines
}

// answer is what the server says to a line that begins with a word.
type answer struct{ word, reply string }

// LDAP's answer to a request for TLS (RFC 4511, section 4.14.2): result code 0,
// and what it is if the code is 52, unavailable.
const (
	ldapConsent = "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"
	ldapRefusal = "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00"
)

// scripts are all protocols that Signet speaks, and how their offers of TLS are
// taken out. Plain bytes behind the consent would be taken for the server's own
// once TLS runs (CVE-2011-0411, CVE-2021-23222).
var scripts = []script{
	{protocol: "smtp", greeting: "220 server.tamper\r\n", demand: "STARTTLS", consent: "220 go ahead\r\n", words: true,
		answers: []answer{{"EHLO", "250-server.tamper\r\n250-STARTTLS\r\n250 HELP\r\n"}},
		strips: []substitute{
			{"250-STARTTLS\r\n", "", "the offer taken out"},
			{"250-STARTTLS\r\n", "250-XXXXXXXA\r\n", "the offer written over"},
			{"220 go ahead", "454 not now", "the consent replaced"},
			{"220 go ahead\r\n", "220 go ahead\r\n250 injected\r\n", "a line put behind the consent"}}},
	{protocol: "imap", greeting: "* OK ready\r\n", demand: "a STARTTLS", consent: "a OK begin\r\n", words: true,
		strips: []substitute{
			{"* OK", "* PREAUTH", "the greeting replaced by one that needs no TLS"},
			{"a OK begin", "a BAD unknown", "the consent replaced"},
			{"a OK begin\r\n", "a OK begin\r\n* OK injected\r\n", "a line put behind the consent"}}},
	{protocol: "pop3", greeting: "+OK ready\r\n", demand: "STLS", consent: "+OK begin\r\n", words: true,
		strips: []substitute{
			{"+OK begin", "-ERR unknown", "the consent replaced"},
			{"+OK begin\r\n", "+OK begin\r\n+OK injected\r\n", "a line put behind the consent"}}},
	{protocol: "ftp", greeting: "220 ready\r\n", demand: "AUTH TLS", consent: "234 begin\r\n", words: true,
		strips: []substitute{
			{"234 begin", "502 unknown", "the consent replaced"},
			{"234 begin\r\n", "234 begin\r\n230 injected\r\n", "a line put behind the consent"}}},
	{protocol: "postgres", demand: "\x00\x00\x00\x08", consent: "S",
		strips: []substitute{
			{"S", "N", "the consent replaced"},
			{"S", "E", "the consent replaced by an error"},
			{"S", "SE", "a message put behind the consent"}}},
	{protocol: "ldap", demand: "\x30", consent: ldapConsent,
		strips: []substitute{
			{ldapConsent, ldapRefusal, "the consent replaced"},
			{ldapConsent, ldapConsent + ldapConsent, "a message put behind the consent"}}},
}

// demanding is the attack on the other flow, which works on all who write lines.
func (s script) demanding() (strip substitute, ok bool) {
	return substitute{s.demand, "NOOP", "the demand taken out"}, s.words
}

// serve speaks the protocol, and then what follows it.
func (s script) serve(then connect) connect {
	return func(ctx context.Context, raw net.Conn) (stream, error) {
		if err := s.talk(raw); err != nil {
			raw.Close()
			return nil, err
		}
		return then(ctx, raw)
	}
}

// talk ends when the client may begin TLS.
func (s script) talk(raw net.Conn) error {
	if s.greeting != "" {
		if _, err := io.WriteString(raw, s.greeting); err != nil {
			return err
		}
	}
	for {
		said, err := s.listen(raw)
		if err != nil {
			return err
		}
		if strings.HasPrefix(said, s.demand) {
			_, err := io.WriteString(raw, s.consent)
			return err
		}
		if _, err := io.WriteString(raw, s.reply(said)); err != nil {
			return err
		}
	}
}

// listen reads a line, or whatever comes at once. Nothing behind a demand is
// read: who asks for TLS waits.
func (s script) listen(raw net.Conn) (string, error) {
	if s.words {
		return bufio.NewReader(raw).ReadString('\n')
	}
	said := make([]byte, 64)
	n, err := raw.Read(said)
	return string(said[:n]), err
}

func (s script) reply(said string) string {
	for _, a := range s.answers {
		if strings.HasPrefix(said, a.word) {
			return a.reply
		}
	}
	return "500 unknown\r\n"
}

// ask is a client that asks for TLS, and goes on with what that leads to.
func (s script) ask(upgrade upgrade, then connect) connect {
	return func(ctx context.Context, raw net.Conn) (stream, error) {
		return upgrade(ctx, raw, s.protocol, then)
	}
}

// upgrade asks a server of another protocol to go on in TLS, and goes on.
type upgrade func(ctx context.Context, raw net.Conn, protocol string, then connect) (stream, error)

// careful is Signet's: without the server's consent it ends.
func careful(ctx context.Context, raw net.Conn, protocol string, then connect) (stream, error) {
	if err := starttls.Upgrade(ctx, raw, protocol); err != nil {
		raw.Close()
		return nil, err
	}
	return then(ctx, raw)
}

// strippedTries take TLS out of what begins without it.
func strippedTries(ctx context.Context, arenas []*arena, sends payloads) (all []try, err error) {
	for _, a := range arenas {
		if a.own.stack.upgrade == nil {
			continue
		}
		for _, s := range scripts {
			t := try{kind: stripped, arena: a, toward: client, guest: &guest{what: s.protocol}}
			meet := a.ends(client, false)
			t.guest.ends = [2]connect{client: s.ask(a.own.stack.upgrade, meet[client]), server: s.serve(meet[server])}
			if err := t.works(ctx, sends); err != nil {
				return nil, err
			}
			add := func(flow side, strip substitute) {
				t := t
				t.attacks = on(flow, strip)
				t.guest = &guest{s.protocol + ", " + strip.what, t.guest.ends}
				all = append(all, t)
			}
			for _, strip := range s.strips {
				add(client, strip)
			}
			if strip, ok := s.demanding(); ok {
				add(server, strip)
			}
		}
	}
	return all, nil
}
