package cli

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/internal/authority"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/proxy"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// system is the whole of Signet in one process: the authority on its store, two
// proxies and a demo service. They meet over their loopback ports only.
type system struct {
	systemConfig
	settings  settings
	again     bool // it ran here before
	moved     bool // its ports are not those of the last time
	store     *control.Store
	ca        *ca.CA
	roots     verify.Roots
	authority *authority.Authority
	agents    map[string]*agent.Agent // by the service identity that each proxy holds
	proxies   []*proxy.Proxy
	barred    []string // paths of the proxies that do not run because they were revoked
	exposed   string   // the operator's path, if others than its owner could read its file before the start
	status    net.Listener
	demo      *demo
}

// systemConfig is what a system is made of.
type systemConfig struct {
	dir     string
	domain  spiffeid.TrustDomain
	port    int             // the first of four; 0 for those of the last time
	onEvent func(api.Event) // must not block
	logger  *slog.Logger
}

// The identities of the demonstration.
const (
	ordersName = "orders"
	webName    = "web"
	proxyPath  = "proxy/"
)

// startSystem opens everything and binds every port, so that what can fail has
// failed when it returns. Run then serves.
func startSystem(ctx context.Context, cfg systemConfig) (_ *system, err error) {
	s := &system{systemConfig: cfg, agents: map[string]*agent.Agent{}}
	if s.store, err = control.Open(ctx, control.Config{Dir: s.dir, TrustDomain: s.domain, Logger: s.logger}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.settings, s.again, err = chooseSettings(s.dir, s.port); err != nil {
		return nil, err
	}
	s.moved = s.port != 0
	if err := s.openCA(ctx); err != nil {
		return nil, err
	}
	if err := s.openAuthority(ctx); err != nil {
		return nil, err
	}
	if s.demo, err = newDemo(s.dir); err != nil {
		return nil, err
	}
	if err := s.openProxies(ctx); err != nil {
		return nil, err
	}
	return s, s.writeFolder(ctx)
}

// openCA loads the authority's keys, or makes them and the first revision on a
// new folder. The keys are durable before anything refers to them.
func (s *system) openCA(ctx context.Context) (err error) {
	folder := filepath.Join(s.dir, caFolder)
	state := s.store.State()
	if state.Revision > 0 {
		s.ca, err = ca.Load(folder, s.domain, state.CA.Root, state.CA.Intermediate)
	} else {
		s.ca, err = ca.New(s.domain, time.Now())
		if err == nil {
			err = s.ca.Save(folder)
		}
		if err == nil {
			err = s.firstRevision(ctx)
		}
	}
	if err != nil {
		return err
	}
	s.roots, err = verify.ForTrustDomain(s.domain, s.ca.Root())
	return err
}

func (s *system) firstRevision(ctx context.Context) error {
	_, err := s.store.Change(ctx, func(tx *control.Tx) error {
		tx.SetCA(control.CA{Root: string(s.ca.Root().PEM()), Intermediate: string(s.ca.Intermediate().PEM())})
		for _, name := range []string{ordersName, webName} {
			service, proxy := s.id(name), s.id(proxyPath+name)
			tx.PutIdentity(control.Identity{ID: service, Kind: control.Service})
			tx.PutIdentity(control.Identity{ID: proxy, Kind: control.Proxy})
			tx.PutGrant(control.Grant{Proxy: proxy, Identity: service})
		}
		tx.PutIdentity(control.Identity{ID: s.id(operatorPath()), Kind: control.Operator})
		return nil
	})
	return err
}

// id is for paths that are known to be right.
func (s *system) id(path string) spiffeid.ID {
	id, err := s.domain.ID(path)
	if err != nil {
		panic("cli: " + err.Error())
	}
	return id
}

func (s *system) openAuthority(ctx context.Context) (err error) {
	s.authority, err = authority.New(authority.Config{Store: s.store, CA: s.ca, OnEvent: s.onEvent, Logger: s.logger})
	if err != nil {
		return err
	}
	if err := s.authority.Listen(ctx, s.settings.Authority); err != nil {
		return err
	}
	s.status, err = bind.Loopback(ctx, s.settings.Status)
	return err
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
		self, err := s.credential(ctx, proxyPath+name)
		if err != nil {
			return err
		}
		cfg := configs[name]
		cfg.Logger = s.logger
		keeper, err := agent.New(agent.Config{Authority: s.settings.Authority, Self: self, Roots: s.roots, Logger: s.logger})
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

func (s *system) revoked(path string) bool {
	_, revoked := s.store.State().Revocations[s.id(path)]
	return revoked
}

// credential issues a certificate for a new key.
func (s *system) credential(ctx context.Context, path string) (*pki.Credential, error) {
	key, err := pki.NewKey()
	if err != nil {
		return nil, err
	}
	id := s.id(path)
	chain, err := s.ca.Issue(id, key.Public(), time.Now())
	if err != nil {
		return nil, err
	}
	leaf := chain[0]
	record := control.Certificate{Serial: leaf.Serial(), ID: id, NotAfter: leaf.NotAfter()}
	if err := s.store.RecordCertificate(ctx, record); err != nil {
		return nil, err
	}
	return pki.NewCredential(chain, key)
}

// writeFolder leaves what commands need to find the system. It comes last, when
// every port is ours.
func (s *system) writeFolder(ctx context.Context) error {
	if err := s.enrolOperator(ctx); err != nil {
		return err
	}
	s.exposed = s.exposedOperator()
	if err := s.writeOperator(ctx); err != nil {
		return err
	}
	if err := s.write(rootsFile, s.ca.Root().PEM()); err != nil {
		return err
	}
	data, err := json.Marshal(s.settings)
	if err != nil {
		return err
	}
	return s.write(settingsFile, append(data, '\n'))
}

func (s *system) write(name string, data []byte) error {
	if err := atomicfile.Write(filepath.Join(s.dir, name), data, atomicfile.Private); err != nil {
		return fault.Wrap(err, FolderUnwritable, "the data folder cannot be written").WithHint("make %s writable, or free some space", s.dir)
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
	for _, proxy := range status.Proxies {
		if !proxy.Connected || proxy.Revision < status.Revision {
			return false
		}
	}
	for name, agent := range s.agents {
		if _, err := agent.Source(s.id(name)).Credential(); err != nil && !s.revoked(name) && !s.revoked(proxyPath+name) {
			return false
		}
	}
	return true
}

func (s *system) serveStatus(ctx context.Context) error {
	server := &http.Server{Handler: s.authority.StatusHandler(), ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug)}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(s.status); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// close lets go of what startSystem opened, as far as it did.
func (s *system) close() {
	if s.authority != nil {
		s.authority.Close()
	}
	if s.status != nil {
		s.status.Close()
	}
	for _, proxy := range s.proxies {
		proxy.Close()
	}
	if s.demo != nil {
		s.demo.close()
	}
	if err := s.store.Close(); err != nil {
		s.logger.Error("the store did not close well", slog.Any("error", err))
	}
}
