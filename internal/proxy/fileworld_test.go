package proxy_test

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/live"
	"github.com/signet-tls/signet/internal/proxy"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// fileWorld is an inbound and an outbound proxy that have all from files: a service
// "orders", and a door for each of some names.
type fileWorld struct {
	t       *testing.T
	dir     string
	carrier proxy.DataPath
	apart   bool
	domain  spiffeid.TrustDomain
	pki     *testpki.PKI
	events  *eventLog
	in, out *fileProxy
	service string   // the inbound proxy's port
	doors   []string // the outbound proxy's, in the order of the names
}

// fileProxy is one of the two.
type fileProxy struct {
	*proxy.Proxy
	config proxy.Config
	files  *agent.Files
	stop   func()
}

// fileSetup is what is particular about a fileWorld.
type fileSetup struct {
	names   []string
	service func(*proxy.Service)
	door    func(*proxy.Door)
	truth   func(live.Truth) live.Truth // the outbound proxy's
	drain   time.Duration
	carrier proxy.DataPath // "": the one that all tests run through
	apart   bool           // the service's proxy has rules of its own, in rulesOfService
}

func newFileWorld(t *testing.T, s fileSetup) *fileWorld {
	t.Helper()
	w := &fileWorld{t: t, dir: t.TempDir(), carrier: cmp.Or(s.carrier, dataPath), apart: s.apart, domain: testpki.Must(spiffeid.ParseTrustDomain("test.signet")),
		pki: testpki.Must(testpki.New(time.Now())), events: &eventLog{}}
	w.write("roots.pem", w.pki.Root.Leaf().PEM())
	w.allow(s.names...)
	w.allowAt(rulesOfService, s.names...)
	service := proxy.Service{ID: w.id("orders"), Address: "127.0.0.1:0"}
	if s.service != nil {
		s.service(&service)
	}
	if service.Backend.Address == "" {
		service.Backend = proxy.Address{Network: "tcp", Address: newBackend(t).listener.Addr().String()}
	}
	w.in = w.proxy(proxy.Config{Services: []proxy.Service{service}, Drain: s.drain}, nil, "orders")
	w.service = w.in.Addresses()[0].String()
	cfg := proxy.Config{Drain: s.drain}
	for _, name := range s.names {
		door := proxy.Door{From: w.id(name), To: w.id("orders"), Address: "127.0.0.1:0", Targets: []string{w.service}}
		if s.door != nil {
			s.door(&door)
		}
		cfg.Doors = append(cfg.Doors, door)
	}
	w.out = w.proxy(cfg, s.truth, s.names...)
	for _, address := range w.out.Addresses() {
		w.doors = append(w.doors, address.String())
	}
	return w
}

// proxy runs one that holds some names.
func (w *fileWorld) proxy(cfg proxy.Config, truth func(live.Truth) live.Truth, names ...string) *fileProxy {
	w.t.Helper()
	for _, name := range names {
		w.identity(name, w.pki)
	}
	config := w.filesConfig(names...)
	if w.apart && len(cfg.Services) > 0 {
		config.Policy.Name = w.path(rulesOfService)
	}
	files, err := agent.OpenFiles(config)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg.Truth, cfg.OnEvent, cfg.DataPath = files, w.events.add, w.carrier
	if truth != nil {
		cfg.Truth = truth(files)
	}
	p := &fileProxy{Proxy: proxy.New(cfg), config: cfg, files: files}
	if err := p.Listen(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	p.stop = background(func(ctx context.Context) {
		if err := p.Run(ctx); err != nil {
			w.t.Errorf("proxy: %v", err)
		}
	})
	w.t.Cleanup(p.stop)
	return p
}

func (w *fileWorld) filesConfig(names ...string) agent.FilesConfig {
	cfg := agent.FilesConfig{TrustDomain: w.domain, Roots: agent.Path{Name: w.path("roots.pem")}, Policy: agent.Path{Name: w.path("rules")}, Interval: 20 * time.Millisecond}
	for _, name := range names {
		cfg.Held = append(cfg.Held, agent.Held{ID: w.id(name), Chain: agent.Path{Name: w.path(name + ".pem")}})
	}
	return cfg
}

// identity writes a new certificate of a name, of some authority.
func (w *fileWorld) identity(name string, authority *testpki.PKI) {
	w.t.Helper()
	credential := testpki.Must(authority.Workload(w.id(name).String()))
	w.write(name+".pem", testpki.Must(credential.PEM()))
}

func (w *fileWorld) id(path string) spiffeid.ID { return testpki.Must(w.domain.ID(path)) }

func (w *fileWorld) path(name string) string { return filepath.Join(w.dir, name) }

// write puts a whole file in its place.
func (w *fileWorld) write(name string, data []byte) {
	w.t.Helper()
	path := w.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		w.t.Fatal(err)
	}
}

