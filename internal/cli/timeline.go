package cli

import (
	"crypto/tls"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/pki"
)

// tracing is the flag of commands that can tell step by step what happens.
type tracing struct {
	Trace bool `help:"Say on standard error what happens, step by step, with the time since the connection began."`
}

// timeline tells what happens to one connection, as it happens. One that is nil
// tells nothing.
type timeline struct {
	shell *shell
	who   string    // whose connection it is, if there may be several
	began time.Time // first of all
	shown time.Time // when the peer's certificates came
}

// timeline begins one, if it is wanted.
func (t tracing) timeline(s *shell, who string) *timeline {
	if !t.Trace {
		return nil
	}
	return &timeline{shell: s, who: who, began: time.Now()}
}

// tell adds a step that happens now.
func (s *timeline) tell(format string, args ...any) { s.at(time.Now(), format, args...) }

func (s *timeline) at(now time.Time, format string, args ...any) {
	if s == nil {
		return
	}
	who := ""
	if s.who != "" {
		who = s.who + ": "
	}
	s.shell.note(fmt.Sprintf("+%.1f ms", float64(now.Sub(s.began))/float64(time.Millisecond)), "%s%s", who, fmt.Sprintf(format, args...))
}

// hear adds a step that the connection tells of.
func (s *timeline) hear(e signet.Event) {
	switch e.Phase {
	case signet.PhaseClientHello, signet.PhaseServerHello, signet.PhaseHelloRetry:
		s.at(e.Time, "%s %s: %s", e.Direction, e.Phase, offers(e.Hello))
	case signet.PhaseCertificate:
		s.shown = e.Time
		s.at(e.Time, "%s", evidence(e.Peer))
	case signet.PhaseVerified:
		s.at(e.Time, "verified in %.1f ms", float64(e.Time.Sub(s.shown))/float64(time.Millisecond))
	case signet.PhaseRefused:
		s.at(e.Time, "refused: %s [%s]", explained(e.Err).Message, explained(e.Err).Code)
	case signet.PhaseCertificateRequest:
		s.at(e.Time, "the server asks for a certificate of ours")
	case signet.PhaseFinished:
		s.at(e.Time, "the handshake is finished: TLS %s; connection %s", e.Peer.TLS(), e.ID)
	case signet.PhaseAlert:
		s.at(e.Time, "%s", e.Alert)
	default:
		s.at(e.Time, "%s", e.Phase)
	}
}

// evidence says what a peer shows of itself.
func evidence(peer *signet.Peer) string {
	if len(peer.Chain) == 0 {
		return "no certificate was asked for"
	}
	text := "certificates: " + some(peer.Chain, (*pki.Certificate).Title)
	if len(peer.Staple) > 0 {
		text += ", and an OCSP response"
	}
	if peer.Resumed {
		text += ", of the session that goes on"
	}
	return text
}

// offers says what is in a hello.
func offers(hello *signet.Hello) string {
	suites := count(len(hello.Suites), "cipher suite", "cipher suites")
	if len(hello.Suites) == 1 {
		suites = tls.CipherSuiteName(hello.Suites[0])
	}
	parts := []string{"TLS " + some(hello.Versions, version), suites}
	if len(hello.Groups) > 0 {
		parts = append(parts, some(hello.Groups, group))
	}
	if hello.ServerName != "" {
		parts = append(parts, "for "+hello.ServerName)
	}
	if len(hello.ALPN) > 0 {
		parts = append(parts, some(hello.ALPN, func(name string) string { return name }))
	}
	return strings.Join(parts, "; ")
}

func version(number uint16) string { return strings.TrimPrefix(tls.VersionName(number), "TLS ") }

// group names a key exchange; clients mix in some that have no name (RFC 8701).
func group(number uint16) string {
	name := tls.CurveID(number).String()
	if strings.HasPrefix(name, "CurveID(") {
		return fmt.Sprintf("0x%04X", number)
	}
	return strings.TrimPrefix(name, "Curve")
}

// mostSome bounds what is listed in a line.
const mostSome = 8

// some writes the first few of many.
func some[T any](all []T, name func(T) string) string {
	var names []string
	for _, one := range all[:min(len(all), mostSome)] {
		names = append(names, name(one))
	}
	text := strings.Join(names, ", ")
	if len(all) > mostSome {
		text += fmt.Sprintf(" and %d more", len(all)-mostSome)
	}
	return text
}

// timelines are those of a server's connections.
type timelines struct {
	mu  sync.Mutex
	all map[string]*timeline // guarded by mu; by the client's address
}

// begin adds a timeline, unless it is nil.
func (s *timelines) begin(one *timeline) {
	if one == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]*timeline{}
	}
	s.all[one.who] = one
}

// end forgets a timeline.
func (s *timelines) end(one *timeline) {
	if one == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, one.who)
}

// hear adds a step to the timeline that it belongs to.
func (s *timelines) hear(e signet.Event) {
	s.mu.Lock()
	one := s.all[e.Remote.String()]
	s.mu.Unlock()
	if one != nil {
		one.hear(e)
	}
}
