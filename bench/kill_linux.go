package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// ledger is what an authority has acknowledged.
type ledger struct {
	mu         sync.Mutex
	issued     map[string]spiffeid.ID   // guarded by mu; by serial
	acts       map[string]int64         // guarded by mu; revisions by --because
	revoked    map[spiffeid.ID]int64    // guarded by mu; revisions
	settled    map[spiffeid.ID]struct{} // guarded by mu; identities whose certificates went with them
	unanswered int                      // guarded by mu; of the round
	said       int                      // guarded by mu; answers of the round
}

// answered notes an answer, or that there was none; an error is a refusal.
func (l *ledger) answered(err error, note func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var no refused
	switch {
	case err == nil:
		l.said++
		note()
	case !errors.As(err, &no) || no.status >= 500: // 5xx: whether it was done is not known
		l.unanswered++
		return nil
	}
	return err
}

// killing is a system that is killed again and again, under load.
type killing struct {
	*crowd
	ledger
	random    *rand.Rand
	authority *process
	proxies   map[string]*process
	serial    atomic.Int64 // numbers what is made
	stop      chan struct{}
	workers   sync.WaitGroup
	issuers   []*http.Client
	bodies    [][]byte
	counts    map[string]int
}

// kills ends the authority and proxies by SIGKILL at random moments under load, and
// looks each time whether everything is there that was acknowledged: in the store, in
// the audit log, and in what the authority tells when it is back.
func kills(out io.Writer, _ int, args []string) error {
	flags := flag.NewFlagSet("kill", flag.ContinueOnError)
	rounds := flags.Int("kills", 200, "how often")
	c, err := begin(out, flags, args, func() (*crowd, error) { return newCrowd(build{}, 4, 1, 0) })
	if err != nil {
		return err
	}
	defer c.close()
	k := &killing{crowd: c, random: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1)), proxies: map[string]*process{}, counts: map[string]int{},
		ledger: ledger{issued: map[string]spiffeid.ID{}, acts: map[string]int64{}, revoked: map[spiffeid.ID]int64{}, settled: map[spiffeid.ID]struct{}{}}}
	for _, p := range c.running {
		switch p.name {
		case "authority":
			k.authority = p
		case "in", "out":
			k.proxies[p.name] = p
		}
	}
	for range 6 {
		if err := k.newIssuer(); err != nil {
			return err
		}
	}
	withUnanswered, unanswered, answers := 0, 0, 0
	for round := range *rounds {
		if err := k.round(); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		if k.unanswered > 0 {
			withUnanswered++
		}
		unanswered, answers = unanswered+k.unanswered, answers+k.said
	}
	k.authority.stop()
	verdict, err := k.verifyLog()
	if err == nil {
		err = k.compare()
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d kills under load: %s; in %d of them a request was unanswered (%d of %d)\n", *rounds, counted(k.counts), withUnanswered, unanswered, unanswered+answers)
	fmt.Fprintf(out, "  acknowledged, and there after each: %d certificates, %d changes of the policy, %d revocations\n  audit verify: %s\n  %s\n",
		len(k.issued), len(k.acts), len(k.revoked), verdict, machine())
	if 4*withUnanswered < 3**rounds {
		return errors.New("too few kills hit a request: they show little")
	}
	return nil
}

// newIssuer is somebody who only renews their certificate.
func (k *killing) newIssuer() error {
	do, body, err := renewing(k.rig, fmt.Sprint("operator/renewing-", len(k.issuers)))
	if err != nil {
		return err
	}
	k.issuers, k.bodies = append(k.issuers, do), append(k.bodies, body)
	return nil
}

// round has everybody work, kills somebody, and looks at what is left.
func (k *killing) round() (err error) {
	k.ledger.unanswered, k.ledger.said = 0, 0
	k.stop = make(chan struct{})
	var failed error
	var once sync.Once
	work := func(do func() error) {
		k.workers.Go(func() {
			for {
				select {
				case <-k.stop:
					return
				default:
				}
				if err := do(); err != nil {
					once.Do(func() { failed = err })
					return
				}
			}
		})
	}
	for i := range k.issuers {
		work(func() error { return k.renew(i) })
	}
	for range 2 {
		work(k.edit)
	}
	work(k.join)
	victim := []string{"authority", "authority", "authority", "in", "out"}[k.random.IntN(5)]
	k.counts[victim]++
	for range 2 {
		work(func() error { return k.speak(victim) })
	}
	wanted := 1 + k.random.IntN(60) // a slow machine answers later, and is killed later
	err = until("answers come", func() (bool, error) {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.said >= wanted || failed != nil, failed
	})
	time.Sleep(k.randomly(50 * time.Millisecond))
	p := cmp.Or(k.proxies[victim], k.authority)
	p.kill()
	close(k.stop)
	k.workers.Wait()
	if err = cmp.Or(err, failed); err != nil {
		return err
	}
	if victim != "authority" {
		k.proxies[victim], err = k.again(victim, k.names)
		return err
	}
	if _, err := k.verifyLog(); err != nil {
		return err
	}
	if err := k.compare(); err != nil {
		return err
	}
	if k.authority, err = k.serve(); err != nil {
		return err
	}
	return k.together()
}

// together waits until the authority has both proxies at the present revision.
func (r *rig) together() error {
	return until("both proxies are back", func() (bool, error) {
		var conns api.Conns
		err := r.ask(http.MethodGet, api.PathConns, nil, &conns)
		return err == nil && conns.UpToDate == 2, nil // the operator's connection may be one to an authority that was killed
	})
}

func (k *killing) randomly(most time.Duration) time.Duration {
	return time.Duration(k.random.Int64N(int64(most)))
}

