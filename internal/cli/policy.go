package cli

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

// policyCmds are the commands for rules as text.
type policyCmds struct {
	Show policyShowCmd `cmd:"" help:"every rule and group, as text"`
	Edit policyEditCmd `cmd:"" args:"FILE" help:"make a file's rules and groups the policy"`
	Lint policyLintCmd `cmd:"" args:"FILE…" help:"are these files valid policies?"`
	Test policyTestCmd `cmd:"" args:"FILE" help:"does the policy decide as this file of cases says?"`
	Diff policyDiffCmd `cmd:"" args:"FILE" help:"what would change with a file's rules and groups"`
	Undo policyUndoCmd `cmd:"" args:"REVISION" help:"take back what a revision changed in rules and groups"`
}

type policyShowCmd struct {
	operate
	spoken
}

func (policyShowCmd) Help() string { return "signet policy show" }

func (c *policyShowCmd) run(ctx context.Context, s *shell) error {
	authority, err := s.operator(ctx, c.As)
	if err != nil {
		return err
	}
	var have api.Policy
	if err := authority.get(ctx, api.PathPolicy, nil, &have); err != nil {
		return err
	}
	if s.json {
		return s.printJSON(have)
	}
	return s.print(s.view(have.TrustDomain).policyText(have))
}

// editedFrom is how the first line of a policy that was shown says its revision.
var editedFrom = regexp.MustCompile(`^// The policy of [^ ]+, revision (\d+)\.`)

// policyText writes the policy as a file that policy edit takes.
func (v view) policyText(have api.Policy) string {
	var file policy.File
	origins := map[string]api.Origin{}
	for _, g := range have.Groups {
		file.Groups = append(file.Groups, policy.Group(g.Group))
		origins["group "+g.Name] = g.Origin
	}
	for _, r := range have.Rules {
		file.Rules = append(file.Rules, policy.Rule(r.Rule))
		origins["rule "+r.Name] = r.Origin
	}
	text := fmt.Sprintf("// The policy of %s, revision %d. What no rule allows is denied.\n", have.TrustDomain, have.Revision)
	if len(have.Rules)+len(have.Groups) == 0 {
		return text
	}
	return text + "\n" + file.Write(have.TrustDomain, func(what, name string) string {
		origin := origins[what+" "+name]
		text := fmt.Sprintf("revision %d, by %s", origin.Since, v.by(origin.By))
		if origin.Because != "" {
			text += fmt.Sprintf(": %q", origin.Because)
		}
		return text
	})
}

// policyFile reads a file of rules and groups.
func (s *shell) policyFile(path string, domain spiffeid.TrustDomain) (*policy.File, string, error) {
	data, err := s.read(path, api.MaxUpdate)
	if err != nil {
		return nil, "", err
	}
	file, err := policy.ParseFile(string(data), domain)
	if err == nil {
		_, err = file.Set()
	}
	return file, string(data), inFile(err, path)
}

// fileArg is the argument of a command that reads a policy.
type fileArg struct {
	File string `arg:"" name:"FILE" help:"Rules and groups, as policy show writes them; - is standard input."`
}

type policyEditCmd struct {
	fileArg
	dryRun
	reason
	operate
	spoken
}

func (policyEditCmd) Help() string {
	return "signet policy edit policy.cedar --because INC-4411"
}

func (c *policyEditCmd) run(ctx context.Context, s *shell) error {
	return s.offerPolicy(ctx, c.As, c.File, c.Because, c.DryRun)
}

type policyDiffCmd struct {
	fileArg
	operate
	spoken
}

func (policyDiffCmd) Help() string { return "signet policy diff policy.cedar" }

func (c *policyDiffCmd) run(ctx context.Context, s *shell) error {
	return s.offerPolicy(ctx, c.As, c.File, "", true)
}

// offerPolicy has the authority make a file the policy, or say what that would
// do.
func (s *shell) offerPolicy(ctx context.Context, as, path, because string, dry bool) error {
	authority, err := s.operator(ctx, as)
	if err != nil {
		return err
	}
	file, text, err := s.policyFile(path, authority.id.TrustDomain())
	if err != nil {
		return err
	}
	if strings.TrimSpace(text) == "" { // such as of a command before a pipe that failed
		return fault.New(policy.InvalidRule, "%s is empty: as the policy it would end everything that is allowed", fileTitle(path)).
			WithHint("write a comment into it if that is meant: // nothing is allowed")
	}
	request := api.Policy{Because: because, DryRun: dry, Rules: []api.PolicyRule{}, Groups: []api.PolicyGroup{}}
	if from := editedFrom.FindStringSubmatch(text); from != nil {
		request.Revision, _ = strconv.ParseInt(from[1], 10, 64) // of too many digits it is the largest, which nothing is later than
	}
	for _, r := range file.Rules {
		request.Rules = append(request.Rules, api.PolicyRule{Rule: api.Rule(r)})
	}
	for _, g := range file.Groups {
		request.Groups = append(request.Groups, api.PolicyGroup{Group: api.Group(g)})
	}
	var change api.Change
	if err := authority.post(ctx, api.PathPolicy, request, &change); err != nil {
		return err
	}
	return s.showChange(change, view.edited)
}

func (v view) edited(c api.Change) changed {
	return changed{head: v.headOf(c, "Changed", "change", tally(c.Edits)), width: 56, edits: c.Edits, label: "undo", back: undoOf(c)}
}

type policyUndoCmd struct {
	Revision int64 `arg:"" name:"REVISION" help:"The revision whose change is taken back; it gets a new one."`
	dryRun
	reason
	operate
	spoken
}

func (policyUndoCmd) Help() string { return "signet policy undo 2" }

func (c *policyUndoCmd) run(ctx context.Context, s *shell) error {
	authority, err := s.operator(ctx, c.As)
	if err != nil {
		return err
	}
	var change api.Change
	request := api.UndoRequest{Revision: c.Revision, Because: c.Because, DryRun: c.DryRun}
	if err := authority.post(ctx, api.PathUndo, request, &change); err != nil {
		return err
	}
	return s.showChange(change, view.undone)
}

func (v view) undone(c api.Change) changed {
	return changed{head: v.headOf(c, "Undone", "undo", fmt.Sprintf("revision %d", c.Undone)), width: 56, edits: c.Edits, label: "undo", back: undoOf(c)}
}
