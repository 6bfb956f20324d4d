package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

// killRounds is how often "up" is killed. Every fifth round also revokes, and
// the next one starts over.
var killRounds = flag.Int("kills", 15, "how often TestKill kills")

// TestKill kills "up" with SIGKILL at random moments while commands change the
// policy. Every change that was answered is there afterwards; one that was not
// is there whole, or not at all.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute; run without -short")
	}
	port, err := freePorts()
	if err != nil {
		t.Fatal(err)
	}
	k := &killer{t: t, dir: filepath.Join(t.TempDir(), "data"), port: port, took: map[string]bool{}}
	k.forget()
	var answered, unanswered, roundsUnanswered int
	for round := range *killRounds {
		fresh := round%5 == 0
		if fresh {
			k.forget()
		}
		a, u := k.round(fresh, round%5 == 4)
		answered, unanswered = answered+a, unanswered+u
		if u > 0 {
			roundsUnanswered++
		}
		k.check(round)
	}
	t.Logf("%d kills; in %d of them a command was unanswered; %d commands answered, %d not; %d of those took effect, whole",
		*killRounds, roundsUnanswered, answered, unanswered, len(k.took))
	if answered < *killRounds || roundsUnanswered < *killRounds*7/10 {
		t.Errorf("%d commands answered, %d rounds with one unanswered: too few to show anything", answered, roundsUnanswered)
	}
}

// act is one command's change.
type act struct {
	verb     string // allow, deny, revoke
	from, to string // revoke has no to
	token    string // its --because, different for each
	revision int64  // 0: it was not answered
}

type killer struct {
	t    *testing.T
	dir  string
	port int
	took map[string]bool // the tokens of unanswered acts that took effect

	mu   sync.Mutex
	acts []act // guarded by mu; all since the data folder was new
}

func (k *killer) forget() { k.acts = nil }

// round starts "up", changes things from three sides, and kills it.
func (k *killer) round(fresh, revoke bool) (answered, unanswered int) {
	k.t.Helper()
	var flags []string
	if fresh {
		flags = append(flags, "--fresh")
	}
	up, _ := k.up(flags...)
	before := len(k.acts)
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for worker := range 3 {
		workers.Go(func() { k.work(stop, revoke && worker == 0) })
	}
	// A slow machine answers later, and is killed later.
	for begun, wanted := time.Now(), 1+rand.N(20); k.answered(before) < wanted && time.Since(begun) < 10*time.Second; {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(rand.N(100 * time.Millisecond))
	up.Process.Kill()
	close(stop)
	workers.Wait()
	up.Wait()
	answered = k.answered(before)
	return answered, len(k.acts) - before - answered
}

// answered counts the answered acts since the first so many.
func (k *killer) answered(before int) (count int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range k.acts[before:] {
		if a.revision > 0 {
			count++
		}
	}
	return count
}

// up starts "up" and waits until it says that it runs.
func (k *killer) up(flags ...string) (up *exec.Cmd, stderr *strings.Builder) {
	k.t.Helper()
	up = k.signet(append([]string{"up", "--port", strconv.Itoa(k.port)}, flags...)...)
	stdout, err := up.StdoutPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	stderr = &strings.Builder{}
	up.Stderr = stderr
	if err := up.Start(); err != nil {
		k.t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "Signet is running") {
		up.Process.Kill()
		up.Wait()
		k.t.Fatalf("up did not start: %q %s", lines.Text(), stderr)
	}
	go func() {
		for lines.Scan() { // so that it never waits for a reader
		}
	}()
	return up, stderr
}

// work runs commands until told to stop, or one is not answered.
func (k *killer) work(stop <-chan struct{}, revoke bool) {
	names := []string{"web", "orders"}
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		a := act{verb: []string{"allow", "deny"}[rand.N(2)], from: names[rand.N(2)], to: names[rand.N(2)], token: strconv.FormatUint(rand.Uint64(), 36)}
		args := []string{a.verb, a.from, a.to}
		if revoke && n == 1 {
			a.verb, a.from, a.to = "revoke", "web", ""
			args = []string{"revoke", "web"}
		}
		out, err := k.signet(append(args, "--because", a.token, "--json")...).Output()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			k.t.Errorf("%s: %v", a.verb, err)
			return
		}
		var change api.Change
		parsed := json.Unmarshal(out, &change) == nil
		if parsed && change.Unchanged {
			continue
		}
		if parsed {
			a.revision = change.Revision
		}
		k.mu.Lock()
		k.acts = append(k.acts, a)
		k.mu.Unlock()
		if a.revision == 0 {
			return
		}
	}
}

