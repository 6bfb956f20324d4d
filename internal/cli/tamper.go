package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/tamper"
)

type tamperCmd struct {
	Client string `placeholder:"CMD" help:"Attack your own client: a command for the shell, with {addr} where the address to download from belongs ({host}, {port} and {roots}, a file of the root to believe, are there too; SSL_CERT_FILE names it as well). It may send a request, of HTTP if it likes, and must exit with 0 if and only if it got the whole download from that server."`
	Server string `placeholder:"HOST:PORT" help:"Attack your own server on this machine: one of HTTP, or one that reads to the end and then answers."`
	As     string `placeholder:"NAME|FILE" help:"With --server: who we are, if it asks."`
	Case   *int   `placeholder:"N" help:"With --client or --server: the one attack of this number, and what the client writes."`
	Quick  bool   `help:"A sample of all kinds of attack, in some 20 seconds. Without it every bit and every cut: some 30 minutes."`
	spoken
}

func (tamperCmd) Help() string {
	return "signet tamper --quick\n" +
		"signet tamper --quick --client \"curl -sfo /dev/null https://{addr}/\"\n" +
		"signet tamper --quick --server localhost:8443"
}

func (c *tamperCmd) run(ctx context.Context, s *shell) error {
	switch {
	case c.Client != "" && c.Server != "":
		return fault.New(Usage, "--client and --server are given: one program is attacked at a time").WithHint("leave one of them out")
	case c.Case != nil && *c.Case < 1:
		return fault.New(tamper.CaseUnknown, "there is no case %d: the first is case 1", *c.Case).WithHint("name one that an example shows")
	case c.Client != "" || c.Server != "":
		return c.target(ctx, s)
	case c.Case != nil || c.As != "":
		return fault.New(Usage, "--case and --as go with --client or --server").WithHint("signet tamper --help")
	}
	table, err := tamper.Run(ctx, tamper.Options{Quick: c.Quick, Progress: s.progress("tries")})
	if table == nil || err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	said := s.answer(table, table.Text())
	switch {
	case said != nil:
		return said
	case err != nil:
		return err
	case table.Own().Fooled > 0:
		return exitNo
	}
	return nil
}

// answer writes an answer for whoever reads it.
func (s *shell) answer(value any, text string) error {
	if s.json {
		return s.printJSON(value)
	}
	return s.print(text)
}

// target attacks a program of the user's.
func (c *tamperCmd) target(ctx context.Context, s *shell) error {
	target := tamper.Target{Client: c.Client, Server: c.Server, Quick: c.Quick, Output: s.stderr, Progress: s.progress("attacks")}
	if c.Case != nil {
		target.Case = *c.Case
	}
	if c.As != "" {
		own, _, err := s.identity(c.As)
		if err != nil {
			return err
		}
		target.Own = own
	}
	verdict, err := target.Attack(ctx)
	if err != nil {
		return err
	}
	if err := s.answer(verdict, c.words(verdict)); err != nil {
		return err
	}
	worst := verdict.Worst()
	switch {
	case worst == nil && c.Case != nil && verdict.Findings[0].Skipped != "":
		return exitFailed
	case worst == nil:
		return nil
	case c.Case == nil:
		s.steps("next", fmt.Sprintf("signet tamper %s --case %d", c.named(), worst.Case))
	}
	return exitNo
}

// named are the flags that name the program.
func (c *tamperCmd) named() string {
	if c.Client != "" {
		return "--client " + quote(c.Client)
	}
	if c.As != "" {
		return "--server " + quote(c.Server) + " --as " + quote(c.As)
	}
	return "--server " + quote(c.Server)
}

// title is what the program is called.
func (c *tamperCmd) title() string {
	if c.Server != "" {
		return c.Server
	}
	words := strings.Fields(c.Client)
	for _, word := range words { // a script is meant rather than who runs it
		if info, err := os.Stat(word); err == nil && info.Mode().IsRegular() && filepath.Ext(word) != "" {
			return filepath.Base(word)
		}
	}
	return filepath.Base(words[0])
}

