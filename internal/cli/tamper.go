package cli

import (
	"context"
	"fmt"

	"github.com/signet-tls/signet/internal/tamper"
)

type tamperCmd struct {
	Quick bool `help:"Some 15 seconds: one bit of every byte, and a sample of cuts. Without it every bit and every cut: some 10 minutes."`
	spoken
}

func (tamperCmd) Help() string { return "signet tamper --quick" }

func (c *tamperCmd) run(ctx context.Context, s *shell) error {
	table, err := tamper.Run(ctx, tamper.Options{Quick: c.Quick, Progress: s.progress("tries")})
	if err != nil {
		return err
	}
	if s.json {
		err = s.printJSON(table)
	} else {
		err = s.print(table.Text())
	}
	if err != nil {
		return err
	}
	if table.Total(0).Fooled > 0 {
		return exitNo
	}
	return nil
}

// progress returns what keeps a line on standard error that says how far
// something is, and removes it in the end; nil where nobody would see it.
func (s *shell) progress(what string) func(done, total int) {
	if !isTerminal(s.stderr) {
		return nil
	}
	const redraw = 128 // a terminal is slower than what it shows
	return func(done, total int) {
		switch {
		case done == total:
			fmt.Fprint(s.stderr, "\r\x1b[K")
		case done%redraw == 0:
			fmt.Fprintf(s.stderr, "\r%s of %s %s", thousands(int64(done)), thousands(int64(total)), what)
		}
	}
}
