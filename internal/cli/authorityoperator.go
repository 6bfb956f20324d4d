package cli

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

type authorityOperatorCmd struct {
	Name string `arg:"" name:"NAME" help:"The operator's name, with or without operator/ before it."`
	reason
	secret
	terse
}

func (authorityOperatorCmd) Help() string {
	return `signet authority operator bob --because "the last operator has left"`
}

func (c *authorityOperatorCmd) run(ctx context.Context, s *shell) error {
	home, err := s.authorityFolder()
	if err != nil {
		return err
	}
	name := "operator/" + strings.TrimPrefix(c.Name, "operator/")
	id, err := home.domain.ID(name)
	if err != nil {
		return err
	}
	p := &plane{planeConfig: planeConfig{dir: home.dir, domain: home.domain, logger: slog.New(slog.DiscardHandler)}}
	if err := p.open(ctx); err != nil {
		return err
	}
	defer p.close()
	if !p.founded() {
		return fault.New(DataUnreadable, "%s is empty: no authority was made there", home.dir).WithHint("signet authority init %s", home.domain)
	}
	if err := p.openCA(c.orCredential().asker(ctx, s, "the authority's keys")); err != nil {
		return err
	}
	if err := p.makeAuthority(); err != nil {
		return err
	}
	credential, revision, err := p.authority.MakeOperator(ctx, id, c.Because)
	if err != nil {
		return err
	}
	data, err := credential.PEM()
	if err != nil {
		return err
	}
	file := filepath.Join(identityFolder, name+".pem")
	if err := p.write(file, data); err != nil {
		return err
	}
	return c.made(s, p, madeOperator{id, revision, credential.Leaf().NotAfter(), filepath.Join(p.dir, file)})
}

// madeOperator is the answer for programs.
type madeOperator struct {
	ID       spiffeid.ID `json:"id"`
	Revision int64       `json:"revision"`
	NotAfter time.Time   `json:"not_after"`
	File     string      `json:"file"`
}

func (c *authorityOperatorCmd) made(s *shell, p *plane, made madeOperator) error {
	if s.json {
		return s.printJSON(made)
	}
	var out page
	out.headline("Made: "+made.ID.Path()+" of "+p.domain.String()+", in revision "+thousands(made.Revision)+".", "")
	out.fact("file", "%s, with its key; authority serve renews it", tilde(made.File))
	out.fact("good for", "%s", verify.Span(time.Until(made.NotAfter).Round(time.Minute)))
	if err := s.print(out.String()); err != nil {
		return err
	}
	s.steps("next", "signet authority serve"+c.words(), "signet identity list --as "+made.ID.Path()+"      # in another terminal")
	return nil
}
