package cli

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/live"
	"github.com/signet-tls/signet/internal/proxy"
	"github.com/signet-tls/signet/internal/proxy/config"
	"github.com/signet-tls/signet/spiffeid"
)

type proxyCmds struct {
	Serve proxyServeCmd `cmd:"" help:"the data plane: carry plain programs over mutual TLS"`
	Lint  proxyLintCmd  `cmd:"" help:"would this configuration be served?"`
}

// configured is the flag that names a proxy's configuration.
type configured struct {
	Config string `env:"SIGNET_PROXY" default:"proxy.toml" placeholder:"FILE" help:"The proxy's configuration, in TOML (environment: SIGNET_PROXY). Without it, proxy.toml here. docs/proxy-config.md has every key."`
}

// plan is a configuration that was read and checked, and what it is about.
type plan struct {
	file   *config.File
	domain spiffeid.TrustDomain
	home   *agent.Home       // with an authority; nil without
	files  agent.FilesConfig // without
	proxy  proxy.Config      // but for Truth, and what else a run has
}

// readPlan reads and checks a configuration, but for the contents of the files that
// it names.
func readPlan(path string, logger *slog.Logger) (*plan, error) {
	file, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	p := &plan{file: file}
	if file.Host != "" {
		home, err := agent.LoadHome(file.Resolve(file.Host))
		if err != nil {
			return nil, at(file.Place("host"), err)
		}
		if !strings.HasPrefix(home.ID().Path(), proxyPath) {
			return nil, file.Fault("host", config.Invalid, "%s is the folder of %s, which is no proxy: a proxy's name begins with %s", file.Host, home.ID().Path(), proxyPath)
		}
		p.home, p.domain = &home, home.ID().TrustDomain()
	} else if p.domain, err = spiffeid.ParseTrustDomain(file.TrustDomain); err != nil {
		return nil, err // it was checked
	}
	if err := p.ports(); err != nil {
		return nil, err
	}
	return p, p.truth(logger)
}

// at puts a place of the configuration in front of an error.
func at(place string, err error) error {
	e := explained(err)
	return fault.Wrap(e, e.Code, "%s", place).WithHint("%s", e.Hint)
}

// truth is where identities, roots and rules are, without an authority.
func (p *plan) truth(logger *slog.Logger) error {
	if p.home != nil {
		return nil
	}
	path := func(key, name string) agent.Path {
		return agent.Path{Name: p.file.Resolve(name), Said: p.file.Place(key)}
	}
	p.files = agent.FilesConfig{TrustDomain: p.domain, Interval: p.file.Follow.Span(), Logger: logger,
		Roots: path("roots", p.file.Roots), Policy: path("policy", p.file.Policy)}
	for i, identity := range p.file.Identities {
		key := fmt.Sprintf("identity[%d]", i)
		id, err := p.file.ID(p.domain, key+".name", identity.Name)
		if err != nil {
			return err
		}
		held := agent.Held{ID: id, Chain: path(key+".file", identity.File)}
		if identity.Key != "" {
			held.Key = p.file.Resolve(identity.Key)
		}
		p.files.Held = append(p.files.Held, held)
	}
	return nil
}