// signet is a command line; the test's own program is signet by its name.
func (k *killer) signet(args ...string) *exec.Cmd {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), hurry)
	command.Args = append([]string{"signet"}, args...)
	command.Args = append(command.Args, "--data", k.dir)
	return command
}

// check opens what the killed process left and holds it against the acts.
func (k *killer) check(round int) {
	k.t.Helper()
	domain, err := spiffeid.ParseTrustDomain("demo.signet")
	if err != nil {
		k.t.Fatal(err)
	}
	store, err := control.Open(k.t.Context(), control.Config{Dir: k.dir, TrustDomain: domain})
	if err != nil {
		k.t.Fatalf("round %d: %v", round, err)
	}
	defer store.Close()
	k.evidence(round)
	state := store.State()
	last := map[string]act{} // by rule, the answered act with the highest revision
	byToken := map[string]act{}
	for _, a := range k.acts {
		byToken[a.token] = a
		if key := a.from + " " + a.to; a.revision > last[key].revision {
			last[key] = a
		}
		if a.revision > state.Revision {
			k.t.Errorf("round %d: %+v was answered, but the revision is %d", round, a, state.Revision)
		}
	}
	for key, a := range last {
		if have := k.revisionOf(state, a); have < a.revision {
			k.t.Errorf("round %d: %s: %+v was answered and is lost: revision %d is there", round, key, a, have)
		}
	}
	if most := int64(1 + len(k.acts)); state.Revision > most {
		k.t.Errorf("round %d: revision %d after at most %d changes", round, state.Revision, most)
	}
	for pair, rule := range state.Rules {
		k.whole(round, byToken[rule.Because], rule.Revision, pair.From.Path()+" "+pair.To.Path(), rule)
	}
	for id, revocation := range state.Revocations {
		a, ok := byToken[revocation.Because]
		if !ok || a.verb != "revoke" || a.from != id.Path() || len(revocation.Serials) == 0 {
			k.t.Errorf("round %d: nobody made the revocation %+v as it is", round, revocation)
		}
	}
}

// evidence holds the audit log against the acts: it is whole, and has each that
// was answered.
func (k *killer) evidence(round int) {
	k.t.Helper()
	report, err := audit.Verify(os.DirFS(filepath.Join(k.dir, audit.Folder)), audit.Question{})
	if err != nil || len(report.Problems) > 0 {
		k.t.Errorf("round %d: the audit log: %+v (%v)", round, report, err)
		return
	}
	log, err := audit.Open(audit.Config{Dir: k.dir, Origin: audit.Origin("demo.signet")})
	if err != nil {
		k.t.Fatalf("round %d: %v", round, err)
	}
	defer log.Close()
	revisions := map[string]int64{} // by token
	err = log.Entries(0, func(e audit.Entry) {
		if e.Kind == audit.Came && e.Outcome.Event != nil {
			revisions[e.Outcome.Event.Because] = e.Outcome.Revision
		}
	})
	for _, a := range k.acts {
		if err != nil || a.revision > 0 && revisions[a.token] != a.revision {
			k.t.Errorf("round %d: %+v was answered, and is on record with revision %d (%v)", round, a, revisions[a.token], err)
		}
	}
}

func (k *killer) revisionOf(state *control.State, a act) int64 {
	from, err := state.TrustDomain.ID(a.from)
	if err != nil {
		k.t.Fatal(err)
	}
	if a.verb == "revoke" {
		return state.Revocations[from].Revision
	}
	to, err := state.TrustDomain.ID(a.to)
	if err != nil {
		k.t.Fatal(err)
	}
	return state.Rules[control.Pair{From: from, To: to}].Revision
}

// whole checks that a rule is exactly what one act makes, answered or not.
func (k *killer) whole(round int, a act, revision int64, key string, rule control.Rule) {
	made := policy.Allow
	if a.verb == "deny" {
		made = policy.Deny
	}
	want := made(policy.Pair{From: rule.From, To: rule.To})
	if a.from+" "+a.to != key || rule.Name != want.Name || rule.Text != want.Text || a.revision != 0 && a.revision != revision {
		k.t.Errorf("round %d: the rule %+v is not what %+v makes", round, rule, a)
	}
	if a.revision == 0 {
		k.took[a.token] = true
	}
}

// freePorts finds four ports in a row.
func freePorts() (first int, err error) {
search:
	for range 100 {
		first := 20000 + rand.N(10000)
		for i := range 4 {
			listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+i))
			if err != nil {
				continue search
			}
			listener.Close()
		}
		return first, nil
	}
	return 0, errors.New("there are no four free ports in a row")
}
