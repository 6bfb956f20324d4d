package proxy_test

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/live"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/proxy"
)

// wantReset waits for a connection's end, which must be a reset.
func wantReset(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := io.Copy(io.Discard, conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the program sees %v, want a reset", err)
	}
}

// TestRulesInFiles denies by editing a file: exactly what it concerns ends, at both
// proxies. A file that cannot be used changes nothing.
func TestRulesInFiles(t *testing.T) {
	w := newFileWorld(t, fileSetup{names: []string{"ann", "bob"}})
	ann, bob := w.join(w.doors[0], "ann"), w.join(w.doors[1], "bob")
	w.wantLive(2)

	w.write("rules/broken.cedar", []byte("permit (princi"))
	w.write("roots.pem", []byte("no certificate"))
	w.join(w.doors[0], "ann-2").Close()
	os.Remove(w.path("rules/broken.cedar"))
	w.write("roots.pem", pem(w.pki.Root))

	w.allow("bob")
	wantReset(t, ann)
	w.wantBothEnds("no_rule")
	if _, err := w.try(w.doors[0], "ann-3"); err == nil {
		t.Error("ann connects, though no rule allows it")
	}
	if _, err := bob.Write([]byte("x")); err != nil {
		t.Errorf("bob, whom nothing concerns: %v", err)
	}
}

// TestRootsInFiles takes a root out of the file: whom it alone vouches for is cut
// off. Adding one disturbs nobody, and renewed certificates of it are used.
func TestRootsInFiles(t *testing.T) {
	w := newFileWorld(t, fileSetup{names: []string{"ann"}})
	conn, next := w.join(w.doors[0], "ann"), another()
	w.write("roots.pem", pem(w.pki.Root, next.Root))
	w.identity("ann", next)
	w.identity("orders", next)
	w.until("connections are made with certificates of the new root", func() bool {
		if conn, err := w.try(w.doors[0], "ann-2"); err == nil { // one end may be ahead of the other
			conn.Close()
		}
		count := func(side api.Side) int {
			return w.events.count(func(e api.Event) bool { return e.Kind == api.Opened && e.Side == side && e.Revision == 2 })
		}
		return count(api.Door) > 2 && count(api.Service) > 2
	})
	w.wantLive(1)
	w.write("roots.pem", pem(next.Root))
	wantReset(t, conn)
	w.wantBothEnds("roots_changed")
	w.until("the door takes the new roots alone", func() bool {
		conn, err := w.try(w.doors[0], "ann-3")
		if err == nil {
			conn.Close()
		}
		return err == nil && w.in.files.Roots().String() != "" && len(w.out.Live()) <= 1
	})
}

// TestUnixDoor lets in the users that it names, as the system knows them.
func TestUnixDoor(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT RUN: only Linux tells who connects to a Unix socket")
	}
	own := uint32(os.Getuid())
	tests := []struct {
		name  string
		users []uint32
		code  string
	}{
		{"its own", []uint32{own + 1, own}, ""},
		{"another", []uint32{own + 1}, "user_refused"},
		{"nobody", nil, "user_refused"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			w := newFileWorld(t, fileSetup{names: []string{"ann"}, door: func(d *proxy.Door) { d.Address, d.Users = "unix:"+path, test.users }})
			_, err := w.try(path, "ann")
			if (err == nil) != (test.code == "") {
				t.Fatalf("the program sees %v", err)
			}
			if err != nil {
				w.wantEvent(api.Refused, api.Door, test.code)
			}
			w.out.stop()
			if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the socket was left behind: %v", err)
			}
		})
	}
}

// TestLimits refuses by name what a port has no room for.
func TestLimits(t *testing.T) {
	tests := []struct {
		name           string
		service, door  live.Limits
		refuser, other api.Side
	}{
		{"at the door", live.Limits{}, live.Limits{Conns: 1}, api.Door, api.Service},
		{"of one identity at the service", live.Limits{Each: 1}, live.Limits{}, api.Service, api.Door},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newFileWorld(t, fileSetup{names: []string{"ann"},
				service: func(s *proxy.Service) { s.Limits = test.service }, door: func(d *proxy.Door) { d.Limits = test.door }})
			first := w.join(w.doors[0], "ann")
			if _, err := w.try(w.doors[0], "ann-2"); err == nil {
				t.Error("a second connection is carried")
			}
			w.wantEvent(api.Refused, test.refuser, "too_many_connections")
			first.Close()
			w.until("there is room again", func() bool {
				conn, err := w.try(w.doors[0], "ann-3")
				if err == nil {
					conn.Close()
				}
				return err == nil
			})
		})
	}
}

