package cli

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/internal/metrics"
	"github.com/signet-tls/signet/internal/proxy"
	"github.com/signet-tls/signet/internal/proxy/config"
)

type proxyServeCmd struct {
	configured
	Quiet bool `help:"Leave out what is served; the access log goes on."`
}

func (proxyServeCmd) Help() string {
	return "signet proxy serve --config proxy.toml"
}

// run serves until ctx ends, and then until the connections have ended or been
// drained.
func (c *proxyServeCmd) run(ctx context.Context, s *shell) error {
	signal.Ignore(syscall.SIGPIPE) // that nobody reads the log is no reason to stop
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	server, err := openProxy(ctx, s, c.Config)
	if err != nil {
		return err
	}
	if !c.Quiet {
		if err := s.print(server.welcome()); err != nil {
			server.close()
			return err
		}
	}
	return server.run(ctx, hangups)
}

// proxyServer is a proxy that runs by a configuration.
type proxyServer struct {
	shell   *shell
	path    string // of the configuration
	logger  *slog.Logger
	plan    *plan
	files   *agent.Files // nil with an authority
	agent   *agent.Agent // nil without one
	proxy   *proxy.Proxy
	journal *proxy.Journal
	status  net.Listener // nil: none
	admin   *proxy.Admin // nil: none
	asked   net.Listener // its socket
	release func() error // lets go of the host folder; nil without one
}

// openProxy reads everything and binds every port, so that what can fail has failed
// when it returns.
func openProxy(ctx context.Context, s *shell, path string) (*proxyServer, error) {
	y := &proxyServer{shell: s, path: path, logger: slog.New(slog.NewJSONHandler(s.stderr, nil))}
	var err error
	if y.plan, err = readPlan(path, y.logger); err != nil {
		return nil, err
	}
	y.journal = proxy.NewJournal(y.plan.file.LogRefusals, y.logger)
	cfg := y.plan.proxy
	cfg.Logger, cfg.OnEvent, cfg.Inherited = y.logger, y.journal.Hear, inheritedSockets()
	if home := y.plan.home; home != nil {
		dir := y.plan.file.Resolve(y.plan.file.Host)
		if y.release, err = agent.Claim(dir); err != nil {
			return nil, err
		}
		y.agent, err = agent.New(agent.Config{Authority: home.Authority, Self: home.Credential, Roots: home.Roots, Anchors: home.Anchors, Home: dir, Logger: y.logger})
		if err == nil {
			y.agent.Offer(y.plan.offer())
		}
		cfg.Truth = y.agent
	} else {
		y.files, err = agent.OpenFiles(y.plan.files)
		cfg.Truth = y.files
		if y.plan.file.Admin != "" {
			y.admin = proxy.NewAdmin(y.plan.domain, y.files)
			cfg.OnEvent = func(event api.Event) {
				y.journal.Hear(event)
				y.admin.Hear(event)
			}
		}
	}
	if err != nil {
		y.close()
		return nil, err
	}
	y.proxy = proxy.New(cfg)
	y.journal.Measure(y.proxy.Metrics())
	if err := y.proxy.Listen(ctx); err != nil {
		y.close()
		return nil, err
	}
	if err := y.openStatus(ctx); err != nil {
		y.close()
		return nil, err
	}
	if y.admin != nil {
		if y.asked, err = proxy.ListenAdmin(ctx, y.plan.file.Resolve(y.plan.file.Admin)); err != nil {
			y.close()
			return nil, at(y.plan.file.Place("admin"), err)
		}
	}
	return y, nil
}

// serveAdmin answers operators, until ctx ends.
func (y *proxyServer) serveAdmin(ctx context.Context) {
	if y.admin == nil {
		return
	}
	if err := y.admin.Serve(ctx, y.proxy, y.asked); err != nil {
		y.logger.Error("the admin socket is gone", slog.Any("error", err))
	}
}

// openStatus binds the status port, if there is to be one.
func (y *proxyServer) openStatus(ctx context.Context) (err error) {
	file := y.plan.file
	switch {
	case file.Status == "":
		return nil
	case file.StatusPublic:
		y.status, err = bind.Listen(ctx, file.Status)
	default:
		y.status, err = bind.Loopback(ctx, file.Status)
	}
	if err != nil {
		return at(file.Place("status"), err)
	}
	return nil
}

// serveStatus tells how the proxy is, until ctx ends.
func (y *proxyServer) serveStatus(ctx context.Context) {
	if y.status == nil {
		return
	}
	file := y.plan.file
	port := metrics.Port{Set: y.proxy.Metrics(), Public: file.StatusPublic, Profile: file.Profile, Logger: y.logger,
		Ready: func() []string { return append(y.proxy.Ready(), y.journal.Ready()...) }}
	if err := port.Serve(ctx, y.status); err != nil {
		y.logger.Error("the status port is gone", slog.Any("error", err))
	}
}

