package proxy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/verify"
)

// The size of the revocation test: at every moment so many identities have so
// many connections each, and each round revokes one of them.
const (
	rounds       = 20
	atOnce       = 20
	perIdentity  = 25
	clientEnv    = "SIGNET_TEST_CLIENTS"
	endOfClients = "bye"
)

func TestMain(m *testing.M) {
	if os.Getenv(clientEnv) != "" {
		runClients()
		return
	}
	os.Exit(runPaths(m))
}

// order asks the client process for connections to a door.
type order struct {
	Door string `json:"door"`
	Name string `json:"name"` // of the connections: NAME.0, NAME.1, …
	N    int    `json:"n"`
}

// notice is what the client process saw of one connection.
type notice struct {
	Name string    `json:"name"`
	Open bool      `json:"open"` // it is open, and the service answered
	Err  string    `json:"err"`  // how it ended: "reset", "eof", or else
	At   time.Time `json:"at"`
}

// runClients is the other process: plain programs that know nothing of TLS.
func runClients() {
	var out sync.Mutex
	tell := func(n notice) {
		out.Lock()
		defer out.Unlock()
		json.NewEncoder(os.Stdout).Encode(n)
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var o order
		if in.Text() == endOfClients || json.Unmarshal(in.Bytes(), &o) != nil {
			return
		}
		for i := range o.N {
			go plainClient(o.Door, fmt.Sprintf("%s.%d", o.Name, i), tell)
		}
	}
}

func plainClient(door, name string, tell func(notice)) {
	conn, err := net.Dial("tcp", door)
	if err != nil {
		tell(notice{Name: name, Err: err.Error(), At: time.Now()})
		return
	}
	defer conn.Close()
	fmt.Fprintln(conn, name)
	echo := make([]byte, len(name)+1)
	if _, err := io.ReadFull(conn, echo); err != nil {
		tell(notice{Name: name, Err: kind(err), At: time.Now()})
		return
	}
	tell(notice{Name: name, Open: true, At: time.Now()})
	_, err = conn.Read(echo)
	tell(notice{Name: name, Err: kind(err), At: time.Now()})
}

func kind(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.Is(err, io.EOF):
		return "eof"
	}
	return fmt.Sprint(err)
}

// clients is this process's end of the other.
type clients struct {
	stdin io.Writer

	mu    sync.Mutex
	open  map[string]bool   // guarded by mu
	ended map[string]notice // guarded by mu
}

func startClients(t *testing.T) *clients {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), clientEnv+"=1")
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	c := &clients{stdin: stdin, open: map[string]bool{}, ended: map[string]notice{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			var n notice
			if err := json.Unmarshal(lines.Bytes(), &n); err != nil {
				t.Errorf("the client process said %q", lines.Text())
				continue
			}
			c.mu.Lock()
			if n.Open {
				c.open[n.Name] = true
			} else {
				delete(c.open, n.Name)
				c.ended[n.Name] = n
			}
			c.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		fmt.Fprintln(stdin, endOfClients)
		wg.Wait()
		if err := command.Wait(); err != nil {
			t.Errorf("the client process: %v", err)
		}
	})
	return c
}

func (c *clients) dial(t *testing.T, door, name string, n int) {
	t.Helper()
	if err := json.NewEncoder(c.stdin).Encode(order{door, name, n}); err != nil {
		t.Fatal(err)
	}
}

func (c *clients) opened() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

func (c *clients) end(name string) (notice, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.ended[name]
	return n, ok
}

// TestRevokeAmongMany keeps 500 connections of 20 identities open through both
// proxies and revokes one identity a round. Exactly its connections end, at
// both ends and by reset; its new connections and its tickets are refused.
func TestRevokeAmongMany(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds; run without -short")
	}
	var names []string
	for i := range rounds + atOnce {
		names = append(names, fmt.Sprintf("client-%02d", i))
	}
	w := newWorld(t, names...)
	others := startClients(t)
	start := func(i int) {
		w.allow(names[i])
		others.dial(t, w.doors[i], names[i], perIdentity)
	}
	for i := range atOnce {
		start(i)
	}
	var latencies []time.Duration
	for round := range rounds {
		w.until("500 connections are open", func() bool {
			return others.opened() == atOnce*perIdentity && w.backend.opened() == atOnce*perIdentity
		})
		victim := names[round]
		ticket := w.directClient(victim)
		w.resumes(ticket, true)
		w.until("the ticket's first connection is gone", func() bool {
			return len(w.conns().Conns) == atOnce*perIdentity+1 && w.backend.opened() == atOnce*perIdentity+1
		})

		since := time.Now()
		change := w.revoke(victim)
		w.until("the victim's ends are seen", func() bool { return w.seen(others, victim) == 2*perIdentity })
		latencies = append(latencies, w.latency(others, victim, since))

		if got := len(change.Ended); got != perIdentity+1 { // the ticket's connection too
			t.Errorf("round %d: revoke says that it ended %d connections, want %d", round, got, perIdentity+1)
		}
		if change.InForce != 2 || change.Others != (atOnce-1)*perIdentity {
			t.Errorf("round %d: in force at %d proxies, %d others untouched", round, change.InForce, change.Others)
		}
		if a, b := others.opened(), w.backend.opened(); a != (atOnce-1)*perIdentity || b != (atOnce-1)*perIdentity {
			t.Errorf("round %d: %d and %d bystanders are open, want %d", round, a, b, (atOnce-1)*perIdentity)
		}
		w.resumes(ticket, false)
		others.dial(t, w.doors[round], victim+".new", 1)
		w.until("a new connection is refused", func() bool { n, ok := others.end(victim + ".new.0"); return ok && n.Err == "reset" })
		start(round + atOnce)
	}
	slices.Sort(latencies)
	t.Logf("revoke → last of %d ends seen, %d rounds: median %v, worst %v", 2*perIdentity, rounds, latencies[rounds/2], latencies[rounds-1])
}

