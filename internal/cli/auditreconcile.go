package cli

import (
	"context"
	"fmt"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/audit"
)

type auditReconcileCmd struct {
	auditLog
	spoken
}

func (auditReconcileCmd) Help() string { return "signet audit reconcile" }

// shownMost is how many gaps, and how many differences, a page lists; --json
// has all that are known.
const shownMost = 20

func (c *auditReconcileCmd) run(_ context.Context, s *shell) error {
	dir, log, err := c.open(s)
	if err != nil {
		return err
	}
	r, err := waiting(s, func() (*audit.Reconciliation, error) { return audit.Reconcile(log) })
	if damaged, ok := fault.Of(err); ok && damaged.Code == audit.Damaged {
		return damaged.WithHint("signet audit verify %s      # finds what is damaged, and where", quote(dir))
	}
	if err != nil {
		return err
	}
	if s.json {
		err = s.printJSON(r)
	} else {
		err = s.print(reconciled(s.view(domainOf(r.Origin)), r))
	}
	if err == nil && len(r.Differences)+r.More > 0 {
		return exitNo
	}
	return err
}

// reconciled says what the ends of connections have told.
func reconciled(v view, r *audit.Reconciliation) string {
	var p page
	differences := len(r.Differences) + r.More
	switch {
	case r.Connections == 0:
		p.headline("No connection is in the audit log yet.", "")
	case differences == 0:
		p.headline(fmt.Sprintf("Both ends tell the same of %s.", count(r.Connections, "connection", "connections")), "")
	default:
		p.headline(fmt.Sprintf("Of %s, the ends tell %s differently.", count(r.Connections, "connection", "connections"), thousands(int64(differences))), "")
	}
	p.fact("alike", "%s ended, and told alike", count(r.Agreed, "connection", "connections"))
	p.fact("open", "%s not over yet, or too new to tell", count(r.Open, "connection", "connections"))
	lost := 0
	for _, gap := range r.Gaps {
		lost += gap.Events
	}
	p.fact("gaps", "%s, of %s that are known to be lost", count(len(r.Gaps), "gap", "gaps"), count(lost, "event", "events"))
	if len(r.Gaps)+differences > 0 {
		p.line("")
	}
	for _, gap := range r.Gaps[:min(len(r.Gaps), shownMost)] {
		text := gap.Text
		if gap.Events > 0 {
			text = count(gap.Events, "event", "events") + ": " + text
		}
		p.fact("gap", "%s, at entry %d (%s): %s", v.proxy(gap.Proxy), gap.Entry, v.clock(gap.Time), text)
	}
	p.others(len(r.Gaps) - shownMost)
	for _, d := range r.Differences[:min(len(r.Differences), shownMost)] {
		if d.Conn == "" {
			p.fact("report", "%s", d.Text)
			continue
		}
		p.fact(d.Conn[:min(len(d.Conn), 9)], "%s: %s", v.pair(d.From, d.To), d.Text)
	}
	p.others(differences - shownMost)
	return p.String()
}

// others says how many are not listed.
func (p *page) others(n int) {
	if n > 0 {
		p.fact("", "and %s more; --json has them", thousands(int64(n)))
	}
}
