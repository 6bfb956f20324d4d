package cli

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/spiffeid"
)

// demoDomain is the trust domain of "up".
const demoDomain = "demo.signet"

// defaultPort is the first of the four ports.
const defaultPort = 7400

type upCmd struct {
	Fresh   bool `help:"Forget every identity and rule in the data folder, and start over."`
	Port    int  `placeholder:"PORT" help:"The first of four ports in a row. Without it, those of the last time, or 7400."`
	Verbose bool `help:"Log to standard error what goes on inside."`
}

func (upCmd) Help() string { return "signet up" }

func (c *upCmd) run(ctx context.Context, s *shell) error {
	if c.Port < 0 || c.Port > 65535-3 {
		return fault.New(Usage, "up: there is no port %d with three more behind it", c.Port).WithHint("signet up --port 8400")
	}
	domain, err := spiffeid.ParseTrustDomain(demoDomain)
	if err != nil {
		return err
	}
	dir, err := s.upFolder()
	if err != nil {
		return err
	}
	if c.Fresh {
		if err := control.Erase(dir, domain); err != nil {
			return err
		}
	}
	logger := slog.New(slog.DiscardHandler)
	if c.Verbose {
		logger = slog.New(slog.NewTextHandler(s.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	news := newNews(s, domain)
	system, err := startSystem(ctx, dir, domain, c.Port, news.hear, logger)
	if err != nil {
		return upHint(err)
	}
	return system.Run(ctx, func() { news.open(system.welcome(s)) })
}

// upFolder is the folder that --data names, or the demonstration's in the data
// home.
func (s *shell) upFolder() (string, error) {
	if s.data != "" {
		return filepath.Abs(s.data)
	}
	home, err := dataHome()
	return filepath.Join(home, demoDomain), err
}

// upHint gives the steps that only "up" knows.
func upHint(err error) error {
	if e, ok := fault.Of(err); ok && errors.Is(err, bind.AddressInUse) {
		e.WithHint("signet up --port 8400     # moves all four ports")
	}
	return err
}

// portsFrom are four ports in a row.
func portsFrom(first int) settings {
	at := func(i int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(first+i)) }
	return settings{Authority: at(0), Status: at(1), Orders: at(2), Web: at(3)}
}

// welcome says what runs, and what to do with it.
func (y *system) welcome(s *shell) string {
	var p page
	if y.again {
		state := y.store.State()
		services := 0
		for _, known := range state.Identities {
			if known.Kind == control.Service {
				services++
			}
		}
		p.line("Signet is running again where it stopped: revision %d, %s, %s. Ports as before (%s).", state.Revision,
			count(services, "identity", "identities"), count(len(state.Rules), "rule", "rules"), y.settings.ports())
		return p.String()
	}
	run := func(command, what string) { p.line("  %s%s", pad(s.own(command), 44), what) }
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

// ports writes the four ports as a range, or one by one.
func (s settings) ports() string {
	var all []string
	row := true
	for i, address := range []string{s.Authority, s.Status, s.Orders, s.Web} {
		_, port, _ := net.SplitHostPort(address)
		if i > 0 {
			last, _ := strconv.Atoi(all[i-1])
			row = row && port == strconv.Itoa(last+1)
		}
		all = append(all, port)
	}
	if row {
		return all[0] + "–" + all[3]
	}
	return strings.Join(all, ", ")
}

// tilde shortens a path below the user's home.
func tilde(path string) string {
	home, err := os.UserHomeDir()
	if rest, ok := strings.CutPrefix(path, home+string(filepath.Separator)); ok && err == nil {
		return filepath.Join("~", rest)
	}
	return path
}
