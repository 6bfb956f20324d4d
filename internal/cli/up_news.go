package cli

import (
	"context"
	"sync"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/spiffeid"
)

// news prints what goes wrong while "up" runs: a line for each refusal and each
// connection that was ended, none for success. Nobody who brings news waits for
// the terminal.
type news struct {
	shell   *shell
	view    view
	now     func() time.Time
	welcome chan string // has one value, once the system works
	lines   chan string // to print after it

	mu     sync.Mutex
	told   map[string]bool // guarded by mu; connections that were told of: both ends tell
	second time.Time       // guarded by mu
	count  int             // guarded by mu; lines in this second
}

// Bounds of what is printed and remembered. Lines that nobody reads in time are
// dropped.
const (
	linesPerSecond = 10
	waitingLines   = 100
	toldConns      = 1000
)

func newNews(s *shell, domain spiffeid.TrustDomain) *news {
	return &news{shell: s, view: s.view(domain), now: time.Now, told: map[string]bool{},
		welcome: make(chan string, 1), lines: make(chan string, waitingLines)}
}

// start begins to print. The function that it returns prints the rest; it does
// not wait longer than a second for a terminal that stands still.
func (n *news) start() (finish func()) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.printAll(ctx)
	}()
	return func() {
		stop()
		select {
		case <-done:
		case <-time.After(time.Second):
		}
	}
}

func (n *news) printAll(ctx context.Context) {
	select {
	case welcome := <-n.welcome:
		n.print(welcome)
	case <-ctx.Done():
		select {
		case welcome := <-n.welcome: // it came before the end
			n.print(welcome)
		default:
			return
		}
	}
	for {
		select {
		case line := <-n.lines:
			n.print(line)
			continue
		case <-ctx.Done():
		}
		select {
		case line := <-n.lines:
			n.print(line)
		default:
			return
		}
	}
}

// print does its best: that nobody reads the news is no reason to stop.
func (n *news) print(text string) { _ = n.shell.print(text) }

// open has the welcome printed, and then what came before it.
func (n *news) open(welcome string) { n.welcome <- welcome }

// hear takes in an event. It never blocks.
func (n *news) hear(event api.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if event.Kind != api.Refused && (event.Kind != api.Ended || event.Code == "") || !n.first(event) {
		return
	}
	line := n.line(event)
	if now := n.now().Truncate(time.Second); !now.Equal(n.second) {
		n.second, n.count = now, 0
	}
	switch n.count++; {
	case n.count == linesPerSecond:
		line = n.more(event)
	case n.count > linesPerSecond:
		return
	}
	select {
	case n.lines <- line:
	default:
	}
}

// first reports whether a connection has not been told of.
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
	ask := ""
	switch {
	case event.Kind == api.Ended:
		ask = "signet why " + event.Conn[:min(len(event.Conn), 5)]
	case !event.From.IsZero():
		ask = "signet why " + n.view.id(event.From) + " " + n.view.id(event.To)
	}
	var p page
	p.line("%s  %s%s%s%s", n.view.clock(event.Time), gap(string(event.Kind), 9),
		gap(n.view.pair(event.From, event.To), 16), gap(event.Reason, 24), n.shell.own(ask))
	return p.String()
}

// more stands for the rest of a second that has too many events.
func (n *news) more(event api.Event) string {
	var p page
	p.line("%s  %s%s", n.view.clock(event.Time), gap("and more in this second, not listed", 9+16+24), n.shell.own("signet conns"))
	return p.String()
}
