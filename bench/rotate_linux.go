package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/spiffeid"
)

// Certificates live 24 hours and are renewed after 10.8 to 12 of them. Steps of the
// clock find each one at 11.75 hours, when most are, and at 23.5, when all have been and
// a peer's newer one is asked for. An agent looks at the clock once a minute, and a
// proxy asks once a minute: that is how long a step has to rest.
const (
	clockStep = 11*time.Hour + 45*time.Minute
	clockRest = 2*time.Minute + 5*time.Second
	leafSteps = 2 // until every certificate was renewed
)

// perSecond is how many requests are made, each over a connection of its own.
const perSecond = 100

// maxUnderWay bounds how many of them wait for an answer: on a slow machine there are
// fewer in a second.
const maxUnderWay = 64

// rotating is a system whose certificates are all replaced, under load.
type rotating struct {
	*crowd
	stop    chan struct{}
	load    sync.WaitGroup
	phase   string
	ahead   time.Duration // of all clocks
	leaves  []span        // by those clocks: when certificates were left to renew by their age alone
	counts  map[string]int
	resting []*line // connections that live long
	ended   int     // of these, with the intermediate that they stood on

	mu       sync.Mutex
	requests int           // guarded by mu
	failed   []string      // guarded by mu; what went wrong, and when
	last     time.Time     // guarded by mu; of the last answer
	gap      time.Duration // guarded by mu; the longest between two answers
	slowest  time.Duration // guarded by mu; request
}

type span struct{ from, to time.Time }

// rotations replaces the certificates of everybody, of the intermediate and of the root
// under load, by the commands of docs/operations.md: no request fails.
func rotations(out io.Writer, _ int, args []string) error {
	flags := flag.NewFlagSet("rotate", flag.ContinueOnError)
	minutes := flags.Float64("minutes", 5, "how long at least; each is replaced once at least")
	c, err := begin(out, flags, args, func() (*crowd, error) { return newCrowd(build{clocks: true}, 4, 1, 0) })
	if err != nil {
		return err
	}
	defer c.close()
	r := &rotating{crowd: c, stop: make(chan struct{}), counts: map[string]int{}, last: time.Now()}
	if r.resting, err = r.rest(8); err != nil {
		return err
	}
	begun := time.Now()
	r.load.Go(r.request)
	for err == nil && (r.counts["root"] == 0 || time.Since(begun) < time.Duration(*minutes*float64(time.Minute))) {
		err = r.replaceAll()
	}
	close(r.stop)
	r.load.Wait()
	took := time.Since(begun)
	if err != nil {
		return fmt.Errorf("during %s: %w", r.phase, errors.Join(err, r.failure()))
	}
	return r.tell(out, took)
}

// replaceAll has each kind of certificate replaced.
func (r *rotating) replaceAll() error {
	if err := r.renewLeaves(); err != nil {
		return err
	}
	for _, what := range []string{"intermediate", "root"} {
		if err := r.rotate(what); err != nil {
			return err
		}
	}
	return nil
}

// renewLeaves lets half a day pass, twice.
func (r *rotating) renewLeaves() error {
	r.enter("the renewal of leaves")
	from := time.Now().Add(r.ahead)
	for range leafSteps {
		r.ahead += clockStep
		for _, host := range []string{"authority", "in", "out"} {
			if err := r.setClock(host, r.ahead); err != nil {
				return err
			}
		}
		time.Sleep(clockRest)
		if err := r.alive(); err != nil {
			return err
		}
	}
	r.leaves = append(r.leaves, span{from, time.Now().Add(r.ahead)})
	return nil
}

// rotate replaces intermediate or root in three steps, each as soon as nobody is behind.
// What was opened before the activation ends with the intermediate that it stands on.
func (r *rotating) rotate(what string) error {
	r.counts[what]++
	var young []*line
	for _, step := range []string{api.StepPrepare, api.StepActivate, api.StepRetire} {
		r.enter(what + " --" + step)
		if err := r.alive(); err != nil {
			return err
		}
		if _, err := r.signet("authority", "authority", "rotate", what, "--"+step); err != nil {
			return err
		}
		err := until("nobody is behind", func() (bool, error) {
			said, err := r.signet("authority", "authority", "rotate", "--json")
			var now api.Rotation
			if err == nil {
				err = json.Unmarshal([]byte(said), &now)
			}
			return len(now.Behind) == 0, err
		})
		if err == nil && step == api.StepActivate {
			young, err = r.rest(len(r.resting))
		}
		if err != nil {
			return err
		}
	}
	for _, l := range r.resting {
		if !l.alive() {
			r.ended++
		}
		l.close()
	}
	r.resting = young
	return r.alive()
}

