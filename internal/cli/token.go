package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
)

// tokenCmds are the commands of tokens.
type tokenCmds struct {
	New tokenNewCmd `cmd:"" help:"make a token, by which a host, a service or an operator joins once"`
}

type tokenNewCmd struct {
	Who   string        `arg:"" name:"WHO" help:"Who joins: the name of a service, proxy/NAME for a host's proxy, or operator/NAME."`
	Kind  string        `enum:"service,proxy,operator," default:"" placeholder:"KIND" help:"service, proxy or operator: refused where the name says otherwise."`
	Holds []string      `sep:"," placeholder:"NAMES" help:"The services whose identities a proxy may hold, with commas between them; those that are not known yet are entered."`
	For   time.Duration `default:"10m" placeholder:"TIME" help:"How long the token is good: ten minutes at most, such as 90s."`
	Again bool          `help:"For an identity that has joined before: a host that was away too long, or one more."`
	operate
	terse
}

func (tokenNewCmd) Help() string {
	return "signet token new proxy/edge-1 --holds orders,web\nsignet token new operator/ann\nsignet token new proxy/edge-1 --again"
}

func (c *tokenNewCmd) run(ctx context.Context, s *shell) error {
	authority, err := s.operator(ctx, c.As)
	if err != nil {
		return err
	}
	var made api.TokenMade
	request := api.TokenRequest{Who: c.Who, Kind: c.Kind, Holds: c.Holds, For: c.For, Again: c.Again}
	if err := authority.post(ctx, api.PathToken, request, &made); err != nil {
		return err
	}
	if s.json {
		return s.printJSON(made)
	}
	if err := s.print(made.Token + "\n"); err != nil {
		return err
	}
	domain := made.ID.TrustDomain()
	who := made.ID.Short(domain)
	var entered []string
	for _, id := range made.New {
		if id != made.ID {
			entered = append(entered, id.Short(domain))
		}
	}
	step := fmt.Sprintf("signet enroll      # on %s host, with this on its standard input; good once, until %s", possessive(who), endOf(made.Expires, time.Now(), s.zone))
	s.steps("next", step)
	if len(entered) > 0 {
		s.steps("note", "new besides "+who+": "+strings.Join(entered, ", "))
	}
	return nil
}