// seen counts the ends of the victim's connections, at client and service.
func (w *world) seen(c *clients, victim string) (n int) {
	for i := range perIdentity {
		name := fmt.Sprintf("%s.%d", victim, i)
		if at, ok := c.end(name); ok {
			if at.Err != "reset" {
				w.t.Errorf("%s ended by %s at the client, want a reset", name, at.Err)
			}
			n++
		}
		if at, ok := w.backend.end(name); ok {
			if at.clean {
				w.t.Errorf("%s ended cleanly at the service, want a reset", name)
			}
			n++
		}
	}
	return n
}

func (w *world) latency(c *clients, victim string, since time.Time) (worst time.Duration) {
	for i := range perIdentity {
		name := fmt.Sprintf("%s.%d", victim, i)
		client, _ := c.end(name)
		service, _ := w.backend.end(name)
		worst = max(worst, client.At.Sub(since), service.at.Sub(since))
	}
	return worst
}

// directClient speaks TLS to the inbound proxy itself, as the identity.
func (w *world) directClient(name string) *signet.Client {
	return &signet.Client{Roots: w.roots, Name: verify.ID(w.id("orders")), Identity: identity.Static(w.credential(name))}
}

// resumes connects twice before a change, to see the second one resumed, and
// once after it, to see that refused.
func (w *world) resumes(client *signet.Client, allowed bool) {
	w.t.Helper()
	connect := func() (*signet.Conn, error) {
		ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
		defer cancel()
		conn, err := client.Dial(ctx, "tcp", w.service)
		if err != nil {
			return nil, err
		}
		w.t.Cleanup(func() { conn.Close() })
		const line = "direct\n"
		io.WriteString(conn, line) // where this fails, reading tells why
		_, err = io.ReadFull(conn, make([]byte, len(line)))
		return conn, err
	}
	if !allowed {
		if _, err := connect(); !errors.Is(err, signet.RefusedByPeer) {
			w.t.Errorf("after the change a ticket's connection ended with %v, want a refusal", err)
		}
		return
	}
	first, err := connect()
	if err != nil {
		w.t.Fatal(err)
	}
	first.Close()
	second, err := connect()
	if err != nil {
		w.t.Fatal(err)
	}
	if !second.Peer().Resumed {
		w.t.Error("before the change the ticket does not resume: the test would show nothing")
	}
}

// TestPolicyEndsExactly denies one of two pairs and allows it again.
func TestPolicyEndsExactly(t *testing.T) {
	w := newWorld(t, "ann", "bob")
	others := startClients(t)
	w.allow("ann")
	w.allow("bob")
	others.dial(t, w.doors[0], "ann", 3)
	others.dial(t, w.doors[1], "bob", 2)
	w.until("all are open", func() bool { return others.opened() == 5 && w.backend.opened() == 5 })
	if live := w.conns(); len(live.Conns) != 5 || live.UpToDate != 2 || len(live.Silent) != 0 {
		t.Errorf("conns lists %d connections, %d proxies up to date, %d silent; want 5, 2, 0", len(live.Conns), live.UpToDate, len(live.Silent))
	}
	change := w.deny("ann")
	if len(change.Ended) != 3 || change.Others != 2 || change.Replaced != "allow-ann-orders" || change.Rule != "deny-ann-orders" {
		t.Errorf("deny answered %+v", change)
	}
	for _, conn := range change.Ended {
		if conn.Ends != 2 || conn.From != w.id("ann") {
			t.Errorf("ended %+v, want both ends of ann's", conn)
		}
	}
	w.until("ann's have ended", func() bool { return others.opened() == 2 && w.backend.opened() == 2 })
	w.until("both ends told why", func() bool {
		return w.events.count(func(e api.Event) bool { return e.Kind == api.Ended && e.Code == "denied_by_rule" }) == 6
	})
	history := ask[api.History](w, "GET", api.PathConn+"?id="+change.Ended[0].ID[:6], nil)
	var kinds []string
	for _, e := range history.Events {
		kinds = append(kinds, string(e.Kind))
	}
	if got := strings.Join(kinds, " "); got != "opened opened changed ended ended" {
		t.Errorf("the history is %q", got)
	}
	if again := w.deny("ann"); !again.Unchanged || again.Revision != change.Revision {
		t.Errorf("denying again answered %+v, want no new revision", again)
	}
	w.allow("ann")
	others.dial(t, w.doors[0], "ann.again", 1)
	w.until("ann is back", func() bool { return others.opened() == 3 })
}