// TestAddresses reaches a service though some of its addresses are dead, or not its
// own.
func TestAddresses(t *testing.T) {
	dead := peers.FreeAddress(t)
	w := newFileWorld(t, fileSetup{names: []string{"ann", "eve"}})
	stranger := w.proxy(proxy.Config{Services: []proxy.Service{{ID: w.id("eve"), Address: "127.0.0.1:0", Backend: proxy.Address{Network: "tcp", Address: dead}}}}, nil, "eve")
	impostor := stranger.Addresses()[0].String()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts, and nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	tests := []struct {
		name      string
		addresses []string
		code      string
	}{
		{"the second answers", []string{dead, w.service}, ""},
		{"the third is who it must be", []string{dead, impostor, w.service}, ""},
		{"the first says nothing", []string{silent.Addr().String(), w.service}, ""},
		{"none answers", []string{dead, dead}, "unreachable"},
		{"an impostor alone", []string{impostor}, "name_mismatch"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			door := proxy.Door{From: w.id("ann"), To: w.id("orders"), Address: "127.0.0.1:0", Targets: test.addresses, Limits: live.Limits{Connect: 3 * time.Second}}
			p := w.proxy(proxy.Config{Doors: []proxy.Door{door}}, nil, "ann")
			for range 2 { // the second time with what is known
				if _, err := w.try(p.Addresses()[0].String(), "ann"); (err == nil) != (test.code == "") {
					t.Fatalf("the program sees %v", err)
				}
			}
			if test.code != "" {
				w.wantEvent(api.Refused, api.Door, test.code)
			}
		})
	}
}

// TestBackendGone has a service's first proxy without the program behind it: the
// connection that finds it out is reset, and the others go to the second.
func TestBackendGone(t *testing.T) {
	w := newFileWorld(t, fileSetup{names: []string{"ann"}})
	broken := w.proxy(proxy.Config{Services: []proxy.Service{{ID: w.id("orders"), Address: "127.0.0.1:0", Backend: proxy.Address{Network: "tcp", Address: peers.FreeAddress(t)}}}}, nil, "orders")
	door := proxy.Door{From: w.id("ann"), To: w.id("orders"), Address: "127.0.0.1:0", Targets: []string{broken.Addresses()[0].String(), w.service}}
	p := w.proxy(proxy.Config{Doors: []proxy.Door{door}}, nil, "ann")
	address := p.Addresses()[0].String()
	if _, err := w.try(address, "ann"); err == nil {
		t.Error("the connection that finds it out gets through")
	}
	w.wantEvent(api.Refused, api.Service, "backend_unreachable")
	if _, err := w.try(address, "ann"); err != nil {
		t.Errorf("the next: %v", err)
	}
}

// TestReload changes what is served: a port that stays goes on, one that cannot be
// had leaves all as it was, and live connections outlast their ports.
func TestReload(t *testing.T) {
	w := newFileWorld(t, fileSetup{names: []string{"ann"}})
	kept := peers.FreeAddress(t)
	reload := func(doors ...proxy.Door) error {
		next := w.out.config
		next.Doors = doors
		return w.out.files.Reload(w.filesConfig("ann"), func(commit func()) error { return w.out.Reload(t.Context(), next, commit) })
	}
	door := func(address string) proxy.Door {
		return proxy.Door{From: w.id("ann"), To: w.id("orders"), Address: address, Targets: []string{w.service}}
	}
	if err := reload(door(kept)); err != nil {
		t.Fatal(err)
	}
	conn := w.join(kept, "ann")
	if _, err := net.Dial("tcp", w.doors[0]); err == nil {
		t.Error("a port that was left out still answers")
	}
	fresh := peers.FreeAddress(t)
	if err := reload(door(fresh), door(w.service)); err == nil {
		t.Error("a port was had that is another's")
	}
	if _, err := net.Dial("tcp", fresh); err == nil {
		t.Error("a change that was refused opened a port")
	}
	limited := door(kept)
	limited.Conns = 1
	if err := reload(limited, door(fresh)); err != nil {
		t.Fatal(err)
	}
	w.join(fresh, "ann-2")
	if _, err := w.try(kept, "ann-3"); err == nil {
		t.Error("the port that stays forgot which connections it has, or its new limit")
	}
	if err := reload(door(fresh)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Errorf("a live connection did not outlast its port: %v", err)
	}
	w.out.stop()
	if err := reload(door(kept)); !errors.Is(err, live.ShuttingDown) {
		t.Errorf("a proxy that stopped takes %v, want %v", err, live.ShuttingDown)
	}
}