// allow lets exactly these names connect to orders.
func (w *fileWorld) allow(names ...string) {
	w.t.Helper()
	w.allowAt("rules", names...)
}

// rulesOfService is a folder of rules for a service's proxy that has its own.
const rulesOfService = "rules-of-service"

// allowAt is allow in one folder of rules.
func (w *fileWorld) allowAt(folder string, names ...string) {
	w.t.Helper()
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, "@id(%q)\npermit (principal == Identity::%q, action == Action::\"connect\", resource == Service::%q);\n", "allow-"+name, w.id(name), w.id("orders"))
	}
	w.write(folder+"/all.cedar", []byte(text.String()))
}

// join opens a connection through a door, on which both ends have spoken.
func (w *fileWorld) join(door, name string) net.Conn {
	w.t.Helper()
	conn, err := w.try(door, name)
	if err != nil {
		w.t.Fatal(err)
	}
	return conn
}

// try is join where it may fail.
func (w *fileWorld) try(door, name string) (net.Conn, error) {
	w.t.Helper()
	network := "tcp"
	if filepath.IsAbs(door) {
		network = "unix"
	}
	conn, err := net.Dial(network, door)
	if err != nil {
		return nil, err
	}
	w.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := fmt.Fprintln(conn, name); err != nil {
		return nil, err
	}
	var echo string
	if _, err := fmt.Fscanln(conn, &echo); err != nil {
		return nil, err
	}
	return conn, nil
}

// wantLive shows that a connection is open at both of its ends.
func (w *fileWorld) wantLive(live int) {
	w.t.Helper()
	w.until(fmt.Sprintf("%d connections are live", live), func() bool { return len(w.in.Live()) == live && len(w.out.Live()) == live })
}

func (w *fileWorld) until(what string, true func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !true(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("timed out until %s; the last event is %s", what, w.events.last())
		}
	}
}

// wantEvent waits for an event of a kind and code at a side.
func (w *fileWorld) wantEvent(kind api.Kind, side api.Side, code string) {
	w.t.Helper()
	w.until(fmt.Sprintf("%s tells that a connection was %s: %s", side, kind, code), func() bool {
		return w.events.count(func(e api.Event) bool { return e.Kind == kind && e.Side == side && e.Code == code }) > 0
	})
}

// wantBothEnds waits until both proxies tell of an end, of which one at least says
// why: the other may have seen the reset long before it saw the change.
func (w *fileWorld) wantBothEnds(code string) {
	w.t.Helper()
	w.until("both ends tell that it ended", func() bool {
		count := func(codes ...string) int {
			return w.events.count(func(e api.Event) bool { return e.Kind == api.Ended && slices.Contains(codes, e.Code) })
		}
		return count(code, "truncated") >= 2 && count(code) >= 1
	})
}

// another is a PKI that vouches for nobody of this world.
func another() *testpki.PKI { return testpki.Must(testpki.New(time.Now())) }

// pem joins roots into a file.
func pem(roots ...*pki.Credential) (data []byte) {
	for _, root := range roots {
		data = append(data, root.Leaf().PEM()...)
	}
	return data
}

// codeOf is an error's code.
func codeOf(err error) string {
	ours, ok := fault.Of(err)
	if !ok {
		return ""
	}
	return string(ours.Code)
}