// close lets go of the ports and of the host folder, for who opened and does not run.
func (y *proxyServer) close() {
	if y.proxy != nil {
		y.proxy.Close()
	}
	if y.status != nil {
		y.status.Close() // closed already where it served
	}
	if y.asked != nil {
		y.asked.Close()
	}
	if y.release != nil {
		y.release() // the end of the process does the same
	}
}

// inheritedSockets are those that systemd hands over, by name.
func inheritedSockets() map[string]net.Listener {
	named, _ := activation.ListenersWithNames() // no error is ever returned
	sockets := map[string]net.Listener{}
	for name, listeners := range named {
		sockets[name] = listeners[0]
	}
	return sockets
}

// welcome says what is served.
func (y *proxyServer) welcome() string {
	var p page
	rules := 0
	if y.files != nil {
		rules = y.files.Rules()
	}
	p.line("Serving %s and %s of %s, %s.", count(len(y.plan.proxy.Services), "service", "services"), count(len(y.plan.proxy.Doors), "door", "doors"), y.plan.domain, y.plan.source(rules))
	p.line("")
	y.plan.describe(&p)
	p.line("")
	p.line("Ctrl-C stops it, within %s; a hangup (SIGHUP) reads the configuration anew.", long(y.plan.file.Drain.Span()))
	return p.String()
}

// run serves until ctx ends.
func (y *proxyServer) run(ctx context.Context, hangups <-chan os.Signal) error {
	out, err := y.plan.log(y.shell.stderr)
	if err != nil {
		y.close()
		return err
	}
	defer y.close()
	writing, stop := context.WithCancel(context.WithoutCancel(ctx)) // the log hears of the last end, too
	var journal, rest sync.WaitGroup
	journal.Go(func() { y.journal.Run(writing, out) })
	rest.Go(func() { y.serveStatus(writing) })
	rest.Go(func() { y.serveAdmin(writing) })
	rest.Go(func() { collectSeldom(writing) })
	rest.Go(func() {
		for {
			select {
			case <-hangups:
				y.reload(ctx)
			case <-ctx.Done():
				y.notify(daemon.SdNotifyStopping)
				return
			}
		}
	})
	y.notify(daemon.SdNotifyReady)
	err = y.proxy.Run(ctx)
	stop()
	rest.Wait()
	journal.Wait()
	return err
}

// notify tells systemd, if it started us.
func (y *proxyServer) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		y.logger.Warn("systemd cannot be told", slog.Any("error", err))
	}
}

// reload reads the configuration anew. What is wrong leaves all as it was.
func (y *proxyServer) reload(ctx context.Context) {
	y.notify(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec()) // which it compares with its own clock (sd_notify(3))
	defer y.notify(daemon.SdNotifyReady)
	before := y.plan
	if err := y.replace(ctx); err != nil {
		e := explained(err)
		y.logger.Error("the new configuration cannot be used; the one before stays in force",
			slog.String("code", string(e.Code)), slog.String("error", e.Message))
		if out, err := y.plan.log(y.shell.stderr); err == nil { // who rotates the log must not depend on it
			y.journal.Reopen(ctx, out)
		}
		return
	}
	y.logger.Info("the configuration was read anew", slog.String("file", y.path),
		slog.Int("services", len(y.plan.proxy.Services)), slog.Int("doors", len(y.plan.proxy.Doors)),
		slog.Int("services_before", len(before.proxy.Services)), slog.Int("doors_before", len(before.proxy.Doors)))
}

// replace puts the configuration in force that is there now.
func (y *proxyServer) replace(ctx context.Context) error {
	next, err := readPlan(y.path, y.logger)
	if err != nil {
		return err
	}
	if next.file.Host != y.plan.file.Host || next.domain != y.plan.domain {
		return next.file.Fault("host", config.Invalid, "another authority or trust domain takes a new start: stop the proxy and start it again")
	}
	if now := y.plan.file; next.file.Status != now.Status || next.file.StatusPublic != now.StatusPublic || next.file.Profile != now.Profile {
		return next.file.Fault("status", config.Invalid, "another status port takes a new start: stop the proxy and start it again")
	}
	if next.file.Admin != y.plan.file.Admin {
		return next.file.Fault("admin", config.Invalid, "another admin socket takes a new start: stop the proxy and start it again")
	}
	if next.file.DataPath != y.plan.file.DataPath {
		return next.file.Fault("data_path", config.Invalid, "another data path takes a new start: stop the proxy and start it again")
	}
	out, err := next.log(y.shell.stderr)
	if err != nil {
		return err
	}
	reload := func(commit func()) error { return y.proxy.Reload(ctx, next.proxy, commit) }
	if y.files != nil {
		err = y.files.Reload(next.files, reload)
	} else {
		err = reload(func() {})
	}
	if err != nil {
		out.Close()
		return err
	}
	if y.plan = next; y.agent != nil {
		y.agent.Offer(next.offer())
	}
	y.journal.Reopen(ctx, out)
	return nil
}
