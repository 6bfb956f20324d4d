package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
)

// soaking is a system under mixed load, with faults.
type soaking struct {
	*crowd
	authority *process
	proxies   map[string]*process
	leaving   []string // identities that are still to be revoked
	law       law
	skewed    map[string]time.Duration // by how much clocks are ahead
	faults    map[string]int
	stop      chan struct{}
	workers   sync.WaitGroup
	levels    map[*process][]level // at quiet moments

	mu     sync.Mutex
	opened int      // guarded by mu; connections
	pings  int      // guarded by mu
	issued int      // guarded by mu
	asked  int      // guarded by mu; questions that the authority answered
	undue  []string // guarded by mu; errors that no fault explains
}

// level is what a process holds.
type level struct{ descriptors, memory int }

// law says what connections have to expect at a moment.
type law struct {
	mu     sync.Mutex
	moment int             // guarded by mu; grows with every fault that concerns all connections
	down   bool            // guarded by mu; a proxy is
	denied map[string]bool // guarded by mu; identities that may not connect
	turns  map[string]int  // guarded by mu; grows when that begins to change, and when it has: odd meanwhile
}

// outlook is the law for an identity at a moment.
type outlook struct {
	moment, turns int
	down, denied  bool
}

func (l *law) of(name string) outlook {
	l.mu.Lock()
	defer l.mu.Unlock()
	return outlook{l.moment, l.turns[name], l.down, l.denied[name]}
}

// proxies says that one goes down, or is back.
func (l *law) proxies(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moment++
	l.down = down
}

// change brackets a change of who may connect.
func (l *law) change(name string, denied bool, do func() error) error {
	turn := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.turns[name]++
	}
	turn()
	defer turn()
	if err := do(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.denied[name] = denied
	return nil
}

// soak has connections, renewals and questions go on while proxies and the authority
// are killed, the authority is stopped, identities are revoked and rules change: no
// race, no leak, and no error that none of this explains.
func soak(out io.Writer, _ int, args []string) error {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	minutes := flags.Float64("minutes", 30, "how long")
	race := flags.Bool("race", false, "build the program with the race detector")
	c, err := begin(out, flags, args, func() (*crowd, error) { return newCrowd(build{race: *race, clocks: true}, 12, 2, 0) })
	if err != nil {
		return err
	}
	defer c.close()
	s := &soaking{crowd: c, proxies: map[string]*process{}, faults: map[string]int{}, skewed: map[string]time.Duration{}, levels: map[*process][]level{}, leaving: c.names[8:],
		law: law{denied: map[string]bool{}, turns: map[string]int{}}}
	for _, p := range c.running {
		switch p.name {
		case "authority":
			s.authority = p
		case "in", "out":
			s.proxies[p.name] = p
		}
	}
	begun := time.Now()
	for time.Since(begun) < time.Duration(*minutes*float64(time.Minute)) {
		if err := s.spell(); err != nil {
			return fmt.Errorf("after %s: %w", time.Since(begun).Round(time.Second), err)
		}
	}
	return s.settle(out, time.Since(begun))
}

// spell is some load with some faults, and a quiet moment after it.
func (s *soaking) spell() error {
	s.stop = make(chan struct{})
	client, body, err := renewing(s.rig, fmt.Sprint("operator/renewing-", s.issued))
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	for range 8 {
		s.work(s.speak)
	}
	s.work(func() {
		err := exchange(client, http.MethodPost, "https://"+s.address+api.PathCertificate, body, nil)
		s.count(&s.issued, err)
	})
	s.work(func() {
		s.count(&s.asked, s.ask(http.MethodGet, api.PathConns, nil, nil))
		time.Sleep(100 * time.Millisecond)
	})
	for range 4 {
		time.Sleep(rand.N(2 * time.Second))
		if err = s.fault(); err != nil {
			break
		}
	}
	close(s.stop)
	s.workers.Wait()
	if err != nil {
		return err
	}
	return s.quiet()
}

func (s *soaking) work(do func()) {
	s.workers.Go(func() {
		for {
			select {
			case <-s.stop:
				return
			default:
				do()
			}
		}
	})
}

