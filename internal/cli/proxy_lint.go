package cli

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/verify"
)

type proxyLintCmd struct {
	configured
	terse
}

func (proxyLintCmd) Help() string { return "signet proxy lint --config proxy.toml" }

// proxyLint is the answer for programs.
type proxyLint struct {
	Config      string `json:"config"`
	TrustDomain string `json:"trust_domain"`
	Authority   string `json:"authority,omitempty"`
	Rules       int    `json:"rules"`
	Services    int    `json:"services"`
	Doors       int    `json:"doors"`
}

// vouched refuses an identity that nobody with these roots would believe.
func (p *plan) vouched(files *agent.Files) error {
	for i, held := range p.files.Held {
		credential, err := files.Source(held.ID).Credential()
		if err == nil {
			_, err = verify.Verify(credential.Chain, verify.Options{Roots: files.Roots(), Name: verify.ID(held.ID), Purpose: verify.AnyPurpose})
		}
		if err != nil {
			return at(p.file.Place(fmt.Sprintf("identity[%d].file", i)), err)
		}
	}
	return nil
}

// run reads all that a start would read, and opens no port.
func (c *proxyLintCmd) run(_ context.Context, s *shell) error {
	plan, err := readPlan(c.Config, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	answer := proxyLint{Config: c.Config, TrustDomain: plan.domain.String(), Services: len(plan.proxy.Services), Doors: len(plan.proxy.Doors)}
	var files *agent.Files
	if plan.home != nil {
		answer.Authority = plan.home.Authority
	} else {
		if files, err = agent.OpenFiles(plan.files); err != nil {
			return err
		}
		if err := plan.vouched(files); err != nil {
			return err
		}
		answer.Rules = files.Rules()
	}
	if s.json {
		return s.printJSON(answer)
	}
	var p page
	p.headline("Yes: "+c.Config+" can be served: "+count(answer.Services, "service", "services")+" and "+count(answer.Doors, "door", "doors")+" of "+answer.TrustDomain+".", "")
	if files != nil {
		for i, held := range plan.files.Held {
			credential, err := files.Source(held.ID).Credential()
			if err != nil {
				return err
			}
			p.row("identity", plan.file.Identities[i].Name+", in "+plan.file.Identities[i].File+", "+verify.Between(time.Now(), credential.Leaf().NotAfter())+" left", "ok")
		}
		p.row("roots", plan.file.Roots, "ok")
		p.row("policy", count(answer.Rules, "rule", "rules")+" in "+plan.file.Policy, "ok")
	} else {
		p.row("authority", answer.Authority+", by the host folder "+plan.file.Host, "not checked")
		p.row("identities", "that "+plan.home.ID().Path()+" may hold them, its authority alone knows: signet identity list "+plan.home.ID().Path(), "not checked")
	}
	p.line("")
	plan.describe(&p)
	return s.print(p.String())
}
