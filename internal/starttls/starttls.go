// Package starttls has a server of another protocol go on in TLS. What a server
// says before that is nobody's word: it is bounded, and nothing of it is kept.
package starttls

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"github.com/signet-tls/signet/fault"
)

// Bounds of what a server may say before TLS.
const (
	maxLine  = 4096
	maxLines = 128
)

// protocol is one that knows a word for going on in TLS.
type protocol struct {
	name, title string
	port        string // where it is spoken
	ask         func(*talk) error
}

// protocols in the order in which a person is told of them.
var protocols = []protocol{
	{"postgres", "PostgreSQL", "5432", askPostgres},
	{"smtp", "SMTP", "25", askSMTP},
	{"smtp", "SMTP", "587", askSMTP},
	{"imap", "IMAP", "143", askIMAP},
	{"ldap", "LDAP", "389", askLDAP},
	{"pop3", "POP3", "110", askPOP3},
	{"ftp", "FTP", "21", askFTP},
}

// ForPort names the protocol that is spoken at a port before TLS, or returns "".
func ForPort(port string) string {
	if i := slices.IndexFunc(protocols, func(p protocol) bool { return p.port == port }); i >= 0 {
		return protocols[i].name
	}
	return ""
}

// Upgrade asks the server at the other end of conn to go on in TLS, in the
// protocol of this name. Once it returns nil, the next byte in either direction
// is one of TLS. It does not close conn.
func Upgrade(ctx context.Context, conn net.Conn, name string) error {
	i := slices.IndexFunc(protocols, func(p protocol) bool { return p.name == name })
	if i < 0 {
		return fault.New(Unknown, "no way is known to ask for TLS in %q", name).
			WithHint("choose postgres, smtp, imap, ldap, pop3 or ftp")
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	t := &talk{protocol: protocols[i], in: bufio.NewReaderSize(conn, maxLine), out: conn}
	err := t.ask(t)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case t.in.Buffered() > 0:
		// Whoever sits in the path can put these bytes here, to have them taken for
		// the server's own once TLS runs (CVE-2011-0411, CVE-2021-23222).
		return fault.New(Injected, "plain bytes came behind the server's word that TLS begins").
			WithHint("do not use this connection: the server is broken, or somebody in between adds to what it says")
	}
	return nil
}

// talk is what is said before TLS.
type talk struct {
	protocol
	in  *bufio.Reader
	out io.Writer
}

// say sends one line.
func (t *talk) say(line string) error {
	_, err := io.WriteString(t.out, line+"\r\n")
	return t.broken(err)
}

// broken puts an error of the connection into words; a deadline's stays as it is.
func (t *talk) broken(err error) error {
	var timeout net.Error
	switch {
	case err == nil, errors.As(err, &timeout) && timeout.Timeout():
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return t.failed("the server hung up before TLS began")
	case errors.Is(err, bufio.ErrBufferFull):
		return t.failed("the server's line is longer than %d bytes", maxLine)
	}
	return fault.Wrap(err, Failed, "the connection broke before TLS began").WithHint("look into the server's log")
}

// failed says how the server left the protocol.
func (t *talk) failed(format string, args ...any) error {
	return fault.New(Failed, format, args...).
		WithHint("check that %s is spoken at this port, without TLS at first", t.title)
}

// refused says that the server does not want TLS.
func (t *talk) refused(answer string) error {
	message := "the server does not offer TLS on this connection"
	if answer != "" {
		message += ": " + fault.Printable(answer, 100)
	}
	return fault.New(Refused, "%s", message).
		WithHint("switch TLS on in the server; if it is on there, somebody in between has taken the offer out: send nothing")
}
