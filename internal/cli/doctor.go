package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/signet-tls/signet/verify"
)

type doctorCmd struct {
	Config string `env:"SIGNET_PROXY" placeholder:"FILE" help:"A proxy's configuration: what it names is looked at, and the proxy that runs by it (environment: SIGNET_PROXY)."`
	terse
}

func (doctorCmd) Help() string { return "signet doctor\nsignet doctor --config proxy.toml" }

// diagnosis is one thing that was looked at.
type diagnosis struct {
	What    string         `json:"what"`
	Verdict verify.Verdict `json:"verdict"`
	Text    string         `json:"text"`
	Next    string         `json:"next,omitempty"`
}

// checkup is what was found on this host.
type checkup struct {
	Well   bool        `json:"well"`
	Checks []diagnosis `json:"checks"`

	shell *shell
	now   func() time.Time
}

func (c *checkup) ok(what, format string, args ...any) {
	c.Checks = append(c.Checks, diagnosis{what, verify.OK, fmt.Sprintf(format, args...), ""})
}

func (c *checkup) unknown(what, format string, args ...any) {
	c.Checks = append(c.Checks, diagnosis{what, verify.NotChecked, fmt.Sprintf(format, args...), ""})
}

func (c *checkup) stop(what, next, format string, args ...any) {
	c.Well = false
	c.Checks = append(c.Checks, diagnosis{what, verify.Stop, fmt.Sprintf(format, args...), c.shell.own(next)})
}

// fail is stop for an error, whose step is the next one.
func (c *checkup) fail(what string, err error) {
	e := explained(err)
	next := "see above"
	if steps := lines(e.Hint); len(steps) > 0 {
		next = steps[0]
	}
	c.stop(what, next, "%s  [%s]", discreet(e.Message), e.Code)
}

// home looks at all that hangs on a folder.
func (c *checkup) home(ctx context.Context, home folder) {
	c.folder(home)
	c.disk("disk", home.dir)
	for _, name := range home.identities() {
		credential, err := home.credential(name)
		if err != nil {
			c.fail(name, err)
			continue
		}
		c.certificate(name, credential.Leaf(), home.renewal(name))
	}
	c.authority(ctx, home)
}

// doctorTime bounds all that waits for others.
const doctorTime = 20 * time.Second

func (d *doctorCmd) run(ctx context.Context, s *shell) error {
	ctx, cancel := context.WithTimeout(ctx, doctorTime)
	defer cancel()
	c := &checkup{Well: true, Checks: []diagnosis{}, shell: s, now: time.Now}
	if d.Config != "" {
		c.proxy(ctx, d.Config)
	} else {
		if home, err := s.folder(); err != nil {
			c.fail("folder", err)
		} else {
			c.home(ctx, home)
		}
		c.descriptors(leastDescriptors)
	}
	var err error
	if s.json {
		err = s.printJSON(c)
	} else {
		err = s.print(c.String())
	}
	if err == nil && !c.Well {
		return exitNo
	}
	return err
}

// String writes the page: a verdict, what was looked at, what was found, and the next
// step.
func (c *checkup) String() string {
	var p page
	stops := 0
	for _, check := range c.Checks {
		if check.Verdict == verify.Stop {
			stops++
		}
	}
	if stops == 0 {
		p.headline("This host is well, as far as can be seen from here.", "")
	} else {
		p.headline("Not all is well on this host: "+count(stops, "thing needs", "things need")+" somebody.", "")
	}
	const verdictWidth, whatWidth = 13, 13
	for _, check := range c.Checks {
		label := "  " + gap(string(check.Verdict), verdictWidth) + gap(check.What, whatWidth)
		below := gap("", 2+verdictWidth+whatWidth)
		for _, part := range wrap(check.Text, lineWidth-len(below)) {
			p.line("%s%s", label, part)
			label = below
		}
		if check.Next != "" {
			p.line("%snext: %s", below, check.Next)
		}
	}
	return p.String()
}
