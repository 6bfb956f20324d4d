package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/delivery"
	"github.com/signet-tls/signet/internal/proxy/config"
)

type agentCmd struct {
	Config       string   `env:"SIGNET_AGENT" placeholder:"FILE" help:"The agent's configuration, in TOML (environment: SIGNET_AGENT). Without it and without a name, agent.toml here. docs/agent-config.md has every key."`
	Name         string   `arg:"" optional:"" placeholder:"NAME" help:"In the place of a configuration: an identity that this host may hold, written as the other flags say."`
	Cert         string   `placeholder:"FILE" help:"Where its certificates are written, leaf first, in PEM."`
	Key          string   `placeholder:"FILE" help:"Where its private key is."`
	PEM          string   `name:"pem" placeholder:"FILE" help:"Where both are, for programs that want one file."`
	Bundle       string   `placeholder:"FILE" help:"Where the trust domain's roots are written."`
	Keystore     string   `placeholder:"FILE" help:"Where certificates and key are written in PKCS#12, as a JVM reads them."`
	Truststore   string   `placeholder:"FILE" help:"Where the roots are written in PKCS#12."`
	PasswordFile string   `placeholder:"FILE" help:"The passphrase of both stores is the first line of this file."`
	Owner        string   `placeholder:"USER" help:"Whose the files become; only root gives files away."`
	Group        string   `placeholder:"GROUP" help:"The group whose they become."`
	KeyMode      string   `placeholder:"MODE" help:"0600, or 0640 for a program that reads the key by its group."`
	Reload       []string `arg:"" name:"command" optional:"" placeholder:"COMMAND" help:"After --: the command that has the program read its files anew, word for word; no shell reads it."`
	Quiet        bool     `help:"Leave out what is written; the log goes on."`
}

func (agentCmd) Help() string {
	return "signet agent --config agent.toml\nsignet agent db --data host --cert db.crt --key db.key --bundle roots.crt -- nginx -s reload"
}

// configuration is what flags say, or a file.
func (c *agentCmd) configuration(s *shell) (*config.Agent, error) {
	write := config.Write{Identity: c.Name, Cert: c.Cert, Key: c.Key, PEM: c.PEM, Bundle: c.Bundle, Keystore: c.Keystore, Truststore: c.Truststore,
		PasswordFile: c.PasswordFile, Owner: c.Owner, Group: c.Group, KeyMode: c.KeyMode, Reload: c.Reload}
	if c.Name == "" {
		if len(write.Files()) > 0 {
			return nil, fault.New(Usage, "files are written of an identity; name it").WithHint("signet agent db --cert db.crt --key db.key")
		}
		path := c.Config
		if path == "" {
			path = "agent.toml"
		}
		return config.LoadAgent(path)
	}
	if c.Config != "" {
		return nil, fault.New(Usage, "an identity is named in the configuration, or on the command line, not in both").WithHint("leave one out")
	}
	f, err := s.folder()
	if err != nil {
		return nil, err
	}
	return config.NewAgent(f.dir, write)
}

// run keeps the files until ctx ends.
func (c *agentCmd) run(ctx context.Context, s *shell) error {
	signal.Ignore(syscall.SIGPIPE) // that nobody reads the log is no reason to stop
	file, err := c.configuration(s)
	if err != nil {
		return err
	}
	home, err := agent.LoadHome(file.Resolve(file.Host))
	if err != nil {
		return err
	}
	targets, err := deliveries(file, home)
	if err != nil {
		return err
	}
	dir := file.Resolve(file.Host)
	release, err := agent.Claim(dir)
	if err != nil {
		return err
	}
	defer release()
	logger := slog.New(slog.NewJSONHandler(s.stderr, nil))
	a, err := agent.New(agent.Config{Authority: home.Authority, Self: home.Credential, Roots: home.Roots, Anchors: home.Anchors, Home: dir, Logger: logger})
	if err != nil {
		return err
	}
	keeper := delivery.New(delivery.Config{Home: dir, Self: home.ID(), Source: a.Source, Targets: targets, Logger: logger})
	if !c.Quiet {
		if err := s.print(c.welcome(file, home)); err != nil {
			return err
		}
	}
	var all sync.WaitGroup
	all.Go(func() { a.Run(ctx, keeper) })
	all.Go(func() { keeper.Run(ctx) })
	all.Go(func() {
		select {
		case <-keeper.Ready():
			tellSystemd(logger, daemon.SdNotifyReady)
		case <-ctx.Done():
			return
		}
		<-ctx.Done()
		tellSystemd(logger, daemon.SdNotifyStopping)
	})
	all.Wait()
	return nil
}

// tellSystemd tells systemd, if it started us.
func tellSystemd(logger *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		logger.Warn("systemd cannot be told", slog.Any("error", err))
	}
}

// deliveries are what a configuration wants written.
func deliveries(file *config.Agent, home agent.Home) ([]delivery.Target, error) {
	path := func(name string) string {
		if name == "" {
			return ""
		}
		return file.Resolve(name)
	}
	var targets []delivery.Target
	for i, write := range file.Writes {
		key := fmt.Sprintf("write[%d]", i)
		id, err := file.ID(home.ID().TrustDomain(), key+".identity", write.Identity)
		if err != nil {
			return nil, err
		}
		uid, gid, err := file.Owner(key, write)
		if err != nil {
			return nil, err
		}
		targets = append(targets, delivery.Target{ID: id, Cert: path(write.Cert), Key: path(write.Key), PEM: path(write.PEM), Bundle: path(write.Bundle),
			Keystore: path(write.Keystore), Truststore: path(write.Truststore), PasswordFile: path(write.PasswordFile),
			UID: uid, GID: gid, Mode: write.Mode(), Reload: write.Reload, Timeout: write.ReloadTimeout.Span()})
	}
	return targets, nil
}

// welcome says what is written.
func (c *agentCmd) welcome(file *config.Agent, home agent.Home) string {
	var p page
	view := view{domain: home.ID().TrustDomain(), zone: time.UTC}
	p.line("Writing %s of %s, as %s, from the authority at %s.", count(len(file.Writes), "identity", "identities"), view.domain, view.id(home.ID()), home.Authority)
	p.line("")
	for _, write := range file.Writes {
		var files []string
		for _, target := range write.Files() {
			files = append(files, target.Path)
		}
		then := ""
		if len(write.Reload) > 0 {
			then = "; then " + strings.Join(write.Reload, " ")
		}
		p.fact(write.Identity, "%s%s", strings.Join(files, ", "), then)
	}
	p.line("")
	p.line("Ctrl-C stops it; the files stay.")
	return p.String()
}
