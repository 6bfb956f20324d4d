package cli

import (
	"context"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/verify"
)

type connsCmd struct {
	inquire
	spoken
}

func (connsCmd) Help() string { return "signet conns" }

func (c *connsCmd) run(ctx context.Context, s *shell) error {
	who, err := c.asked(ctx, s)
	if err != nil {
		return err
	}
	var conns api.Conns
	if err := who.get(ctx, api.PathConns, nil, &conns); err != nil {
		return err
	}
	if s.json {
		err = s.printJSON(conns)
	} else {
		err = s.print(s.view(conns.TrustDomain).conns(conns))
	}
	if err == nil && conns.Proxies == 0 && conns.Barred > 0 {
		s.steps("next", s.view(conns.TrustDomain).startOver())
		return exitNo
	}
	return err
}

// conns writes the table of live connections and the state of the proxies.
func (v view) conns(c api.Conns) string {
	var p page
	if len(c.Conns) > 0 {
		v.table(&p, c)
		p.line("")
	}
	if c.Proxies == 0 && c.Barred > 0 {
		p.line("NO proxy is left that tells what is open: every one is revoked (revision %d).", c.Revision)
		return p.String()
	}
	span := "in the last hour"
	if !c.Started.IsZero() {
		span = "since the start"
	}
	p.line("%s on %s%s (revision %d). Refused %s: %s.", liveConns(len(c.Conns)), count(c.Proxies, "proxy", "proxies"),
		stateOf(c.UpToDate, c.Proxies), c.Revision, span, refusals(c))
	if c.Lost > 0 {
		p.line("Lost in the last hour: %s that proxies had no room for; what is told of that time has gaps.", count(int64(c.Lost), "event", "events"))
	}
	for _, missing := range c.Silent {
		p.line("Not counted: those of %s: %s.", v.proxy(missing.Proxy), silence(missing, c.Now))
	}
	return p.String()
}

// refusals says how often somebody was not let in.
func refusals(c api.Conns) string {
	text := thousands(int64(c.Refused))
	if c.RefusedMore {
		return "at least " + text
	}
	return text
}

func liveConns(n int) string {
	if n == 0 {
		return "No connection is live"
	}
	return thousands(int64(n)) + " live"
}

func (v view) table(p *page, c api.Conns) {
	ids := make([]string, len(c.Conns))
	for i, conn := range c.Conns {
		ids[i] = conn.ID
	}
	short := prefixes(ids)
	rows := [][]string{{"ID", "FROM", "TO", "OPEN", "SENT", "BACK", "ALLOWED BY", "ENDS AT THE LATEST"}}
	for _, conn := range c.Conns {
		rows = append(rows, []string{short[conn.ID], v.id(conn.From), v.id(conn.To), verify.Span(c.Now.Sub(conn.Opened)),
			size(conn.Sent), size(conn.Back), conn.Rule, v.deadline(conn, c.Now)})
	}
	out := tabwriter.NewWriter(p, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i := range row {
			row[i] = clean(row[i])
		}
		out.Write([]byte(strings.Join(row, "\t") + "\n")) // a page takes everything
	}
	out.Flush()
}

// deadline says until when a connection may stay open.
func (v view) deadline(conn api.Conn, now time.Time) string {
	if !conn.Until.IsZero() && (conn.Renewing || conn.Until.Before(conn.Deadline)) {
		return endOf(conn.Until, now, v.zone) + "  the grant ends"
	}
	if conn.Renewing {
		return "certificate, renews itself"
	}
	return endOf(conn.Deadline, now, v.zone) + "  certificate, NOT RENEWING"
}
