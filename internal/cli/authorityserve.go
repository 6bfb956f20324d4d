package cli

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/signet-tls/signet/fault"
)

type authorityServeCmd struct {
	Listen    string `placeholder:"ADDR" help:"Where hosts and operators connect: HOST:PORT, or :PORT for all addresses of this host. Without it, as the last time; at first :7400."`
	Address   string `placeholder:"HOST:PORT" help:"Where other hosts reach it; tokens carry this. Without it, as the last time; at first the address of --listen, or this host's name where that is for all."`
	Status    string `placeholder:"ADDR" help:"A loopback address for /status, /metrics, /healthz and /readyz, in the clear. Without it, as the last time; at first 127.0.0.1:7401."`
	Profile   bool   `help:"Add /debug/pprof/ to the status port: what this process spends its time and memory on."`
	AcceptLog bool   `help:"Go on with an audit log that is not the one that the store remembers: an older copy, or a new one because the old is lost. This is recorded in it."`
	Verbose   bool   `help:"Log to standard error what goes on inside."`
	clustered
	secret
	plain
}

func (authorityServeCmd) Help() string {
	return "signet authority serve\nsignet authority serve --address authority.prod.example:7400"
}

func (c *authorityServeCmd) run(ctx context.Context, s *shell) error {
	home, err := s.authorityFolder()
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGPIPE) // that nobody reads the answer is no reason to stop
	logger := slog.New(slog.NewTextHandler(s.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if c.Verbose {
		logger = slog.New(slog.NewTextHandler(s.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	p := &plane{planeConfig: planeConfig{dir: home.dir, domain: home.domain, logger: logger, acceptLog: c.AcceptLog}, profile: c.Profile}
	if p.etcd, err = c.cluster(); err != nil {
		return err
	}
	if err := p.open(ctx); err != nil {
		return err
	}
	defer p.close()
	if !p.founded() {
		return fault.New(DataUnreadable, "%s is empty: no authority was made there", home.dir).
			WithHint("signet authority init %s", home.domain)
	}
	if err := c.remember(home); err != nil {
		return err
	}
	if err := p.openCA(c.orCredential().asker(ctx, s, "the authority's keys")); err != nil {
		return err
	}
	if err := p.listen(ctx, c.Listen, c.Status); err != nil {
		return err
	}
	where, err := c.addresses(p.authority.Addr())
	if err != nil {
		return err
	}
	p.authority.Advertise(where.outside)
	if err := p.writeFolder(ctx, settings{Authority: where.here, Status: p.status.Addr().String(), Listen: c.Listen, Address: c.Address}); err != nil {
		return err
	}
	if err := p.welcome(s, where); err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	var collector sync.WaitGroup
	collector.Go(func() { collectSeldom(serving) })
	defer collector.Wait()
	defer stop()
	return p.serve(ctx)
}

// authorityFolder is the data folder of the authority that is meant.
func (s *shell) authorityFolder() (folder, error) {
	home, err := s.folder()
	if err == nil && home.host != nil {
		err = fault.New(DataUnreadable, "%s is a host folder of %s, not its authority's", home.dir, home.domain).
			WithHint("name the authority's folder with --data\nsignet authority init TRUST-DOMAIN      # makes one")
	}
	return home, err
}

// remember takes the addresses of the last time where none are given: hosts that have
// joined know no others. --listen alone forgets the --address that went with another.
func (c *authorityServeCmd) remember(home folder) error {
	last, err := home.settings()
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // at first there are none
		return err
	}
	if c.Listen == "" && c.Address == "" {
		c.Address = last.Address
	}
	if last.Listen != "" { // else "up" has written them, if anybody
		c.Listen, c.Status = cmp.Or(c.Listen, last.Listen), cmp.Or(c.Status, last.Status)
	}
	c.Listen, c.Status = cmp.Or(c.Listen, ":7400"), cmp.Or(c.Status, "127.0.0.1:7401")
	return nil
}

// addresses are where an authority is reached: from other hosts, and from this one.
type addresses struct{ outside, here string }

func (c *authorityServeCmd) addresses(bound net.Addr) (a addresses, err error) {
	at, err := netip.ParseAddrPort(bound.String())
	if err != nil {
		return a, err
	}
	a.here = at.String()
	_, port, err := net.SplitHostPort(a.here)
	if err != nil {
		return a, err
	}
	a.outside = a.here
	if at.Addr().IsUnspecified() {
		name, err := os.Hostname()
		if err != nil {
			return a, fault.Wrap(err, Usage, "this host has no name").WithHint("add --address HOST:PORT")
		}
		a.here, a.outside = net.JoinHostPort("127.0.0.1", port), net.JoinHostPort(name, port)
		if at.Addr().Is6() && !dualStack(port) {
			a.here = net.JoinHostPort("::1", port)
		}
	}
	if c.Address != "" {
		host, port, err := net.SplitHostPort(c.Address)
		if err != nil || host == "" || port == "" {
			return a, fault.New(Usage, "--address %s is not HOST:PORT", fault.Printable(c.Address, 80)).WithHint("write, for example, authority.prod.example:7400")
		}
		a.outside = c.Address
	}
	return a, nil
}

// dualStack reports whether a port that is bound for all addresses is reached by
// those of IPv4, too.
func dualStack(port string) bool {
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// welcome says what runs.
func (p *plane) welcome(s *shell, where addresses) error {
	state := p.store.State()
	var out page
	out.headline("The authority of "+p.domain.String()+" is running: revision "+thousands(state.Revision)+", "+
		count(len(state.Identities), "identity", "identities")+", "+count(len(state.Rules), "rule", "rules")+".", "")
	out.fact("hosts", "reach it at %s, as every token says; it listens at %s", where.outside, p.authority.Addr())
	out.fact("status", "http://%s/status", p.status.Addr())
	out.fact("data", "%s", tilde(p.dir))
	p.tellEtcd(&out)
	if p.exposed != "" {
		out.fact("warning", "the file of %s, with its key, was open to others on this machine; now it is its owner's alone", p.exposed)
	}
	if err := s.print(out.String()); err != nil {
		return err
	}
	s.steps("next", "signet token new proxy/edge-1 --holds web      # what it prints lets a host join: signet enroll")
	return nil
}

// serve runs the control plane until ctx ends or a part fails.
func (p *plane) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var parts sync.WaitGroup
	for _, run := range []func(context.Context) error{p.authority.Run, p.serveStatus, p.keepOperator, p.store.Wait} {
		parts.Go(func() {
			if err := run(ctx); err != nil {
				cancel(err)
			}
		})
	}
	parts.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}