// ports are the services and doors.
func (p *plan) ports() error {
	f := p.file
	p.proxy = proxy.Config{Drain: f.Drain.Span(), StaleAfter: f.StaleAfter.Span(), DataPath: proxy.DataPath(f.DataPath)}
	for i, service := range f.Services {
		id, err := f.ID(p.domain, fmt.Sprintf("service[%d].identity", i), service.Identity)
		if err != nil {
			return err
		}
		p.proxy.Services = append(p.proxy.Services, proxy.Service{ID: id, Address: service.Listen, Backend: p.endpoint(service.Backend),
			Header: service.ProxyProtocol != "", Limits: portLimits(service.Common)})
	}
	for i, door := range f.Doors {
		key := fmt.Sprintf("door[%d]", i)
		from, err := f.ID(p.domain, key+".identity", door.Identity)
		if err != nil {
			return err
		}
		to, err := f.ID(p.domain, key+".to", door.To)
		if err != nil {
			return err
		}
		users, err := f.Users(key, door)
		if err != nil {
			return err
		}
		listen := door.Listen
		if network, path := config.Address(listen); network == "unix" {
			listen = "unix:" + f.Resolve(path)
		}
		p.proxy.Doors = append(p.proxy.Doors, proxy.Door{From: from, To: to, Address: listen, Users: users, Targets: door.Addresses,
			Loopback: door.Loopback, Postgres: door.Protocol != "", Limits: portLimits(door.Common)})
	}
	return nil
}

// offer is what the authority hears: where the services are, and which services'
// addresses are not in the configuration.
func (p *plan) offer() (offer api.Offer) {
	for i, service := range p.proxy.Services {
		if at := cmp.Or(p.file.Services[i].Advertise, listensAt(service.Address)); at != "" {
			offer.Services = append(offer.Services, api.Endpoint{ID: service.ID, Address: at})
		}
	}
	for _, door := range p.proxy.Doors {
		if len(door.Targets) == 0 && !slices.Contains(offer.Wants, door.To) {
			offer.Wants = append(offer.Wants, door.To)
		}
	}
	return offer
}

// listensAt is an address by which others reach a service that listens there; "" if
// that is not known.
func listensAt(address string) string {
	network, at := config.Address(address)
	host, _, err := net.SplitHostPort(at)
	if ip, noIP := netip.ParseAddr(host); network != "tcp" || err != nil || noIP == nil && ip.IsUnspecified() {
		return ""
	}
	return at
}

func (p *plan) endpoint(backend string) proxy.Address {
	network, address := config.Address(backend)
	if network == "unix" {
		address = p.file.Resolve(address)
	}
	return proxy.Address{Network: network, Address: address}
}

func portLimits(common config.Common) live.Limits {
	return live.Limits{Conns: common.MaxConnections, Each: min(common.MaxConnectionsEach, common.MaxConnections), Connect: common.ConnectTimeout.Span(),
		OpenWhenStale: common.WhenStale == "open", StaleFor: common.StaleFor.Span()}
}

// log opens the access log.
func (p *plan) log(stderr io.Writer) (io.WriteCloser, error) {
	if p.file.Log == "stderr" {
		return unclosed{stderr}, nil
	}
	file, err := os.OpenFile(p.file.Resolve(p.file.Log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, p.file.Fault("log", config.BadPath, "the access log cannot be opened: %s", reasonOf(err))
	}
	return file, nil
}

// unclosed is a stream that others write to, too.
type unclosed struct{ io.Writer }

// Close leaves it open.
func (unclosed) Close() error { return nil }

// describe lists what is served.
func (p *plan) describe(page *page) {
	view := view{domain: p.domain, zone: time.UTC}
	for i, service := range p.proxy.Services {
		page.fact(view.id(service.ID), "mutual TLS at %s → plain at %s", service.Address, p.file.Services[i].Backend)
	}
	for i, door := range p.proxy.Doors {
		listed := "where the authority knows it"
		if len(door.Targets) > 0 {
			listed = "at " + door.Targets[0]
		}
		if more := len(door.Targets) - 1; more > 0 {
			listed += fmt.Sprintf(" and %s", count(more, "other address", "other addresses"))
		}
		page.fact(view.id(door.From), "plain at %s → %s %s", p.file.Doors[i].Listen, view.id(door.To), listed)
	}
}

// source says where identities, roots and rules come from.
func (p *plan) source(rules int) string {
	if p.home != nil {
		return "from the authority at " + p.home.Authority
	}
	return fmt.Sprintf("from files, without an authority: %s", cmp.Or(count(rules, "rule", "rules"), "no rule"))
}
