package cli

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// identityCmds are the commands of identities.
type identityCmds struct {
	List   identityListCmd   `cmd:"" args:"[NAME…]" help:"who there is, what they hold, and until when"`
	Remove identityRemoveCmd `cmd:"" help:"forget a name that nobody has"`
}

type identityListCmd struct {
	Names []string `arg:"" optional:"" name:"NAME" help:"Only these."`
	operate
	spoken
}

func (identityListCmd) Help() string {
	return "signet identity list\nsignet identity list web proxy/edge-1"
}

func (c *identityListCmd) run(ctx context.Context, s *shell) error {
	authority, err := s.operator(ctx, c.As)
	if err != nil {
		return err
	}
	var known api.Identities
	if err := authority.get(ctx, api.PathIdentities, url.Values{"name": c.Names}, &known); err != nil {
		return err
	}
	if s.json {
		return s.printJSON(known)
	}
	return s.print(s.view(known.TrustDomain).identities(known))
}

type identityRemoveCmd struct {
	Who string `arg:"" name:"NAME" help:"An identity that never joined, was away until its certificates ended, or was revoked."`
	dryRun
	reason
	operate
	spoken
}

func (identityRemoveCmd) Help() string { return "signet identity remove proxy/edge-4" }

func (c *identityRemoveCmd) run(ctx context.Context, s *shell) error {
	return s.changeOf(ctx, c.As, api.PathRemove, api.RevokeRequest{Who: c.Who, Because: c.Because, DryRun: c.DryRun}, view.removed)
}

func (v view) removed(c api.Change) changed {
	return changed{head: v.headOf(c, "Removed", "remove", v.id(c.Who)), more: "Nobody has that name any more.", width: 67,
		label: "back, as somebody new", back: "signet token new " + v.id(c.Who)}
}

// identities writes the table of who there is.
func (v view) identities(known api.Identities) string {
	var p page
	rows := [][]string{{"NAME", "KIND", "HOLDS", "HELD BY", "CERTIFICATE", "NOTE"}}
	for _, i := range known.Identities {
		rows = append(rows, []string{v.id(i.ID), i.Kind, v.names(i.Holds), v.names(i.HeldBy), v.certificates(i, known.Now), v.noteOf(i, known.Now)})
	}
	p.table(rows)
	p.line("")
	p.line("%s of %s (revision %d).", count(len(known.Identities), "identity", "identities"), v.domain, known.Revision)
	return p.String()
}

// certificates says until when somebody is somebody.
func (v view) certificates(i api.IdentityInfo, now time.Time) string {
	switch {
	case i.Revoked != nil:
		return "dead"
	case i.Certificates == 0:
		return "none"
	}
	text := "good for " + verify.Span(i.NotAfter.Sub(now))
	if i.Certificates > 1 {
		text = fmt.Sprintf("%d, the last %s", i.Certificates, text)
	}
	return text
}

// noteOf says what else is to be known.
func (v view) noteOf(i api.IdentityInfo, now time.Time) string {
	var notes []string
	if i.Revoked != nil {
		notes = append(notes, "revoked "+ago(now.Sub(i.Revoked.At))+v.cause(*i.Revoked))
	} else if i.Restored != nil {
		notes = append(notes, "restored "+ago(now.Sub(i.Restored.At))+v.cause(*i.Restored)+"; was revoked in revision "+thousands(i.Was.Revision)+v.cause(*i.Was))
	}
	if i.Connected {
		notes = append(notes, "connected")
	}
	if !i.Token.IsZero() {
		notes = append(notes, "can join until "+endOf(i.Token, now, v.zone)+", by a token")
	}
	return strings.Join(notes, "; ")
}

// names lists identities, the first few of many.
func (v view) names(ids []spiffeid.ID) string {
	const most = 5
	var names []string
	for _, id := range ids[:min(len(ids), most)] {
		names = append(names, v.id(id))
	}
	if rest := len(ids) - most; rest > 0 {
		names = append(names, fmt.Sprintf("and %d more", rest))
	}
	return strings.Join(names, ", ")
}

