package tamper

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet/fault"
)

// asker attacks somebody's server. A request is sent in several records, of which
// the last one makes it whole: an answer says that the server believes in it.
type asker struct {
	address string
	own     tls.Certificate // none: without
	shown   []impostor
	request [][]byte
	wants   atomic.Bool // it asks who its clients are
	answer  []byte      // with what an answer begins; set before the attacks
}

// Size of a request, in records.
const (
	requestRecords = 8
	requestBytes   = 256
)

func newAsker(ctx context.Context, t Target, f *fixture) (*asker, error) {
	a := &asker{address: t.Server, request: httpRequest()}
	m := maker{keys: f.keys, serial: 100}
	if t.Own != nil {
		own := credential{t.Own}
		a.own = own.shown()
		a.shown = append(a.shown, impostor{what: "our certificate without its key", at: client, has: m.stolen(own).shown()})
	}
	a.shown = append(a.shown,
		impostor{what: "no certificate", at: client},
		impostor{what: "self-signed", at: client, has: m.issue(credential{}, endpoint(client)).shown()},
		impostor{what: "unknown root", at: client, has: m.issue(f.root, endpoint(client)).shown()})
	if m.err != nil {
		return nil, m.err
	}
	conn, err := loopback(ctx, t.Server)
	if err != nil {
		return nil, err
	}
	conn.Close()
	return a, a.learn(ctx)
}

// learn finds out what an answer to a request looks like that nobody attacked: of
// HTTP its first line, of anything else that it is there.
func (a *asker) learn(ctx context.Context) error {
	answer, _, err := a.exchange(ctx, trial{what: "an honest peer"})
	switch {
	case err != nil:
		return err
	case a.wants.Load() && a.own.Certificate == nil && (len(answer) == 0 || bytes.HasPrefix(answer, []byte("HTTP/1.1 400 "))):
		return fault.New(TargetUnwell, "nothing was attacked yet, and the server at %s gave no answer to a client that does not say who it is", a.address).
			WithHint("signet tamper --server %s --as FILE # a certificate that it takes, with its key", a.address)
	case a.wants.Load() && len(answer) == 0:
		return fault.New(TargetUnwell, "nothing was attacked yet, and the server at %s gave no answer to the certificate of --as", a.address).
			WithHint("name one that it takes, or read what the server says of it")
	case len(answer) == 0:
		return fault.New(TargetUnwell, "nothing was attacked yet, and the server at %s gave no answer", a.address).
			WithHint("signet tamper --help # what the server must do")
	}
	if line, _, ok := bytes.Cut(answer, []byte("\r\n")); ok && bytes.HasPrefix(line, []byte("HTTP/1.")) {
		a.answer = line
	}
	return nil
}

// httpRequest is a request whose last record ends it.
func httpRequest() (parts [][]byte) {
	for i := range requestRecords {
		line := fmt.Sprintf("X-Part-%d: ", i)
		switch i {
		case 0:
			line = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + line
		case requestRecords - 1:
			parts = append(parts, []byte(line+strings.Repeat("x", requestBytes-len(line)-4)+"\r\n\r\n"))
			continue
		}
		parts = append(parts, []byte(line+strings.Repeat("x", requestBytes-len(line)-2)+"\r\n"))
	}
	return parts
}

func (a *asker) receives() (at side, records, bytes int) { return server, requestRecords, requestBytes }

func (a *asker) impostors() ([]impostor, string) {
	if !a.wants.Load() {
		return nil, "it asks no client who it is"
	}
	return a.shown, ""
}

// meet sends the request; it is believed if there is an answer such as an honest
// one gets. That there is none to a cut one shows nothing: a TLS library may refuse
// to send anything more, whatever the program made of the part that it got.
func (a *asker) meet(ctx context.Context, t trial) (sight, error) {
	answer, reached, err := a.exchange(ctx, t)
	if err != nil {
		return sight{}, err
	}
	seen := sight{saw: "no answer", missed: !reached, silent: t.row == cutRow && len(answer) == 0}
	if len(answer) > 0 {
		line, _, _ := strings.Cut(string(answer), "\n")
		seen.saw = "it answered " + fault.Printable(strings.TrimSpace(line), 100)
		seen.believed = bytes.HasPrefix(answer, a.answer)
	}
	return seen, nil
}

// exchange makes one connection and returns the answer's beginning, and whether
// the attack got as far as the server.
func (a *asker) exchange(ctx context.Context, t trial) (answer []byte, reached bool, err error) {
	far, err := loopback(ctx, a.address)
	if err != nil {
		return nil, false, err
	}
	l, begun := t.link(server)
	timer := time.AfterFunc(patience, l.expire)
	defer timer.Stop()
	stop := context.AfterFunc(ctx, l.hangUp)
	defer stop()
	carried := make(chan struct{})
	go func() {
		defer close(carried)
		bridge(l.end(server), far.(*net.TCPConn))
	}()
	answer = a.ask(ctx, l.end(client), t, begun)
	far.Close()
	<-carried
	if ctx.Err() != nil {
		return nil, false, context.Cause(ctx)
	}
	reached, err = t.reached(l, server, begun)
	return answer, reached, err
}

// ask is the honest client, but for the certificate that it may show.
func (a *asker) ask(ctx context.Context, near end, t trial, begun *atomic.Bool) []byte {
	defer near.Close()
	has := &a.own
	if t.peer != nil {
		has = &t.peer.has
	}
	// Whoever it is: the server is what is attacked, and gets nothing of worth.
	conn := tls.Client(near, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", MinVersion: t.version, MaxVersion: t.version,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			a.wants.Store(true)
			return has, nil
		}})
	if conn.HandshakeContext(ctx) != nil {
		return nil
	}
	begun.Store(true)
	for _, part := range a.request {
		if _, err := conn.Write(part); err != nil {
			return nil
		}
	}
	if a.answer == nil { // who does not speak HTTP may read to the end
		conn.CloseWrite()
	}
	answer := make([]byte, 4<<10)
	n, _ := conn.Read(answer)
	return answer[:n]
}
