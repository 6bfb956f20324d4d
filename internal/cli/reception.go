package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// reception lets in who has proved who they are, and says on standard error who
// came.
type reception struct {
	net.Listener // of signet
	*shell
	protocols
	tracing
	timelines
	echo, www bool
	origin    string // of the roots, as a person knows them; "": nobody is asked who they are
	seats     seats
}

// maxSessions bounds the clients that are there at the same time, each with some
// 50 KiB. Who has proved nothing yet has no seat among them: the library bounds
// how many of those there are (signet.Server.MaxHandshakes).
const maxSessions = 4096

// seats are as many as a channel has room for.
type seats chan struct{}

// take reports whether there was one.
func (s seats) take() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s seats) free() { <-s }

// run serves the first client, or each one until Ctrl-C.
func (r *reception) run(ctx context.Context) error {
	switch {
	case r.echo:
		return r.each(ctx, r.sendBack)
	case r.www:
		return r.each(ctx, r.answer)
	}
	return r.first(ctx)
}

// each serves every client, until Ctrl-C cuts them.
func (r *reception) each(ctx context.Context, session func(context.Context, *signet.Conn)) error {
	return r.admit(ctx, func(conn *signet.Conn, _ *timeline) {
		stop := context.AfterFunc(ctx, func() { conn.Abort() })
		defer stop()
		r.welcome(conn)
		session(ctx, conn)
	})
}

// first serves the first client that has proved who it is, and no other.
func (r *reception) first(ctx context.Context) error {
	waiting, enough := context.WithCancel(ctx)
	defer enough()
	var came atomic.Bool
	var result error
	err := r.admit(waiting, func(conn *signet.Conn, timeline *timeline) {
		if came.Swap(true) {
			conn.Abort()
			r.note("turned away", "%s: another client was first", conn.RemoteAddr())
			return
		}
		enough()
		r.welcome(conn)
		result = r.carry(ctx, conn, theClient, timeline)
	})
	switch {
	case came.Load():
		return result
	case err != nil:
		return err
	}
	return ctx.Err()
}

// admit gives each client that has proved who it is to session, in a goroutine of
// its own, until ctx ends. It returns when the last of them has. Whom there is no
// seat for is turned away.
func (r *reception) admit(ctx context.Context, session func(*signet.Conn, *timeline)) error {
	stop := context.AfterFunc(ctx, func() { r.Close() })
	defer stop()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for {
		conn, err := r.next(ctx)
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case err != nil:
			return err
		}
		timeline := r.timeline(r.shell, conn.RemoteAddr().String())
		r.begin(timeline)
		sessions.Go(func() {
			defer r.end(timeline)
			defer conn.Close()
			conn := conn.(*signet.Conn)
			err := conn.Handshake(ctx)
			switch {
			case err != nil && ctx.Err() != nil: // Ctrl-C, or the one client is there
			case err != nil:
				r.failed(conn, err)
			case !r.seats.take():
				conn.Abort()
				r.note("turned away", "%s: %s here, and no more are served at a time", conn.RemoteAddr(), count(cap(r.seats), "client is", "clients are"))
			default:
				defer r.seats.free()
				session(conn, timeline)
			}
		})
	}
}

// shortage is how long a shortage, such as of descriptors, is given to pass.
const shortage = 50 * time.Millisecond

// next accepts a connection. A shortage is told once, and waited out: whoever keeps
// many connections open must not end the server.
func (r *reception) next(ctx context.Context) (net.Conn, error) {
	for told := false; ; told = true {
		conn, err := r.Accept()
		if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
			return conn, err
		}
		if !told {
			r.note("waiting", "no more clients can come in: this system has no descriptor left for them (ulimit -n)")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(shortage):
		}
	}
}

