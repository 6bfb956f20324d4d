package signet

import (
	"net"
	"time"
)

// Phase is a step in the life of a connection.
type Phase string

// The phases, in the order in which a handshake has them. The connections of
// other libraries (Listener.TLS, and a Server's TLSConfig) show no finished and
// no alert, which are encrypted.
const (
	PhaseClientHello        Phase = "client hello"
	PhaseHelloRetry         Phase = "hello retry request"
	PhaseServerHello        Phase = "server hello"
	PhaseCertificate        Phase = "certificate"         // what the peer showed, before it is judged; also that of a resumed session
	PhaseVerified           Phase = "verified"            // verification and Authorize have accepted the peer
	PhaseRefused            Phase = "refused"             // one of them has not, or the handshake was ended before
	PhaseCertificateRequest Phase = "certificate request" // a client was asked for its own
	PhaseFinished           Phase = "finished"            // the handshake has ended well
	PhaseAlert              Phase = "alert"               // that ended the connection, close_notify too
	PhaseClosed             Phase = "closed"              // the connection under TLS is closed
)

// Event is one step of a connection, for a Trace. A field is zero where it says
// nothing about the phase.
type Event struct {
	Time      time.Time
	Phase     Phase
	Remote    net.Addr  // the peer's network address
	Direction Direction // of a hello or an alert
	Hello     *Hello    // of a client hello, hello retry request or server hello
	Peer      *Peer     // unverified in a certificate phase
	Alert     Alert     // of an alert
	Err       error     // why the peer was refused
	ID        string    // of the connection, once it is finished
}

// tracer is who hears of events, and by which clock.
type tracer struct {
	trace func(Event)
	now   func() time.Time
}

// newTracer returns nil where nobody listens.
func newTracer(trace func(Event), now func() time.Time) *tracer {
	if trace == nil {
		return nil
	}
	return &tracer{trace, now}
}
