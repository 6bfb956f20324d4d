package cli

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/proxy"
	"github.com/signet-tls/signet/pki"
)

// system is the whole of Signet in one process: the authority on its store, two
// proxies and a demo service. They meet over their loopback ports only.
type system struct {
	plane
	settings settings
	again    bool                    // it ran here before
	moved    bool                    // its ports are not those of the last time
	agents   map[string]*agent.Agent // by the service identity that each proxy holds
	proxies  []*proxy.Proxy
	barred   []string // paths of the proxies that do not run because they were revoked
	demo     *demo
}

// The identities of the demonstration.
const (
	ordersName = "orders"
	webName    = "web"
	proxyPath  = "proxy/"
)

// startSystem opens everything and binds every port, so that what can fail has
// failed when it returns. Run then serves. The ports are four from the given one on;
// 0 means those of the last time.
func startSystem(ctx context.Context, cfg planeConfig, port int) (_ *system, err error) {
	s := &system{plane: plane{planeConfig: cfg}, agents: map[string]*agent.Agent{}}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.settings, s.again, err = chooseSettings(s.dir, port); err != nil {
		return nil, err
	}
	s.moved = port != 0
	if err := s.openKeys(ctx); err != nil {
		return nil, err
	}
	if err := s.listen(ctx, s.settings.Authority, s.settings.Status); err != nil {
		return nil, err
	}
	if s.demo, err = newDemo(s.dir); err != nil {
		return nil, err
	}
	if err := s.openProxies(ctx); err != nil {
		return nil, err
	}
	return s, s.writeFolder(ctx, s.settings)
}

// openKeys loads the authority's keys, or makes them and the first revision on a
// new folder. Nobody is there to ask for a passphrase: the folder's permissions are
// all that guards them.
func (s *system) openKeys(ctx context.Context) error {
	if s.founded() {
		return s.openCA(nil)
	}
	made, err := ca.New(s.domain, time.Now())
	if err != nil {
		return err
	}
	return s.found(ctx, made, ca.Kept{}, func(tx *control.Tx) {
		for _, name := range []string{ordersName, webName} {
			service, proxy := s.id(name), s.id(proxyPath+name)
			tx.PutIdentity(control.Identity{ID: service, Kind: control.Service})
			tx.PutIdentity(control.Identity{ID: proxy, Kind: control.Proxy})
			tx.PutGrant(control.Grant{Proxy: proxy, Identity: service})
		}
	})
}

func (s *system) openProxies(ctx context.Context) error {
	orders, web := s.id(ordersName), s.id(webName)
	configs := map[string]proxy.Config{
		ordersName: {Services: []proxy.Service{{ID: orders, Address: s.settings.Orders, Backend: s.demo.address()}}},
		webName:    {Doors: []proxy.Door{{From: web, To: orders, Address: s.settings.Web, Targets: []string{s.settings.Orders}}}},
	}
	for _, name := range []string{ordersName, webName} {
		if s.revoked(proxyPath + name) {
			s.barred = append(s.barred, proxyPath+name)
			continue
		}
		self, err := s.authority.Credential(ctx, s.id(proxyPath+name))
		if err != nil {
			return err
		}
		cfg := configs[name]
		cfg.Logger = s.logger
		keeper, err := agent.New(agent.Config{Authority: s.settings.Authority, Self: self, Roots: s.roots, Anchors: []*pki.Certificate{s.ca.Root()}, Logger: s.logger})
		if err != nil {
			return err
		}
		cfg.Truth = keeper
		made := proxy.New(cfg)
		s.agents[name], s.proxies = keeper, append(s.proxies, made)
		if err := made.Listen(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Run serves until ctx ends or a part fails. Ready is called once everything
// works.
func (s *system) Run(ctx context.Context, ready func()) error {
	defer s.close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	start := func(run func(context.Context) error) {
		wg.Go(func() {
			if err := run(ctx); err != nil {
				cancel(err)
			}
		})
	}
	start(s.serveStatus)
	for _, proxy := range s.proxies {
		start(proxy.Run)
	}
	start(s.keepOperator)
	start(s.store.Wait) // without its store the system would go on with what it last knew
	start(func(ctx context.Context) error {
		if s.waitReady(ctx) {
			ready()
		}
		return nil
	})
	// The authority ends last, to hear how the connections ended; and so does the
	// demo service, whose end would pass for one that its streams came to.
	lastly, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var last sync.WaitGroup
	for _, run := range []func(context.Context) error{s.authority.Run, s.demo.Run} {
		last.Go(func() {
			if err := run(lastly); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	stop()
	last.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// waitReady waits until both proxies have the present revision in force and
// their certificates at hand.
func (s *system) waitReady(ctx context.Context) bool {
	for !s.ready() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
	return true
}

func (s *system) ready() bool {
	status := s.authority.Status()
	for name, agent := range s.agents {
		if s.revoked(proxyPath + name) {
			continue
		}
		ours := func(p api.ProxyStatus) bool { return p.ID == s.id(proxyPath+name) }
		if at := slices.IndexFunc(status.Proxies, ours); at < 0 || !status.Proxies[at].Connected || status.Proxies[at].Revision < status.Revision {
			return false
		}
		if _, err := agent.Source(s.id(name)).Credential(); err != nil && !s.revoked(name) {
			return false
		}
	}
	return true
}

// close lets go of what startSystem opened, as far as it did.
func (s *system) close() {
	for _, proxy := range s.proxies {
		proxy.Close()
	}
	if s.demo != nil {
		s.demo.close()
	}
	s.plane.close()
}