// count counts what the authority answered; while it is killed or stopped it does not,
// which is no error of a connection.
func (s *soaking) count(what *int, err error) {
	if err != nil {
		time.Sleep(10 * time.Millisecond)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	*what++
}

// speak opens a connection and speaks for a while. What happens to it has to follow
// from the law.
func (s *soaking) speak() {
	name, service := s.names[rand.IntN(len(s.names))], s.services[rand.IntN(len(s.services))]
	before, pings := s.law.of(name), 0
	l, err := open(s.door(name, service), name, service)
	if err == nil {
		for range rand.IntN(200) {
			if err = l.ping(); err != nil {
				break
			}
			pings++
		}
		l.close()
	}
	after := s.law.of(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pings += pings
	if err == nil {
		s.opened++
	}
	if before != after || after.down || after.turns%2 == 1 || (err != nil) == after.denied {
		return
	}
	s.undue = append(s.undue, fmt.Sprintf("%s → %s, denied: %v: %v; %s", name, service, after.denied, err, s.lastOf(&line{from: name, to: service})))
}

// fault is one of what can happen.
func (s *soaking) fault() (err error) {
	kinds := []string{"proxy killed", "authority killed", "authority stopped for a while", "rule changed", "identity revoked",
		"clock off by four minutes", "authority's clock off by a day for a while", "proxy's clock off by a day for a while"}
	kind := kinds[rand.IntN(len(kinds))]
	if kind == "identity revoked" && (len(s.leaving) == 0 || rand.IntN(4) > 0) { // there are few
		kind = "rule changed"
	}
	s.faults[kind]++
	switch kind {
	case "proxy killed":
		name := []string{"in", "out"}[rand.IntN(2)]
		s.law.proxies(true)
		s.proxies[name].kill()
		time.Sleep(rand.N(time.Second))
		s.proxies[name], err = s.again(name, s.staying())
		s.law.proxies(false)
	case "authority killed":
		s.authority.kill()
		time.Sleep(rand.N(3 * time.Second))
		s.authority, err = s.serve()
	case "clock off by four minutes": // which nothing may notice
		err = s.skew()
	case "authority's clock off by a day for a while": // nor this, except who asks the authority
		err = s.dayOff("authority")
	case "proxy's clock off by a day for a while":
		s.law.proxies(true)
		err = errors.Join(s.dayOff([]string{"in", "out"}[rand.IntN(2)]), s.ready(s.staying()))
		s.law.proxies(false)
	case "authority stopped for a while":
		s.authority.cmd.Process.Signal(syscall.SIGSTOP)
		time.Sleep(rand.N(8 * time.Second))
		s.authority.cmd.Process.Signal(syscall.SIGCONT)
	case "rule changed":
		name := s.names[rand.IntN(8)]
		rules := []api.PolicyRule{{Rule: api.Rule{Name: "everybody", Text: everybody}},
			{Rule: api.Rule{Name: "not-now", Text: fmt.Sprintf(`forbid (principal == Identity::"%s", action, resource);`, sure(s.domain.ID(name)))}}}
		for _, rules := range [][]api.PolicyRule{rules, rules[:1]} {
			err = errors.Join(err, s.law.change(name, len(rules) > 1, func() error {
				_, err := s.change(api.PathPolicy, api.Policy{Rules: rules})
				return err
			}))
			time.Sleep(rand.N(time.Second))
		}
	case "identity revoked":
		name := s.leaving[0]
		s.leaving = s.leaving[1:]
		err = s.law.change(name, true, func() error {
			_, err := s.change(api.PathRevoke, api.RevokeRequest{Who: name})
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return s.together()
}

// clocked are the processes whose clocks are set.
var clocked = []string{"authority", "in", "out"}

// skew has one process be four minutes off, which is as much as is borne, and the
// others right.
func (s *soaking) skew() error {
	one, sign := rand.IntN(len(clocked)), time.Duration(1-2*rand.IntN(2))
	for i, name := range clocked {
		s.skewed[name] = 0
		if i == one {
			s.skewed[name] = sign * 4 * time.Minute
		}
		if err := s.setClock(name, s.skewed[name]); err != nil {
			return err
		}
	}
	return nil
}

// dayOff sets a clock to another day, and back.
func (s *soaking) dayOff(name string) error {
	err := s.setClock(name, time.Duration(1-2*rand.IntN(2))*24*time.Hour)
	time.Sleep(rand.N(8 * time.Second))
	return errors.Join(err, s.setClock(name, s.skewed[name]))
}

// staying are those who are not revoked.
func (s *soaking) staying() []string {
	return append(append([]string{}, s.names[:8]...), s.leaving...)
}

// quiet waits until nobody is connected, and notes what every process holds.
func (s *soaking) quiet() error {
	err := until("all connections have ended", func() (bool, error) {
		var conns api.Conns
		err := s.ask(http.MethodGet, api.PathConns, nil, &conns)
		return err == nil && len(conns.Conns) == 0, nil
	})
	for _, p := range []*process{s.authority, s.proxies["in"], s.proxies["out"]} {
		s.levels[p] = append(s.levels[p], level{p.descriptors(), p.memory()})
	}
	return err
}

// settle says what came of it.
func (s *soaking) settle(out io.Writer, took time.Duration) error {
	fmt.Fprintf(out, "%s of mixed load: %d connections, %d bytes there and back, %d renewals, %d questions\n  faults: %s\n",
		took.Round(time.Second), s.opened, s.pings, s.issued, s.asked, counted(s.faults))
	var wrong []error
	if len(s.undue) > 0 {
		wrong = append(wrong, fmt.Errorf("%d errors that no fault explains; the first: %s", len(s.undue), s.undue[0]))
	}
	fmt.Fprintf(out, "  errors that no fault explains: %d\n", len(s.undue))
	for _, name := range []string{"in", "out", "authority"} { // the authority last: the log is read when it has ended
		p := s.authority
		if name != "authority" {
			p = s.proxies[name]
		}
		levels := s.levels[p]
		first, last, old := levels[0], levels[len(levels)-1], p.goroutines()
		fresh, err := s.afresh(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  %s, at %d quiet moments since it was started: descriptors %d to %d, memory %d to %d MiB; goroutines at the end %d, of a fresh one %d\n",
			name, len(levels), first.descriptors, last.descriptors, first.memory>>10, last.memory>>10, old, fresh)
		if last.descriptors > first.descriptors+16 || old > fresh+32 {
			wrong = append(wrong, fmt.Errorf("%s leaks", name))
		}
	}
	races, err := s.said("WARNING: DATA RACE")
	wrong = append(wrong, err)
	panics, err := s.said("\npanic: ", "\nfatal error: ")
	wrong = append(wrong, err)
	verdict, err := s.verifyLog()
	wrong = append(wrong, err)
	fmt.Fprintf(out, "  races: %d, panics: %d; audit verify: %s\n  %s\n", races, panics, verdict, machine())
	if races+panics > 0 {
		wrong = append(wrong, errors.New("races or panics"))
	}
	return errors.Join(wrong...)
}

// afresh counts the goroutines of a process that has only just begun. A proxy is there
// again after that.
func (s *soaking) afresh(name string) (count int, err error) {
	if name == "authority" {
		if s.authority, err = s.serve(); err == nil {
			err = s.together()
		}
		return s.authority.goroutines(), err
	}
	if s.proxies[name], err = s.again(name, s.staying()); err != nil {
		return 0, err
	}
	if err := s.quiet(); err != nil {
		return 0, err
	}
	count = s.proxies[name].goroutines()
	s.proxies[name], err = s.again(name, s.staying())
	return count, err
}

// said counts how often the logs of all processes have some words.
func (s *soaking) said(words ...string) (times int, err error) {
	logs, err := filepath.Glob(s.file("*.log"))
	for _, log := range logs {
		for _, word := range words {
			times += strings.Count(string(bytes.ToValidUTF8(read(log), nil)), word)
		}
	}
	return times, err
}
