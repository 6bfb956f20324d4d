package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

type policyLintCmd struct {
	Files []string `arg:"" name:"FILE" help:"Rules and groups, as policy show writes them; - is standard input."`
	terse
}

func (policyLintCmd) Help() string { return "signet policy lint policy.cedar" }

// lintDomain makes short names of members whole where no trust domain is known:
// whether a policy is valid does not depend on it.
const lintDomain = "lint.invalid"

func (c *policyLintCmd) run(_ context.Context, s *shell) error {
	domain, err := s.anyDomain()
	if err != nil {
		return err
	}
	var valid []lintedFile
	for _, path := range c.Files {
		file, _, err := s.policyFile(path, domain)
		if err != nil {
			return err
		}
		valid = append(valid, lintedFile{asWritten(path), len(file.Rules), len(file.Groups)})
	}
	if s.json {
		return s.printJSON(valid)
	}
	var p page
	for _, f := range valid {
		p.line("Yes: %s is valid: %s, %s.", f.File, count(f.Rules, "rule", "rules"), count(f.Groups, "group", "groups"))
	}
	return s.print(p.String())
}

// lintedFile is a valid file for programs.
type lintedFile struct {
	File   string `json:"file"`
	Rules  int    `json:"rules"`
	Groups int    `json:"groups"`
}

// anyDomain returns the trust domain of this host, or one that stands for it.
func (s *shell) anyDomain() (spiffeid.TrustDomain, error) {
	known, err := s.folders()
	if err == nil && len(known) > 0 {
		return known[0].domain, nil
	}
	return spiffeid.ParseTrustDomain(lintDomain)
}

type policyTestCmd struct {
	File   string `arg:"" name:"FILE" help:"One case a line: FROM TO allowed, or FROM TO denied; # begins a remark."`
	Policy string `placeholder:"FILE" help:"Ask this file's rules and groups. Without it, the policy in force."`
	operate
	spoken
}

func (policyTestCmd) Help() string {
	return "signet policy test cases.txt\nsignet policy test cases.txt --policy policy.cedar"
}

// maxCases bounds a file of cases.
const maxCases = 10_000

// policyCase is one case of a file, and what became of it.
type policyCase struct {
	Line   int    `json:"line"`
	From   string `json:"from"`
	To     string `json:"to"`
	Want   bool   `json:"want_allowed"`
	Have   bool   `json:"allowed"`
	Reason string `json:"reason"`
}

func (c *policyTestCmd) run(ctx context.Context, s *shell) error {
	data, err := s.read(c.File, api.MaxRequest)
	if err != nil {
		return err
	}
	cases, err := parseCases(string(data))
	if err != nil {
		return inFile(err, c.File)
	}
	if c.Policy != "" {
		err = c.askFile(s, cases)
	} else {
		err = c.askAuthority(ctx, s, cases)
	}
	if err != nil {
		return err
	}
	wrong := 0
	for _, one := range cases {
		if one.Want != one.Have {
			wrong++
		}
	}
	if s.json {
		err = s.printJSON(cases)
	} else {
		err = s.print(casesPage(cases, wrong))
	}
	if err == nil && wrong > 0 {
		return exitNo
	}
	return err
}

// parseCases reads a file of cases.
func parseCases(text string) (cases []policyCase, err error) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(strings.ReplaceAll(line, "→", " "))
		if len(words) == 0 {
			continue
		}
		if len(words) != 3 || words[2] != "allowed" && words[2] != "denied" {
			return nil, fault.New(CaseInvalid, "line %d is no case: %q", n, clean(line)).WithHint("write FROM TO allowed, or FROM TO denied")
		}
		if len(cases) == maxCases {
			return nil, fault.New(CaseInvalid, "there are more than %d cases", maxCases).WithHint("split the file")
		}
		cases = append(cases, policyCase{Line: n, From: words[0], To: words[1], Want: words[2] == "allowed"})
	}
	if err := lines.Err(); err != nil {
		return nil, fault.Wrap(err, CaseInvalid, "a line is too long").WithHint("write FROM TO allowed, or FROM TO denied")
	}
	if len(cases) == 0 {
		return nil, fault.New(CaseInvalid, "there is no case").WithHint("write FROM TO allowed, or FROM TO denied, one a line")
	}
	return cases, nil
}

// askAuthority has the policy in force decide.
func (c *policyTestCmd) askAuthority(ctx context.Context, s *shell, cases []policyCase) error {
	authority, err := s.operator(ctx, c.As)
	if err != nil {
		return err
	}
	pairs := make([]api.PairRequest, len(cases))
	for i, one := range cases {
		pairs[i] = api.PairRequest{From: one.From, To: one.To}
	}
	var decisions []api.Decision
	if err := authority.post(ctx, api.PathDecide, pairs, &decisions); err != nil {
		return err
	}
	if len(decisions) != len(cases) {
		return garbled(fmt.Errorf("%d decisions on %d cases", len(decisions), len(cases)))
	}
	for i, d := range decisions {
		cases[i].Have, cases[i].Reason = d.Allowed, withNearest(d.Reason, d.Nearest)
	}
	return nil
}

// askFile has a file's policy decide.
func (c *policyTestCmd) askFile(s *shell, cases []policyCase) error {
	domain, err := s.anyDomain()
	if err != nil {
		return err
	}
	file, _, err := s.policyFile(c.Policy, domain)
	if err != nil {
		return err
	}
	set, err := file.Set()
	if err != nil {
		return err
	}
	for i, one := range cases {
		var pair policy.Pair
		if pair.From, err = domain.Named(one.From); err != nil {
			return err
		}
		if pair.To, err = domain.Named(one.To); err != nil {
			return err
		}
		d := set.Decide(pair, time.Now())
		cases[i].Have, cases[i].Reason = d.Allowed, withNearest(d.Reason(), d.Near())
	}
	return nil
}

// withNearest adds to a reason the rule that came near, unless the reason has it.
func withNearest(reason, near string) string {
	if near == "" || strings.Contains(reason, near) {
		return reason
	}
	return reason + "; " + near
}

// casesPage tells which cases are decided otherwise.
func casesPage(cases []policyCase, wrong int) string {
	var p page
	if wrong == 0 {
		p.line("Yes: %s decided as wanted.", allCases(len(cases)))
		return p.String()
	}
	p.headline(fmt.Sprintf("No: %d of %s decided otherwise.", wrong, count(len(cases), "case is", "cases are")), CaseDiffers)
	for _, one := range cases {
		if one.Want != one.Have {
			p.row(fmt.Sprintf("line %d", one.Line), fmt.Sprintf("%s → %s is to be %s: %s", one.From, one.To, answerWord(one.Want), one.Reason), string(verify.Stop))
		}
	}
	return p.String()
}

func allCases(n int) string {
	if n == 1 {
		return "the one case is"
	}
	return fmt.Sprintf("all %d cases are", n)
}

func answerWord(allowed bool) string {
	if allowed {
		return "allowed"
	}
	return "denied"
}
