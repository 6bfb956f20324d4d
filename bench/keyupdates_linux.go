package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// How a soak's load is made up, each way that there is.
const (
	talkers    = 2 // that say much both ways at once
	askers     = 8 // that make small round trips
	newcomers  = 2 // that connect again and again
	mostTalk   = 512 << 20
	mostAsked  = 1 << 20 // some 16,000 round trips
	turnOfAsk  = 64
	mostAtOnce = 4 << 10 // that a newcomer says
	keyEvery   = time.Second
	// patienceOfSoak is how long a connection of a soak may take in all.
	patienceOfSoak = 10 * time.Minute
)

// keySoak is two proxies at full load, on whose connections keys are replaced again and
// again.
type keySoak struct {
	*arena
	line    string                    // of the proxies' configuration
	status  []string                  // where each tells its metrics
	proxies []*target                 // the service's, and the door's
	ways    []func() (speaker, error) // one through each
	stop    chan struct{}

	bytes          atomic.Int64
	sent, received atomic.Int64 // KeyUpdates
	spoken         atomic.Int64 // connections to their good end

	mu     sync.Mutex
	wrong  []error // guarded by mu
	levels [][]int // guarded by mu; RSS of each proxy by time, in KiB
}

// keyUpdates has proxies with record layers of their own carry as much as they can, while
// every connection asks for new keys every second: no error, no byte that is not what was
// sent, and no more memory at the end than in the middle.
func keyUpdates(out io.Writer, _ int, args []string) error {
	flags := flag.NewFlagSet("keyupdates", flag.ContinueOnError)
	minutes := flags.Float64("minutes", 30, "how long")
	line := flags.String("config", `data_path = "record"`, "a line for the proxies' configuration")
	a, err := begin(out, flags, args, func() (*arena, error) { return newArena(".cache/bench", 2) })
	if err != nil {
		return err
	}
	defer a.close()
	s := &keySoak{arena: a, line: *line, stop: make(chan struct{}), levels: make([][]int, 2)}
	if err := s.start(); err != nil {
		return err
	}
	fmt.Fprintf(out, "by each of two proxies, all at once: %d connections with up to %d MiB each way at the same time, %d with round trips of %d bytes, %d workers that connect again and again; a KeyUpdate each %s on all\n",
		talkers, mostTalk>>20, askers, turnOfAsk, newcomers, keyEvery)
	begun, length := time.Now(), time.Duration(*minutes*float64(time.Minute))
	var load sync.WaitGroup
	for _, way := range s.ways {
		s.work(&load, way, talkers, func() speech { return speech{Up: rand.Int64N(mostTalk), Down: rand.Int64N(mostTalk)} })
		s.work(&load, way, askers, func() speech { n := rand.Int64N(mostAsked); return speech{Up: n, Down: n, Turn: turnOfAsk} })
		s.work(&load, way, newcomers, func() speech { return speech{Up: rand.Int64N(mostAtOnce), Down: rand.Int64N(mostAtOnce)} })
	}
	s.watch(out, begun, length)
	close(s.stop)
	load.Wait()
	return s.verdict(out, time.Since(begun))
}

// start starts the service's proxy, to which this program speaks TLS, and the door's,
// which speaks TLS to this program.
func (s *keySoak) start() error {
	near, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go serveEach(near, func(conn net.Conn) { s.reply(conn.(speaker), nil) })
	s.backend = near.Addr().String()
	for range 2 {
		status, err := freeAddress()
		if err != nil {
			return err
		}
		s.status = append(s.status, status)
	}
	e := signetEntrant("keyupdates-in", "", "", fmt.Sprintf("%s\nstatus = %q", s.line, s.status[0]))
	if err := e.ready(s.arena); err != nil {
		return err
	}
	in, err := e.start(s.arena)
	if err != nil {
		return err
	}
	settings := in.settings(tls.X25519)
	far, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	service := s.people.service(1)
	go serveEach(far, func(conn net.Conn) {
		conn.SetDeadline(time.Now().Add(patienceOfSoak))
		end, err := rekey(conn, false, service, keyEvery)
		s.reply(end, err)
	})
	out, err := s.door(fmt.Sprintf("%s\nstatus = %q", s.line, s.status[1]), far.Addr().String())
	if err != nil {
		return err
	}
	s.proxies = []*target{in, out}
	s.ways = []func() (speaker, error){
		func() (speaker, error) {
			conn, err := net.DialTimeout("tcp", in.address, patienceOfLoad)
			if err != nil {
				return nil, err
			}
			conn.SetDeadline(time.Now().Add(patienceOfSoak))
			return rekey(conn, true, settings, keyEvery)
		},
		func() (speaker, error) {
			conn, err := net.DialTimeout("tcp", out.address, patienceOfLoad)
			if err != nil {
				return nil, err
			}
			conn.SetDeadline(time.Now().Add(patienceOfSoak))
			return conn.(speaker), nil
		},
	}
	return errors.Join(in.process.listens(in.address), out.process.listens(out.address))
}

// door starts a proxy by which a program without TLS reaches a service at an address.
func (s *keySoak) door(line, service string) (*target, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("trust_domain = %q\nroots = \"root.pem\"\npolicy = \"all.cedar\"\nlog = \"/dev/null\"\n%s\n", decideDomain, line) +
		"[[identity]]\nname = \"server\"\nfile = \"server.pem\"\n" +
		fmt.Sprintf("[[door]]\nidentity = \"server\"\nto = \"client-1\"\nlisten = %q\nloopback = true\naddresses = [%q]\n", address, service)
	if err := os.WriteFile(s.file("keyupdates-out.toml"), []byte(text), 0o600); err != nil {
		return nil, err
	}
	return s.enter("keyupdates-out", address, s.people, "", s.program, "proxy", "serve", "--config", s.file("keyupdates-out.toml"))
}

