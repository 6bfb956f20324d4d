package cli

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/spiffeid"
)

// tokenCmds are the commands of tokens.
type tokenCmds struct {
	New    tokenNewCmd    `cmd:"" help:"make a token, by which a host, a service or an operator joins once"`
	List   tokenListCmd   `cmd:"" help:"the tokens by which somebody can still join"`
	Cancel tokenCancelCmd `cmd:"" args:"ID | WHO" help:"take tokens back that were not used"`
}

type tokenNewCmd struct {
	Who   string        `arg:"" name:"WHO" help:"Who joins: the name of a service, proxy/NAME for a host's proxy, or operator/NAME."`
	Kind  string        `enum:"service,proxy,operator," default:"" placeholder:"KIND" help:"service, proxy or operator: refused where the name says otherwise."`
	Holds []string      `sep:"," placeholder:"NAMES" help:"The services whose identities a proxy may hold once it has joined, with commas between them; those that are not known yet are entered."`
	For   time.Duration `default:"10m" placeholder:"TIME" help:"How long the token is good: ten minutes at most, such as 90s."`
	Out   string        `placeholder:"FILE" help:"Write the token to a new file, for its owner alone, and not to standard output."`
	Again bool          `help:"For an identity that is there already: a host that was away too long, or one more. Another operator takes the place of the one that there is, whose certificates are dead then."`
	force
	operate
	terse
}

func (tokenNewCmd) Help() string {
	return "signet token new proxy/edge-1 --holds orders,web\nsignet token new proxy/edge-2 --out edge-2.token\nsignet token new operator/ann\nsignet token new proxy/edge-1 --again"
}

func (c *tokenNewCmd) run(ctx context.Context, s *shell) error {
	if c.Out != "" { // before a token is made that nobody would see
		if err := c.mayWrite(s, nil, c.Out); err != nil {
			return err
		}
	}
	authority, err := s.operator(ctx, c.As)
	if err != nil {
		return err
	}
	var made api.TokenMade
	request := api.TokenRequest{Who: c.Who, Kind: c.Kind, Holds: c.Holds, For: c.For, Again: c.Again}
	if err := authority.post(ctx, api.PathToken, request, &made); err != nil {
		return err
	}
	domain := made.ID.TrustDomain()
	who := made.ID.Short(domain)
	into := "with this on its standard input"
	if c.Out != "" && c.Out != standardOutput {
		if err := c.save(s, product{c.Out, []byte(made.Token + "\n"), atomicfile.Private}); err != nil {
			return err
		}
		made.Token, made.File, into = "", c.Out, "with "+tilde(c.Out)+" on its standard input"
	}
	if s.json {
		return s.printJSON(made)
	}
	answer := made.Token + "\n"
	if made.File != "" {
		answer = fmt.Sprintf("Made: a token for %s, in %s, for its owner alone.\n", who, tilde(c.Out))
	}
	if err := s.print(answer); err != nil {
		return err
	}
	var entered []string
	for _, id := range made.New {
		if id != made.ID {
			entered = append(entered, id.Short(domain))
		}
	}
	step := fmt.Sprintf("signet enroll      # on %s host, %s; good once, until %s", possessive(who), into, endOf(made.Expires, time.Now(), s.zone))
	s.steps("next", step)
	if made.Replaces {
		s.steps("note", "whoever joins by it takes the place of "+who+", whose certificates are dead from then on; until then: signet token cancel "+who)
	}
	if len(entered) > 0 {
		s.steps("note", "new besides "+who+": "+strings.Join(entered, ", "))
	}
	return nil
}

type tokenListCmd struct {
	All bool `help:"Those by which nobody can join any more, too, as far as they are remembered."`
	operate
	spoken
}

func (tokenListCmd) Help() string { return "signet token list\nsignet token list --all" }

func (c *tokenListCmd) run(ctx context.Context, s *shell) error {
	authority, err := s.operator(ctx, c.As)
	if err != nil {
		return err
	}
	var known api.Tokens
	if err := authority.get(ctx, api.PathTokens, url.Values{"all": {strconv.FormatBool(c.All)}}, &known); err != nil {
		return err
	}
	if s.json {
		return s.printJSON(known)
	}
	return s.print(s.view(known.TrustDomain).tokens(known))
}

// tokens writes the table of tokens.
func (v view) tokens(known api.Tokens) string {
	var p page
	open := 0
	rows := [][]string{{"ID", "WHO", "HOLDS", "GOOD UNTIL", "BY", "NOTE"}}
	for _, t := range known.Tokens {
		note, until := "", endOf(t.Expires, known.Now, v.zone)
		switch {
		case t.Code != "":
			note, until = t.Reason+"  ["+t.Code+"]", ""
		case t.Replaces:
			note = "takes the place of who is there"
		}
		if t.Code == "" {
			open++
		}
		rows = append(rows, []string{t.ID, v.id(t.Who), v.names(t.Holds), until, v.by(t.By), note})
	}
	if len(rows) > 1 {
		p.table(rows)
		p.line("")
	}
	if open == 0 {
		p.line("No token is open: nobody can join.")
		return p.String()
	}
	p.line("%s open.", count(open, "token is", "tokens are"))
	return p.String()
}

type tokenCancelCmd struct {
	Which string `arg:"" name:"ID|WHO" help:"The ID of a token, as token list shows it, or its beginning; or a name: all that are open for it."`
	reason
	operate
	spoken
}

func (tokenCancelCmd) Help() string {
	return "signet token cancel proxy/edge-1\nsignet token cancel 3f9a1c20"
}

func (c *tokenCancelCmd) run(ctx context.Context, s *shell) error {
	authority, err := s.operator(ctx, c.As)
	if err != nil {
		return err
	}
	var cancelled api.Tokens
	if err := authority.post(ctx, api.PathCancel, api.CancelRequest{Which: c.Which, Because: c.Because}, &cancelled); err != nil {
		return err
	}
	if s.json {
		return s.printJSON(cancelled)
	}
	v := s.view(cancelled.TrustDomain)
	if err := s.print(v.cancelled(cancelled)); err != nil {
		return err
	}
	idle, err := authority.idle(ctx, cancelled.Tokens)
	if err != nil || len(idle) == 0 {
		return err
	}
	s.steps("next", "signet identity remove "+v.id(idle[0])+"      # if nobody is to have that name; nobody has "+v.names(idle))
	return nil
}

// idle lists those whom tokens were for, and whom they were to hold, that nobody is.
func (o *operator) idle(ctx context.Context, tokens []api.TokenInfo) (idle []spiffeid.ID, err error) {
	var names []string
	for _, t := range tokens {
		for _, id := range append([]spiffeid.ID{t.Who}, t.Holds...) {
			if name := id.String(); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	var known api.Identities
	if err := o.get(ctx, api.PathIdentities, url.Values{"name": names}, &known); err != nil {
		return nil, err
	}
	for _, i := range known.Identities {
		if i.Certificates == 0 && len(i.Holds)+len(i.HeldBy) == 0 && i.Token.IsZero() && i.Revoked == nil {
			idle = append(idle, i.ID)
		}
	}
	return idle, nil
}

// cancelled says what was taken back.
func (v view) cancelled(c api.Tokens) string {
	var p page
	p.line("Cancelled: %s. Nobody joins by %s.", count(len(c.Tokens), "token", "tokens"), map[bool]string{true: "it", false: "them"}[len(c.Tokens) == 1])
	for _, t := range c.Tokens {
		p.fact(t.ID, "for %s, by %s", v.id(t.Who), v.by(t.By))
	}
	return p.String()
}
