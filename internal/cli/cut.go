package cli

import (
	"context"
	"fmt"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
)

type cutCmd struct {
	Conn string `arg:"" optional:"" name:"CONN" help:"The ID of a connection, or its beginning."`
	From string `placeholder:"NAME" help:"Instead of CONN: all that this identity opened, with --to."`
	To   string `placeholder:"NAME" help:"To whom, with --from."`
	Yes  bool   `help:"End more than 100 connections at once."`
	reason
	inquire
	spoken
}

func (cutCmd) Help() string { return "signet cut c4f2\nsignet cut --from web --to orders" }

// unasked is how many connections are ended without --yes.
const unasked = 100

func (c *cutCmd) run(ctx context.Context, s *shell) error {
	if one, pair := c.Conn != "", c.From != "" || c.To != ""; one == pair || pair && (c.From == "" || c.To == "") {
		return fault.New(Usage, "cut: name one connection, or --from and --to").WithHint("signet conns      # lists the live ones")
	}
	who, err := c.asked(ctx, s)
	if err != nil {
		return err
	}
	request := api.CutRequest{Conn: c.Conn, From: c.From, To: c.To, Because: c.Because, Most: unasked}
	if c.Yes {
		request.Most = 0
	}
	var done api.CutDone
	if err := who.post(ctx, api.PathCut, request, &done); err != nil {
		return err
	}
	v := s.view(done.TrustDomain)
	if s.json {
		err = s.printJSON(done)
	} else {
		err = s.print(v.cut(done))
	}
	switch {
	case err != nil:
		return err
	case len(done.Remain) > 0:
		s.steps("next", "bring back the proxies that are not reached, or stop them: until then the connections go on")
		return exitNo
	case len(done.Ended) > 0 && !done.Alone:
		last := done.Ended[0]
		s.steps("keep out", fmt.Sprintf("signet deny %s %s      # what was cut may come back: no rule was changed", v.id(last.From), v.id(last.To)))
	}
	return nil
}

// cut says what a cut did.
func (v view) cut(c api.CutDone) string {
	var p page
	head := "Ended: " + count(len(c.Ended), "connection", "connections") + "."
	switch {
	case len(c.Remain) > 0:
		head = fmt.Sprintf("Ended: %s, but NOT all: %s live still.", count(len(c.Ended), "connection", "connections"), is(len(c.Remain)))
	case len(c.Ended) == 0:
		head = "Nothing to end: no such connection is live."
	}
	p.line("%s   %s", gap(head, 53), v.domain)
	if len(c.Ended) > 0 {
		both := 0
		for _, conn := range c.Ended {
			if conn.Ends >= 2 {
				both++
			}
		}
		how := told(both, len(c.Ended))
		if c.Alone {
			how = "by reset, which the other end sees"
		}
		p.fact("ended", "%s; %s. %s", v.named(c.Ended), how, untouched(c.Others))
	}
	if len(c.Remain) > 0 {
		p.fact("not yet", "%s", v.named(c.Remain))
	}
	for _, missing := range c.Silent {
		p.fact("silent", "%s: %s", v.proxy(missing.Proxy), silence(missing, c.Now))
	}
	return p.String()
}

// is is a number of things that are something.
func is(n int) string {
	if n == 1 {
		return "1 is"
	}
	return thousands(int64(n)) + " are"
}