// deeds say what the program did that shows that it was fooled, by row.
var deeds = map[string]struct{ headline, client, server string }{
	"changed":  {"it believed %d of %d changed DATA", "believed: exit 0", "believed: answered"},
	"impostor": {"it trusted %d of %d impostors", "trusted", "trusted: answered"},
	"cut":      {"it took %d of %d cut DATA for whole", "ended with exit 0, and a part", "answered, though but a part came"},
}

// words is the verdict for a person.
func (c *tamperCmd) words(v *tamper.Verdict) string {
	var p page
	what := "downloads"
	if c.Server != "" {
		what = "requests"
	}
	worst := v.Worst()
	switch {
	case v.Case != "" && worst != nil:
		p.headline(fmt.Sprintf("No: %s was fooled by %s: %s.", c.title(), v.Case, worst.Saw), worst.Code)
		return p.String()
	case v.Case != "" && v.Findings[0].Skipped != "":
		p.headline(fmt.Sprintf("Could not tell whether %s was fooled by %s: %s.", c.title(), v.Case, v.Findings[0].Skipped), "")
		return p.String()
	case v.Case != "":
		p.headline(fmt.Sprintf("Yes: %s was not fooled by %s: %s.", c.title(), v.Case, v.Findings[0].Saw), "")
		return p.String()
	case worst != nil:
		deed := fmt.Sprintf(strings.ReplaceAll(deeds[worst.Row].headline, "DATA", what), worst.Fooled, worst.Tried)
		p.headline(fmt.Sprintf("No: %s can be fooled: %s.", c.title(), deed), worst.Code)
	default:
		p.headline(fmt.Sprintf("Yes: %s was not fooled%s.", c.title(), c.unseen(v, what)), "")
	}
	for _, f := range v.Findings {
		c.row(&p, f)
	}
	if v.Missed > 0 {
		p.fact("missed", "not counted: %s ended before anything was attacked", count(v.Missed, "connection", "connections"))
	}
	if v.Early {
		p.fact("early", "it was done before it had all that was sent, so only the beginning was changed")
	}
	if worst != nil {
		p.fact("example", "case %d: %s, %s", worst.Case, worst.Example, worst.Saw)
	}
	return p.String()
}

// unseen says what the answer leaves open, where one would take it for said.
func (c *tamperCmd) unseen(v *tamper.Verdict, what string) string {
	for _, f := range v.Findings {
		if f.Skipped != "" && f.Silent > 0 {
			return "; whether it takes cut " + what + " for whole could not be seen"
		}
	}
	return ""
}

// row writes one finding.
func (c *tamperCmd) row(p *page, f tamper.Finding) {
	if f.Skipped != "" {
		p.row(f.Row, f.Skipped, "not checked")
		return
	}
	deed := deeds[f.Row].client
	if c.Server != "" {
		deed = deeds[f.Row].server
	}
	text, verdict := fmt.Sprintf("%d of %d %s", f.Fooled, f.Tried, deed), "ok"
	if len(f.Kinds) > 0 {
		text += " (" + strings.Join(f.Kinds[:min(len(f.Kinds), 3)], ", ") + ", …)"
	}
	if f.Fooled > 0 {
		verdict = "STOP"
	}
	p.row(f.Row, text, verdict)
}

// progress returns what keeps a line on standard error that says how far
// something is, and removes it in the end; nil where nobody would see it.
func (s *shell) progress(what string) func(done, total int) {
	if !isTerminal(s.stderr) {
		return nil
	}
	return func(done, total int) {
		redraw := max(total/256, 1) // a terminal is slower than what it shows
		switch {
		case done == total:
			fmt.Fprint(s.stderr, "\r\x1b[K")
		case done%redraw == 0:
			fmt.Fprintf(s.stderr, "\r%s of %s %s", thousands(int64(done)), thousands(int64(total)), what)
		}
	}
}