// rest opens connections that live long.
func (r *rotating) rest(n int) (lines []*line, err error) {
	for i := range n {
		name := r.names[i%len(r.names)]
		l, err := open(r.door(name, r.services[0]), name, r.services[0])
		if err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// alive makes sure that the connections go on that live long.
func (r *rotating) alive() error {
	for _, l := range r.resting {
		if err := l.ping(); err != nil {
			return fmt.Errorf("a connection that lives long: %w; %s", err, r.lastOf(l))
		}
	}
	return nil
}

// request makes requests until it is stopped.
func (r *rotating) request() {
	pace := time.NewTicker(time.Second / perSecond)
	defer pace.Stop()
	underWay := make(chan struct{}, maxUnderWay)
	for {
		select {
		case <-r.stop:
			return
		case <-pace.C:
		}
		underWay <- struct{}{}
		r.load.Go(func() {
			defer func() { <-underWay }()
			name := r.names[rand.IntN(len(r.names))]
			begun := time.Now()
			l, err := open(r.door(name, r.services[0]), name, r.services[0])
			if err == nil {
				l.close()
			}
			r.answered(name, begun, err)
		})
	}
}

func (r *rotating) answered(name string, begun time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.requests++
	r.gap, r.slowest, r.last = max(r.gap, now.Sub(r.last)), max(r.slowest, now.Sub(begun)), now
	if err != nil {
		r.failed = append(r.failed, fmt.Sprintf("during %s: %v; %s", r.phase, err, r.lastOf(&line{from: name, to: r.services[0]})))
	}
}

func (r *rotating) enter(phase string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase = phase
}

func (r *rotating) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.failed) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d requests failed; the first: %s", len(r.failed), r.requests, r.failed[0])
}

// tell says what came of it.
func (r *rotating) tell(out io.Writer, took time.Duration) error {
	for _, p := range r.running {
		if p.name == "authority" {
			p.stop()
		}
	}
	verdict, err := r.verifyLog()
	if err != nil {
		return err
	}
	byAge, all, err := r.renewals()
	if err != nil {
		return err
	}
	var renewed []string
	for _, host := range []string{"proxy/in", "proxy/out"} {
		for _, name := range append([]string{host}, map[string][]string{"proxy/in": r.services, "proxy/out": r.names}[host]...) {
			id := sure(r.domain.ID(name))
			if byAge[id] < len(r.leaves) {
				err = errors.Join(err, fmt.Errorf("%s was renewed %d times in %s", name, byAge[id], time.Duration(len(r.leaves)*leafSteps)*clockStep))
			}
			renewed = append(renewed, fmt.Sprintf("%s %d", name, byAge[id]))
		}
	}
	fmt.Fprintf(out, "%s at %.0f requests/s, each over a connection of its own: %d requests, %d failed\n  replaced: %s; certificates of leaves: %d, by their age alone: %s\n",
		took.Round(time.Second), float64(r.requests)/took.Seconds(), r.requests, len(r.failed), counted(r.counts), all, strings.Join(renewed, ", "))
	fmt.Fprintf(out, "  longest between two answers: %d ms; slowest answer: %d ms\n  connections that live long: 0 lost; %d ended with the intermediate that they stood on, as they have to\n  audit verify: %s\n  %s\n",
		r.gap.Milliseconds(), r.slowest.Milliseconds(), r.ended, verdict, machine())
	return errors.Join(err, r.failure())
}

// renewals counts the certificates of each identity that were issued because of the age
// of those before, and all.
func (r *rotating) renewals() (byAge map[spiffeid.ID]int, all int, err error) {
	log, err := audit.Open(audit.Config{Dir: r.data("authority"), Origin: audit.Origin(r.domain.String())})
	if err != nil {
		return nil, 0, err
	}
	defer log.Close()
	byAge = map[spiffeid.ID]int{}
	err = log.Entries(0, func(e audit.Entry) {
		if e.Kind != audit.Issued {
			return
		}
		all++
		for _, s := range r.leaves {
			if e.Time.After(s.from) && e.Time.Before(s.to) {
				byAge[e.Issuance.ID]++
			}
		}
	})
	return byAge, all, err
}
