package signet

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// transport is the connection under a *tls.Conn. crypto/tls takes a bare FIN
// between two records for the end of the stream; the rule that an end needs the
// peer's word therefore lives here, below it, where net/http's *tls.Conn keeps
// it too: crypto/tls makes io.EOF of a close_notify by itself, so every end that
// is seen here is a cut.
type transport struct {
	net.Conn
	in      *inbox // nil: Conn is read as it is; Read's
	out     outbox
	peer    atomic.Pointer[Peer]        // whom verification accepted
	refusal atomic.Pointer[error]       // why it rejected the peer, or the connection was ended
	early   atomic.Pointer[early]       // until the verdict; Read's
	opening atomic.Pointer[helloReader] // until our hello has left; Write's
	trace   atomic.Pointer[tracer]
	dry     atomic.Bool // Read must not wait
	cut     atomic.Bool // the peer's stream ended, and it never said so
	alerted atomic.Bool // a record left that is openly an alert
	closed  atomic.Bool
	used    atomic.Bool // something was read or written since the handshake

	// Of a server, until the handshake's end.
	guest     atomic.Pointer[guest]
	admission *admission // the handshake's

	// Set before the handshake.
	exit         *tls.Conn // over it, where no Conn is
	secrets      *secrets  // nil: it is not to be detached
	truncates    bool      // a cut looks like an end
	peerIsServer bool

	// Set by the handshake.
	openly                     uint8             // the alert that a client sent last in the clear, or 0
	told                       uint8             // the fatal alert that this end sent in the clear, or 0
	masterSecret               bool              // the server knows the extended one
	chosen                     uint16            // the version that the server chose
	own                        *x509.Certificate // what this end showed, if it is a server
	clientRandom, serverRandom [32]byte          // of the hellos
}

// early is what is done with the bytes of who has proved nothing yet.
type early struct {
	limit int // of bytes that the peer may still send
	most  int // that it could have sent
	hello helloReader
}

// newTransport returns the transport of a connection whose handshake is to come;
// peer is which hello its other end sends.
func newTransport(raw net.Conn, peer helloKind, most int, trace *tracer) *transport {
	t := &transport{Conn: raw, in: newInbox(raw), peerIsServer: peer == serverHello}
	t.trace.Store(trace)
	t.early.Store(&early{limit: most, most: most, hello: helloReader{kind: peer, brief: trace == nil}})
	t.opening.Store(&helloReader{kind: serverHello + clientHello - peer, brief: trace == nil})
	return t
}

// begin bounds what a peer may send of which the transport has known nothing
// before its hello had been read.
func (t *transport) begin(most int, trace *tracer) {
	if t.early.Load() == nil {
		t.trace.Store(trace)
		t.early.Store(&early{limit: most, most: most, hello: helloReader{over: true}})
		t.opening.Store(&helloReader{kind: serverHello, brief: trace == nil})
	}
}

// Read never returns io.EOF, unless a cut is to look like an end.
func (t *transport) Read(p []byte) (int, error) {
	if t.dry.Load() && (t.in == nil || !t.in.ready()) {
		return 0, errDry
	}
	t.use()
	guest := t.guest.Load()
	if guest != nil {
		guest.listen()
	}
	n, err := t.receive(p, guest)
	if n == 0 && err != nil {
		return 0, t.ended(err)
	}
	if refusal := t.refusal.Load(); refusal != nil {
		return 0, *refusal
	}
	return n, nil
}

// receive reads from the connection, and looks at what has come.
func (t *transport) receive(p []byte, guest *guest) (int, error) {
	if t.in == nil {
		n, err := t.Conn.Read(p)
		t.arrived(p[:n], guest)
		return n, err
	}
	if t.closed.Load() {
		t.in.clear()
		return 0, net.ErrClosed
	}
	if !t.in.ready() {
		t.in.await(t.early.Load() == nil)
		t.arrived(t.in.data, guest)
	}
	return t.in.Read(p)
}

// arrived looks at what a peer sends who has proved nothing yet.
func (t *transport) arrived(data []byte, guest *guest) {
	if len(data) == 0 {
		return
	}
	if guest != nil {
		guest.heard()
		t.openly = openAlert(data)
	}
	if early := t.early.Load(); early != nil {
		if early.limit -= len(data); early.limit < 0 {
			t.end(handshakeTooLarge(early.most))
		}
		t.hello(&early.hello, data, Received)
	}
}

// Write says of a reset what Read says.
func (t *transport) Write(p []byte) (int, error) {
	t.use()
	p = t.meant(p)
	opening := t.opening.Load()
	if opening != nil || t.early.Load() != nil { // in the handshake
		t.told = openAlert(p)
	}
	if opening != nil {
		if t.hello(opening, p, Sent); opening.over {
			t.opening.Store(nil)
		}
	}
	if t.lies(p) {
		return 0, net.ErrClosed
	}
	n, err := t.out.Write(t.Conn, p)
	if err != nil {
		err = t.ended(err)
	}
	return n, err
}

// Lengths of a record that is an alert, with its header (RFC 8446, section 5.2);
// two bytes of data look the same.
const (
	recordAlert       = 21
	recordAppData     = 23
	alertRecordLength = recordHeader + 2 + 1 + 16
)

// lies reports whether a record is a close_notify that would make a stream look
// complete which is not: crypto/tls's Close sends one after a failure, too. That
// of TLS 1.3 cannot be told from data, so it passes after a fatal alert of ours.
func (t *transport) lies(record []byte) bool {
	if len(record) == 0 {
		return false
	}
	switch record[0] {
	case recordAlert:
		return t.alerted.Swap(true) || t.cut.Load()
	case recordAppData:
		return len(record) == alertRecordLength && t.cut.Load()
	}
	return false
}