// TestDrain lets connections end by themselves after the stop, and resets those
// that do not in time.
func TestDrain(t *testing.T) {
	for _, test := range []struct {
		name  string
		drain time.Duration
		waits bool
	}{
		{"long enough", time.Hour, true},
		{"too short", time.Millisecond, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newFileWorld(t, fileSetup{names: []string{"ann"}, drain: test.drain})
			conn := w.join(w.doors[0], "ann")
			stopped := make(chan struct{})
			go func() { defer close(stopped); w.out.stop() }()
			w.until("the door is closed", func() bool {
				conn, err := net.Dial("tcp", w.doors[0])
				if err == nil {
					conn.Close()
				}
				return err != nil
			})
			if !test.waits {
				wantReset(t, conn)
				w.wantEvent(api.Ended, api.Door, "shutting_down")
				<-stopped
				return
			}
			// Those by which it was tried whether the door is closed are on their way out.
			w.until("one connection goes on", func() bool { return len(w.out.Live()) == 1 })
			id := w.out.Live()[0].ID
			conn.Close()
			<-stopped
			w.in.stop()
			ends := w.events.count(func(e api.Event) bool { return e.Kind == api.Ended && e.Code != "shutting_down" && e.Conn == id })
			if ends != 2 {
				t.Errorf("%d ends of a connection came of its own, want 2: %s", ends, w.events.last())
			}
		})
	}
}

// silentTruth was heard at a time of the past.
type silentTruth struct {
	live.Truth
	heard func() time.Time
}

func (s silentTruth) Heard() time.Time { return s.heard() }

// TestStale has the authority fall silent: what is open ends, and nobody comes in,
// once a port may not go on any longer, or never where it may.
func TestStale(t *testing.T) {
	for _, test := range []struct {
		name string
		open bool
	}{{"closed", false}, {"open", true}} {
		t.Run(test.name, func(t *testing.T) {
			heard := make(chan time.Time, 1)
			heard <- time.Now()
			last := func() time.Time { at := <-heard; heard <- at; return at }
			w := newFileWorld(t, fileSetup{names: []string{"ann"},
				truth: func(under live.Truth) live.Truth { return silentTruth{under, last} },
				door:  func(d *proxy.Door) { d.StaleFor, d.OpenWhenStale = time.Hour, test.open }})
			conn := w.join(w.doors[0], "ann")
			ago := func(span time.Duration) { <-heard; heard <- time.Now().Add(-span) }
			ago(50 * time.Minute)
			if _, stale := w.out.Stale(); !stale {
				t.Error("nobody says that the proxy is stale")
			}
			w.join(w.doors[0], "ann-2").Close()
			ago(2 * time.Hour)
			if test.open {
				w.join(w.doors[0], "ann-3")
				return
			}
			wantReset(t, conn)
			w.wantEvent(api.Ended, api.Door, "authority_silent")
			if _, err := w.try(w.doors[0], "ann-3"); err == nil {
				t.Error("a stale door lets somebody in")
			}
			w.wantEvent(api.Refused, api.Door, "authority_silent")
			ago(0)
			w.join(w.doors[0], "ann-4")
		})
	}
}

// TestInherited takes over sockets that systemd has opened, and holds those of
// doors to loopback.
func TestInherited(t *testing.T) {
	socket := func(address string) net.Listener {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Skipf("NOT RUN: this machine has no %s: %v", address, err)
		}
		t.Cleanup(func() { listener.Close() })
		return listener
	}
	given := map[string]net.Listener{"near": socket("127.0.0.1:0"), "far": socket("0.0.0.0:0")}
	w := newFileWorld(t, fileSetup{names: []string{"ann"}})
	door := func(name string) proxy.Door {
		return proxy.Door{From: w.id("ann"), To: w.id("orders"), Address: "systemd:" + name, Targets: []string{w.service}}
	}
	for name, code := range map[string]string{"far": "not_loopback", "none": "cannot_listen", "near": "cannot_listen"} { // the last was not asked to be a port
		p := proxy.New(proxy.Config{Doors: []proxy.Door{door(name)}, Truth: w.out.files, Inherited: given})
		if err := p.Listen(t.Context()); err == nil || !slices.Contains([]string{code}, codeOf(err)) {
			t.Errorf("%s: %v, want %s", name, err, code)
		}
	}
	open := door("near")
	open.Loopback = true
	cfg := proxy.Config{Doors: []proxy.Door{open}, Inherited: given}
	p := w.proxy(cfg, nil, "ann")
	w.join(given["near"].Addr().String(), "ann").Close()
	next := p.config
	next.Doors = nil
	back := p.config
	for _, cfg := range []proxy.Config{next, back} {
		if err := p.Reload(t.Context(), cfg, func() {}); err != nil {
			t.Fatal(err)
		}
	}
	w.join(given["near"].Addr().String(), "ann-2")
}
