package cli

import (
	"fmt"
	"sync"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/spiffeid"
)

// news prints what goes wrong while "up" runs: a line for each refusal and each
// connection that was ended, none for success.
type news struct {
	shell *shell
	view  view

	mu      sync.Mutex
	started bool            // guarded by mu; the welcome has been printed
	waiting []string        // guarded by mu; lines from before that
	told    map[string]bool // guarded by mu; ended connections, which both ends tell of
	second  time.Time       // guarded by mu
	lines   int             // guarded by mu; in this second
	dropped int             // guarded by mu
}

// Bounds of what is printed and remembered.
const (
	linesPerSecond = 10
	toldConns      = 1000
)

func newNews(s *shell, domain spiffeid.TrustDomain) *news {
	return &news{shell: s, view: s.view(domain), told: map[string]bool{}}
}

// open prints the welcome, and then what came before it.
func (n *news) open(welcome string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.started = true
	n.print(welcome)
	for _, line := range n.waiting {
		n.print(line)
	}
	n.waiting = nil
}

// hear takes in an event.
func (n *news) hear(event api.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if event.Kind != api.Refused && (event.Kind != api.Ended || event.Code == "") || !n.first(event) {
		return
	}
	now := event.Time.Truncate(time.Second)
	if !now.Equal(n.second) {
		if n.dropped > 0 {
			n.say(fmt.Sprintf("%s  and %s\n", n.view.clock(n.second), count(n.dropped, "more", "more")))
		}
		n.second, n.lines, n.dropped = now, 0, 0
	}
	if n.lines++; n.lines > linesPerSecond {
		n.dropped++
		return
	}
	n.say(n.line(event))
}

// first reports whether an ended connection has not been told of.
func (n *news) first(event api.Event) bool {
	if event.Conn == "" {
		return true
	}
	if n.told[event.Conn] {
		return false
	}
	if len(n.told) >= toldConns {
		clear(n.told)
	}
	n.told[event.Conn] = true
	return true
}

// line is one event: when, what, who, why, and which command tells more.
func (n *news) line(event api.Event) string {
	var p page
	ask := ""
	switch {
	case event.Kind == api.Ended:
		ask = "signet why " + event.Conn[:min(len(event.Conn), 5)]
	case !event.From.IsZero():
		ask = "signet why " + n.view.id(event.From) + " " + n.view.id(event.To)
	}
	p.line("%s  %s%s%s%s", n.view.clock(event.Time), pad(string(event.Kind), 9),
		pad(n.view.pair(event.From, event.To), 16), pad(event.Reason, 24), n.shell.own(ask))
	return p.String()
}

func (n *news) say(line string) {
	if !n.started {
		if len(n.waiting) < linesPerSecond {
			n.waiting = append(n.waiting, line)
		}
		return
	}
	n.print(line)
}

// print does its best: that nobody reads the news is no reason to stop.
func (n *news) print(text string) { _ = n.shell.print(text) }
