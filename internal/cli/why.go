package cli

import (
	"context"
	"net/url"
	"regexp"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
)

type whyCmd struct {
	What string `arg:"" name:"CONN, FROM or CODE" help:"The ID of a connection, or its beginning; who opens connections; or the code in brackets at the end of an error."`
	To   string `arg:"" optional:"" name:"TO" help:"Who receives them, after FROM."`
	inquire
	spoken
}

func (whyCmd) Help() string {
	return "signet why web orders\nsignet why c4f2\nsignet why chain_incomplete"
}

// connectionID matches the beginning of a connection's ID; the authority says where that
// is too short. No code looks like it; a test holds them apart.
var connectionID = regexp.MustCompile(`^c[0-9a-f]{0,32}$`)

// run decides by the form of the arguments: two are a pair; one that begins a
// connection's ID is a connection; every other is a code.
func (c *whyCmd) run(ctx context.Context, s *shell) error {
	switch {
	case c.To != "":
		return c.pair(ctx, s)
	case connectionID.MatchString(c.What):
		return c.connection(ctx, s)
	}
	return c.code(s)
}

func (c *whyCmd) pair(ctx context.Context, s *shell) error {
	who, err := c.asked(ctx, s)
	if err != nil {
		return err
	}
	var pair api.Pair
	if err := who.get(ctx, api.PathPair, url.Values{"from": {c.What}, "to": {c.To}}, &pair); err != nil {
		return err
	}
	if s.json {
		err = s.printJSON(pair)
	} else {
		err = s.print(s.view(pair.TrustDomain).whyPair(pair))
	}
	if missing, _ := s.view(pair.TrustDomain).missing(pair); err != nil || pair.Allowed && missing == "" {
		return err
	}
	s.steps("next", s.view(pair.TrustDomain).remedy(pair))
	return exitNo
}

func (c *whyCmd) connection(ctx context.Context, s *shell) error {
	who, err := c.asked(ctx, s)
	if err != nil {
		return err
	}
	var history api.History
	if err := who.get(ctx, api.PathConn, url.Values{"id": {c.What}}, &history); err != nil {
		return err
	}
	if s.json {
		return s.printJSON(history)
	}
	return s.print(s.view(history.TrustDomain).whyConn(history))
}

// meaning is a code for programs.
type meaning struct {
	Code    fault.Code `json:"code"`
	Meaning string     `json:"meaning"`
	Cause   string     `json:"cause"`
	Next    string     `json:"next"`
}

func (c *whyCmd) code(s *shell) error {
	code := fault.Code(strings.Trim(c.What, "[]"))
	for _, entry := range registry() {
		if entry.Code != code {
			continue
		}
		if s.json {
			return s.printJSON(meaning(entry))
		}
		var p page
		p.line("%s: %s", entry.Code, entry.Meaning)
		p.line("")
		p.fact("cause", "%s", entry.Cause)
		p.fact("next", "%s", s.own(entry.Next))
		return s.print(p.String())
	}
	return fault.New(CodeUnknown, "%q is neither a code nor the ID of a connection", c.What).
		WithHint("signet conns      # lists connections; a code stands in brackets at the end of an error")
}