// table writes rows below one another, and leaves out columns that have nothing but a
// heading.
func (p *page) table(rows [][]string) {
	var kept []int
	for column := range rows[0] {
		if slices.ContainsFunc(rows[1:], func(row []string) bool { return row[column] != "" }) || column == 0 {
			kept = append(kept, column)
		}
	}
	var text strings.Builder
	out := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for _, column := range kept {
			out.Write([]byte(clean(row[column]) + "\t")) // a text takes everything
		}
		out.Write([]byte("\n"))
	}
	out.Flush()
	for line := range strings.Lines(text.String()) {
		p.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
}

// grantArgs are the arguments of a change of what a proxy may hold.
type grantArgs struct {
	Proxy    string `arg:"" name:"PROXY" help:"A host's proxy: proxy/NAME."`
	Identity string `arg:"" name:"NAME" help:"The service whose identity it is about."`
	dryRun
	reason
	operate
	spoken
}

func (c *grantArgs) post(ctx context.Context, s *shell, path string, words func(view, api.Change) changed) error {
	return s.changeOf(ctx, c.As, path, api.GrantRequest{Proxy: c.Proxy, Identity: c.Identity, Because: c.Because, DryRun: c.DryRun}, words)
}

type grantCmd struct{ grantArgs }

func (grantCmd) Help() string { return "signet grant proxy/edge-1 web" }

func (c *grantCmd) run(ctx context.Context, s *shell) error {
	return c.post(ctx, s, api.PathGrant, view.granted)
}

type ungrantCmd struct{ grantArgs }

func (ungrantCmd) Help() string { return "signet ungrant proxy/edge-1 web --because INC-4411" }

func (c *ungrantCmd) run(ctx context.Context, s *shell) error {
	return c.post(ctx, s, api.PathUngrant, view.ungranted)
}

func (v view) granted(c api.Change) changed {
	return changed{head: v.headOf(c, "Granted", "grant", fmt.Sprintf("%s may hold %s", v.id(c.Proxy), v.id(c.Who))), width: 56,
		label: "undo", back: fmt.Sprintf("signet ungrant %s %s", v.id(c.Proxy), v.id(c.Who))}
}

func (v view) ungranted(c api.Change) changed {
	said := changed{head: v.headOf(c, "Taken back", "take back", fmt.Sprintf("%s may not hold %s", v.id(c.Proxy), v.id(c.Who))), width: 67,
		label: "undo", back: fmt.Sprintf("signet grant %s %s", v.id(c.Proxy), v.id(c.Who))}
	said.more = v.killed(c.Certificates, "that it had of it")
	return said
}

// killed says how many certificates are dead.
func (v view) killed(n int, which string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "The certificate " + which + " is dead."
	}
	return fmt.Sprintf("The %d certificates %s are dead.", n, which)
}

type restoreCmd struct {
	Who string `arg:"" name:"WHO" help:"An identity that was revoked."`
	dryRun
	reason
	operate
	spoken
}

func (restoreCmd) Help() string {
	return `signet restore web --because "the laptop was found, and wiped"`
}

func (c *restoreCmd) run(ctx context.Context, s *shell) error {
	return s.changeOf(ctx, c.As, api.PathRestore, api.RevokeRequest{Who: c.Who, Because: c.Because, DryRun: c.DryRun}, view.restored)
}

// stayDead says what does not come back.
func stayDead(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "; the one that it had stays dead"
	}
	return fmt.Sprintf("; the %d that it had stay dead", n)
}

func (v view) restored(c api.Change) changed {
	who := v.id(c.Who)
	said := changed{head: v.headOf(c, "Restored", "restore", who), more: "It may get certificates again" + stayDead(c.Certificates) + ".", width: 67,
		label: "back in, with a new key", back: fmt.Sprintf("signet token new %s --again | signet enroll", who)}
	if strings.HasPrefix(who, "operator/") {
		said.back += "      # in a folder of its own; what the authority's machine keeps, signet authority serve renews, started anew"
	}
	if len(c.HeldBy) > 0 {
		said.label, said.back = "note", fmt.Sprintf("%s, which may hold it, has a new certificate of it at once; a host of its own: signet token new %s --again | signet enroll", v.names(c.HeldBy), who)
	}
	return said
}