// meant returns the record, or in its place the alert that is meant: where a hello is
// refused by an error, crypto/tls says internal_error, as if the fault were ours.
func (t *transport) meant(record []byte) []byte {
	refusal := t.refusal.Load()
	if refusal == nil || !errors.Is(*refusal, NoMasterSecret) || len(record) != recordHeader+2 || record[0] != recordAlert || record[6] != alertInternalError {
		return record
	}
	return append(bytes.Clone(record[:6]), alertHandshakeFailure)
}

// Close implements net.Conn.
func (t *transport) Close() error {
	t.early.Store(nil)
	t.depart()
	if t.cut.Load() {
		t.hard()
	}
	if !t.closed.Swap(true) {
		t.tell(Event{Phase: PhaseClosed})
	}
	return t.Conn.Close()
}

// end closes the connection for a reason of ours.
func (t *transport) end(reason error) {
	if t.refusal.CompareAndSwap(nil, &reason) {
		t.tell(Event{Phase: PhaseRefused, Err: reason})
	}
	t.Close()
}

// tell tells a Trace, if there is one.
func (t *transport) tell(e Event) {
	tracer := t.trace.Load()
	if tracer == nil {
		return
	}
	e.Time, e.Remote = clock(tracer.now), t.RemoteAddr()
	tracer.trace(e)
}

// shaken is called when the handshake has ended.
func (t *transport) shaken() {
	t.depart()
	t.admission = nil
	t.used.Store(false)
}

// use notes that crypto/tls reads or writes.
func (t *transport) use() {
	if !t.used.Load() {
		t.used.Store(true)
	}
}

// depart gives back the place of a handshake, which need not have ended.
func (t *transport) depart() {
	if guest := t.guest.Swap(nil); guest != nil {
		guest.depart()
	}
}

// hello keeps what is wanted of one later.
func (t *transport) hello(reader *helloReader, p []byte, direction Direction) {
	for _, hello := range reader.read(p) {
		switch {
		case reader.kind == clientHello:
			t.clientRandom = hello.Random
			t.tell(Event{Phase: PhaseClientHello, Hello: hello, Direction: direction})
		case hello.Retry:
			t.tell(Event{Phase: PhaseHelloRetry, Hello: hello, Direction: direction})
		default:
			t.serverRandom, t.masterSecret, t.chosen = hello.Random, hello.ExtendedMasterSecret, hello.Versions[0]
			t.tell(Event{Phase: PhaseServerHello, Hello: hello, Direction: direction})
		}
	}
}

func (t *transport) ended(err error) error {
	refusal := t.refusal.Load()
	switch {
	case refusal != nil:
		return *refusal
	case err == io.EOF && t.truncates:
		return err
	case err == io.EOF:
		t.cut.Store(true)
		return cutOff()
	case hungUp(err):
		t.cut.Store(true)
		return cutByReset(err)
	}
	return err
}

// hungUp reports whether an error is the system's word for a reset.
func hungUp(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// cutOff is a bare end of the stream. The cause is left out: errors.Is(err, io.EOF) must
// be false.
func cutOff() error { return truncated("cut: the peer never said that this was all", nil) }

func cutByReset(err error) error {
	return truncated("cut: the peer reset the connection and never said that this was all", err)
}

func truncated(message string, cause error) error {
	return &fault.Error{Code: Truncated, Err: cause, Message: message,
		Hint: "treat what arrived as unfinished (it is unaltered) and fetch it again"}
}

// shown is called with what the peer showed, before it is judged. The nil
// transport of who gave us none hears nothing.
func (t *transport) shown(state tls.ConnectionState) {
	if t != nil && t.trace.Load() != nil {
		t.tell(Event{Phase: PhaseCertificate, Peer: newPeer(state, pki.AdoptAll(state.PeerCertificates))})
	}
}

// judged keeps the outcome of verification. crypto/tls wraps and hides it.
func (t *transport) judged(peer *Peer, err error) {
	t.early.Store(nil)
	if err != nil {
		t.refusal.CompareAndSwap(nil, &err)
		t.tell(Event{Phase: PhaseRefused, Err: err})
		return
	}
	t.peer.Store(peer)
	t.tell(Event{Phase: PhaseVerified, Peer: peer})
	if t.exit != nil && t.guest.Load() != nil {
		go func() {
			t.exit.ConnectionState() // which waits for the end of the handshake
			t.shaken()
		}()
	}
}

// Bounds of what a refused peer may still send.
const (
	lingerTime  = 250 * time.Millisecond
	lingerBytes = 64 << 10
)

// linger gives a refused peer time to read our alert. Closed with bytes of the
// peer unread, TCP sends a reset, and the peer's system drops the alert: it
// would learn of a cut instead of the refusal.
func (t *transport) linger() {
	half, ok := t.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	t.Conn.SetReadDeadline(time.Now().Add(lingerTime))
	io.CopyN(io.Discard, t.Conn, lingerBytes) // until the peer hangs up, or a bound
}

// reset ends the connection so that the peer cannot take it for complete: by a
// TCP reset where there is TCP, and never with a close_notify.
func (t *transport) reset() error {
	t.hard()
	return t.Close()
}

// hard has Close end TCP by a reset.
func (t *transport) hard() {
	if tcp, ok := t.Conn.(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(0) // an error here means that the socket is closed already
	}
}
