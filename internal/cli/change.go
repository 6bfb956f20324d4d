package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
)

type allowCmd struct{ pairArgs }

func (allowCmd) Help() string {
	return "signet allow web orders\nsignet allow batch orders --for 2h --because INC-4411 --dry-run"
}

func (c *allowCmd) run(ctx context.Context, s *shell) error {
	return c.post(ctx, s, api.PathAllow, view.allowed)
}

type denyCmd struct{ pairArgs }

func (denyCmd) Help() string { return `signet deny web orders --because INC-4411` }

func (c *denyCmd) run(ctx context.Context, s *shell) error {
	return c.post(ctx, s, api.PathDeny, view.denied)
}

// pairArgs are the arguments of a change of the policy for a pair.
type pairArgs struct {
	From   string   `arg:"" name:"FROM" help:"Who opens connections: an identity's name, or a SPIFFE ID."`
	To     string   `arg:"" name:"TO" help:"Who receives them."`
	For    lifetime `placeholder:"SPAN" help:"How long the rule holds, such as 2h or 7d; what it allows ends with it. Without it, for good."`
	Anyway bool     `help:"Write the rule though the authority does not know one of the two yet."`
	dryRun
	reason
	operate
	spoken
}

func (c *pairArgs) post(ctx context.Context, s *shell, path string, words func(view, api.Change) changed) error {
	request := api.PairRequest{From: c.From, To: c.To, Because: c.Because, For: time.Duration(c.For), Anyway: c.Anyway, DryRun: c.DryRun}
	return s.changeOf(ctx, c.As, path, request, words)
}

// changeOf asks for a change, and says what it did.
func (s *shell) changeOf(ctx context.Context, as, path string, request any, words func(view, api.Change) changed) error {
	authority, err := s.operator(ctx, as)
	if err != nil {
		return err
	}
	var change api.Change
	if err := authority.post(ctx, path, request, &change); err != nil {
		return err
	}
	return s.showChange(change, words)
}

type revokeCmd struct {
	Who    string `arg:"" name:"WHO" help:"An identity's name, or a SPIFFE ID."`
	Yes    bool   `help:"Confirm an act that removes your own access."`
	Anyway bool   `help:"Revoke the last operator, too: then only the authority's own host makes another."`
	dryRun
	reason
	operate
	spoken
}

func (revokeCmd) Help() string { return `signet revoke web --because "key on a lost laptop"` }

func (c *revokeCmd) run(ctx context.Context, s *shell) error {
	authority, err := s.operator(ctx, c.As)
	if err != nil {
		return err
	}
	who, err := authority.id.TrustDomain().Named(c.Who)
	if err != nil {
		return err
	}
	if who == authority.id && !c.Yes && !c.DryRun {
		return fault.New(WouldRemoveOneself, "%s is the identity that you are using: this would lock you out", c.Who).
			WithHint("signet revoke %s --yes      # if it is meant", quote(c.Who))
	}
	var change api.Change
	if err := authority.post(ctx, api.PathRevoke, api.RevokeRequest{Who: c.Who, Because: c.Because, Anyway: c.Anyway, DryRun: c.DryRun}, &change); err != nil {
		return err
	}
	return s.showChange(change, view.revoked)
}

// changed is what a change says in words of its own.
type changed struct {
	head  string     // the answer, without its full stop
	more  string     // a sentence behind it
	width int        // of both, up to the revision
	rule  string     // the rule that was written
	edits []api.Edit // the rules and groups, where there can be several
	label string     // of the step back
	back  string
}

func (v view) allowed(c api.Change) changed {
	return changed{head: v.headOf(c, "Allowed", "allow", v.pair(c.From, c.To)+v.until(c)), width: 56, rule: c.Rule + inPlaceOf(c.Replaced) + backAfter(c),
		label: "undo", back: undoOf(c)}
}

// undoOf takes a change back.
func undoOf(c api.Change) string { return fmt.Sprintf("signet policy undo %d", c.Revision) }

// headOf is the answer: what was done, or would be.
func (v view) headOf(c api.Change, done, would, what string) string {
	if c.Would != nil {
		return "Would " + would + ": " + what
	}
	return done + ": " + what
}

// until says when a rule for a time ends.
func (v view) until(c api.Change) string {
	if c.Until.IsZero() {
		return ""
	}
	return " until " + endOf(c.Until, time.Now(), v.zone)
}

func (v view) denied(c api.Change) changed {
	said := changed{head: v.headOf(c, "Denied", "deny", v.pair(c.From, c.To)+v.until(c)), width: 56, rule: c.Rule + inPlaceOf(c.Replaced) + "; beats every allow" + backAfter(c),
		label: "undo", back: undoOf(c)}
	if len(c.Revoked) > 0 {
		said.label, said.back = "note", v.id(c.Revoked[0])+" is revoked: no rule lets it in again"
	}
	return said
}

// backAfter says what holds when a rule for a time is over.
func backAfter(c api.Change) string {
	if c.Stays == "" {
		return ""
	}
	return "; " + c.Stays + " stays, and is back then"
}

func inPlaceOf(replaced string) string {
	if replaced == "" {
		return ""
	}
	return ", in place of " + replaced
}

func (v view) revoked(c api.Change) changed {
	who := v.id(c.Who)
	dead := fmt.Sprintf("Its %d certificates are dead and it cannot renew.", c.Certificates)
	switch c.Certificates {
	case 0:
		dead = "It had no certificate and gets none."
	case 1:
		dead = "Its certificate is dead and it cannot renew."
	}
	return changed{head: v.headOf(c, "Revoked", "revoke", who), more: dead, width: 67,
		label: "back in, with a new key", back: "signet restore " + who}
}

