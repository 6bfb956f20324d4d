package signet

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/signet-tls/signet/fault"
)

// TestAlertWords holds that every number says, in both directions, what happened
// and where to look; those of the standards say what usually lies behind it.
func TestAlertWords(t *testing.T) {
	for number := range 256 {
		for _, direction := range []Direction{Received, Sent} {
			for _, established := range []bool{false, true} {
				alert := Alert{uint8(number), direction}
				conn := &Conn{transport: &transport{}}
				if established {
					conn.transport.peer.Store(&Peer{})
					conn.peer.Store(&Peer{})
				}
				op := "local error"
				if direction == Received {
					op = "remote error"
				}
				have := conn.explain(&net.OpError{Op: op, Err: numbered(number)})
				if diff := wantAlert(alert, have); diff != "" {
					t.Errorf("%s, established %v: %s", alert, established, diff)
				}
			}
		}
	}
}

// numbered is an alert as crypto/tls has it: an unexported number.
type numbered uint8

func (numbered) Error() string { return "tls: no words" }

// wantAlert returns what is wrong with the error for an alert.
func wantAlert(alert Alert, err error) string {
	e, ok := fault.Of(err)
	known, hasName := alerts[alert.Number]
	mine := e != nil && (e.Code == VersionMismatch || e.Code == RecordAltered || e.Code == NotSupported) // which say the same of every such alert
	switch {
	case !ok || e.Detail != alert:
		return fmt.Sprintf("have %#v, want the alert as its detail", err)
	case strings.Contains(e.Message, "tls:") || strings.ContainsAny(e.Message, "\n"):
		return fmt.Sprintf("the message is %q", e.Message)
	case e.Hint == "":
		return "there is no next step"
	case mine:
		return ""
	case !strings.Contains(e.Message, fmt.Sprintf("alert %d", alert.Number)):
		return fmt.Sprintf("the message %q does not name it", e.Message)
	case hasName && (known.name == "" || known.meaning == "" || known.cause == ""):
		return fmt.Sprintf("its row is %+v", known)
	case hasName && e.Code != CipherMismatch && !strings.Contains(e.Hint, known.cause):
		return fmt.Sprintf("the hint %q has no cause", e.Hint)
	case alert.Direction == Received && e.Code != CipherMismatch && !strings.Contains(e.Hint, "peer's log"):
		return fmt.Sprintf("the hint %q does not say where the reason stands", e.Hint)
	}
	return ""
}
