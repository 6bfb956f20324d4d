package cli

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/spiffeid"
)

// demoDomain is the trust domain of "up".
const demoDomain = "demo.signet"

type upCmd struct {
	Fresh   bool `help:"Forget every identity and rule in the data folder, and start over."`
	Port    int  `placeholder:"PORT" help:"The first of four ports in a row. Without it, those of the last time, or 7400."`
	Verbose bool `help:"Log to standard error what goes on inside."`
}

func (upCmd) Help() string { return "signet up" }

func (c *upCmd) run(ctx context.Context, s *shell) error {
	if c.Port < 0 || c.Port > lastPort {
		return c.elsewhere(ctx, fault.New(Usage, "up: there is no port %d with three more behind it", c.Port))
	}
	domain, err := spiffeid.ParseTrustDomain(demoDomain)
	if err != nil {
		return err
	}
	dir, err := s.upFolder()
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGPIPE) // that nobody reads the news is no reason to stop
	if c.Fresh {
		if c.Port, err = eraseFor(ctx, dir, domain, c.Port); err != nil {
			return c.hint(ctx, err)
		}
	}
	logger := slog.New(slog.DiscardHandler)
	if c.Verbose {
		logger = slog.New(slog.NewTextHandler(s.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	news := newNews(s, domain)
	system, err := startSystem(ctx, planeConfig{dir: dir, domain: domain, onEvent: news.hear, logger: logger}, c.Port)
	if err != nil {
		return c.hint(ctx, err)
	}
	defer news.start()()
	return system.Run(ctx, func() { news.open(system.welcome(s)) })
}

// eraseFor empties the data folder, once it is known that the ports can be had,
// and returns the first of them: those of the last time, unless others are
// wanted.
func eraseFor(ctx context.Context, dir string, domain spiffeid.TrustDomain, port int) (first int, err error) {
	set, _, err := chooseSettings(dir, port)
	if err != nil {
		set = portsFrom(defaultPort) // the file goes with the rest
	}
	at, err := netip.ParseAddrPort(set.Authority)
	if err != nil {
		return 0, err // these were checked
	}
	return int(at.Port()), control.Erase(dir, domain, folderNames, func() error { return set.free(ctx) })
}

// upFolder is the folder that --data names, or the demonstration's in the data
// home.
func (s *shell) upFolder() (string, error) {
	if s.data == "" {
		home, err := dataHome()
		return filepath.Join(home, demoDomain), err
	}
	return filepath.Abs(s.data)
}

// hint gives the steps that only "up" knows.
func (c *upCmd) hint(ctx context.Context, err error) error {
	e, ok := fault.Of(err)
	switch {
	case ok && (errors.Is(err, bind.AddressInUse) || errors.Is(err, bind.PortForbidden)):
		return c.elsewhere(ctx, e)
	case ok && errors.Is(err, control.AlreadyRunning):
		e.WithHint("signet conns     # asks the Signet that is running; to start it anew, stop it first")
	case ok && slices.Contains(startsOver, e.Code):
		e.WithHint("%s\nsignet up --fresh      # it starts over, and forgets all", e.Hint)
	}
	return err
}

// startsOver are the codes of a data folder that cannot be used any more.
var startsOver = []fault.Code{control.WALMissing, control.WALDamaged, control.DBMissing, control.DBHeaderDamaged, control.DBPageDamaged, control.DBOutdated,
	control.ValueDamaged, control.StoreFailed, ca.KeyLost, ca.KeyFileFault}

// elsewhere gives the step to do the same at other ports, if there are any.
func (c *upCmd) elsewhere(ctx context.Context, err *fault.Error) error {
	first := otherPorts(ctx)
	if first == 0 {
		return err
	}
	line := "signet up"
	if c.Fresh {
		line += " --fresh"
	}
	if c.Verbose {
		line += " --verbose"
	}
	return err.WithHint("%s --port %d     # moves all four ports", line, first)
}

// welcome says what runs, and what to do with it.
func (y *system) welcome(s *shell) string {
	var p page
	state := y.store.State()
	run := func(command, what string) { p.line("  %s%s", gap(s.own(command), 44), what) }
	if y.again || len(state.Rules)+len(state.Revocations) > 0 {
		kinds := map[control.Kind]int{}
		for _, known := range state.Identities {
			kinds[known.Kind]++
		}
		p.line("Signet is running again where it stopped: revision %d, %s (%s, %s, %s), %s. Ports %s.", state.Revision,
			count(len(state.Identities), "identity", "identities"), count(kinds[control.Service], "service", "services"),
			count(kinds[control.Proxy], "proxy", "proxies"), count(kinds[control.Operator], "operator", "operators"),
			count(len(state.Rules), "rule", "rules"), y.ports())
		for _, name := range y.barred {
			p.line("%s was revoked, so it does not run: nothing goes through it.", name)
		}
		if y.exposed != "" {
			p.line("The file of %s, with its key, was open to others on this machine; now it is its owner's alone. Who has copied it can use it:", y.exposed)
			run("signet revoke "+y.exposed+" --yes --anyway", "ends that, for you too")
		}
		return p.String()
	}
	p.line("Signet is running. Trust domain %s: nothing is allowed until you allow it.", y.domain)
	p.line("")
	p.fact("orders", "a demo service; only mutual TLS gets in, at %s", y.settings.Orders)
	p.fact("web", "its client: plain local door %s, leaves as web → orders", y.settings.Web)
	p.fact("authority", "%s       status  http://%s/status", y.settings.Authority, y.settings.Status)
	p.fact("data", `%s   ("%s up --fresh" starts over)`, tilde(y.dir), s.program)
	p.line("")
	p.line("Now, in a second terminal:")
	run("curl -N http://"+y.settings.Web+"/ticks", "fails: web may not talk to orders yet")
	run("signet why web orders", "the reason, and the fix")
	run("signet allow web orders", "the same curl now works")
	run("signet conns", "see it live")
	run("signet revoke web", "watch it end, at both ends")
	p.line("")
	p.line("Ctrl-C stops everything; nothing is lost.")
	return p.String()
}