// again starts a proxy by the configuration that it has.
func (k *crowd) again(name string, names []string) (*process, error) {
	p, err := k.start(name, k.program, "proxy", "serve", "--config", k.file(name+".toml"))
	if err != nil {
		return nil, err
	}
	if err := p.says("Ctrl-C stops it"); err != nil {
		return nil, err
	}
	return p, k.ready(names)
}

// renew has a certificate signed anew.
func (k *killing) renew(issuer int) error {
	var answer api.Certificate
	err := exchange(k.issuers[issuer], http.MethodPost, "https://"+k.address+api.PathCertificate, k.bodies[issuer], &answer)
	return k.certified(answer.Chain, err)
}

func (k *killing) certified(chain [][]byte, err error) error {
	return k.answered(err, func() {
		leaf := sure(pki.ParseCertificate(chain[0]))
		k.issued[leaf.Serial()] = leaf.ID()
	})
}

// edit changes the policy.
func (k *killing) edit() error {
	because := fmt.Sprint("edit-", k.serial.Add(1))
	path := []string{api.PathAllow, api.PathDeny}[rand.IntN(2)]
	pair := api.PairRequest{From: "guest", To: fmt.Sprint("place-", rand.IntN(20)), Because: because, Anyway: true}
	var change api.Change
	err := k.ask(http.MethodPost, path, pair, &change)
	return k.answered(err, func() {
		if !change.Unchanged {
			k.acts[because] = change.Revision
		}
	})
}

// join has somebody join by a token, and some of them revoked.
func (k *killing) join() error {
	who := fmt.Sprint("guest-", k.serial.Add(1))
	made, err := k.token(api.TokenRequest{Who: who, For: 10 * time.Minute})
	if err := k.answered(err, func() {}); err != nil || made.Token == "" {
		return err
	}
	token := sure(api.ParseToken(made.Token))
	stranger := k.stranger().HTTP()
	defer stranger.CloseIdleConnections()
	var answer api.Enrolled
	err = exchange(stranger, http.MethodPost, "https://"+api.EnrollHost+api.PathEnroll,
		sure(json.Marshal(api.EnrollRequest{Secret: token.Secret, Request: sure(newRequest())})), &answer)
	if err := k.certified(answer.Chain, err); err != nil || rand.IntN(3) > 0 {
		return err
	}
	var change api.Change
	k.mu.Lock()
	k.settled[token.ID] = struct{}{} // whether or not it is answered
	k.mu.Unlock()
	err = k.ask(http.MethodPost, api.PathRevoke, api.RevokeRequest{Who: who, Because: who}, &change)
	return k.answered(err, func() { k.revoked[token.ID] = change.Revision })
}

// speak opens a connection and says something; while a proxy is killed nobody may
// hear an answer.
func (k *killing) speak(victim string) error {
	l, err := open(k.door(k.names[rand.IntN(len(k.names))], k.services[0]), "", "")
	if err == nil {
		for range rand.IntN(20) {
			if err = l.ping(); err != nil {
				break
			}
		}
		l.close()
	}
	if err != nil && victim != "authority" {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.unanswered++
		return nil
	}
	return err
}

// compare holds what is on disk, and nobody writes, against what was acknowledged.
func (k *killing) compare() error {
	entries, err := k.readLog()
	if err != nil {
		return err
	}
	store, err := control.Open(context.Background(), control.Config{Dir: k.data("authority"), TrustDomain: k.domain})
	if err != nil {
		return err
	}
	defer store.Close()
	state := store.State()
	var missing []string
	for because, revision := range k.acts {
		if entries.acts[because] != revision || state.Revision < revision {
			missing = append(missing, fmt.Sprintf("%s, revision %d (in the log %d, in the store up to %d)", because, revision, entries.acts[because], state.Revision))
		}
	}
	for id, revision := range k.revoked {
		if state.Revocations[id].Revision != revision || entries.acts[id.Path()] != revision {
			missing = append(missing, fmt.Sprintf("the revocation of %s, revision %d", id, revision))
		}
	}
	held := map[spiffeid.ID][]string{}
	for serial, id := range k.issued {
		if !entries.issued[serial] {
			missing = append(missing, "the issuance of "+serial+" is not in the log")
		}
		if _, gone := k.settled[id]; gone {
			continue
		}
		if held[id] == nil {
			recorded, err := store.Certificates(context.Background(), id)
			if err != nil {
				return err
			}
			for _, c := range recorded {
				held[id] = append(held[id], c.Serial)
			}
		}
		if _, there := slices.BinarySearch(held[id], serial); !there {
			missing = append(missing, "the certificate "+serial+" of "+id.String()+" is not on record")
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%d of what was acknowledged are gone: %s", len(missing), strings.Join(missing[:min(5, len(missing))], "; "))
	}
	return nil
}

// logged is what stands in the log.
type logged struct {
	issued map[string]bool
	acts   map[string]int64 // the revision that each act led to, by --because
}

func (k *killing) readLog() (found logged, err error) {
	log, err := audit.Open(audit.Config{Dir: k.data("authority"), Origin: audit.Origin(k.domain.String())})
	if err != nil {
		return found, err
	}
	defer log.Close()
	found = logged{map[string]bool{}, map[string]int64{}}
	because, n := map[int64]string{}, int64(-1)
	return found, log.Entries(0, func(e audit.Entry) {
		n++
		switch e.Kind {
		case audit.Issued:
			found.issued[e.Issuance.Serial] = true
		case audit.Acted:
			var request struct{ Because string }
			if json.Unmarshal(e.Act.Request, &request) == nil {
				because[n] = request.Because
			}
		case audit.Came:
			found.acts[because[e.Outcome.Of]] = e.Outcome.Revision
		}
	})
}