// showChange says what a change did, and how far it has come.
func (s *shell) showChange(change api.Change, words func(view, api.Change) changed) error {
	v := s.view(change.TrustDomain)
	said := words(v, change)
	var err error
	if s.json {
		err = s.printJSON(change)
	} else {
		err = s.print(v.change(change, said, time.Now()))
	}
	switch {
	case err != nil || change.Would != nil:
		return err
	case nobodyLeft(change):
		s.steps("next", v.startOver())
		return exitNo
	case !everywhere(change):
		s.steps("next", missingSteps(change)...)
		return exitNo
	case !change.Unchanged:
		s.steps(said.label, said.back)
	}
	return nil
}

// startOver is the step where every proxy is revoked.
func (v view) startOver() string {
	return "signet identity list      # which proxies are revoked; signet restore PROXY lets one come back, with a new key"
}

// nobodyLeft reports whether every proxy that there was is revoked.
func nobodyLeft(c api.Change) bool { return c.Proxies == 0 && c.Barred > 0 }

// everywhere reports whether all proxies that can have a change do.
func everywhere(c api.Change) bool { return c.InForce == c.Proxies && !nobodyLeft(c) }

// change writes the page of a change.
func (v view) change(c api.Change, said changed, now time.Time) string {
	if c.Would != nil {
		return v.foresight(c, said)
	}
	head := said.head + "."
	switch {
	case nobodyLeft(c):
		head = said.head + ", but NO proxy is left to enforce it."
	case !everywhere(c):
		head = said.head + ", but NOT in force everywhere yet."
	case c.Unchanged:
		head = said.head + ", as before: nothing changed."
	case said.more != "":
		head += " " + said.more
	}
	var p page
	p.line("%s   revision %d, %s", gap(head, said.width-3), c.Revision, v.domain)
	if said.rule != "" {
		p.fact("rule", "%s", said.rule)
	}
	p.edits(said.edits)
	if len(c.NamedBy) > 0 {
		p.fact("named by", "%s: as before, and so for whoever joins under that name", strings.Join(c.NamedBy, ", "))
	}
	p.fact("in force", "%s", v.inForce(c))
	for _, missing := range c.Missing {
		p.fact("not yet", "%s: %s", v.proxy(missing.Proxy), silence(missing, now))
	}
	if ended := v.ended(c); ended != "" {
		p.fact("ended", "%s", ended)
	}
	return p.String()
}

// inForce says how many proxies have a change, and after how long.
func (v view) inForce(c api.Change) string {
	switch {
	case nobodyLeft(c):
		return "nowhere: every proxy is revoked; one that does not obey can go on until its certificates end"
	case c.Proxies == 0:
		return "nowhere: no proxy has enrolled yet"
	}
	text := fmt.Sprintf("%d of %s", c.InForce, count(c.Proxies, "proxy", "proxies"))
	if c.After > 0 {
		text += ", after " + milliseconds(c.After)
	}
	if !everywhere(c) && len(c.Ended) > 0 {
		text += fmt.Sprintf("; %s ended there", count(len(c.Ended), "connection", "connections"))
	}
	return text
}

// ended tells which connections a change ended, and who knows of it.
func (v view) ended(c api.Change) string {
	switch {
	case !everywhere(c) || len(c.Ended) == 0 && (!c.WhoIsProxy || c.Unchanged):
		return ""
	case len(c.Ended) == 0:
		return fmt.Sprintf("none that another proxy carried; what %s ended itself it may not report", v.id(c.Who))
	}
	both := 0
	for _, conn := range c.Ended {
		if conn.Ends >= 2 {
			both++
		}
	}
	told := told(both, len(c.Ended))
	if c.WhoIsProxy {
		told = fmt.Sprintf("the other ends told this: %s may not report", v.id(c.Who))
	}
	return fmt.Sprintf("%d: %s; %s. %s", len(c.Ended), v.named(c.Ended), told, untouched(c.Others))
}

// named lists connections by their IDs, the first few of many.
func (v view) named(conns []api.EndedConn) string {
	const most = 3
	ids := make([]string, len(conns))
	for i, conn := range conns {
		ids[i] = conn.ID
	}
	short := prefixes(ids)
	var named []string
	for _, conn := range conns[:min(len(conns), most)] {
		named = append(named, short[conn.ID]+" "+v.pair(conn.From, conn.To))
	}
	if rest := len(conns) - most; rest > 0 {
		named = append(named, fmt.Sprintf("and %d more", rest))
	}
	return strings.Join(named, ", ")
}

// untouched says how many connections went on.
func untouched(others int) string {
	if others == 0 {
		return "No others were open"
	}
	return count(others, "other", "others") + " untouched"
}

// told says whether both ends of the ended connections confirmed it. Where every
// proxy has the change in force, an end that did not is at none of them: a
// client of its own.
func told(both, all int) string {
	switch both {
	case all:
		return "both ends were told"
	case 0:
		return "the other end is at no proxy, and was reset"
	}
	return fmt.Sprintf("both ends of %d were told; of the others one end is at no proxy, and was reset", both)
}

// missingSteps says what brings a change into force where it is not.
func missingSteps(change api.Change) (steps []string) {
	if slices.ContainsFunc(change.Missing, func(m api.Missing) bool { return m.Rival == "" }) || len(change.Missing) == 0 {
		steps = append(steps, "bring back the proxies that are not reached: each gets the change as soon as it is back")
	}
	if slices.ContainsFunc(change.Missing, func(m api.Missing) bool { return m.Rival != "" }) {
		steps = append(steps, "stop the second process of a name, or revoke the name if nobody of yours made the copy; it counts for two minutes after its last try")
	}
	return steps
}
