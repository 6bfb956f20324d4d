package cli

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/spiffeid"
)

// paper is where news are printed in a test, with a clock that the test steps.
type paper struct {
	*news
	out    testpki.Output
	at     time.Time
	domain spiffeid.TrustDomain
}

func newPaper() *paper {
	p := &paper{at: time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC), domain: testpki.Must(spiffeid.ParseTrustDomain("demo.signet"))}
	p.news = newNews(&shell{stdout: &p.out, program: "signet", zone: time.UTC}, p.domain)
	p.news.now = func() time.Time { return p.at }
	return p
}

// event is one between web and orders.
func (p *paper) event(kind api.Kind, conn, code, reason string) api.Event {
	return api.Event{Time: p.at, Kind: kind, Conn: conn, Code: code, Reason: reason,
		From: testpki.Must(p.domain.ID("web")), To: testpki.Must(p.domain.ID("orders"))}
}

// printed starts to print, opens with "hello" and returns all that there is.
func (p *paper) printed(t *testing.T) string {
	t.Helper()
	finish := p.start()
	p.open("hello\n")
	until(t, "it is open", func() bool { return p.out.String() != "" })
	finish()
	return p.out.String()
}

func TestNewsLines(t *testing.T) {
	p := newPaper()
	stranger := p.event(api.Refused, "", "unknown_root", "its root is not known")
	stranger.From = spiffeid.ID{}
	for _, e := range []api.Event{
		p.event(api.Refused, "", "no_rule", "no rule allows it"),
		p.event(api.Opened, "c1111111", "", ""),
		p.event(api.Ended, "c1111111", "", ""),
		p.event(api.Ended, "c2222222", "identity_revoked", "web was revoked"),
		p.event(api.Ended, "c2222222", "truncated", "as the other end saw it"),
		p.event(api.Changed, "", "identity_revoked", "web was revoked"),
		p.event(api.Refused, "c3333333", "backend_unreachable", "the service behind the proxy does not answer"),
		p.event(api.Ended, "c3333333", "truncated", "as the other end saw it"),
		stranger,
	} {
		p.hear(e)
	}
	want := `hello
14:00:00  refused  web → orders    no rule allows it       signet why web orders
14:00:00  ended    web → orders    web was revoked         signet why c2222
14:00:00  refused  web → orders    the service behind the proxy does not answer  signet why web orders
14:00:00  refused  somebody → orders  its root is not known
`
	if diff := cmp.Diff(want, p.printed(t)); diff != "" {
		t.Errorf("the news (- want, + have):\n%s", diff)
	}
}

// TestNewsRate has more news than anybody reads.
func TestNewsRate(t *testing.T) {
	p := newPaper()
	for second := range 3 {
		for i := range 500 {
			e := p.event(api.Refused, "", "no_rule", fmt.Sprint(second, ".", i))
			e.Time = p.at.Add(time.Duration(i) * time.Minute) // what they tell of may be long past
			p.hear(e)
		}
		p.at = p.at.Add(time.Second)
	}
	lines := strings.Split(strings.TrimSpace(p.printed(t)), "\n")[1:]
	if len(lines) != 3*linesPerSecond {
		t.Fatalf("%d lines, want %d a second", len(lines), linesPerSecond)
	}
	for i, line := range lines {
		last := i%linesPerSecond == linesPerSecond-1
		if more := strings.Contains(line, "and more in this second, not listed              signet conns"); more != last {
			t.Errorf("line %d is %q", i, line)
		}
	}
}

// TestNewsForget bounds what is remembered.
func TestNewsForget(t *testing.T) {
	p := newPaper()
	for i := range 3 * toldConns {
		p.hear(p.event(api.Ended, fmt.Sprint("c", i), "truncated", "cut"))
	}
	if len(p.told) > toldConns {
		t.Errorf("%d connections are remembered, the most is %d", len(p.told), toldConns)
	}
}

// TestNewsNobodyReads has a terminal that stands still: who brings news does
// not wait, and neither does the end.
func TestNewsNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPaper()
		reader, writer := io.Pipe()
		p.shell.stdout = writer
		finish := p.start()
		p.open("hello\n")
		for i := range 10 * waitingLines {
			p.at = p.at.Add(time.Second)
			p.hear(p.event(api.Refused, "", "no_rule", fmt.Sprint(i)))
		}
		start := time.Now()
		finish()
		if took := time.Since(start); took != time.Second {
			t.Errorf("the end waited for %v, want 1s", took)
		}
		reader.Close() // so that the write ends
		synctest.Wait()
	})
}

// TestNewsWithoutWelcome ends before the system worked.
func TestNewsWithoutWelcome(t *testing.T) {
	p := newPaper()
	p.hear(p.event(api.Refused, "", "no_rule", "no rule allows it"))
	p.start()()
	if have := p.out.String(); have != "" {
		t.Errorf("printed: %q", have)
	}
}