// work has so many workers speak until the end.
func (s *keySoak) work(load *sync.WaitGroup, way func() (speaker, error), workers int, next func() speech) {
	for range workers {
		load.Go(func() {
			for {
				select {
				case <-s.stop:
					return
				default:
				}
				said := next()
				said.Seed = rand.Uint64()
				conn, err := way()
				if err == nil {
					err = said.ask(conn, &s.bytes)
					s.close(conn)
				}
				if err != nil {
					s.fail(err)
					continue
				}
				s.spoken.Add(1)
			}
		})
	}
}

// reply is the service's end of a connection, unless it could not be made.
func (s *keySoak) reply(conn speaker, err error) {
	if err == nil {
		err = answer(conn, &s.bytes)
		s.close(conn)
	}
	if err != nil && err != errNobody {
		s.fail(fmt.Errorf("at the service: %w", err))
	}
}

func (s *keySoak) close(conn speaker) {
	conn.Close()
	if end, ok := conn.(*rekeying); ok {
		sent, received := end.updates()
		s.sent.Add(int64(sent))
		s.received.Add(int64(received))
	}
}

// fail notes an error, and does not fill the machine with more of them.
func (s *keySoak) fail(err error) {
	s.mu.Lock()
	s.wrong = append(s.wrong, err)
	s.mu.Unlock()
	time.Sleep(100 * time.Millisecond)
}

// watch tells each minute how things are, until the end.
func (s *keySoak) watch(out io.Writer, begun time.Time, length time.Duration) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for next := time.Minute; time.Since(begun) < length; {
		<-tick.C
		for i, proxy := range s.proxies {
			s.levels[i] = append(s.levels[i], proxy.process.memory())
		}
		if passed := time.Since(begun); passed >= next {
			next += time.Minute
			s.tell(out, passed)
		}
	}
}

func (s *keySoak) tell(out io.Writer, passed time.Duration) {
	s.mu.Lock()
	errors := strconv.Itoa(len(s.wrong)) + " errors"
	if len(s.wrong) > 0 {
		errors += fmt.Sprintf(" (the first: %v)", s.wrong[0])
	}
	s.mu.Unlock()
	var memory []string
	for _, levels := range s.levels {
		last := levels[max(0, len(levels)-60):]
		memory = append(memory, fmt.Sprintf("%d (at most %d)", middleOf(last)>>10, slices.Max(last)>>10))
	}
	fmt.Fprintf(out, "  %3.0f min: %.1f GiB, %d connections, KeyUpdates %d sent, %d received, %s; MiB of the service's proxy %s, of the door's %s\n",
		passed.Minutes(), float64(s.bytes.Load())/(1<<30), s.spoken.Load(), s.sent.Load(), s.received.Load(), errors, memory[0], memory[1])
}

// verdict says what came of it.
func (s *keySoak) verdict(out io.Writer, took time.Duration) error {
	var wrong []error
	if len(s.wrong) > 0 {
		wrong = append(wrong, fmt.Errorf("%d errors; the first: %w", len(s.wrong), s.wrong[0]))
	}
	fmt.Fprintf(out, "%s: %d connections, %.1f GiB, each byte compared; KeyUpdates: %d sent, %d received; errors: %d\n",
		took.Round(time.Second), s.spoken.Load(), float64(s.bytes.Load())/(1<<30), s.sent.Load(), s.received.Load(), len(s.wrong))
	if s.sent.Load() == 0 || s.received.Load() == 0 {
		wrong = append(wrong, errors.New("no keys were replaced"))
	}
	for i, name := range []string{"the service's proxy", "the door's"} {
		paths, err := s.paths(s.status[i])
		if err != nil {
			return err
		}
		before, after, level := levelOf(s.levels[i])
		fmt.Fprintf(out, "  %s carried by %s; %d MiB in the second third of the time, %d in the last; level: %s\n", name, counted(paths), before>>10, after>>10, map[bool]string{true: "yes", false: "no"}[level])
		if err := s.proxies[i].process.over(); err != nil {
			wrong = append(wrong, err)
		}
		for path := range paths {
			if !strings.Contains(s.line, fmt.Sprintf("%q", path)) {
				wrong = append(wrong, fmt.Errorf("%s carried some connections by %s", name, path))
			}
		}
		if !level {
			wrong = append(wrong, errors.New(name+" takes more and more memory"))
		}
	}
	fmt.Fprintln(out, " ", machine())
	return errors.Join(wrong...)
}

// paths counts the connections of a proxy by who carried them.
func (s *keySoak) paths(status string) (map[string]int, error) {
	answer, err := http.Get("http://" + status + "/metrics")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	paths := map[string]int{}
	for _, found := range carriedBy.FindAllSubmatch(text, -1) {
		n, _ := strconv.Atoi(string(found[2]))
		paths[string(found[1])] += n
	}
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("%s does not tell who carried connections", status)
	}
	return paths, err
}

var carriedBy = regexp.MustCompile(`(?m)^signet_proxy_carried_total\{.*path="(\w+)".*\} (\d+)$`)

// levelOf says whether memory is level: the median of the last third of the time is no
// more than a tenth, or 4 MiB, above that of the second. The first third is for buffers
// and memories to fill.
func levelOf(kib []int) (before, after int, level bool) {
	third := len(kib) / 3
	if third == 0 {
		return 0, 0, false
	}
	before, after = middleOf(kib[third:2*third]), middleOf(kib[2*third:])
	return before, after, after <= before+max(before/10, 4<<10)
}

func middleOf(kib []int) int {
	sorted := slices.Sorted(slices.Values(kib))
	return sorted[len(sorted)/2]
}