// welcome says who came.
func (r *reception) welcome(conn *signet.Conn) {
	peer := conn.Peer()
	if peer.Proof == nil {
		r.note("accepted", "%s, not asked who it is; TLS %s", conn.RemoteAddr(), r.agreed(peer))
		return
	}
	r.note("verified", "%s is %s; TLS %s", conn.RemoteAddr(), r.proof(peer.Proof, r.guest(peer.Proof), r.origin), r.agreed(peer))
}

// guest names who came, as far as that is proved: for a SPIFFE ID only the roots of
// its own trust domain vouch.
func (r *reception) guest(proof *verify.Proof) string {
	leaf := proof.Leaf()
	if leaf.ID().IsZero() || !proof.ID().IsZero() {
		return r.holder(leaf)
	}
	if names := leafNames(leaf); len(names) > 0 {
		return names[0]
	}
	return "somebody with a SPIFFE ID for which " + r.origin + " does not vouch"
}

// holder names whose certificate it is.
func (s *shell) holder(leaf *pki.Certificate) string {
	if id := leaf.ID(); !id.IsZero() {
		return s.who(id, verify.Name{})
	}
	if names := leafNames(leaf); len(names) > 0 {
		return names[0]
	}
	return leaf.Title()
}

// failed says why a client was refused, or how it was lost.
func (r *reception) failed(conn net.Conn, err error) {
	label := "failed"
	switch {
	case verify.ReportOf(err) != nil || errors.Is(err, verify.NoCertificate):
		label = "refused"
	case errors.Is(err, signet.Truncated) || errors.Is(err, Interrupted):
		label = "cut"
	}
	e := explained(err)
	r.note(label, "%s: %s [%s]", conn.RemoteAddr(), e.Message, e.Code)
}

// sendBack sends a client what it sends.
func (r *reception) sendBack(ctx context.Context, conn *signet.Conn) {
	n, err := io.Copy(conn, struct{ io.Reader }{conn})
	if err == nil {
		err = conn.Close()
	}
	switch {
	case ctx.Err() != nil:
		r.failed(conn, fault.New(Interrupted, "stopped here"))
	case err != nil:
		r.failed(conn, err)
	default:
		r.note("complete", "%s: %s came and went back; both ends said that this was all", conn.RemoteAddr(), count(n, "byte", "bytes"))
	}
}

// answer serves HTTP on one connection.
func (r *reception) answer(_ context.Context, conn *signet.Conn) {
	line := &single{conn: conn, over: make(chan struct{})}
	server := http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) { r.mirror(w, request, conn) }),
		ConnState:         line.state,
		ReadHeaderTimeout: signet.DefaultHandshakeTimeout,
		IdleTimeout:       time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	server.Serve(line) // it returns when the connection is over
}

// mirror answers a request with what is known of who asks, and what was asked.
func (r *reception) mirror(w http.ResponseWriter, request *http.Request, conn *signet.Conn) {
	r.note("answered", "%s: %s %s", conn.RemoteAddr(), request.Method, request.URL)
	who, peer := "and were not asked who you are", conn.Peer()
	if peer.Proof != nil {
		who = "and are " + r.guest(peer.Proof)
	}
	asked, err := httputil.DumpRequest(request, false)
	if err != nil {
		http.Error(w, "the request cannot be shown", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	fmt.Fprintf(w, "You come from %s, %s.\nTLS %s; connection %s\n\n%s", conn.RemoteAddr(), who, r.agreed(peer), conn.ID(), asked)
}

// single is a listener of one connection, which is over with it.
type single struct {
	conn  net.Conn
	given bool
	over  chan struct{} // closed when the connection is
}

func (l *single) state(_ net.Conn, state http.ConnState) {
	if state == http.StateClosed {
		close(l.over)
	}
}

// Accept implements net.Listener.
func (l *single) Accept() (net.Conn, error) {
	if l.given {
		<-l.over
		return nil, net.ErrClosed
	}
	l.given = true
	return l.conn, nil
}

// Close implements net.Listener.
func (l *single) Close() error { return nil }

// Addr implements net.Listener.
func (l *single) Addr() net.Addr { return l.conn.LocalAddr() }
